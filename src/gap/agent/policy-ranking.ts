/** What a dream says of several policies, against what they truly return. Pure: no env. */
import { GroundtwinError } from '../../errors.ts';
import { columnMeans, type Interval, percentileInterval, type ResamplePlan, resampledMeans } from '../bootstrap.ts';
import { meanMaximumRankViolation } from '../mmrv.ts';
import { checkFinite, checkLength } from '../paired-rollouts.ts';
import { mean, pearson, spearman } from '../statistics.ts';

/** Returns of the same policies from the same starts. */
export interface Contest {
  /** `[policies]` */
  readonly names: readonly string[];
  readonly starts: number;
  /** float64 `[starts, policies]` */
  readonly truth: Float64Array;
  /** The same in the dream; NaN where it broke down, which fails whatever is made of it. */
  readonly imagined: Float64Array;
  /** Which policy acts at random: with the expert, the yardstick. */
  readonly random: number;
  /** True mean return of an expert; the best policy where none is known. */
  readonly expert?: number;
}

export interface RankingFindings {
  /** A1: mean over policies and starts of J_M − J_T, over (expert − random). */
  readonly bias: Interval;
  /** A2, over policies, of their means over starts. */
  readonly spearman: Interval;
  readonly pearson: Interval;
  /** MMRV over the range of the true means. */
  readonly violation: Interval;
  /** By how much the policy that the dream calls best falls short of the best, over the range of the true means. */
  readonly regret: Interval;
  /** expert − random, in reward: the yardstick. */
  readonly yardstick: number;
  /** Best less random policy of the contest, in truth: whether there is a difference to be told at all. */
  readonly lead: Interval;
  /** Range of the true means over the yardstick. */
  readonly span: number;
  /** float64 `[policies]`, means over starts. */
  readonly truthMeans: Float64Array;
  readonly imaginedMeans: Float64Array;
}

/**
 * Compares dreamed with true returns. Intervals are over starts, all policies of a start drawn together.
 * @throws GAP_SHAPE_MISMATCH, GAP_INPUT_INVALID for true returns that are not finite or fewer than 2 policies.
 * @see Li et al. 2024 (SIMPLER) for MMRV and Pearson; Fu et al. 2021 (DOPE) for regret@1.
 */
export function rankPolicies(contest: Contest, plan: ResamplePlan): RankingFindings {
  const count = checkContest(contest);
  const [truthMeans, imaginedMeans] = [columnMeans(contest.truth, count), columnMeans(contest.imagined, count)];
  const [truthDrawn, imaginedDrawn] = [resampledMeans(contest.truth, count, plan), resampledMeans(contest.imagined, count, plan)];
  const interval = (statistic: (imagined: Float64Array, truth: Float64Array) => number) => {
    const resampled = Float64Array.from({ length: plan.resamples }, (_, i) =>
      statistic(imaginedDrawn.subarray(i * count, (i + 1) * count), truthDrawn.subarray(i * count, (i + 1) * count)),
    );
    return percentileInterval(statistic(imaginedMeans, truthMeans), resampled);
  };
  const best = truthMeans.indexOf(Math.max(...truthMeans));
  const yardstick = Math.max(contest.expert ?? Number.NEGATIVE_INFINITY, truthMeans[best]!) - truthMeans[contest.random]!;
  return {
    bias: interval((imagined, truth) => (mean(imagined) - mean(truth)) / yardstick),
    spearman: interval(whole(spearman)),
    pearson: interval(whole(pearson)),
    violation: interval((imagined, truth) => meanMaximumRankViolation(imagined, truth) / rangeOf(truth)),
    regret: interval(whole(regretAtOne)),
    yardstick,
    lead: interval((_, truth) => truth[best]! - truth[contest.random]!),
    span: rangeOf(truthMeans) / yardstick,
    truthMeans,
    imaginedMeans,
  };
}

/** max J_T − J_T of the policy that the model calls best, over the range of J_T: 0 to 1. Of several that it calls best, the mean. */
export function regretAtOne(model: ArrayLike<number>, truth: ArrayLike<number>): number {
  const most = Math.max(...Array.from(model));
  const chosen = Array.from(truth).filter((_, i) => model[i] === most);
  return (Math.max(...Array.from(truth)) - mean(chosen)) / rangeOf(truth);
}

/** Sorting has no place for what is not a number. */
function whole(statistic: (model: ArrayLike<number>, truth: ArrayLike<number>) => number) {
  return (imagined: Float64Array, truth: Float64Array) => (imagined.some(Number.isNaN) ? Number.NaN : statistic(imagined, truth));
}

function rangeOf(values: ArrayLike<number>): number {
  const all = Array.from(values);
  return Math.max(...all) - Math.min(...all);
}

function checkContest({ names, starts, truth, imagined, random }: Contest): number {
  const count = names.length;
  if (count < 2 || !(random >= 0 && random < count))
    throw new GroundtwinError('GAP_INPUT_INVALID', { what: 'contest', problem: 'it needs 2 policies or more, one of them random' });
  checkLength('true returns', truth, starts * count);
  checkLength('imagined returns', imagined, starts * count);
  checkFinite('true returns', truth);
  return count;
}
