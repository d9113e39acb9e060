/** Small vectors and rotations as values, for building scenes; steps use the flat arrays of physics/rotation.ts. */
export type Triple = readonly [number, number, number];
/** A rotation as a unit quaternion x, y, z, w. */
export type Quad = readonly [number, number, number, number];

export const noTurn: Quad = [0, 0, 0, 1];

export function add(a: Triple, b: Triple): Triple {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

export function subtract(a: Triple, b: Triple): Triple {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

export function scaled(a: Triple, factor: number): Triple {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

export function dot(a: Triple, b: Triple): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Triple, b: Triple): Triple {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function lengthOf(a: Triple): number {
  return Math.sqrt(dot(a, a));
}

/** @returns the vector of length 1; the caller sees to it that it is not zero. */
export function unit(a: Triple): Triple {
  return scaled(a, 1 / lengthOf(a));
}

/** First b, then a. */
export function compose(a: Quad, b: Quad): Quad {
  return [
    a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
    a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
    a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
    a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2],
  ];
}

export function turned(rotation: Quad, v: Triple): Triple {
  const axis: Triple = [rotation[0], rotation[1], rotation[2]];
  const t = scaled(cross(axis, v), 2);
  return add(add(v, scaled(t, rotation[3])), cross(axis, t));
}

/** @returns the quaternion of length 1; the caller sees to it that it is not zero. */
export function unitQuad(q: Quad): Quad {
  const length = Math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  return [q[0] / length, q[1] / length, q[2] / length, q[3] / length];
}

/** @param axis - unit. */
export function aboutAxis(axis: Triple, angle_rad: number): Quad {
  const sine = Math.sin(angle_rad / 2);
  return [axis[0] * sine, axis[1] * sine, axis[2] * sine, Math.cos(angle_rad / 2)];
}

/** The rotation whose matrix has these columns: unit, at right angles and right-handed. Takes the largest component first (Shepperd 1978). */
export function fromColumns(x: Triple, y: Triple, z: Triple): Quad {
  const squares = [1 + x[0] - y[1] - z[2], 1 - x[0] + y[1] - z[2], 1 - x[0] - y[1] + z[2], 1 + x[0] + y[1] + z[2]] as const;
  const largest = squares.indexOf(Math.max(...squares));
  const double = Math.sqrt(squares[largest]!);
  const f = 0.5 / double;
  const [a, b, c] = [(y[2] - z[1]) * f, (z[0] - x[2]) * f, (x[1] - y[0]) * f];
  const [d, e, g] = [(x[1] + y[0]) * f, (z[0] + x[2]) * f, (y[2] + z[1]) * f];
  const q: readonly Quad[] = [
    [double / 2, d, e, a],
    [d, double / 2, g, b],
    [e, g, double / 2, c],
    [a, b, c, double / 2],
  ];
  return unitQuad(q[largest]!);
}
