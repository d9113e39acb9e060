import type { ShapeForm } from '../core/scene-spec.ts';
import { unreachable } from '../errors.ts';
import { type Symmetric3, turnedTensor } from '../math/symmetric3.ts';
import { add, cross, dot, type Quad, scaled, subtract, type Triple, turned } from '../math/vector3.ts';

/** Mass, its centre in some frame, and its inertia about that centre along the frame's axes. */
export interface MassProperties {
  readonly mass_kg: number;
  readonly centre_m: Triple;
  readonly inertia_kgm2: Symmetric3;
}

export const massless: MassProperties = { mass_kg: 0, centre_m: [0, 0, 0], inertia_kgm2: [0, 0, 0, 0, 0, 0] };

/** Many shapes may share one mesh of many triangles. */
const polyhedra = new WeakMap<ShapeForm, MassProperties>();

/** Of a solid of density 1 kg/m³, in the shape's own frame; its mass is its volume. A plane has none. */
export function solid(form: ShapeForm): MassProperties {
  switch (form.kind) {
    case 'plane':
      return massless;
    case 'sphere': {
      const volume = (4 / 3) * Math.PI * form.radius_m ** 3;
      const moment = 0.4 * volume * form.radius_m ** 2;
      return diagonal(volume, [moment, moment, moment]);
    }
    case 'box': {
      const [x, y, z] = form.halfExtents_m;
      const volume = 8 * x * y * z;
      return diagonal(volume, [(volume * (y * y + z * z)) / 3, (volume * (x * x + z * z)) / 3, (volume * (x * x + y * y)) / 3]);
    }
    case 'cylinder':
      return cylinder(form.radius_m, 2 * form.halfLength_m);
    case 'capsule':
      return capsule(form.radius_m, 2 * form.halfLength_m);
    case 'mesh': {
      const known = polyhedra.get(form) ?? polyhedron(form.vertices_m, form.triangles);
      polyhedra.set(form, known);
      return known;
    }
    default:
      return unreachable(form);
  }
}

function diagonal(mass_kg: number, [xx, yy, zz]: Triple): MassProperties {
  return { mass_kg, centre_m: [0, 0, 0], inertia_kgm2: [xx, yy, zz, 0, 0, 0] };
}

function cylinder(radius_m: number, height_m: number): MassProperties {
  const volume = Math.PI * radius_m ** 2 * height_m;
  const across = (volume * (3 * radius_m ** 2 + height_m ** 2)) / 12;
  return diagonal(volume, [across, across, (volume * radius_m ** 2) / 2]);
}

/** A cylinder and the two halves of a sphere, each half's centre 3/8 of the radius beyond the cylinder's end. */
function capsule(radius_m: number, height_m: number): MassProperties {
  const barrel = cylinder(radius_m, height_m);
  const caps = (4 / 3) * Math.PI * radius_m ** 3;
  const along = 0.4 * caps * radius_m ** 2;
  const across = along + (caps * height_m * (3 * radius_m + 2 * height_m)) / 8;
  const [x, y, z] = barrel.inertia_kgm2;
  return diagonal(barrel.mass_kg + caps, [x + across, y + across, z + along]);
}

/**
 * A closed surface of triangles as signed tetrahedra about the mean of its vertices, which keeps rounding small.
 * Exact for any closed surface seen counter-clockwise from outside; a mass of 0 or less says that it is not one.
 */
function polyhedron(vertices_m: Float32Array, triangles: Uint32Array): MassProperties {
  const vertex = (i: number): Triple => [vertices_m[3 * i]!, vertices_m[3 * i + 1]!, vertices_m[3 * i + 2]!];
  const count = vertices_m.length / 3;
  let mean: Triple = [0, 0, 0];
  for (let i = 0; i < count; i++) mean = add(mean, scaled(vertex(i), 1 / count));
  let volume = 0;
  let first: Triple = [0, 0, 0];
  const second: [number, number, number, number, number, number] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < triangles.length; i += 3) {
    const [a, b, c] = [0, 1, 2].map((k) => subtract(vertex(triangles[i + k]!), mean)) as [Triple, Triple, Triple];
    const sixth = dot(a, cross(b, c)) / 6;
    volume += sixth;
    first = add(first, scaled(add(add(a, b), c), sixth / 4));
    // ∫ x_j x_k over a tetrahedron with one corner at the origin is V/20 (Σ p_j p_k + Σp_j Σp_k) over its other three corners p.
    const sum = add(add(a, b), c);
    for (const [slot, [j, k]] of products.entries())
      second[slot]! += (sixth / 20) * (a[j] * a[k] + b[j] * b[k] + c[j] * c[k] + sum[j] * sum[k]);
  }
  if (!(volume > 0)) return massless;
  const centre = scaled(first, 1 / volume);
  const [xx, yy, zz, xy, xz, yz] = second.map(
    (value, slot) => value - volume * centre[products[slot]![0]] * centre[products[slot]![1]],
  ) as [number, number, number, number, number, number];
  return { mass_kg: volume, centre_m: add(mean, centre), inertia_kgm2: [yy + zz, xx + zz, xx + yy, -xy, -xz, -yz] };
}

const products = [
  [0, 0],
  [1, 1],
  [2, 2],
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

/** The same solid, denser by this factor. */
export function denser({ mass_kg, centre_m, inertia_kgm2 }: MassProperties, factor: number): MassProperties {
  return { mass_kg: mass_kg * factor, centre_m, inertia_kgm2: inertia_kgm2.map((value) => value * factor) as unknown as Symmetric3 };
}

/** Seen from a frame in which the solid's own frame stands at this position and orientation. */
export function placedMass({ mass_kg, centre_m, inertia_kgm2 }: MassProperties, position_m: Triple, turn: Quad): MassProperties {
  return { mass_kg, centre_m: add(position_m, turned(turn, centre_m)), inertia_kgm2: turnedTensor(turn, inertia_kgm2) };
}

/** Several solids in one frame as one rigid body; `massless` when none has mass. */
export function together(parts: readonly MassProperties[]): MassProperties {
  const mass_kg = parts.reduce((sum, part) => sum + part.mass_kg, 0);
  if (!(mass_kg > 0)) return massless;
  let moment: Triple = [0, 0, 0];
  for (const part of parts) moment = add(moment, scaled(part.centre_m, part.mass_kg));
  const centre_m = scaled(moment, 1 / mass_kg);
  const inertia: [number, number, number, number, number, number] = [0, 0, 0, 0, 0, 0];
  for (const part of parts) for (const [i, value] of aboutPoint(part, subtract(part.centre_m, centre_m)).entries()) inertia[i]! += value;
  return { mass_kg, centre_m, inertia_kgm2: inertia };
}

/** The parallel-axis theorem. @param arm - from the new point to the centre of mass. */
function aboutPoint({ mass_kg: m, inertia_kgm2: [xx, yy, zz, xy, xz, yz] }: MassProperties, [x, y, z]: Triple): Symmetric3 {
  return [xx + m * (y * y + z * z), yy + m * (x * x + z * z), zz + m * (x * x + y * y), xy - m * x * y, xz - m * x * z, yz - m * y * z];
}
