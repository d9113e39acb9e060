/** H5: whether long dreams stay where truth can be, and go there as often. */
import type { StateEntry } from '../../core/state-spec.ts';
import { columnMeans, type Interval, percentileInterval, plannedInterval, type ResamplePlan, resampledMeans } from '../bootstrap.ts';
import { elementsOf, type Reals } from '../paired-rollouts.ts';
import { mean } from '../statistics.ts';

/** Lowest and highest value of each element that a state can be believed to have. float64 `[size]` each. */
export interface StateBounds {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/**
 * What truth was seen to reach, and as far again to either side. Angles and quaternions cannot leave their range: they have none.
 * @param rows - of truth, `[count, size]`, and more of the like.
 */
export function boundsOf(entries: readonly StateEntry[], ...rows: readonly Reals[]): StateBounds {
  const elements = elementsOf(entries);
  const low = new Float64Array(elements.length).fill(Infinity);
  const high = new Float64Array(elements.length).fill(-Infinity);
  for (const values of rows)
    for (let i = 0; i < values.length; i++) {
      const element = i % elements.length;
      low[element] = Math.min(low[element]!, values[i]!);
      high[element] = Math.max(high[element]!, values[i]!);
    }
  for (const { index, kind } of elements) {
    const reach = kind === 'angle' ? Math.PI : kind === 'quaternion' ? 1 : high[index]! - low[index]!;
    const closed = kind === 'angle' || kind === 'quaternion';
    low[index] = closed ? -reach : low[index]! - reach;
    high[index] = closed ? reach : high[index]! + reach;
  }
  return { low, high };
}

/** Rounding of single precision at ±π and ±1. */
const ROUNDING = 1e-6;

/**
 * Share of rollouts of each start that anywhere hold what is not a number, or out of bounds.
 * @param rows - `[starts, copies, steps, size]`. @returns float64 `[starts]`.
 */
export function lostShares(rows: Reals, starts: number, copies: number, { low, high }: StateBounds): Float64Array {
  const width = rows.length / starts / copies;
  const shares = new Float64Array(starts);
  for (let rollout = 0; rollout < starts * copies; rollout++) {
    let isLost = false;
    for (let i = 0; i < width && !isLost; i++) {
      const value = rows[rollout * width + i]!;
      const element = i % low.length;
      isLost = !(value >= low[element]! - ROUNDING && value <= high[element]! + ROUNDING);
    }
    shares[Math.floor(rollout / copies)]! += isLost ? 1 / copies : 0;
  }
  return shares;
}

/** Cells that the bounds of an element are cut into: each about a hundredth of what truth reaches. */
const CELLS = 300;

/**
 * Of each start how much more of the rollouts lies below each cell edge than of truth: `F − G` of every element.
 * @param rows - `[starts, copies, steps, size]`; what is out of bounds, or no number, counts as at the end. @param truth - `[starts, steps, size]`.
 * @returns float64 `[starts, size, CELLS]`.
 */
function cumulativeDifferences(rows: Reals, truth: Reals, starts: number, { low, high }: StateBounds): Float64Array {
  const size = low.length;
  const out = new Float64Array(starts * size * CELLS);
  const add = (values: Reals, sign: number) => {
    const width = values.length / starts;
    for (let i = 0; i < values.length; i++) {
      const element = i % size;
      const at = Math.floor(((values[i]! - low[element]!) / (high[element]! - low[element]!)) * CELLS);
      const cell = at >= 0 ? Math.min(CELLS - 1, at) : Number.isNaN(at) ? CELLS - 1 : 0;
      out[(Math.floor(i / width) * size + element) * CELLS + cell]! += (sign * size) / width;
    }
  };
  add(rows, 1);
  add(truth, -1);
  for (let row = 0; row < out.length; row += CELLS) for (let cell = 1; cell < CELLS; cell++) out[row + cell]! += out[row + cell - 1]!;
  return out;
}

/**
 * Wasserstein-1 distance of two distributions over equal cells, in the unit of the values; on a circle for angles.
 * @param difference - `F − G` at the cells' upper edges. @param cell - width of one.
 * @see Rabin, Delon & Gousseau 2011 for the circle: the median difference is taken off.
 */
export function wasserstein(difference: ArrayLike<number>, cell: number, isCircular: boolean): number {
  const sorted = isCircular ? Float64Array.from(difference).sort() : undefined;
  const offset = sorted ? sorted[sorted.length >> 1]! : 0;
  let sum = 0;
  for (let i = 0; i < difference.length; i++) sum += Math.abs(difference[i]! - offset);
  return sum * cell;
}

export interface Stability {
  /** Share of rollouts that are lost. */
  readonly lost: Interval;
  /**
   * Wasserstein-1 of where rollouts are in the long run, in standard deviations, mean over elements. These are of the data or of truth's own long run, the larger: actions
   * that nobody corrects carry an unstable world far from where an agent held it.
   */
  readonly distance: Interval;
  /** The same of each element, `[size]`. */
  readonly distances: Float64Array;
}

/** Long rollouts of the same starts under the same actions. */
export interface LongRollouts {
  readonly entries: readonly StateEntry[];
  readonly starts: number;
  readonly copies: number;
  readonly horizon: number;
  /** `[starts, copies, horizon + 1, size]` */
  readonly rows: Reals;
  /** `[starts, horizon + 1, size]` */
  readonly truth: Reals;
  readonly scale: Reals;
}

/** @param settled - steps after which the long run begins. */
export function stabilityOf(long: LongRollouts, settled: number, bounds: StateBounds, plan: ResamplePlan): Stability {
  const { entries, starts, copies, rows, truth, scale } = long;
  const elements = elementsOf(entries);
  const late = (values: Reals) => fromStep(values, long.horizon + 1, elements.length, settled);
  const [lateTruth, differences] = [late(truth), cumulativeDifferences(late(rows), late(truth), starts, bounds)];
  const spread = elements.map(({ index, kind }) =>
    Math.max(scale[index]!, kind === 'angle' ? 0 : deviationOf(lateTruth, index, elements.length)),
  );
  const distancesOf = (all: Float64Array) =>
    Float64Array.from(elements, ({ index, kind }) => {
      const cell = (bounds.high[index]! - bounds.low[index]!) / CELLS;
      return wasserstein(all.subarray(index * CELLS, (index + 1) * CELLS), cell, kind === 'angle') / spread[index]!;
    });
  const columns = elements.length * CELLS;
  const distances = distancesOf(columnMeans(differences, columns));
  const resampled = resampledMeans(differences, columns, plan);
  const drawn = Float64Array.from({ length: plan.resamples }, (_, i) =>
    mean(distancesOf(resampled.subarray(i * columns, (i + 1) * columns))),
  );
  return {
    lost: plannedInterval([lostShares(rows, starts, copies, bounds)], ([sample]) => mean(sample!), plan),
    distance: percentileInterval(mean(distances), drawn),
    distances,
  };
}

/** Standard deviation of one element of rows. */
function deviationOf(rows: Float64Array, index: number, size: number): number {
  const values = rows.filter((_, i) => i % size === index);
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
}

/** Every rollout from one of its steps on. @param rows - `[rollouts, steps, size]`. */
function fromStep(rows: Reals, steps: number, size: number, first: number): Float64Array {
  const [whole, kept] = [steps * size, (steps - first) * size];
  const out = new Float64Array((rows.length / whole) * kept);
  for (let rollout = 0; rollout < rows.length / whole; rollout++)
    out.set(rows.subarray(rollout * whole + first * size, (rollout + 1) * whole), rollout * kept);
  return out;
}
