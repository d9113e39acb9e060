import { unreachable } from '../errors.ts';
import { type AxisResult, type Finding, inconclusive, measured, notApplicable } from './axis.ts';
import { widestLevel } from './coverage.ts';
import { type Figure, intervalFigures } from './figures.ts';
import type { GapMeasurements } from './measurements.ts';
import {
  boundEnds,
  boundText,
  breaks,
  COVERAGE_LEVEL,
  GAP_TESTS,
  type GapTest,
  meets,
  type PairedTest,
  SMALLEST_POLICY_SPAN,
  type Verdict,
} from './thresholds.ts';

/** One line of the result. `measured`, `low` and `high` are null where nothing could be computed. */
export interface GapRow {
  readonly id: string;
  readonly title: string;
  readonly measured: Figure;
  /** 95 % bootstrap interval. */
  readonly low: Figure;
  readonly high: Figure;
  /** What the whole interval must satisfy. */
  readonly passes: string;
  /** The same as numbers, for drawing; null = open. */
  readonly bound: { readonly low: number | null; readonly high: number | null };
  /** What truth itself, started a sensor's error off, measures, where the row is told in units of that. */
  readonly floor?: number;
  readonly verdict: Verdict;
  /** Control steps ahead. */
  readonly horizon?: number;
  /** Starts the interval is over. */
  readonly n: number;
  /** Why there is no verdict, or why there is no value. */
  readonly reason?: string;
}

/** Holds every test of the suite against what was measured. Where an axis measures a row at more length than paired rollouts do, its own stands instead. */
export function judgeRows(measurements: GapMeasurements, axes: readonly AxisResult[] = []): GapRow[] {
  const given = new Set(axes.flatMap(({ findings }) => findings.map(({ test }) => rowKey(test))));
  const paired = GAP_TESTS.filter((test) => !given.has(rowKey(test))).map((test) => judge(test, find(test, measurements)));
  return [...paired, ...axes.flatMap(({ findings }) => findings.map(({ test, finding }) => judge(test, finding)))];
}

function rowKey({ id, horizon }: GapTest): string {
  return horizon === undefined ? id : `${id} at ${horizon}`;
}

/** FAIL if any row fails, INCONCLUSIVE if any is or if no row passes, else PASS. */
export function overallVerdict(rows: readonly Pick<GapRow, 'verdict'>[]): Verdict {
  const has = (verdict: Verdict) => rows.some((row) => row.verdict === verdict);
  if (has('FAIL')) return 'FAIL';
  return has('INCONCLUSIVE') || !has('PASS') ? 'INCONCLUSIVE' : 'PASS';
}

/** Holds one finding against its test. */
export function judge(test: GapTest, finding: Finding): GapRow {
  const about = {
    id: test.id,
    title: test.title,
    passes: boundText(test.bound),
    bound: boundEnds(test.bound),
    n: finding.n,
    ...(test.floor !== undefined && { floor: test.floor }),
  };
  const horizon = test.horizon ?? (finding.kind === 'measured' ? finding.horizon : undefined);
  const row = horizon === undefined ? about : { ...about, horizon };
  if (finding.kind === 'absent') return { ...row, measured: null, low: null, high: null, verdict: finding.verdict, reason: finding.reason };
  const figures = intervalFigures(finding.interval);
  if (finding.doubt !== undefined) return { ...row, ...figures, verdict: 'INCONCLUSIVE', reason: finding.doubt };
  if (meets(test.bound, finding.interval)) return { ...row, ...figures, verdict: 'PASS' };
  if (Number.isNaN(finding.interval.measured))
    return { ...row, ...figures, verdict: 'FAIL', reason: 'The model’s values are not numbers.' };
  return breaks(test.bound, finding.interval)
    ? { ...row, ...figures, verdict: 'FAIL' }
    : { ...row, ...figures, verdict: 'INCONCLUSIVE', reason: 'The interval lies on both sides of the bound: measure more starts.' };
}

function find(test: PairedTest, measurements: GapMeasurements): Finding {
  const { starts, horizon } = measurements.rollouts;
  if (test.horizon !== undefined && test.horizon > horizon && !(test.measure === 'coverage' && measurements.rollouts.samples < 2))
    return inconclusive(`The rollouts are only ${horizon} steps long.`, starts);
  switch (test.measure) {
    case 'skill':
      return findSkill(test, measurements);
    case 'coverage':
      return findCoverage(test, measurements);
    case 'effectR2':
    case 'direction':
      return findEffect(test.measure, measurements.effects);
    case 'returnBias':
      return findBias(measurements.returns);
    default:
      return unreachable(test.measure);
  }
}

function findSkill(test: PairedTest, { skill, rollouts }: GapMeasurements): Finding {
  const found = skill[test.horizon! - 1]!;
  const doubt =
    'How far trivial predictions stand above the noise floor is not known well enough to tell skill from luck: measure more starts.';
  return measured(found, rollouts.starts, found.conclusive ? {} : { doubt });
}

function findCoverage(test: PairedTest, { coverage, rollouts }: GapMeasurements): Finding {
  if (coverage === null) return notApplicable('The model gives no samples, so it states no uncertainty.', rollouts.starts);
  if (widestLevel(rollouts.samples) < COVERAGE_LEVEL)
    return inconclusive(`A ${100 * COVERAGE_LEVEL} % interval needs at least 19 samples, there are ${rollouts.samples}.`, rollouts.starts);
  const found = coverage.overall.find(({ horizon, level }) => horizon === test.horizon && level === COVERAGE_LEVEL)!;
  return measured(found, rollouts.starts);
}

function findEffect(measure: 'effectR2' | 'direction', effects: GapMeasurements['effects']): Finding {
  if (effects === null) return notApplicable('No counterfactuals were executed.', 0);
  if (effects.effectivePairs === 0) return inconclusive('No alternative action changed anything in truth.', effects.starts);
  return measured(effects[measure], effects.starts, { horizon: effects.horizon });
}

function findBias(returns: GapMeasurements['returns']): Finding {
  if (returns === null) return notApplicable('No returns were compared.', 0);
  if (returns.relativeBias === null) return notApplicable('No expert and random returns to measure the bias by.', returns.count);
  const isNarrow = returns.policySpan !== null && returns.policySpan < SMALLEST_POLICY_SPAN;
  return measured(returns.relativeBias, returns.count, isNarrow ? { doubt: 'The policies’ true returns lie too close together.' } : {});
}
