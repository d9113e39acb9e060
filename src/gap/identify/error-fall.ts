/** Errors of segments before and after a change, over segments drawn anew. */
import { type Interval, plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { mean } from '../statistics.ts';

/** float64 `[segments]`: mean of the squares of each segment's errors. */
export function meanSquares(errors: Float64Array, segments: number): Float64Array {
  const size = errors.length / segments;
  return Float64Array.from({ length: segments }, (_, k) => mean(errors.subarray(k * size, (k + 1) * size).map((error) => error ** 2)));
}

export interface ErrorFall {
  /** √ mean square, in the unit of the errors. */
  readonly before: Interval;
  readonly after: Interval;
  /** 1 − after / before, paired: how much of the error has gone; negative where it grew. */
  readonly fall: Interval;
}

/** @param before - mean square of each segment, `[plan.count]`. @param after - of the same segments. */
export function errorFall(before: Float64Array, after: Float64Array, plan: ResamplePlan): ErrorFall {
  const root = (values: ArrayLike<number>) => Math.sqrt(mean(values));
  return {
    before: plannedInterval([before], ([values]) => root(values!), plan),
    after: plannedInterval([after], ([values]) => root(values!), plan),
    fall: plannedInterval([before, after], ([from, to]) => 1 - root(to!) / root(from!), plan),
  };
}
