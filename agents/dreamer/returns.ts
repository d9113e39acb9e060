import { quantileOfSorted } from '../../src/math/quantile.ts';

/** Steps of several dreams, time-major: row `step * dreams + dream`. */
export interface DreamRows {
  readonly dreams: number;
  /** `[horizon · dreams]` */
  readonly reward: ArrayLike<number>;
  /** `[horizon · dreams]`: how likely the task goes on after the step. */
  readonly continues: ArrayLike<number>;
  /** `[(horizon + 1) · dreams]`: of the states that steps begin in, and of the last one. */
  readonly value: ArrayLike<number>;
}

/**
 * λ-returns (Hafner et al. 2023): R_t = r_t + γ·c_t·((1 − λ)·v_{t+1} + λ·R_{t+1}), and the last value at the end.
 * @returns float32 `[horizon · dreams]`.
 */
export function lambdaReturns({ dreams, reward, continues, value }: DreamRows, discount: number, lambda: number): Float32Array {
  const returns = new Float32Array(reward.length);
  for (let row = reward.length - 1; row >= 0; row--) {
    const next = row + dreams;
    const later = next < reward.length ? returns[next]! : value[next]!;
    returns[row] = reward[row]! + discount * continues[row]! * ((1 - lambda) * value[next]! + lambda * later);
  }
  return returns;
}

/** How much each step counts: as likely as it is to come to it, discounted. @param start - `[dreams]`, of the first steps. @returns float32 `[horizon · dreams]`. */
export function stepWeights({ dreams, continues }: DreamRows, start: ArrayLike<number>, discount: number): Float32Array {
  const weights = new Float32Array(continues.length);
  for (let row = 0; row < weights.length; row++)
    weights[row] = row < dreams ? start[row]! : weights[row - dreams]! * discount * continues[row - dreams]!;
  return weights;
}

/** From the 5th to the 95th percentile. */
export function rangeOf(returns: ArrayLike<number>): number {
  const sorted = Float64Array.from(returns).sort();
  return quantileOfSorted(sorted, 0.95) - quantileOfSorted(sorted, 0.05);
}

export function symlog(value: number): number {
  return Math.sign(value) * Math.log1p(Math.abs(value));
}

export function symexp(value: number): number {
  return Math.sign(value) * Math.expm1(Math.abs(value));
}
