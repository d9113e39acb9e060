/** Shapes as a caster needs them: a number for the kind, sizes, and where a ray meets them in their own frame. */
import type { ShapeForm } from '../core/scene-spec.ts';
import { unreachable } from '../errors.ts';
import { Mesh, meetMesh } from './mesh.ts';

export const kinds = { plane: 0, sphere: 1, box: 2, capsule: 3, cylinder: 4, mesh: 5 } as const;

type Kind = (typeof kinds)[keyof typeof kinds];

/** One shape ready to be cast at. */
export interface CastShape {
  readonly kind: Kind;
  /** Plane: none. Sphere: radius. Box: half extents. Capsule, cylinder: radius, half length. Mesh: radius of a sphere that holds it. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly mesh: Mesh | undefined;
  /** Index of the body. */
  readonly body: number;
  /** In the body frame, m. */
  readonly position: readonly number[];
  /** float64 `[9]`: rotation from the body frame into the shape's, by rows. */
  readonly orientation: Float64Array;
  /** 0 to 255. */
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

export function castForm(form: ShapeForm): Pick<CastShape, 'kind' | 'a' | 'b' | 'c' | 'mesh'> {
  const kind = kinds[form.kind];
  const mesh = undefined;
  switch (form.kind) {
    case 'plane':
      return { kind, a: 0, b: 0, c: 0, mesh };
    case 'sphere':
      return { kind, a: form.radius_m, b: 0, c: 0, mesh };
    case 'box':
      return { kind, a: form.halfExtents_m[0], b: form.halfExtents_m[1], c: form.halfExtents_m[2], mesh };
    case 'capsule':
    case 'cylinder':
      return { kind, a: form.radius_m, b: form.halfLength_m, c: 0, mesh };
    case 'mesh': {
      const made = new Mesh(form);
      return { kind, a: made.radius, b: 0, c: 0, mesh: made };
    }
    default:
      return unreachable(form);
  }
}

/**
 * How far along a ray a shape begins, in lengths of the ray's direction; Infinity if it does not, or only behind or around the origin.
 * @param ox - origin, then direction (of any length) in the shape's frame.
 */
export function meet(shape: CastShape, ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): number {
  switch (shape.kind) {
    case kinds.plane:
      return dz < 0 && oz > 0 ? -oz / dz : Number.POSITIVE_INFINITY;
    case kinds.sphere:
      return meetSphere(shape.a, ox, oy, oz, dx, dy, dz);
    case kinds.box:
      return meetBox(shape, ox, oy, oz, dx, dy, dz);
    case kinds.capsule:
      return meetTube(shape.a, shape.b, true, ox, oy, oz, dx, dy, dz);
    case kinds.cylinder:
      return meetTube(shape.a, shape.b, false, ox, oy, oz, dx, dy, dz);
    case kinds.mesh:
      return meetMesh(shape.mesh!, ox, oy, oz, dx, dy, dz);
    default:
      return unreachable(shape.kind);
  }
}

function meetSphere(radius: number, ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): number {
  const a = dx * dx + dy * dy + dz * dz;
  const b = ox * dx + oy * dy + oz * dz;
  const c = ox * ox + oy * oy + oz * oz - radius * radius;
  const discriminant = b * b - a * c;
  if (discriminant < 0) return Number.POSITIVE_INFINITY;
  const t = (-b - Math.sqrt(discriminant)) / a;
  return t > 0 ? t : Number.POSITIVE_INFINITY;
}

/** A direction along a face must not divide by zero: 0 · ∞ is not a number. */
const smallest = 1e-12;

/** Slabs. */
function meetBox({ a, b, c }: CastShape, ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): number {
  const ix = 1 / (dx || smallest);
  const iy = 1 / (dy || smallest);
  const iz = 1 / (dz || smallest);
  const sx = Math.abs(ix) * a;
  const sy = Math.abs(iy) * b;
  const sz = Math.abs(iz) * c;
  const near = Math.max(-ox * ix - sx, -oy * iy - sy, -oz * iz - sz);
  const far = Math.min(-ox * ix + sx, -oy * iy + sy, -oz * iz + sz);
  return near > 0 && near <= far ? near : Number.POSITIVE_INFINITY;
}

/** The wall of a cylinder along z, then its ends: half spheres of a capsule, discs of a cylinder. */
function meetTube(
  radius: number,
  half: number,
  round: boolean,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
): number {
  const a = dx * dx + dy * dy;
  const b = ox * dx + oy * dy;
  const discriminant = b * b - a * (ox * ox + oy * oy - radius * radius);
  if (discriminant < 0) return Number.POSITIVE_INFINITY;
  if (a > 0) {
    const t = (-b - Math.sqrt(discriminant)) / a;
    if (t > 0 && Math.abs(oz + t * dz) <= half) return t;
  }
  if (round) return Math.min(meetCap(radius, half, ox, oy, oz, dx, dy, dz), meetCap(radius, half, ox, oy, -oz, dx, dy, -dz));
  const t = ((dz > 0 ? -half : half) - oz) / dz;
  const x = ox + t * dx;
  const y = oy + t * dy;
  return t > 0 && x * x + y * y <= radius * radius ? t : Number.POSITIVE_INFINITY;
}

/** Wall and cap overlap by this, so that rounding leaves no hole between them. */
const seam_m = 1e-9;

/** The outer half of the ball at the upper end: its inner half is inside the tube. */
function meetCap(radius: number, half: number, ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): number {
  const t = meetSphere(radius, ox, oy, oz - half, dx, dy, dz);
  return oz + t * dz >= half - seam_m ? t : Number.POSITIVE_INFINITY;
}

/** Cosine between the outward normal at a point of the surface and a unit direction, both in the shape's frame. Meshes: see `meshFacing`. */
export function facing({ kind, a, b, c }: CastShape, x: number, y: number, z: number, lx: number, ly: number, lz: number): number {
  if (kind === kinds.plane) return lz;
  if (kind === kinds.box) return boxFacing(a, b, c, x, y, z, lx, ly, lz);
  const along = kind === kinds.sphere ? z : z - Math.max(-b, Math.min(b, z));
  const across = x * x + y * y;
  // On an end of a cylinder the wall is further off than the disc.
  if (kind === kinds.cylinder && Math.sqrt(across) - a < Math.abs(z) - b) return z > 0 ? lz : -lz;
  const length = Math.sqrt(across + along * along);
  return length > 0 ? (x * lx + y * ly + along * lz) / length : 0;
}

/** As `facing`, on a triangle. */
export function meshFacing({ normals }: Mesh, triangle: number, lx: number, ly: number, lz: number): number {
  return normals[3 * triangle]! * lx + normals[3 * triangle + 1]! * ly + normals[3 * triangle + 2]! * lz;
}

/** Of the face that the point is furthest out of. */
function boxFacing(a: number, b: number, c: number, x: number, y: number, z: number, lx: number, ly: number, lz: number): number {
  const fx = Math.abs(x) - a;
  const fy = Math.abs(y) - b;
  const fz = Math.abs(z) - c;
  if (fx >= fy && fx >= fz) return x > 0 ? lx : -lx;
  if (fy >= fz) return y > 0 ? ly : -ly;
  return z > 0 ? lz : -lz;
}

/** Of the smallest sphere about the shape's origin that holds it. */
export function radiusOf({ kind, a, b, c }: CastShape): number {
  switch (kind) {
    case kinds.plane:
      return Number.POSITIVE_INFINITY;
    case kinds.sphere:
    case kinds.mesh:
      return a;
    case kinds.box:
      return Math.sqrt(a * a + b * b + c * c);
    case kinds.capsule:
      return a + b;
    case kinds.cylinder:
      return Math.sqrt(a * a + b * b);
    default:
      return unreachable(kind);
  }
}
