/** Batches of several steps: every array gets the step as its first axis. */
import type { InfoColumns } from '../core/backend.ts';
import type { TypedArray, Values } from '../spaces/space.ts';
import type { TensorTree } from './checks.ts';
import { ELEMENT_BYTES, Tensor, viewOf } from './tensor.ts';
import { type BatchLayout, columnToWire } from './values.ts';

/** The layout of `steps` batches, one after the other. */
export function stackedLayout(layout: BatchLayout, steps: number): BatchLayout {
  const title = `${steps} steps of ${layout.title}`;
  if (layout.kind === 'dict') return { ...layout, parts: layout.parts.map((part) => stackedLayout(part, steps)), title };
  return { ...layout, shape: [steps, ...layout.shape], length: steps * layout.length, title };
}

/** Steps of a stack as it came, by its first array; 0 for none. */
export function stepsIn(tree: TensorTree): number {
  if (tree instanceof Tensor) return tree.shape[0] ?? 0;
  const [first] = Object.values(tree);
  return first === undefined ? 0 : stepsIn(first);
}

/** Zeros. */
export function allocateBatch(layout: BatchLayout): Values {
  if (layout.kind === 'leaf') return viewOf(layout.dtype, new ArrayBuffer(bytesOfBatch(layout)), 0, layout.length);
  return Object.fromEntries(layout.keys.map((key, i) => [key, allocateBatch(layout.parts[i]!)]));
}

export function bytesOfBatch(layout: BatchLayout): number {
  if (layout.kind === 'leaf') return layout.length * ELEMENT_BYTES[layout.dtype];
  return layout.parts.reduce((sum, part) => sum + bytesOfBatch(part), 0);
}

/** Views of the batches from step `first` up to, not including, `end`. @param layout - of one step. */
export function stepsOf(stack: Values, layout: BatchLayout, first: number, end = first + 1): Values {
  if (layout.kind === 'leaf') return (stack as TypedArray).subarray(first * layout.length, end * layout.length);
  const parts = stack as Readonly<Record<string, Values>>;
  return Object.fromEntries(layout.keys.map((key, i) => [key, stepsOf(parts[key]!, layout.parts[i]!, first, end)]));
}

type Column = InfoColumns[string];

/**
 * Info of several steps. A column that every step has, as an array of one length, is one array `[steps, lanes, …]`; any other is a list with one entry a step,
 * null where it was absent.
 */
export function stackInfo(infos: readonly InfoColumns[], lanes: number): Readonly<Record<string, unknown>> {
  const keys = new Set(infos.flatMap((info) => Object.keys(info)));
  return Object.fromEntries(
    [...keys].map((key) => [
      key,
      stackColumn(
        infos.map((info) => info[key]),
        lanes,
      ),
    ]),
  );
}

function stackColumn(columns: readonly (Column | undefined)[], lanes: number): unknown {
  if (columns.every(isArray)) {
    const arrays = columns as readonly TypedArray[];
    const first = arrays[0]!;
    if (arrays.every((other) => other.length === first.length && other.constructor === first.constructor))
      return stackArrays(arrays, lanes);
  }
  if (columns.every(isPlain)) return stackInfo(columns as readonly InfoColumns[], lanes);
  return columns.map((column) => (column === undefined ? null : columnToWire(column, lanes)));
}

function stackArrays(arrays: readonly TypedArray[], lanes: number): Tensor {
  const { length } = arrays[0]!;
  const data = new (arrays[0]!.constructor as new (length: number) => TypedArray)(arrays.length * length);
  arrays.forEach((array, step) => void data.set(array, step * length));
  const { shape } = columnToWire(arrays[0]!, lanes) as Tensor;
  return new Tensor(data, [arrays.length, ...shape]);
}

function isArray(column: Column | undefined): boolean {
  return ArrayBuffer.isView(column);
}

function isPlain(column: Column | undefined): boolean {
  return column !== undefined && !isArray(column) && Object.getPrototypeOf(column) === Object.prototype;
}

/** What a value takes of a frame's limits. */
export interface WireCost {
  bytes: number;
  headerBytes: number;
  items: number;
  tensors: number;
}

/** Generous, for what is no array: an error, with its message and details. */
const ERROR_HEADER_BYTES = 1024;
const ERROR_ITEMS = 16;

/** Adds what info columns take, each array for itself. */
export function addCost(value: unknown, cost: WireCost): void {
  cost.items += 2;
  if (ArrayBuffer.isView(value)) {
    cost.bytes += value.byteLength + ELEMENT_BYTES.f8;
    cost.tensors += 1;
  } else if (typeof value === 'string') cost.headerBytes += 3 * value.length;
  else if (value instanceof Error) {
    cost.headerBytes += ERROR_HEADER_BYTES;
    cost.items += ERROR_ITEMS;
  } else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) addCost(part, cost);
  cost.headerBytes += 16;
}
