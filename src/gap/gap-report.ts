import { bytesOf } from '../core/sections.ts';
import { sha256Hex } from '../math/hash.ts';
import type { TrustHorizon } from '../world-model/trust.ts';
import { columnMeans, DEFAULT_RESAMPLES, type Interval, type ResamplePlan, resamplePlan } from './bootstrap.ts';
import type { Counterfactuals } from './counterfactual.ts';
import type { CoverageTable } from './coverage.ts';
import { type EffectDots, effectDots } from './effect-dots.ts';
import {
  type Contender,
  elementSquares,
  type Fan,
  normalisedSquares,
  rootMeanSquareFan,
  type Skill,
  validPrediction,
} from './error-over-horizon.ts';
import { type ErrorSpread, errorSpread } from './error-spread.ts';
import {
  type ErrorFan,
  type FanFigures,
  type Figure,
  figure,
  type IntervalFigures,
  intervalFigures,
  picked,
  thinned,
  words,
} from './figures.ts';
import { type GapRow, judgeRows, overallVerdict } from './gap-rows.ts';
import { type GapInput, type GapMeasurements, type GapMetadata, measure } from './measurements.ts';
import { checkRollouts, type Element, elementsOf } from './paired-rollouts.ts';
import type { PairedReturns, ReturnComparison } from './return-comparison.ts';
import { summarise } from './summary.ts';
import { COVERAGE_LEVEL, GAP_TESTS, type Verdict } from './thresholds.ts';
import type { TrustFindings } from './trust-horizon.ts';
import { type WorstStarts, worstStarts } from './worst-starts.ts';

export interface CoverageFigures extends IntervalFigures {
  readonly horizon: number;
  readonly level: number;
}

export interface ReturnFigures {
  /** Pairs, thinned out for drawing. */
  readonly imagined: readonly Figure[];
  readonly truth: readonly Figure[];
  readonly count: number;
  readonly comparison: Readonly<Record<Exclude<keyof ReturnComparison, 'policySpan' | 'relativeBias'>, IntervalFigures>>;
  readonly relativeBias: IntervalFigures | null;
  readonly policySpan: Figure;
}

/** The result of the gap suite: plain data, equal to itself after a trip through JSON. */
export interface GapReport {
  readonly kind: 'gapReport';
  readonly version: 1;
  readonly verdict: Verdict;
  /** Sentences for someone who has never seen a world model, most important first. */
  readonly summary: readonly string[];
  readonly rows: readonly GapRow[];
  readonly metadata: GapMetadata;
  readonly starts: number;
  readonly horizon: number;
  readonly samples: number;
  readonly resamples: number;
  readonly errors: readonly ErrorFan[];
  /** E(h), in standard deviations; `unit` is `σ`. */
  readonly normalised: ErrorFan;
  /** The same by quantiles over starts. */
  readonly spread: ErrorSpread;
  readonly skill: FanFigures & { readonly steps: readonly number[] };
  /** Median number of steps before the error passes 0.4 σ; `share` of the starts outlast the horizon. */
  readonly validSteps: IntervalFigures & { readonly share: number };
  /** Steps that a dream can be trusted for, and the coverage of the 90 % interval by step that it was read off. */
  readonly trust: TrustHorizon & { readonly coverage: (FanFigures & { readonly steps: readonly number[] }) | null };
  /** What reports of other subjects on the same starts are compared by. */
  readonly perStart: {
    /** sha256 of what truth did from all starts. */
    readonly truth: string;
    /** `error`: `[starts]`, root mean square over elements, in standard deviations. */
    readonly horizons: readonly { readonly horizon: number; readonly error: readonly Figure[] }[];
  };
  /** Null for a deterministic model. */
  readonly coverage: {
    readonly overall: readonly CoverageFigures[];
    readonly elements: readonly (CoverageFigures & { readonly label: string; readonly name: string })[];
  } | null;
  readonly effects: {
    readonly effectR2: IntervalFigures;
    readonly direction: IntervalFigures;
    readonly horizon: number;
    readonly pairs: number;
    /** Thinned out for drawing. */
    readonly dots: readonly EffectDots[];
  } | null;
  readonly returns: ReturnFigures | null;
  /** What went wrong most. */
  readonly worst: WorstStarts;
  /** Of each axis that was measured, see there. */
  readonly axes: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Most points drawn along a horizon, and most dots in a scatter. */
export const MOST_POINTS = 160;
export const MOST_DOTS = 600;

/**
 * Measures everything and judges it.
 * @throws GAP_SHAPE_MISMATCH, GAP_INPUT_INVALID for unusable truth; a diverged model is measured, not refused.
 * @see gap suite, version 1
 */
export function gapReport(input: GapInput): GapReport {
  checkRollouts(input.rollouts);
  const { rollouts, metadata, rng, resamples = DEFAULT_RESAMPLES } = input;
  const plan = input.plan ?? resamplePlan(rollouts.starts, rng, resamples);
  const measurements = measure(input, plan, resamples);
  const rows = judgeRows(measurements, Object.values(input.axes ?? {}));
  const verdict = overallVerdict(rows);
  const validSteps = validPrediction(rollouts, measurements.errors.model, plan);
  const errors = elementsOf(rollouts.entries).map((element) =>
    errorFan(element, measurements, plan, (squared) => elementSquares(rollouts, squared, element.index)),
  );
  const all = { label: 'all entries', kind: 'scalar', unit: 'σ' } as const;
  const figures = {
    errors,
    normalised: errorFan(all, measurements, plan, (squared) => normalisedSquares(rollouts, squared)),
    validSteps: { ...intervalFigures(validSteps), share: validSteps.share },
  };
  return {
    kind: 'gapReport',
    version: 1,
    verdict,
    summary: summarise({ verdict, rows, metadata, horizon: rollouts.horizon, starts: rollouts.starts, ...figures }),
    rows,
    metadata,
    starts: rollouts.starts,
    horizon: rollouts.horizon,
    samples: rollouts.samples,
    resamples,
    ...figures,
    perStart: perStartFigures(measurements),
    spread: errorSpread(rollouts, measurements.errors, thinned(rollouts.horizon + 1, MOST_POINTS)),
    skill: skillFigures(measurements.skill),
    trust: trustFigures(measurements.trust),
    coverage: coverageFigures(measurements.coverage),
    effects: effectFigures(measurements.effects, input.counterfactuals),
    returns: returnFigures(input.returns, measurements.returns),
    worst: worstStarts(rollouts, measurements.errors.model, validSteps.measured, input.from),
    axes: Object.fromEntries(Object.entries(input.axes ?? {}).map(([name, { figures }]) => [name, figures])),
  };
}

function perStartFigures({ rollouts, errors }: GapMeasurements): GapReport['perStart'] {
  const squares = normalisedSquares(rollouts, errors.model);
  const horizons = GAP_TESTS.flatMap(({ measure, horizon }) => (measure === 'skill' && horizon! <= rollouts.horizon ? [horizon!] : []));
  const starts = Array.from({ length: rollouts.starts }, (_, start) => start * (rollouts.horizon + 1));
  return {
    truth: sha256Hex(bytesOf(rollouts.truth)),
    horizons: horizons.map((horizon) => ({ horizon, error: starts.map((row) => figure(Math.sqrt(squares[row + horizon]!))) })),
  };
}

/** Only the model gets a band: those of the others would hide it. */
function errorFan(
  about: Pick<Element, 'label' | 'kind' | 'unit'>,
  { rollouts, errors }: GapMeasurements,
  plan: ResamplePlan,
  squaresOf: (squared: Float64Array) => Float64Array,
): ErrorFan {
  const steps = thinned(rollouts.horizon + 1, MOST_POINTS);
  const rootMeans = (contender: Contender) => picked(columnMeans(squaresOf(errors[contender]), rollouts.horizon + 1).map(Math.sqrt), steps);
  return {
    label: about.label,
    name: words(about.label),
    kind: about.kind,
    unit: about.unit,
    steps,
    model: fanFigures(rootMeanSquareFan(squaresOf(errors.model), rollouts.horizon + 1, plan), steps),
    floor: rootMeans('floor'),
    persistence: rootMeans('persistence'),
    linear: rootMeans('linear'),
  };
}

function fanFigures({ measured, low, high }: Fan, steps: readonly number[]): FanFigures {
  return { measured: picked(measured, steps), low: picked(low, steps), high: picked(high, steps) };
}

function skillFigures(skills: readonly Skill[]): FanFigures & { steps: number[] } {
  const kept = thinned(skills.length, MOST_POINTS).map((i) => skills[i]!);
  return {
    steps: kept.map(({ horizon }) => horizon),
    measured: kept.map(({ measured, conclusive }) => (conclusive ? figure(measured) : null)),
    low: kept.map(({ low, conclusive }) => (conclusive ? figure(low) : null)),
    high: kept.map(({ high, conclusive }) => (conclusive ? figure(high) : null)),
  };
}

function trustFigures({ coverage, ...horizon }: TrustFindings): GapReport['trust'] {
  if (coverage === null) return { ...horizon, coverage };
  const kept = thinned(coverage.length, MOST_POINTS).map((i) => coverage[i]!);
  const column = (end: keyof Interval) => kept.map((one) => figure(one[end]));
  return {
    ...horizon,
    coverage: { steps: kept.map((one) => one.horizon), measured: column('measured'), low: column('low'), high: column('high') },
  };
}

function coverageFigures(table: CoverageTable | null): GapReport['coverage'] {
  if (table === null) return null;
  return {
    overall: table.overall.map(({ horizon, level, ...interval }) => ({ horizon, level, ...intervalFigures(interval) })),
    elements: table.elements
      .filter(({ level }) => level === COVERAGE_LEVEL)
      .map(({ label, horizon, level, ...interval }) => ({ label, name: words(label), horizon, level, ...intervalFigures(interval) })),
  };
}

function effectFigures(effects: GapMeasurements['effects'], executed: Counterfactuals | undefined): GapReport['effects'] {
  if (effects === null || executed === undefined) return null;
  const { effectR2, direction, horizon, effectivePairs } = effects;
  return {
    effectR2: intervalFigures(effectR2),
    direction: intervalFigures(direction),
    horizon,
    pairs: effectivePairs,
    dots: effectDots(executed, MOST_DOTS),
  };
}

function returnFigures(returns: PairedReturns | undefined, compared: GapMeasurements['returns']): ReturnFigures | null {
  if (returns === undefined || compared === null) return null;
  const dots = thinned(compared.count, MOST_DOTS);
  const { relativeBias, policySpan, count, ...intervals } = compared;
  const comparison = Object.fromEntries(Object.entries(intervals).map(([name, interval]) => [name, intervalFigures(interval)]));
  return {
    imagined: picked(returns.imagined, dots),
    truth: picked(returns.truth, dots),
    count,
    comparison: comparison as ReturnFigures['comparison'],
    relativeBias: relativeBias === null ? null : intervalFigures(relativeBias),
    policySpan: policySpan === null ? null : figure(policySpan),
  };
}
