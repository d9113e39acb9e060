/**
 * Rotations as float64 `[9]` by rows, leading out of the world into a frame: row i is the frame's i-th axis in the world.
 * Nothing here allocates.
 */

/** Writes the matrix into the frame that a unit quaternion x, y, z, w turns. */
export function writeTurn(x: number, y: number, z: number, w: number, out: Float64Array, at: number): void {
  out[at] = 1 - 2 * (y * y + z * z);
  out[at + 1] = 2 * (x * y + w * z);
  out[at + 2] = 2 * (x * z - w * y);
  out[at + 3] = 2 * (x * y - w * z);
  out[at + 4] = 1 - 2 * (x * x + z * z);
  out[at + 5] = 2 * (y * z + w * x);
  out[at + 6] = 2 * (x * z + w * y);
  out[at + 7] = 2 * (y * z - w * x);
  out[at + 8] = 1 - 2 * (x * x + y * y);
}

/** Writes inner · outer: from the world into the inner frame, that stands in the outer. `out` is neither. */
export function multiplyTurns(inner: Float64Array, outer: Float64Array, out: Float64Array, at: number): void {
  for (let row = 0; row < 3; row++)
    for (let column = 0; column < 3; column++)
      out[at + 3 * row + column] =
        inner[3 * row]! * outer[column]! + inner[3 * row + 1]! * outer[3 + column]! + inner[3 * row + 2]! * outer[6 + column]!;
}

/** Writes a direction of the world as the frame sees it. `out` is another array. */
export function turnInto(turns: Float64Array, at: number, direction: ArrayLike<number>, out: Float64Array, to: number): void {
  for (let row = 0; row < 3; row++)
    out[to + row] =
      turns[at + 3 * row]! * direction[0]! + turns[at + 3 * row + 1]! * direction[1]! + turns[at + 3 * row + 2]! * direction[2]!;
}

/** Writes a direction of the frame as the world sees it. `out` is another array. */
export function turnOut(turns: Float64Array, at: number, direction: ArrayLike<number>, out: Float64Array, to: number): void {
  for (let column = 0; column < 3; column++)
    out[to + column] =
      turns[at + column]! * direction[0]! + turns[at + 3 + column]! * direction[1]! + turns[at + 6 + column]! * direction[2]!;
}
