/**
 * Triangles drawn one after the other into depth, by edge functions of homogeneous coordinates (Olano and Greer 1997): each is decided at a pixel's middle
 * by the very ray that is cast at other shapes, and what is behind the eye drops out by its sign, so nothing is clipped and no seam opens between neighbours.
 */
import type { Window } from './bounds.ts';
import type { Mesh } from './mesh.ts';

/** What triangles are drawn into; `[height, width]` each. */
export interface Target {
  readonly width: number;
  readonly height: number;
  /** Half of the picture, 1 m ahead: across, then down. */
  readonly half: readonly [number, number];
  readonly depth_m: Float32Array;
  /** Index of the nearest shape. */
  readonly hits: Int16Array;
  /** Its triangle, if it is a mesh. */
  readonly faces: Int32Array;
}

/** How a shape's frame sees the camera: float64, the eye's place, then the line of sight, right and down, 3 each from `at`. */
export interface View {
  readonly views: Float64Array;
  readonly at: number;
}

/** Nearer to the eye's plane than this, a vertex has no place in the picture that could bound it. */
const nearest_m = 1e-9;
/** Pixels: rounding must not cut off a pixel whose middle is on an edge. */
const slack = 1e-6;

/** Writes the vertices as the camera sees them: right, down, ahead; m. */
export function toCamera(vertices: Float32Array, { views, at }: View, out: Float64Array): void {
  for (let i = 0; i < vertices.length; i += 3) {
    const x = vertices[i]! - views[at]!;
    const y = vertices[i + 1]! - views[at + 1]!;
    const z = vertices[i + 2]! - views[at + 2]!;
    out[i] = x * views[at + 6]! + y * views[at + 7]! + z * views[at + 8]!;
    out[i + 1] = x * views[at + 9]! + y * views[at + 10]! + z * views[at + 11]!;
    out[i + 2] = x * views[at + 3]! + y * views[at + 4]! + z * views[at + 5]!;
  }
}

/**
 * Draws the triangles that face the camera where they are nearer than what is there.
 * @param seen - the vertices, by `toCamera`. @param index - of the shape. @param window - nothing of the mesh is outside.
 */
export function rasterise({ triangles }: Mesh, seen: Float64Array, index: number, window: Window, target: Target): void {
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = [3 * triangles[at]!, 3 * triangles[at + 1]!, 3 * triangles[at + 2]!];
    boundTriangle(seen, a, b, c, window, target);
    if (box.left < box.right && box.top < box.bottom) fill(seen, a, b, c, index, at / 3, target);
  }
}

/** One for all: it is filled and read within a call. */
const box: Window = { left: 0, right: 0, top: 0, bottom: 0 };

/** Writes to `box` the pixels that a triangle can be on; none where it is wholly behind. */
function boundTriangle(seen: Float64Array, a: number, b: number, c: number, window: Window, { width, height, half }: Target): void {
  box.left = window.left;
  box.right = window.right;
  box.top = window.top;
  box.bottom = window.bottom;
  const [az, bz, cz] = [seen[a + 2]!, seen[b + 2]!, seen[c + 2]!];
  if (az <= 0 && bz <= 0 && cz <= 0) box.right = box.left;
  if (!(az > nearest_m && bz > nearest_m && cz > nearest_m)) return;
  const across = width / (2 * half[0]);
  const along = height / (2 * half[1]);
  const [ua, ub, uc] = [seen[a]! / az, seen[b]! / bz, seen[c]! / cz];
  const [va, vb, vc] = [seen[a + 1]! / az, seen[b + 1]! / bz, seen[c + 1]! / cz];
  box.left = Math.max(box.left, Math.ceil((Math.min(ua, ub, uc) + half[0]) * across - 0.5 - slack));
  box.right = Math.min(box.right, Math.floor((Math.max(ua, ub, uc) + half[0]) * across - 0.5 + slack) + 1);
  box.top = Math.max(box.top, Math.ceil((Math.min(va, vb, vc) + half[1]) * along - 0.5 - slack));
  box.bottom = Math.min(box.bottom, Math.floor((Math.max(va, vb, vc) + half[1]) * along - 0.5 + slack) + 1);
}

/**
 * With rays (u, v, 1), c × b · ray and its like are linear in u and v: six times the volume that the ray cuts off beyond an edge, all above 0 inside.
 * Their sum grows as 1 / depth. An edge of two triangles gives both the same bits with the sign turned, so each of its pixels goes to at least one.
 */
function fill(seen: Float64Array, a: number, b: number, c: number, index: number, face: number, target: Target): void {
  const [ax, ay, az] = [seen[a]!, seen[a + 1]!, seen[a + 2]!];
  const [bx, by, bz] = [seen[b]!, seen[b + 1]!, seen[b + 2]!];
  const [cx, cy, cz] = [seen[c]!, seen[c + 1]!, seen[c + 2]!];
  const [ex, ey, ez] = [cy * bz - cz * by, cz * bx - cx * bz, cx * by - cy * bx];
  const volume = ax * ex + ay * ey + az * ez;
  // Turned away, or edge on.
  if (!(volume > 0)) return;
  const [fx, fy, fz] = [ay * cz - az * cy, az * cx - ax * cz, ax * cy - ay * cx];
  const [gx, gy, gz] = [by * az - bz * ay, bz * ax - bx * az, bx * ay - by * ax];
  const { width, height, half, depth_m, hits, faces } = target;
  const acrossStep = (2 * half[0]) / width;
  const downStep = (2 * half[1]) / height;
  const { left, right, top, bottom } = box;
  for (let row = top; row < bottom; row++) {
    const v = (row + 0.5) * downStep - half[1];
    const [e, f, g] = [ey * v + ez, fy * v + fz, gy * v + gz];
    for (let column = left; column < right; column++) {
      const u = (column + 0.5) * acrossStep - half[0];
      const overA = e + ex * u;
      const overB = f + fx * u;
      const overC = g + gx * u;
      if (!(overA >= 0 && overB >= 0 && overC >= 0)) continue;
      const t = volume / (overA + overB + overC);
      const pixel = row * width + column;
      if (t < depth_m[pixel]!) {
        depth_m[pixel] = t;
        hits[pixel] = index;
        faces[pixel] = face;
      }
    }
  }
}
