/** What data say about fitted parameters: how sure, how entangled, and which cannot be told at all. */
import { GroundtwinError } from '../../errors.ts';
import { principalAxesOf } from '../../math/symmetric-eigen.ts';
import { dot, gramOf, type Jacobian } from './normal-equations.ts';

export interface Posterior {
  /** `[n]`, of each coordinate; Infinity where the data cannot tell it. */
  readonly standardErrors: Float64Array;
  /** `[n]`: half of the 95 % interval. */
  readonly halfWidths: Float64Array;
  /** `[n, n]`, of (JᵀJ)⁻¹; 0 for what changes no residual. */
  readonly correlations: Float64Array;
  /** Largest to smallest singular value of J, its columns scaled to length 1; Infinity where one of them is 0. */
  readonly conditionNumber: number;
}

/** Pairs of parameters above it are flagged: the data tell a combination of the two, hardly either. */
export const ENTANGLED = 0.95;
/**
 * Singular values below this share of the largest are the error of the differences, not of the data: an engine of float32 gives columns that are right to 1e-4 or so.
 * Two parameters that act alike to this share are one parameter.
 */
const UNRESOLVED = 1e-3;
/** Added to the unit diagonal so that a singular matrix has axes too; far below `UNRESOLVED` squared. */
const RIDGE = 1e-10;
/** An unresolved direction with less than this of a parameter in it says nothing of that parameter. */
const INVOLVED = 0.03;
/** Blocks beyond the number of parameters below which a covariance cannot be taken from them. */
const FEWEST_BLOCKS_MORE = 4;

/**
 * Covariance of a least-squares fit from its residuals, robust to whatever correlation they have within a block: H⁻¹ (Σ Jₖᵀrₖ rₖᵀJₖ) H⁻¹, H = JᵀJ.
 * A noisy start of a segment moves all that follows it, so residuals of one segment are far from independent; with σ²(JᵀJ)⁻¹ intervals would be several times too narrow.
 *
 * @param jacobian - `n` columns `[m]`. @param residuals - `[m]` at the fit. @param blocks - of m / blocks residuals each, one after the other, independent of each other.
 * @throws GAP_INPUT_INVALID where there are too few blocks.
 * @see Liang & Zeger 1986, "Longitudinal data analysis using generalized linear models"; correction for few blocks: Cameron & Miller 2015.
 */
export function posteriorOf(jacobian: Jacobian, residuals: Float64Array, blocks: number): Posterior {
  const n = jacobian.length;
  if (blocks < n + FEWEST_BLOCKS_MORE)
    throw new GroundtwinError('GAP_INPUT_INVALID', {
      what: 'identification',
      problem: `${blocks} segments tell too little of ${n} parameters; at least ${n + FEWEST_BLOCKS_MORE} are needed`,
    });
  const lengths = Float64Array.from(jacobian, (column) => Math.sqrt(dot(column, column)));
  const unit = jacobian.map((column, i) => (lengths[i]! > 0 ? column.map((value) => value / lengths[i]!) : column));
  const inverse = inverseOf(gramOf(unit), n);
  const robust = sandwich(inverse.resolved, blockGradients(unit, residuals, blocks), n);
  const m = residuals.length;
  const correction = (blocks / (blocks - 1)) * ((m - 1) / (m - n));
  const standardErrors = Float64Array.from(lengths, (length, i) =>
    inverse.isLost[i] ? Number.POSITIVE_INFINITY : Math.sqrt(correction * robust[i * n + i]!) / length,
  );
  const quantile = studentQuantile975(blocks - n);
  return {
    standardErrors,
    halfWidths: standardErrors.map((error) => quantile * error),
    correlations: correlationsOf(inverse.whole, lengths, n),
    conditionNumber: lengths.some((length) => length === 0) ? Number.POSITIVE_INFINITY : inverse.conditionNumber,
  };
}

interface Inverse {
  /** `[n, n]`, of the directions that the data resolve. */
  readonly resolved: Float64Array;
  /** `[n, n]`, of all. */
  readonly whole: Float64Array;
  /** `[n]`, 1 where an unresolved direction holds the parameter. */
  readonly isLost: Uint8Array;
  readonly conditionNumber: number;
}

/** @param gram - `[n, n]` of columns of length 1, or of zeros. */
function inverseOf(gram: Float64Array, n: number): Inverse {
  for (let i = 0; i < n; i++) gram[i * n + i]! += RIDGE;
  const { axes, stretches } = principalAxesOf(gram, n)!;
  const most = Math.max(...stretches);
  const resolved = new Float64Array(n * n);
  const whole = new Float64Array(n * n);
  const isLost = new Uint8Array(n);
  for (const [k, stretch] of stretches.entries()) {
    const axis = axes.subarray(k * n, (k + 1) * n);
    const isResolved = stretch >= UNRESOLVED * most;
    addOuter(whole, axis, 1 / stretch ** 2);
    if (isResolved) addOuter(resolved, axis, 1 / stretch ** 2);
    else for (let i = 0; i < n; i++) if (Math.abs(axis[i]!) > INVOLVED) isLost[i] = 1;
  }
  return { resolved, whole, isLost, conditionNumber: most / Math.min(...stretches) };
}

function addOuter(into: Float64Array, vector: Float64Array, factor: number): void {
  const n = vector.length;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) into[i * n + j]! += factor * vector[i]! * vector[j]!;
}

/** Σ gₖ gₖᵀ over blocks, gₖ = Jₖᵀ rₖ: `[n, n]`. */
function blockGradients(jacobian: Jacobian, residuals: Float64Array, blocks: number): Float64Array {
  const n = jacobian.length;
  const size = residuals.length / blocks;
  const sum = new Float64Array(n * n);
  for (let block = 0; block < blocks; block++) {
    const gradient = Float64Array.from(jacobian, (column) => {
      let along = 0;
      for (let k = block * size; k < (block + 1) * size; k++) along += column[k]! * residuals[k]!;
      return along;
    });
    addOuter(sum, gradient, 1);
  }
  return sum;
}

/** `outer · inner · outer`, all symmetric `[n, n]`. */
function sandwich(outer: Float64Array, inner: Float64Array, n: number): Float64Array {
  return product(product(outer, inner, n), outer, n);
}

function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) for (let j = 0; j < n; j++) out[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
  return out;
}

function correlationsOf(inverse: Float64Array, lengths: Float64Array, n: number): Float64Array {
  return inverse.map((value, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    if (i === j) return 1;
    if (lengths[i] === 0 || lengths[j] === 0) return 0;
    return value / Math.sqrt(inverse[i * n + i]! * inverse[j * n + j]!);
  });
}

/** 97.5 % quantile of Student's t to 1 % from 4 degrees of freedom on (Abramowitz & Stegun 1964, 26.7.5). */
export function studentQuantile975(degrees: number): number {
  const z = 1.959964;
  const [z3, z5, z7] = [z ** 3, z ** 5, z ** 7];
  return (
    z +
    (z3 + z) / (4 * degrees) +
    (5 * z5 + 16 * z3 + 3 * z) / (96 * degrees ** 2) +
    (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * degrees ** 3)
  );
}
