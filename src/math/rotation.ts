/**
 * Rotations on flat arrays, in place: quaternions are x, y, z, w and unit. Nothing here allocates, so it is safe in a step.
 * Every `out` may be the same array as an input, at any offset.
 */

/** Writes the 3 numbers of `vector` turned by `rotation`. */
export function rotateInto(
  rotation: ArrayLike<number>,
  at: number,
  x: number,
  y: number,
  z: number,
  out: Float64Array,
  outAt: number,
): void {
  const qx = rotation[at]!;
  const qy = rotation[at + 1]!;
  const qz = rotation[at + 2]!;
  const qw = rotation[at + 3]!;
  const tx = 2 * (qy * z - qz * y);
  const ty = 2 * (qz * x - qx * z);
  const tz = 2 * (qx * y - qy * x);
  out[outAt] = x + qw * tx + qy * tz - qz * ty;
  out[outAt + 1] = y + qw * ty + qz * tx - qx * tz;
  out[outAt + 2] = z + qw * tz + qx * ty - qy * tx;
}

/** Writes the rotation "first b, then a": a·b. */
export function composeInto(a: ArrayLike<number>, aAt: number, b: ArrayLike<number>, bAt: number, out: Float64Array, outAt: number): void {
  const ax = a[aAt]!;
  const ay = a[aAt + 1]!;
  const az = a[aAt + 2]!;
  const aw = a[aAt + 3]!;
  const bx = b[bAt]!;
  const by = b[bAt + 1]!;
  const bz = b[bAt + 2]!;
  const bw = b[bAt + 3]!;
  out[outAt] = aw * bx + ax * bw + ay * bz - az * by;
  out[outAt + 1] = aw * by + ay * bw + az * bx - ax * bz;
  out[outAt + 2] = aw * bz + az * bw + ax * by - ay * bx;
  out[outAt + 3] = aw * bw - ax * bx - ay * by - az * bz;
}

/**
 * The angle about `axis` by which `child` is turned against `parent`, when it is turned about nothing else.
 * @param axis - unit, in the parent's frame. @returns rad in (−π, π].
 */
export function twistAngle(
  parent: ArrayLike<number>,
  parentAt: number,
  child: ArrayLike<number>,
  childAt: number,
  axis: ArrayLike<number>,
): number {
  const px = -parent[parentAt]!;
  const py = -parent[parentAt + 1]!;
  const pz = -parent[parentAt + 2]!;
  const pw = parent[parentAt + 3]!;
  const cx = child[childAt]!;
  const cy = child[childAt + 1]!;
  const cz = child[childAt + 2]!;
  const cw = child[childAt + 3]!;
  const x = pw * cx + px * cw + py * cz - pz * cy;
  const y = pw * cy + py * cw + pz * cx - px * cz;
  const z = pw * cz + pz * cw + px * cy - py * cx;
  const w = pw * cw - px * cx - py * cy - pz * cz;
  const sine = x * axis[0]! + y * axis[1]! + z * axis[2]!;
  // q and −q are one rotation: taking the half with w ≥ 0 keeps the angle in [−π, π].
  const angle = w < 0 ? 2 * Math.atan2(-sine, -w) : 2 * Math.atan2(sine, w);
  return angle <= -Math.PI ? Math.PI : angle;
}

/** Writes the vector turned by the inverse of a rotation: from the world into the turned frame. May write onto its own input. */
export function rotateBackInto(
  rotation: ArrayLike<number>,
  at: number,
  x: number,
  y: number,
  z: number,
  out: Float64Array,
  outAt: number,
): void {
  const qx = -rotation[at]!;
  const qy = -rotation[at + 1]!;
  const qz = -rotation[at + 2]!;
  const qw = rotation[at + 3]!;
  const tx = 2 * (qy * z - qz * y);
  const ty = 2 * (qz * x - qx * z);
  const tz = 2 * (qx * y - qy * x);
  out[outAt] = x + qw * tx + qy * tz - qz * ty;
  out[outAt + 1] = y + qw * ty + qz * tx - qx * tz;
  out[outAt + 2] = z + qw * tz + qx * ty - qy * tx;
}

/** Writes the rotation of b seen from a: a⁻¹·b. */
export function relativeInto(a: ArrayLike<number>, aAt: number, b: ArrayLike<number>, bAt: number, out: Float64Array, outAt: number): void {
  const ax = -a[aAt]!;
  const ay = -a[aAt + 1]!;
  const az = -a[aAt + 2]!;
  const aw = a[aAt + 3]!;
  const bx = b[bAt]!;
  const by = b[bAt + 1]!;
  const bz = b[bAt + 2]!;
  const bw = b[bAt + 3]!;
  out[outAt] = aw * bx + ax * bw + ay * bz - az * by;
  out[outAt + 1] = aw * by + ay * bw + az * bx - ax * bz;
  out[outAt + 2] = aw * bz + az * bw + ax * by - ay * bx;
  out[outAt + 3] = aw * bw - ax * bx - ay * by - az * bz;
}
