import type { ShapeForm } from '../core/scene-spec.ts';
import type { Triple } from '../math/vector3.ts';
import { type FilePlace, refuse } from './xml.ts';

export type MeshForm = ShapeForm & { readonly kind: 'mesh' };

export const meshLimits = { vertices: 100_000, triangles: 100_000 } as const;

const headerBytes = 84;
const triangleBytes = 50;
/** Further corners than this are no robot's, and would overflow single precision when squared. */
const largestCorner_m = 1e5;

/**
 * Reads a binary STL file. Corners that are equal to the bit become one vertex.
 * @throws ROBOT_FILE_INVALID when the count of triangles does not fit the file's length, or a corner is not finite.
 */
export function readStl(bytes: Uint8Array, scale: Triple, path: string, place: FilePlace): MeshForm {
  if (bytes.length < headerBytes) refuse(place, `'${path}' is too short for a binary STL file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(80, true);
  if (count > meshLimits.triangles) refuse(place, `'${path}' says it has ${count} triangles; the limit is ${meshLimits.triangles}`);
  if (headerBytes + triangleBytes * count !== bytes.length)
    refuse(
      place,
      `'${path}' says it has ${count} triangles, which does not fit its ${bytes.length} bytes (STL files of text are not read)`,
    );
  const corners = new Float64Array(9 * count);
  for (let i = 0; i < 9 * count; i++)
    corners[i] = view.getFloat32(headerBytes + triangleBytes * Math.floor(i / 9) + 12 + 4 * (i % 9), true);
  return meshFrom(corners, undefined, scale, `'${path}'`, place);
}

/**
 * A mesh from its corners. @param corners - `[corners, 3]`. @param faces - indices of corners; absent = each three are a triangle.
 * @throws ROBOT_FILE_INVALID for corners that are not finite, faces of corners there are not, or too many of either.
 */
export function meshFrom(
  corners: ArrayLike<number>,
  faces: readonly number[] | undefined,
  scale: Triple,
  who: string,
  place: FilePlace,
): MeshForm {
  const index = new Map<string, number>();
  const vertices: number[] = [];
  const merged: number[] = [];
  const corner = new Float32Array(3);
  const bits = new Int32Array(corner.buffer);
  for (let i = 0; i < corners.length; i += 3) {
    // Adding 0 makes one of −0 and 0, which differ in bits.
    for (let k = 0; k < 3; k++) corner[k] = corners[i + k]! * scale[k]! + 0;
    if (!corner.every((value) => Math.abs(value) <= largestCorner_m))
      refuse(place, `${who} has a corner that is not finite, or absurdly far out`);
    const key = `${bits[0]},${bits[1]},${bits[2]}`;
    const known = index.get(key) ?? vertices.length / 3;
    if (known === vertices.length / 3) {
      if (known >= meshLimits.vertices) refuse(place, `${who} has more than ${meshLimits.vertices} vertices`);
      vertices.push(corner[0]!, corner[1]!, corner[2]!);
      index.set(key, known);
    }
    merged.push(known);
  }
  const triangles = trianglesOf(merged, faces, who, place);
  // A mirroring scale turns the surface inside out.
  if (scale[0] * scale[1] * scale[2] < 0)
    for (let i = 0; i < triangles.length; i += 3) [triangles[i], triangles[i + 1]] = [triangles[i + 1]!, triangles[i]!];
  if (vertices.length < 12 || triangles.length < 12) refuse(place, `${who} has less than 4 vertices or 4 triangles`);
  return { kind: 'mesh', vertices_m: Float32Array.from(vertices), triangles: Uint32Array.from(triangles) };
}

/** Triangles that lost a corner to another are left out. */
function trianglesOf(merged: readonly number[], faces: readonly number[] | undefined, who: string, place: FilePlace): number[] {
  const all = faces ? faces.map((corner) => merged[corner] ?? refuse(place, `${who} has a face of corners it does not have`)) : merged;
  const kept: number[] = [];
  for (let i = 0; i + 2 < all.length; i += 3) {
    const [a, b, c] = [all[i]!, all[i + 1]!, all[i + 2]!];
    if (a !== b && b !== c && c !== a) kept.push(a, b, c);
  }
  if (kept.length / 3 > meshLimits.triangles) refuse(place, `${who} has more than ${meshLimits.triangles} triangles`);
  return kept;
}
