/** Triangles made ready: their normals, and how a ray meets them. Solid, seen from outside only, as every other shape is. */
import type { ShapeForm } from '../core/scene-spec.ts';
import { type BoxTree, buildTree, entersBox } from './box-tree.ts';

export class Mesh {
  /** `[vertices, 3]`, m, in the shape's frame. */
  readonly vertices: Float32Array;
  /** `[triangles, 3]`, counter-clockwise seen from outside. */
  readonly triangles: Uint32Array;
  /** float64 `[triangles, 3]`: outward, unit; 0 for a triangle without area. */
  readonly normals: Float64Array;
  /** Of the smallest sphere about the shape's origin that holds it. */
  readonly radius: number;
  private grown: BoxTree | undefined;

  constructor({ vertices_m: vertices, triangles }: ShapeForm & { kind: 'mesh' }) {
    this.vertices = vertices;
    this.triangles = triangles;
    this.normals = normalsOf(vertices, triangles);
    let radius2 = 0;
    for (let at = 0; at < vertices.length; at += 3)
      radius2 = Math.max(radius2, vertices[at]! ** 2 + vertices[at + 1]! ** 2 + vertices[at + 2]! ** 2);
    this.radius = Math.sqrt(radius2);
  }

  /** For rays that come from anywhere, as those to the light do. Grown when first asked for: pictures without shadows need none. */
  get tree(): BoxTree {
    this.grown ??= buildTree(this.vertices, this.triangles);
    return this.grown;
  }
}

function normalsOf(vertices: Float32Array, triangles: Uint32Array): Float64Array {
  const normals = new Float64Array(triangles.length);
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = [3 * triangles[at]!, 3 * triangles[at + 1]!, 3 * triangles[at + 2]!];
    const [x, y, z] = [vertices[a]!, vertices[a + 1]!, vertices[a + 2]!];
    const [px, py, pz] = [vertices[b]! - x, vertices[b + 1]! - y, vertices[b + 2]! - z];
    const [qx, qy, qz] = [vertices[c]! - x, vertices[c + 1]! - y, vertices[c + 2]! - z];
    const [nx, ny, nz] = [py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx];
    const length = Math.sqrt(nx * nx + ny * ny + nz * nz);
    if (!(length > 0)) continue;
    normals[at] = nx / length;
    normals[at + 1] = ny / length;
    normals[at + 2] = nz / length;
  }
  return normals;
}

/** As `meet` of shapes. */
export function meetMesh(mesh: Mesh, ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): number {
  const { vertices, triangles, tree } = mesh;
  const { bounds, next, first, count, order } = tree;
  let nearest = Number.POSITIVE_INFINITY;
  for (let node = 0; node < next.length; ) {
    if (!entersBox(bounds, 6 * node, ox, oy, oz, dx, dy, dz)) {
      node = next[node]!;
      continue;
    }
    for (let i = first[node]!; i < first[node]! + count[node]!; i++) {
      const t = meetTriangle(vertices, triangles, 3 * order[i]!, ox, oy, oz, dx, dy, dz);
      if (t < nearest) nearest = t;
    }
    node++;
  }
  return nearest;
}

/** Infinity as well where the ray leaves through the triangle: then the solid began before. */
function meetTriangle(
  vertices: Float32Array,
  triangles: Uint32Array,
  at: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
): number {
  const [a, b, c] = [3 * triangles[at]!, 3 * triangles[at + 1]!, 3 * triangles[at + 2]!];
  const [ax, ay, az] = [vertices[a]! - ox, vertices[a + 1]! - oy, vertices[a + 2]! - oz];
  const [bx, by, bz] = [vertices[b]! - ox, vertices[b + 1]! - oy, vertices[b + 2]! - oz];
  const [cx, cy, cz] = [vertices[c]! - ox, vertices[c + 1]! - oy, vertices[c + 2]! - oz];
  // See rasterise.ts: six times the volume over origin and triangle, and its share beyond each edge as the ray splits it.
  const [ex, ey, ez] = [cy * bz - cz * by, cz * bx - cx * bz, cx * by - cy * bx];
  const volume = ax * ex + ay * ey + az * ez;
  if (!(volume > 0)) return Number.POSITIVE_INFINITY;
  const overA = ex * dx + ey * dy + ez * dz;
  const overB = (ay * cz - az * cy) * dx + (az * cx - ax * cz) * dy + (ax * cy - ay * cx) * dz;
  const overC = (by * az - bz * ay) * dx + (bz * ax - bx * az) * dy + (bx * ay - by * ax) * dz;
  if (!(overA >= 0 && overB >= 0 && overC >= 0)) return Number.POSITIVE_INFINITY;
  return volume / (overA + overB + overC);
}
