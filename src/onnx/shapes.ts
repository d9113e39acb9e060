import type { Dimension, Shape } from './types.ts';

/** `[5, batch, 24]` as a reader sees it. */
export function shapeText(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Number of elements, or undefined when an axis is symbolic. */
export function elementCount(shape: Shape): number | undefined {
  let count = 1;
  for (const dimension of shape) {
    if (typeof dimension === 'string') return undefined;
    count *= dimension;
  }
  return count;
}

/** Whether two shapes are the same, axis by axis; symbols are equal by name. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** NumPy broadcasting of two shapes, or undefined when they do not fit. A symbol fits only itself and 1. */
export function broadcast(a: Shape, b: Shape): Dimension[] | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dimension[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    result.push(left === 1 ? right : left);
  }
  return result;
}

/** Shape of a batched matrix product `[…, n, k] · […, k, m]`, or undefined when they do not fit. */
export function matmulShape(a: Shape, b: Shape): Dimension[] | undefined {
  if (a.length < 2 || b.length < 2) return undefined;
  if (a.at(-1) !== b.at(-2)) return undefined;
  const lead = broadcast(a.slice(0, -2), b.slice(0, -2));
  return lead && [...lead, a.at(-2)!, b.at(-1)!];
}

/** Shape after reducing `axes` (all non-negative). */
export function reducedShape(shape: Shape, axes: readonly number[], keepDimensions: boolean): Dimension[] {
  const kept: Dimension[] = [];
  shape.forEach((dimension, axis) => {
    if (!axes.includes(axis)) kept.push(dimension);
    else if (keepDimensions) kept.push(1);
  });
  return kept;
}

/**
 * The int64 target of a `Reshape` from `from` to `to`: 0 copies an axis, −1 infers one. Undefined when ONNX cannot express it or the sizes cannot agree.
 */
export function reshapeTarget(from: Shape, to: Shape): number[] | undefined {
  const known = [elementCount(from), elementCount(to)];
  if (known[0] !== undefined && known[1] !== undefined && known[0] !== known[1]) return undefined;
  if ((known[0] === undefined) !== (known[1] === undefined)) return undefined;
  let inferred = 0;
  const target = to.map((dimension, axis) => {
    if (typeof dimension === 'number') return dimension;
    if (dimension === from[axis]) return 0;
    inferred++;
    return -1;
  });
  return inferred <= 1 ? target : undefined;
}
