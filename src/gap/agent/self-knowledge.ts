/** Whether a model disagrees with itself where it is wrong. Pure: no env. */
import { type Interval, percentileInterval, type ResamplePlan } from '../bootstrap.ts';
import { checkLength } from '../paired-rollouts.ts';
import { quantileOfSorted, ranks, spearman } from '../statistics.ts';

/** Steps of one dream. Both of one length, no unit. */
export interface DreamedSteps {
  /** How far the members are apart, in standard deviations of each element. */
  readonly disagreement: readonly number[];
  /** How far their mean is from what physics does from the same state, in the same measure. */
  readonly error: readonly number[];
}

export interface SelfKnowledge {
  /** Of telling errors above `threshold` by the disagreement. NaN where there are none, or nothing else. */
  readonly auroc: Interval;
  readonly spearman: Interval;
  /** The 90 % quantile of the errors. */
  readonly threshold: number;
  readonly steps: number;
}

/** What counts as a large error. */
const LARGE_QUANTILE = 0.9;

/**
 * Intervals are over dreams: the steps of one are not independent.
 * @param plan - resamples of the dreams.
 * @throws GAP_SHAPE_MISMATCH
 */
export function selfKnowledge(dreams: readonly DreamedSteps[], plan: ResamplePlan): SelfKnowledge {
  for (const { disagreement, error } of dreams) checkLength('disagreement', disagreement, error.length);
  const threshold = quantileOfSorted(Float64Array.from(dreams.flatMap(({ error }) => error)).sort(), LARGE_QUANTILE);
  const [auc, rank] = [new Float64Array(plan.resamples), new Float64Array(plan.resamples)];
  for (let i = 0; i < plan.resamples; i++) {
    const drawn = Array.from(plan.indices.subarray(i * plan.count, (i + 1) * plan.count), (dream) => dreams[dream]!);
    [auc[i], rank[i]] = scoresOf(drawn, threshold);
  }
  const [measuredAuc, measuredRank] = scoresOf(dreams, threshold);
  return {
    auroc: percentileInterval(measuredAuc, auc),
    spearman: percentileInterval(measuredRank, rank),
    threshold,
    steps: dreams.reduce((sum, { error }) => sum + error.length, 0),
  };
}

function scoresOf(dreams: readonly DreamedSteps[], threshold: number): [auroc: number, spearman: number] {
  const disagreement = dreams.flatMap((dream) => dream.disagreement);
  const error = dreams.flatMap((dream) => dream.error);
  return [
    auroc(
      disagreement,
      error.map((value) => value > threshold),
    ),
    spearman(disagreement, error),
  ];
}

/**
 * Area under the ROC curve: the chance that a positive scores higher than a negative, ties counting half (Mann & Whitney's U).
 * @returns 0 to 1, .5 for scores that tell nothing; NaN without positives or without negatives.
 */
export function auroc(scores: ArrayLike<number>, positive: ArrayLike<boolean>): number {
  const ranked = ranks(scores);
  let positives = 0;
  let sum = 0;
  for (let i = 0; i < ranked.length; i++) {
    if (!positive[i]) continue;
    positives++;
    sum += ranked[i]!;
  }
  const negatives = ranked.length - positives;
  return positives > 0 && negatives > 0 ? (sum - (positives * (positives + 1)) / 2) / (positives * negatives) : Number.NaN;
}
