/** P6 as findings. */
import { type Finding, inconclusive, measured } from '../axis.ts';
import { type Interval, percentileInterval, type ResamplePlan } from '../bootstrap.ts';
import { type Expectations, VIOLATION_LEVELS } from './expectation.ts';
import { accuracy, type KindOutcome, smallestToldApart } from './surprise.ts';
import { VIOLATIONS, type Violation } from './violations.ts';

/** Of one kind, in sensor noises; NaN where it does not occur. */
export function smallestOf({ atLevel }: KindOutcome, weights?: ArrayLike<number>): number {
  return smallestToldApart(
    VIOLATION_LEVELS,
    atLevel.map((outcomes) => accuracy(outcomes, weights)),
  );
}

/** Kinds that occur at some level. */
export function presentKinds(expectations: Expectations): Violation[] {
  return VIOLATIONS.filter((kind) => !Number.isNaN(smallestOf(expectations[kind])));
}

export function findSmallest(expectations: Expectations, plan: ResamplePlan): Finding {
  const kinds = presentKinds(expectations);
  if (kinds.length === 0) return inconclusive('No violation could be made of these states.', plan.count);
  return measured(
    resampled(plan, (weights) => Math.max(...known(kinds.map((kind) => smallestOf(expectations[kind], weights))))),
    plan.count,
  );
}

export function findAtTenth(expectations: Expectations, plan: ResamplePlan): Finding {
  const kinds = VIOLATIONS.filter((kind) => !Number.isNaN(accuracy(expectations[kind].atTenthOfSize)));
  if (kinds.length === 0) return inconclusive('No violation displaces a body by a tenth of its size.', plan.count);
  return measured(
    resampled(plan, (weights) => Math.min(...known(kinds.map((kind) => accuracy(expectations[kind].atTenthOfSize, weights))))),
    plan.count,
  );
}

/** A resample may leave a rare kind without enough pairs. */
function known(values: readonly number[]): number[] {
  return values.filter((value) => !Number.isNaN(value));
}

function resampled(plan: ResamplePlan, statistic: (weights?: ArrayLike<number>) => number): Interval {
  const { count, resamples, multiplicities } = plan;
  const values = Float64Array.from({ length: resamples }, (_, i) => statistic(multiplicities.subarray(i * count, (i + 1) * count)));
  return percentileInterval(statistic(), values);
}
