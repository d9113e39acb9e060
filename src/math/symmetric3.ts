import { fromColumns, type Quad, type Triple } from './vector3.ts';

/** A symmetric 3 × 3 matrix: xx, yy, zz, xy, xz, yz. */
export type Symmetric3 = readonly [number, number, number, number, number, number];

type Matrix3 = [[number, number, number], [number, number, number], [number, number, number]];

/** Sweeps converge quadratically; real matrices need four to six. */
const mostSweeps = 40;
/** An element this much smaller than its diagonal is rounding, so a matrix that is diagonal already keeps its axes. */
const negligible = 1e-15;
const planes = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

/**
 * Eigenvalues and eigenvectors by cyclic Jacobi rotations (Golub & Van Loan, "Matrix Computations", 8.5), with nothing beyond square roots.
 * Turns as little as it must: the axes of a diagonal matrix are those it came in, in that order.
 *
 * @returns `moments` along the columns of the rotation `axes_xyzw`, unsorted.
 */
export function principalAxes(matrix: Symmetric3): { moments: Triple; axes_xyzw: Quad } {
  const [xx, yy, zz, xy, xz, yz] = matrix;
  const a: Matrix3 = [
    [xx, xy, xz],
    [xy, yy, yz],
    [xz, yz, zz],
  ];
  const v: Matrix3 = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  let isDiagonal = false;
  for (let sweep = 0; sweep < mostSweeps && !isDiagonal; sweep++) {
    isDiagonal = true;
    for (const [p, q] of planes)
      if (Math.abs(a[p][q]) > negligible * (Math.abs(a[p][p]) + Math.abs(a[q][q]))) {
        isDiagonal = false;
        rotate(a, v, p, q);
      }
  }
  const column = (i: 0 | 1 | 2): Triple => [v[0][i], v[1][i], v[2][i]];
  return { moments: [a[0][0], a[1][1], a[2][2]], axes_xyzw: fromColumns(column(0), column(1), column(2)) };
}

/** Turns the plane of p and q so that the element between them vanishes: a becomes Jᵀ a J, v becomes v J. */
function rotate(a: Matrix3, v: Matrix3, p: 0 | 1, q: 1 | 2): void {
  const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  for (const row of a) turnPair(row, p, q, cosine, sine);
  for (const i of [0, 1, 2] as const) {
    const [ap, aq] = [a[p][i], a[q][i]];
    a[p][i] = cosine * ap - sine * aq;
    a[q][i] = sine * ap + cosine * aq;
  }
  for (const row of v) turnPair(row, p, q, cosine, sine);
}

function turnPair(row: [number, number, number], p: number, q: number, cosine: number, sine: number): void {
  const [left, right] = [row[p]!, row[q]!];
  row[p] = cosine * left - sine * right;
  row[q] = sine * left + cosine * right;
}

/** R m Rᵀ: the same tensor, seen in a frame in which its own frame stands turned by `rotation`. */
export function turnedTensor(rotation: Quad, m: Symmetric3): Symmetric3 {
  const [x, y, z, w] = rotation;
  const r: Matrix3 = [
    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
  ];
  const element = (i: 0 | 1 | 2, j: 0 | 1 | 2) => {
    const [a, b] = [r[i], r[j]];
    return (
      a[0] * (m[0] * b[0] + m[3] * b[1] + m[4] * b[2]) +
      a[1] * (m[3] * b[0] + m[1] * b[1] + m[5] * b[2]) +
      a[2] * (m[4] * b[0] + m[5] * b[1] + m[2] * b[2])
    );
  };
  return [element(0, 0), element(1, 1), element(2, 2), element(0, 1), element(0, 2), element(1, 2)];
}
