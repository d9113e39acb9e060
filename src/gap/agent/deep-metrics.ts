/** What optimising in a dream comes to in truth. Pure: no env. */
import { type Interval, plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { checkFinite, checkLength } from '../paired-rollouts.ts';
import { mean } from '../statistics.ts';

/** Returns from the same starts of the policies that an optimisation in the dream came through, first to last. */
export interface OptimisationCurve {
  /** Each float64 `[starts]`; `[checkpoints]` of them. */
  readonly truth: readonly Float64Array[];
  readonly imagined: readonly Float64Array[];
}

/**
 * A3: how far J_M − J_T has grown from the first checkpoint to the last, over the yardstick; mean over curves.
 * @param curves - of repeated optimisations. @param plan - resamples of the starts.
 * @throws GAP_SHAPE_MISMATCH, GAP_INPUT_INVALID for true returns that are not finite.
 * @see Ha & Schmidhuber 2018, "World models", for agents that cheat their dream.
 */
export function exploitationGrowth(curves: readonly OptimisationCurve[], yardstick: number, plan: ResamplePlan): Interval {
  const grown = curves.map(({ truth, imagined }) => {
    for (const [i, returns] of truth.entries()) {
      checkFinite('true returns', returns);
      checkLength('imagined returns', imagined[i]!, returns.length);
    }
    const last = truth.length - 1;
    return truth[0]!.map((_, start) => imagined[last]![start]! - truth[last]![start]! - (imagined[0]![start]! - truth[0]![start]!));
  });
  return plannedInterval([meanOfRows(grown)], ([growth]) => mean(growth!) / yardstick, plan);
}

/**
 * Mean return of one over that of another from the same starts, both less what random actions return: where returns are costs, their bare ratio means nothing.
 * @param ours - float64 `[starts]`; likewise `theirs`. @param random - mean return.
 */
export function returnRatio(ours: Float64Array, theirs: Float64Array, random: number, plan: ResamplePlan): Interval {
  return plannedInterval([ours, theirs], ([a, b]) => (mean(a!) - random) / (mean(b!) - random), plan);
}

/** What one gains on random actions, with its interval. */
export function gainOver(returns: Float64Array, random: number, plan: ResamplePlan): Interval {
  return plannedInterval([returns], ([a]) => mean(a!) - random, plan);
}

/** Element by element. @param rows - each of one length. */
export function meanOfRows(rows: readonly Float64Array[]): Float64Array {
  return rows[0]!.map((_, i) => mean(rows.map((row) => row[i]!)));
}
