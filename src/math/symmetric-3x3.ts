/** A symmetric 3×3 matrix as xx, yy, zz, xy, xz, yz. */
export type Symmetric3 = readonly [number, number, number, number, number, number];

export interface PrincipalAxes {
  readonly values: readonly [number, number, number];
  /** Unit quaternion x, y, z, w: turns the matrix's axes onto the principal ones. */
  readonly axes_xyzw: readonly [number, number, number, number];
}

const sweeps = 60;

/** Eigenvalues and axes by cyclic Jacobi rotations (Golub and Van Loan, 8.5); the diagonal's order is kept as far as it can be. */
export function principalAxes(matrix: Symmetric3): PrincipalAxes {
  const a = [
    [matrix[0], matrix[3], matrix[4]],
    [matrix[3], matrix[1], matrix[5]],
    [matrix[4], matrix[5], matrix[2]],
  ];
  const v = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  for (let sweep = 0; sweep < sweeps; sweep++) {
    if (a[0]![1] === 0 && a[0]![2] === 0 && a[1]![2] === 0) break;
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      rotate(a, v, p, q);
  }
  return { values: [a[0]![0]!, a[1]![1]!, a[2]![2]!], axes_xyzw: quaternionOf(v) };
}

/** Makes a[p][q] zero. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const off = a[p]![q]!;
  if (Math.abs(off) <= 1e-18 * (Math.abs(a[p]![p]!) + Math.abs(a[q]![q]!))) {
    a[p]![q] = 0;
    a[q]![p] = 0;
    return;
  }
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < 3; k++) turnPair(a[k]!, p, q, c, s);
  for (let k = 0; k < 3; k++) {
    const [x, y] = [a[p]![k]!, a[q]![k]!];
    a[p]![k] = c * x - s * y;
    a[q]![k] = s * x + c * y;
  }
  for (let k = 0; k < 3; k++) turnPair(v[k]!, p, q, c, s);
}

function turnPair(row: number[], p: number, q: number, c: number, s: number): void {
  const [x, y] = [row[p]!, row[q]!];
  row[p] = c * x - s * y;
  row[q] = s * x + c * y;
}

/** Of the rotation whose columns are the axes; it has determinant 1, as Jacobi's has. */
function quaternionOf(m: number[][]): [number, number, number, number] {
  const [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = m as [[number, number, number], [number, number, number], [number, number, number]];
  const trace = xx + yy + zz;
  let q: [number, number, number, number];
  if (trace > 0) q = [zy - yz, xz - zx, yx - xy, 1 + trace];
  else if (xx >= yy && xx >= zz) q = [1 + xx - yy - zz, xy + yx, xz + zx, zy - yz];
  else if (yy >= zz) q = [xy + yx, 1 + yy - xx - zz, yz + zy, xz - zx];
  else q = [xz + zx, yz + zy, 1 + zz - xx - yy, yx - xy];
  const length = Math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  return [q[0] / length, q[1] / length, q[2] / length, q[3] / length];
}
