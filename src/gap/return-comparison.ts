import { type Interval, plannedInterval, type ResamplePlan } from './bootstrap.ts';
import { checkFinite, checkLength } from './paired-rollouts.ts';
import { interquartileMean, mean, pearson, spearman } from './statistics.ts';

/** Returns of the same starts and policies, summed over the same steps. */
export interface PairedReturns {
  /** `[count]`: what the model says. A value that is not finite fails the comparison. */
  readonly imagined: ArrayLike<number>;
  /** `[count]`: what truth gave. */
  readonly truth: ArrayLike<number>;
  /** `[count]`: which policy acted; absent = one policy. */
  readonly policies?: ArrayLike<number>;
  /** Mean true returns of an expert and of random actions: the yardstick. */
  readonly expert?: number;
  readonly random?: number;
}

export interface ReturnComparison {
  /** mean(J_M − J_T), in reward. */
  readonly bias: Interval;
  /** The bias in units of (expert − random); null without them. */
  readonly relativeBias: Interval | null;
  readonly pearson: Interval;
  readonly spearman: Interval;
  readonly imaginedMean: Interval;
  readonly truthMean: Interval;
  /** Interquartile means. */
  readonly imaginedIqm: Interval;
  readonly truthIqm: Interval;
  /** Range of the policies' mean true returns over (expert − random); null with one policy or without yardstick. */
  readonly policySpan: number | null;
}

/**
 * Imagined against true returns.
 * @param plan - resamples of the `count` pairs.
 * @returns all with 95 % bootstrap intervals.
 * @throws GAP_SHAPE_MISMATCH, GAP_INPUT_INVALID when true returns are not finite.
 * @see gap suite A1; Agarwal et al. 2021 for the interquartile mean.
 */
export function compareReturns(returns: PairedReturns, plan: ResamplePlan): ReturnComparison {
  const { imagined, truth } = returns;
  checkLength('imagined returns', imagined, truth.length);
  checkFinite('true returns', truth);
  const range = rangeOf(returns);
  const bias = plannedInterval([imagined, truth], ([m, t]) => mean(m!) - mean(t!), plan);
  return {
    bias,
    relativeBias: range === null ? null : { measured: bias.measured / range, low: bias.low / range, high: bias.high / range },
    pearson: plannedInterval([imagined, truth], ([m, t]) => pearson(m!, t!), plan),
    spearman: plannedInterval([imagined, truth], ([m, t]) => spearman(m!, t!), plan),
    imaginedMean: plannedInterval([imagined], ([m]) => mean(m!), plan),
    truthMean: plannedInterval([truth], ([t]) => mean(t!), plan),
    imaginedIqm: plannedInterval([imagined], ([m]) => interquartileMean(m!), plan),
    truthIqm: plannedInterval([truth], ([t]) => interquartileMean(t!), plan),
    policySpan: policySpan(returns, range),
  };
}

/** expert − random, or null when it is not known or not above 0. */
function rangeOf({ expert, random }: PairedReturns): number | null {
  if (expert === undefined || random === undefined) return null;
  return expert > random ? expert - random : null;
}

function policySpan({ policies, truth }: PairedReturns, range: number | null): number | null {
  if (policies === undefined || range === null) return null;
  checkLength('policies', policies, truth.length);
  const byPolicy = new Map<number, number[]>();
  for (let i = 0; i < truth.length; i++) byPolicy.set(policies[i]!, [...(byPolicy.get(policies[i]!) ?? []), truth[i]!]);
  if (byPolicy.size < 2) return null;
  const means = [...byPolicy.values()].map(mean);
  return (Math.max(...means) - Math.min(...means)) / range;
}
