import { GroundtwinError } from '../errors.ts';

/**
 * Mean maximum rank violation: for each policy the largest true difference to another one that the model ranks the wrong way round, mean over policies.
 * `mean_i max_j |R_i − R_j| · 1[(S_i < S_j) ≠ (R_i < R_j)]`; 0 when all ranks agree, otherwise in the unit of the returns.
 * It is not symmetric: mind the order of the arguments. Where the model ties two policies, the truly worse one counts as violated;
 * the authors' code has > for <, and blames the better one.
 *
 * @param model - S: return of each policy in the model. @param truth - R: in truth, of the same policies.
 * @returns NaN where either holds what is not a number. @throws GAP_SHAPE_MISMATCH when they differ in length.
 * @see Li et al. 2024, "Evaluating real-world robot manipulation policies in simulation" (SIMPLER).
 */
export function meanMaximumRankViolation(model: ArrayLike<number>, truth: ArrayLike<number>): number {
  if (model.length !== truth.length)
    throw new GroundtwinError('GAP_SHAPE_MISMATCH', { what: 'returns of the model', expected: truth.length, got: model.length });
  let sum = 0;
  for (let i = 0; i < truth.length; i++) {
    if (Number.isNaN(model[i]!) || Number.isNaN(truth[i]!)) return Number.NaN;
    sum += largestViolation(model, truth, i);
  }
  return sum / truth.length;
}

function largestViolation(model: ArrayLike<number>, truth: ArrayLike<number>, i: number): number {
  let largest = 0;
  for (let j = 0; j < truth.length; j++)
    if (model[i]! < model[j]! !== truth[i]! < truth[j]!) largest = Math.max(largest, Math.abs(truth[i]! - truth[j]!));
  return largest;
}
