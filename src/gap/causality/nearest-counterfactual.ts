import { type Interval, plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import type { Element, Reals } from '../paired-rollouts.ts';
import { squaredDistance } from './effects.ts';

/** Where each of K alternatives leads, `[starts, size]` each. */
export interface AlternativeEnds {
  readonly truth: readonly Reals[];
  readonly imagined: readonly Reals[];
}

export interface NearestCounterfactual extends Interval {
  /** Pairs (start, alternative) whose true end stands apart from all others of that start. */
  readonly asked: number;
}

/** Two true ends nearer to each other than this many times the noise floor are one: nobody could tell them apart. */
export const APART_IN_FLOORS = 3;

/**
 * C3, CF-H@1: share of the alternatives k for which, of all executed ends y¹…yᴷ of that start, yᵏ is the nearest to the imagined end ŷᵏ; chance is 1/K.
 * Nearness is Euclidean, elements in standard deviations, angles the short way round. A tie counts against the model.
 *
 * @param floor - root mean square distance of the ε-twin to truth over all elements together, standard deviations: ends within `APART_IN_FLOORS` of it are not asked about.
 * @param plan - resamples of the starts.
 * @returns NaN where nothing could be asked.
 * @see gap suite C3
 */
export function nearestCounterfactual(
  elements: readonly Element[],
  scale: Reals,
  ends: AlternativeEnds,
  floor: number,
  plan: ResamplePlan,
): NearestCounterfactual {
  const right = new Float64Array(plan.count);
  const asked = new Float64Array(plan.count);
  const square = (from: Reals, to: Reals, start: number) => squaredDistance(elements, scale, from, to, start);
  const nearestOther = (from: Reals, k: number, start: number) =>
    Math.min(...ends.truth.map((to, other) => (other === k ? Number.POSITIVE_INFINITY : square(from, to, start))));
  for (let start = 0; start < plan.count; start++)
    ends.truth.forEach((own, k) => {
      if (nearestOther(own, k, start) <= (APART_IN_FLOORS * floor) ** 2) return;
      asked[start]!++;
      const guess = ends.imagined[k]!;
      if (square(guess, own, start) < nearestOther(guess, k, start)) right[start]!++;
    });
  const share = plannedInterval([right, asked], ([hits, all]) => sum(hits!) / sum(all!), plan);
  return { ...share, asked: sum(asked) };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
