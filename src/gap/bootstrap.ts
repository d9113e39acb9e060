import type { Rng } from '../math/rng.ts';
import { quantileOfSorted } from './statistics.ts';

export const DEFAULT_RESAMPLES = 2000;
export const DEFAULT_LEVEL = 0.95;

/** A number with its bootstrap interval. */
export interface Interval {
  readonly measured: number;
  readonly low: number;
  readonly high: number;
}

/** Which starts each resample holds, drawn once so that every metric of a report is resampled alike and differences stay paired. */
export interface ResamplePlan {
  readonly count: number;
  readonly resamples: number;
  /** `[resamples, count]`: index of a start. */
  readonly indices: Uint32Array;
  /** `[resamples, count]`: how often each start occurs. */
  readonly multiplicities: Uint16Array;
}

/** Draws `count` of `count` with replacement, `resamples` times. */
export function resamplePlan(count: number, rng: Rng, resamples = DEFAULT_RESAMPLES): ResamplePlan {
  const indices = new Uint32Array(resamples * count);
  const multiplicities = new Uint16Array(resamples * count);
  for (let i = 0; i < indices.length; i++) {
    const drawn = rng.integer(count);
    const row = i - (i % count);
    indices[i] = drawn;
    multiplicities[row + drawn]!++;
  }
  return { count, resamples, indices, multiplicities };
}

/**
 * Means over the starts of every column, for each resample. Whatever is a function of means (rms, skill, R²) is bootstrapped from these.
 * @param values - float64 `[count, columns]`, row-major: one row a start.
 * @returns float64 `[resamples, columns]`.
 */
export function resampledMeans(values: Float64Array, columns: number, plan: ResamplePlan): Float64Array {
  const { count, resamples, multiplicities } = plan;
  const means = new Float64Array(resamples * columns);
  /** Where rows that were drawn begin, and how often each was, over `count`. */
  const [rows, weights] = [new Int32Array(count), new Float64Array(count)];
  for (let resample = 0; resample < resamples; resample++) {
    let drawn = 0;
    for (let start = 0; start < count; start++) {
      const times = multiplicities[resample * count + start]!;
      if (times === 0) continue;
      rows[drawn] = start * columns;
      weights[drawn++] = times / count;
    }
    const into = means.subarray(resample * columns, (resample + 1) * columns);
    let row = 0;
    for (; row + ROWS_AT_ONCE <= drawn; row += ROWS_AT_ONCE) addRows(into, values, rows, weights, row);
    for (; row < drawn; row++) addRow(into, values, rows[row]!, weights[row]!);
  }
  return means;
}

/** Mean over the starts of every column: `[columns]`. */
export function columnMeans(values: Float64Array, columns: number): Float64Array {
  const count = values.length / columns;
  const means = new Float64Array(columns);
  for (let start = 0; start < count; start++) addRow(means, values, start * columns, 1 / count);
  return means;
}

/** The percentile interval of a statistic's resampled values. Values that are not numbers make the interval NaN: it can then pass no bound. */
export function percentileInterval(measured: number, resampled: ArrayLike<number>, level = DEFAULT_LEVEL): Interval {
  const sorted = Float64Array.from(resampled).sort();
  if (Number.isNaN(measured) || Number.isNaN(sorted[sorted.length - 1])) return { measured, low: Number.NaN, high: Number.NaN };
  return { measured, low: quantileOfSorted(sorted, (1 - level) / 2), high: quantileOfSorted(sorted, (1 + level) / 2) };
}

/**
 * A statistic with its percentile bootstrap interval.
 * @param values - `[count]`, independent of each other.
 * @param statistic - of a sample; the array it gets is reused by the next call.
 * @see Efron & Tibshirani 1993, chapter 13.
 */
export function bootstrapInterval(
  values: ArrayLike<number>,
  statistic: (sample: Float64Array) => number,
  rng: Rng,
  resamples = DEFAULT_RESAMPLES,
  level = DEFAULT_LEVEL,
): Interval {
  return plannedInterval([values], ([sample]) => statistic(sample!), resamplePlan(values.length, rng, resamples), level);
}

/**
 * The same for a statistic of several paired columns, over resamples already drawn.
 * @param columns - each `[plan.count]`; item i of every column belongs together. The arrays `statistic` gets are reused.
 */
export function plannedInterval(
  columns: readonly ArrayLike<number>[],
  statistic: (samples: readonly Float64Array[]) => number,
  plan: ResamplePlan,
  level = DEFAULT_LEVEL,
): Interval {
  const samples = columns.map((column) => Float64Array.from(column));
  const measured = statistic(samples);
  const resampled = new Float64Array(plan.resamples);
  for (let resample = 0; resample < plan.resamples; resample++) {
    for (let c = 0; c < columns.length; c++) gather(samples[c]!, columns[c]!, plan, resample);
    resampled[resample] = statistic(samples);
  }
  return percentileInterval(measured, resampled, level);
}

function gather(into: Float64Array, from: ArrayLike<number>, plan: ResamplePlan, resample: number): void {
  const row = resample * plan.count;
  for (let i = 0; i < plan.count; i++) into[i] = from[plan.indices[row + i]!]!;
}

function addRow(into: Float64Array, values: Float64Array, row: number, weight: number): void {
  for (let c = 0; c < into.length; c++) into[c]! += weight * values[row + c]!;
}

const ROWS_AT_ONCE = 4;

/** Adds so many rows, from `first` on: the same sums in the same order as one by one, in a quarter of the passes. */
function addRows(into: Float64Array, values: Float64Array, rows: Int32Array, weights: Float64Array, first: number): void {
  const [a, b, c, d] = [rows[first]!, rows[first + 1]!, rows[first + 2]!, rows[first + 3]!];
  const [p, q, r, s] = [weights[first]!, weights[first + 1]!, weights[first + 2]!, weights[first + 3]!];
  for (let i = 0; i < into.length; i++)
    into[i] = into[i]! + p * values[a + i]! + q * values[b + i]! + r * values[c + i]! + s * values[d + i]!;
}
