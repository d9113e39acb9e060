/** Boxes round boxes round triangles, so that a ray is held against few of them. */

/** Nodes in the order of a walk that goes into every box; `next` is where the walk goes on that leaves one out. */
export interface BoxTree {
  /** float64 `[nodes, 6]`: lower corner, then upper, m. */
  readonly bounds: Float64Array;
  readonly next: Int32Array;
  /** Of a leaf: its triangles in `order`. */
  readonly first: Int32Array;
  /** 0 for a node that is no leaf. */
  readonly count: Int32Array;
  readonly order: Uint32Array;
}

const leafSize = 4;
/** A flat box must not be missed by rounding. */
const padding_m = 1e-7;

interface Building {
  readonly vertices: Float32Array;
  readonly triangles: Uint32Array;
  readonly order: Uint32Array;
  readonly bounds: number[];
  readonly next: number[];
  readonly first: number[];
  readonly count: number[];
}

/** Halves at the median along the longest side. */
export function buildTree(vertices: Float32Array, triangles: Uint32Array): BoxTree {
  const order = Uint32Array.from({ length: triangles.length / 3 }, (_, triangle) => triangle);
  const building: Building = { vertices, triangles, order, bounds: [], next: [], first: [], count: [] };
  addNode(building, 0, order.length);
  return {
    order,
    bounds: Float64Array.from(building.bounds),
    next: Int32Array.from(building.next),
    first: Int32Array.from(building.first),
    count: Int32Array.from(building.count),
  };
}

function addNode(building: Building, from: number, to: number): void {
  const { order, bounds, next, first, count } = building;
  const node = next.length;
  const isLeaf = to - from <= leafSize;
  const box = boundsOf(building, from, to);
  bounds.push(...box);
  next.push(0);
  first.push(from);
  count.push(isLeaf ? to - from : 0);
  if (!isLeaf) {
    const sides = [box[3]! - box[0]!, box[4]! - box[1]!, box[5]! - box[2]!];
    const axis = sides.indexOf(Math.max(...sides));
    // Equal ones keep their order, or the tree would depend on how a sort is made.
    order.subarray(from, to).sort((p, q) => middleOf(building, p, axis) - middleOf(building, q, axis) || p - q);
    const middle = (from + to) >> 1;
    addNode(building, from, middle);
    addNode(building, middle, to);
  }
  next[node] = next.length;
}

/** Three times the middle of a triangle. */
function middleOf({ vertices, triangles }: Building, triangle: number, axis: number): number {
  const at = 3 * triangle;
  return vertices[3 * triangles[at]! + axis]! + vertices[3 * triangles[at + 1]! + axis]! + vertices[3 * triangles[at + 2]! + axis]!;
}

function boundsOf({ vertices, triangles, order }: Building, from: number, to: number): number[] {
  const box = [Infinity, Infinity, Infinity, -Infinity, -Infinity, -Infinity];
  for (let i = from; i < to; i++)
    for (let corner = 0; corner < 3; corner++)
      for (let axis = 0; axis < 3; axis++) {
        const value = vertices[3 * triangles[3 * order[i]! + corner]! + axis]!;
        box[axis] = Math.min(box[axis]!, value - padding_m);
        box[3 + axis] = Math.max(box[3 + axis]!, value + padding_m);
      }
  return box;
}

/** A direction along a side must not divide by zero: 0 · ∞ is not a number. */
const smallest = 1e-12;

/** Whether a ray is ever in the box at `at`. */
export function entersBox(
  bounds: Float64Array,
  at: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
): boolean {
  const ix = 1 / (dx || smallest);
  const iy = 1 / (dy || smallest);
  const iz = 1 / (dz || smallest);
  const [x1, x2] = [(bounds[at]! - ox) * ix, (bounds[at + 3]! - ox) * ix];
  const [y1, y2] = [(bounds[at + 1]! - oy) * iy, (bounds[at + 4]! - oy) * iy];
  const [z1, z2] = [(bounds[at + 2]! - oz) * iz, (bounds[at + 5]! - oz) * iz];
  const near = Math.max(Math.min(x1, x2), Math.min(y1, y2), Math.min(z1, z2));
  const far = Math.min(Math.max(x1, x2), Math.max(y1, y2), Math.max(z1, z2));
  return far >= near && far >= 0;
}
