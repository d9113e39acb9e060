/** Of a positive definite matrix: row i of `axes` is a unit vector, along which it stretches by `stretches[i]`². */
export interface PrincipalAxes {
  /** float64 `[size, size]`, orthonormal rows, in no order. */
  readonly axes: Float64Array;
  /** float64 `[size]`, square roots of the eigenvalues. */
  readonly stretches: Float64Array;
}

/** Sweeps converge quadratically; matrices of hundreds of rows need six to nine. */
const mostSweeps = 60;
/** Cosine between two columns that is rounding. */
const negligible = 1e-14;

/**
 * Eigenvectors by one-sided Jacobi rotations of the Cholesky factor (Veselić & Hari 1989; Demmel & Veselić 1992): C = L Lᵀ, and once the columns of L are turned
 * until they are orthogonal they are the eigenvectors, as long as the square roots of the eigenvalues. Small eigenvalues keep their digits.
 *
 * @param matrix - float64 `[size, size]`, symmetric; only its lower half is read.
 * @returns undefined where it is not positive definite to rounding.
 */
export function principalAxesOf(matrix: Float64Array, size: number): PrincipalAxes | undefined {
  const columns = choleskyColumns(matrix, size);
  if (!columns) return undefined;
  for (let sweep = 0; sweep < mostSweeps; sweep++) if (!orthogonalise(columns)) break;
  const axes = new Float64Array(size * size);
  const stretches = new Float64Array(size);
  columns.forEach((column, i) => {
    stretches[i] = Math.sqrt(dot(column, column));
    for (let k = 0; k < size; k++) axes[i * size + k] = column[k]! / stretches[i]!;
  });
  return { axes, stretches };
}

/** The columns of L, each whole. */
function choleskyColumns(matrix: Float64Array, size: number): Float64Array[] | undefined {
  const columns = Array.from({ length: size }, () => new Float64Array(size));
  for (let column = 0; column < size; column++) {
    const into = columns[column]!;
    for (let row = column; row < size; row++) into[row] = matrix[row * size + column]!;
    for (let before = 0; before < column; before++) {
      const other = columns[before]!;
      const factor = other[column]!;
      for (let row = column; row < size; row++) into[row]! -= factor * other[row]!;
    }
    if (!(into[column]! > 0)) return undefined;
    const scale = 1 / Math.sqrt(into[column]!);
    for (let row = column; row < size; row++) into[row]! *= scale;
  }
  return columns;
}

/** One sweep over all pairs. @returns whether any had to be turned. */
function orthogonalise(columns: readonly Float64Array[]): boolean {
  let turned = false;
  for (let p = 0; p < columns.length - 1; p++)
    for (let q = p + 1; q < columns.length; q++) {
      const [a, b] = [columns[p]!, columns[q]!];
      const [alpha, beta, gamma] = [dot(a, a), dot(b, b), dot(a, b)];
      if (Math.abs(gamma) <= negligible * Math.sqrt(alpha * beta)) continue;
      turned = true;
      const zeta = (beta - alpha) / (2 * gamma);
      const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
      turn(a, b, 1 / Math.sqrt(1 + tangent * tangent), tangent);
    }
  return turned;
}

function turn(a: Float64Array, b: Float64Array, cosine: number, tangent: number): void {
  const sine = cosine * tangent;
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i]!, b[i]!];
    a[i] = cosine * left - sine * right;
    b[i] = sine * left + cosine * right;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
