/** Gap reports of several subjects side by side. */
import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import { DEFAULT_RESAMPLES, type Interval, plannedInterval, resamplePlan } from './bootstrap.ts';
import { type IntervalFigures, intervalFigures } from './figures.ts';
import type { GapReport } from './gap-report.ts';
import { mean } from './statistics.ts';

/** That a subject errs less than the first one. */
export interface Improvement {
  /** Control steps ahead. */
  readonly horizon: number;
  /** Share of the starts on which it does, a tie counting half, with a 95 % bootstrap interval over starts. */
  readonly probability: IntervalFigures;
}

export interface ComparedSubject {
  readonly model: string;
  readonly verdict: GapReport['verdict'];
  readonly command: string;
  /** Over the first; empty for the first itself. */
  readonly improvements: readonly Improvement[];
}

export interface ReportComparison {
  readonly kind: 'gapComparison';
  readonly version: 1;
  readonly task: string;
  readonly subjects: readonly ComparedSubject[];
  /** A row for each test that any report has; null where one has not. */
  readonly rows: readonly (Pick<GapReport['rows'][number], 'id' | 'title' | 'passes' | 'horizon'> & {
    readonly found: readonly (Pick<GapReport['rows'][number], 'measured' | 'low' | 'high' | 'verdict'> | null)[];
  })[];
}

/**
 * Compares reports that were measured on the same starts and actions.
 * @param rng - of the bootstrap. @throws OPTION_INVALID for fewer than two, or for others than were said.
 */
export function compareReports(reports: readonly GapReport[], rng: Rng): ReportComparison {
  const [first, ...others] = reports;
  if (!first || others.length === 0) return refuse(`${reports.length} reports`, 'two or more');
  for (const other of others) {
    if (other.metadata.task !== first.metadata.task) refuse(other.metadata.task, `reports of ${first.metadata.task}, as the first`);
    if (other.perStart.truth !== first.perStart.truth)
      refuse(`${other.metadata.model}, measured on other starts`, 'reports with the same --data, --seed and number of starts');
  }
  return {
    kind: 'gapComparison',
    version: 1,
    task: first.metadata.task,
    subjects: reports.map((report, i) => ({
      model: report.metadata.model,
      verdict: report.verdict,
      command: report.metadata.command,
      improvements: i === 0 ? [] : improvements(first, report, rng),
    })),
    rows: rowsOf(reports),
  };
}

function improvements(first: GapReport, other: GapReport, rng: Rng): Improvement[] {
  return first.perStart.horizons.flatMap(({ horizon, error }) => {
    const theirs = other.perStart.horizons.find((one) => one.horizon === horizon)?.error;
    if (!theirs) return [];
    return [{ horizon, probability: intervalFigures(shareBelow(theirs, error, rng)) }];
  });
}

/** An error that is no number is the largest there is. */
function shareBelow(theirs: readonly (number | null)[], ours: readonly (number | null)[], rng: Rng): Interval {
  const large = (value: number | null) => value ?? Number.POSITIVE_INFINITY;
  const wins = ours.map((own, i) => {
    const [a, b] = [large(theirs[i]!), large(own)];
    return a === b ? 0.5 : Number(a < b);
  });
  return plannedInterval([wins], ([drawn]) => mean(drawn!), resamplePlan(wins.length, rng, DEFAULT_RESAMPLES));
}

function rowsOf(reports: readonly GapReport[]): ReportComparison['rows'] {
  const keyOf = ({ id, title, horizon }: GapReport['rows'][number]) => JSON.stringify([id, title, horizon]);
  const known = new Map(reports.flatMap(({ rows }) => rows.map((row) => [keyOf(row), row] as const)));
  return [...known].map(([key, { id, title, passes, horizon }]) => ({
    id,
    title,
    passes,
    ...(horizon === undefined ? {} : { horizon }),
    found: reports.map(({ rows }) => {
      const row = rows.find((one) => keyOf(one) === key);
      return row ? { measured: row.measured, low: row.low, high: row.high, verdict: row.verdict } : null;
    }),
  }));
}

function refuse(value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'gap', option: 'compare', value: value.slice(0, 100), allowed });
}
