import type { ShapeForm } from '../../src/core/scene-spec.ts';

export type MeshForm = ShapeForm & { kind: 'mesh' };

/** The six faces of a box, two triangles each, counter-clockwise seen from outside; corner i is at + where bit k of i is set. */
const boxTriangles = [0, 2, 3, 0, 3, 1, 4, 5, 7, 4, 7, 6, 0, 1, 5, 0, 5, 4, 2, 6, 7, 2, 7, 3, 0, 4, 6, 0, 6, 2, 1, 3, 7, 1, 7, 5];

/** Boxes as one mesh: half sides and centres. */
export function boxesAsMesh(...boxes: readonly { half: readonly number[]; at?: readonly number[] }[]): MeshForm {
  return {
    kind: 'mesh',
    vertices_m: Float32Array.from(
      boxes.flatMap(({ half, at = [0, 0, 0] }) =>
        Array.from({ length: 24 }, (_, i) => at[i % 3]! + ((Math.floor(i / 3) >> (i % 3)) & 1 ? 1 : -1) * half[i % 3]!),
      ),
    ),
    triangles: Uint32Array.from(boxes.flatMap((_, box) => boxTriangles.map((vertex) => vertex + 8 * box))),
  };
}
