/** Small dense least squares: a few parameters, many residuals. Jacobians are kept by column. */
import { principalAxesOf } from '../../math/symmetric-eigen.ts';

/** `n` columns of `[residuals]`: ∂r/∂x of one parameter each. */
export type Jacobian = readonly Float64Array[];

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Jᵀr, `[n]`. */
export function gradientOf(jacobian: Jacobian, residuals: Float64Array): Float64Array {
  return Float64Array.from(jacobian, (column) => dot(column, residuals));
}

/** JᵀJ, `[n, n]`. */
export function gramOf(jacobian: Jacobian): Float64Array {
  const n = jacobian.length;
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      gram[i * n + j] = dot(jacobian[i]!, jacobian[j]!);
      gram[j * n + i] = gram[i * n + j]!;
    }
  return gram;
}

/**
 * The step that solves (JᵀJ + µ D) p = −Jᵀr.
 * @param gram - JᵀJ, `[n, n]`. @param diagonal - D, `[n]`, above 0. @param damping - µ, above 0.
 * @returns `[n]`; nothing where rounding leaves no positive definite matrix: damp more.
 */
export function dampedStep(gram: Float64Array, gradient: Float64Array, diagonal: Float64Array, damping: number): Float64Array | undefined {
  const n = gradient.length;
  const unit = diagonal.map((value) => 1 / Math.sqrt(value));
  const scaled = gram.map((value, at) => value * unit[Math.floor(at / n)]! * unit[at % n]!);
  for (let i = 0; i < n; i++) scaled[i * n + i]! += damping;
  const found = principalAxesOf(scaled, n);
  if (!found) return undefined;
  const slope = gradient.map((value, i) => -value * unit[i]!);
  const step = new Float64Array(n);
  found.stretches.forEach((stretch, k) => {
    const axis = found.axes.subarray(k * n, (k + 1) * n);
    const along = dot(axis, slope) / stretch ** 2;
    for (let i = 0; i < n; i++) step[i]! += along * axis[i]! * unit[i]!;
  });
  return step;
}

/** ‖r‖² − ‖r + J p‖²: what a step gains where residuals are linear. */
export function predictedGain(gram: Float64Array, gradient: Float64Array, step: Float64Array): number {
  const n = step.length;
  let curved = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) curved += step[i]! * gram[i * n + j]! * step[j]!;
  return -2 * dot(gradient, step) - curved;
}
