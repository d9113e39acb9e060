/** Batches of values between spaces and the wire. dtype and shape are those of the space; anything else is refused, never converted. */
import type { InfoColumns } from '../core/backend.ts';
import { type BoxDtype, describeSpace, type Leaf, type Space, sizeOf, type TypedArray, type Values } from '../spaces/space.ts';
import type { TensorTree } from './checks.ts';
import { dtypeOf, Tensor, type TensorDtype } from './tensor.ts';

/** Called with what was expected and what was found instead. */
export type Mismatch = (expected: string, got: string) => never;

/** How a space's batch travels, worked out once when an env is made. */
export type BatchLayout =
  | {
      readonly kind: 'leaf';
      readonly dtype: TensorDtype;
      readonly shape: readonly number[];
      readonly length: number;
      readonly title: string;
    }
  | { readonly kind: 'dict'; readonly keys: readonly string[]; readonly parts: readonly BatchLayout[]; readonly title: string };

/** @param lanes - first axis of every array. */
export function layoutOf(space: Space, lanes: number): BatchLayout {
  if (space.kind === 'dict') {
    const keys = Object.keys(space.spaces);
    return { kind: 'dict', keys, parts: keys.map((key) => layoutOf(space.spaces[key]!, lanes)), title: describeSpace(space) };
  }
  const title = `${describeSpace(space)} × ${lanes} lanes`;
  return { kind: 'leaf', dtype: dtypeOfLeaf(space), shape: [lanes, ...shapeOfLeaf(space)], length: lanes * sizeOf(space), title };
}

function dtypeOfLeaf(space: Leaf): TensorDtype {
  return space.kind === 'box' ? BOX_DTYPES[space.dtype] : 'i4';
}

const BOX_DTYPES: Readonly<Record<BoxDtype, TensorDtype>> = Object.freeze({ float32: 'f4', float64: 'f8', uint8: 'u1' });

function shapeOfLeaf(space: Leaf): readonly number[] {
  switch (space.kind) {
    case 'box':
      return space.shape;
    case 'discrete':
      return [];
    case 'multiDiscrete':
      return [space.nvec.length];
  }
}

/** Values to tensors with their shapes; nothing is copied. */
export function toTensors(values: Values, layout: BatchLayout, mismatch: Mismatch): TensorTree {
  if (layout.kind === 'leaf') return leafToTensor(values, layout, mismatch);
  if (values === null || typeof values !== 'object' || ArrayBuffer.isView(values)) mismatch(layout.title, describeArray(values));
  const parts = values as Readonly<Record<string, Values>>;
  checkKeys(parts, layout, mismatch);
  const tree: Record<string, TensorTree> = {};
  layout.keys.forEach((key, i) => {
    tree[key] = toTensors(parts[key]!, layout.parts[i]!, mismatch);
  });
  return tree;
}

function leafToTensor(values: Values, layout: BatchLayout & { kind: 'leaf' }, mismatch: Mismatch): Tensor {
  if (dtypeOf(values) !== layout.dtype || (values as TypedArray).length !== layout.length) mismatch(layout.title, describeArray(values));
  return new Tensor(values as TypedArray, layout.shape);
}

/** Tensors of a message to values; nothing is copied. */
export function fromTensors(tree: TensorTree, layout: BatchLayout, mismatch: Mismatch): Values {
  if (layout.kind === 'leaf') return leafFromTensor(tree, layout, mismatch);
  if (tree instanceof Tensor) mismatch(layout.title, describeTensor(tree));
  checkKeys(tree, layout, mismatch);
  const values: Record<string, Values> = {};
  layout.keys.forEach((key, i) => {
    values[key] = fromTensors((tree as Readonly<Record<string, TensorTree>>)[key]!, layout.parts[i]!, mismatch);
  });
  return values;
}

function leafFromTensor(tree: TensorTree, layout: BatchLayout & { kind: 'leaf' }, mismatch: Mismatch): TypedArray {
  if (!(tree instanceof Tensor)) mismatch(layout.title, 'a map of arrays');
  const { data, shape } = tree as Tensor;
  if (dtypeOf(data) !== layout.dtype || !sameShape(shape, layout.shape)) mismatch(layout.title, describeTensor(tree as Tensor));
  return data;
}

function checkKeys(record: Readonly<Record<string, unknown>>, layout: BatchLayout & { kind: 'dict' }, mismatch: Mismatch): void {
  const same = Object.keys(record).length === layout.keys.length && layout.keys.every((key) => Object.hasOwn(record, key));
  if (!same) mismatch(layout.title, `a map of ${Object.keys(record).length} other parts`);
}

function sameShape(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((length, i) => length === right[i]);
}

function describeTensor(tensor: Tensor): string {
  return `${tensor.data.constructor.name} [${tensor.shape}]`;
}

function describeArray(values: unknown): string {
  if (ArrayBuffer.isView(values)) return `${values.constructor.name} of ${(values as TypedArray).length}`;
  return Array.isArray(values) ? `a list of ${values.length}` : `a ${typeof values}`;
}

/** Info columns to the wire: every typed array gets the lane as its first axis. */
export function infoToWire(info: InfoColumns, lanes: number): Readonly<Record<string, unknown>> {
  const tree: Record<string, unknown> = {};
  for (const key of Object.keys(info)) tree[key] = columnToWire(info[key]!, lanes);
  return tree;
}

/** One column of `lanes` lanes. */
export function columnToWire(column: InfoColumns[string], lanes: number): unknown {
  if (ArrayBuffer.isView(column)) return new Tensor(column as TypedArray, columnShape((column as TypedArray).length, lanes));
  const plain = typeof column === 'object' && column !== null && Object.getPrototypeOf(column) === Object.prototype;
  return plain ? infoToWire(column as InfoColumns, lanes) : column;
}

function columnShape(length: number, lanes: number): readonly number[] {
  if (length === lanes || length % lanes !== 0) return [length];
  return [lanes, length / lanes];
}

/** Info columns from the wire: tensors become their arrays, in place. */
export function infoFromWire(info: Readonly<Record<string, unknown>>): InfoColumns {
  return untensor(info) as InfoColumns;
}

function untensor(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (value instanceof Tensor) return value.data;
  const container = value as Record<string, unknown>;
  for (const key of Object.keys(container)) container[key] = untensor(container[key]);
  return container;
}
