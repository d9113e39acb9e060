/**
 * Trees of values as headers carry them. Typed arrays leave the tree for the frame's tensor block and become `{ $t: index }`,
 * so msgpack never sees a float array; groundtwin errors become `{ $e: … }`. Everything else must be plain data.
 */
import { GroundtwinError } from '../errors.ts';
import type { TypedArray } from '../spaces/space.ts';
import { errorFromWire, errorToWire, isWireError } from './error-form.ts';
import type { FrameLimits } from './limits.ts';
import { dtypeOf, Tensor } from './tensor.ts';

const TENSOR_KEY = '$t';
const ERROR_KEY = '$e';
/** A reference (map key and index) and a table entry (list, dtype, up to 8 lengths). */
const ITEMS_PER_TENSOR = 12;
/** No character takes more bytes in UTF-8 than this for each UTF-16 unit. */
const UTF8_BYTES_PER_UNIT = 3;

interface Lowering {
  readonly tensors: Tensor[];
  readonly limits: FrameLimits;
  items: number;
}

/**
 * Takes the tensors out of a tree.
 * @param tensors - filled in the order of their indices.
 * @throws WIRE_VALUE with the path of a value that has no wire form.
 */
export function lower(value: unknown, tensors: Tensor[], limits: FrameLimits): unknown {
  return lowerValue(value, '', 1, { tensors, limits, items: 1 });
}

function lowerValue(value: unknown, path: string, depth: number, state: Lowering): unknown {
  switch (typeof value) {
    case 'number':
    case 'boolean':
      return value;
    case 'string':
      return checkedString(value, path, state.limits);
    case 'undefined':
      return null;
    case 'object':
      return value === null ? null : lowerObject(value, path, depth, state);
    default:
      return refuse(path, `a ${typeof value}`);
  }
}

function lowerObject(value: object, path: string, depth: number, state: Lowering): unknown {
  if (depth > state.limits.maxDepth) refuse(path, `nested more than ${state.limits.maxDepth} deep`);
  if (value instanceof Tensor) return lowerTensor(value, state);
  if (ArrayBuffer.isView(value)) return lowerArray(value, path, state);
  if (Array.isArray(value)) return lowerList(value, path, depth, state);
  if (value instanceof GroundtwinError) return { [ERROR_KEY]: lowerRecord({ ...errorToWire(value) }, path, depth + 1, state) };
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse(path, `a ${value.constructor?.name ?? 'class instance'}`);
  return lowerRecord(value as Record<string, unknown>, path, depth, state);
}

function lowerList(list: readonly unknown[], path: string, depth: number, state: Lowering): unknown[] {
  countItems(list.length, path, state);
  return list.map((item, i) => (isScalar(item) ? item : lowerValue(item, `${path}[${i}]`, depth + 1, state)));
}

function lowerRecord(record: Record<string, unknown>, path: string, depth: number, state: Lowering): Record<string, unknown> {
  const lowered: Record<string, unknown> = {};
  const keys = Object.keys(record);
  countItems(2 * keys.length, path, state);
  for (const key of keys) {
    const item = record[key];
    if (item === undefined) continue;
    if (key.startsWith('$') || key === '__proto__') refuse(path === '' ? key : `${path}.${key}`, 'under a reserved key');
    checkedString(key, path, state.limits);
    lowered[key] = isScalar(item) ? item : lowerValue(item, path === '' ? key : `${path}.${key}`, depth + 1, state);
  }
  return lowered;
}

function isScalar(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean' || value === null;
}

function lowerArray(value: ArrayBufferView, path: string, state: Lowering): unknown {
  if (dtypeOf(value) === undefined) refuse(path, `a ${value.constructor.name}`);
  return lowerTensor(new Tensor(value as TypedArray, [(value as TypedArray).length]), state);
}

function lowerTensor(tensor: Tensor, state: Lowering): unknown {
  countItems(ITEMS_PER_TENSOR, 'the arrays', state);
  state.tensors.push(tensor);
  return { [TENSOR_KEY]: state.tensors.length - 1 };
}

function countItems(count: number, path: string, state: Lowering): void {
  state.items += count;
  if (state.items > state.limits.maxItems)
    refuse(path, `the one that makes the message hold more than ${state.limits.maxItems} values beside its arrays`);
}

function checkedString(value: string, path: string, limits: FrameLimits): string {
  if (value.length * UTF8_BYTES_PER_UNIT <= limits.maxStringBytes) return value;
  if (new TextEncoder().encode(value).length > limits.maxStringBytes) refuse(path, `a string of more than ${limits.maxStringBytes} bytes`);
  return value;
}

/**
 * Puts the tensors back, in place.
 * @throws BAD_MESSAGE when a reference names no tensor.
 */
export function raise(value: unknown, tensors: readonly Tensor[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return raiseList(value, tensors);
  const record = value as Record<string, unknown>;
  const index = record[TENSOR_KEY];
  if (index !== undefined) return referred(index, tensors);
  const error = record[ERROR_KEY];
  if (error !== undefined && isWireError(error)) return errorFromWire({ ...error, details: raise(error.details, tensors) });
  for (const key in record) {
    const item = record[key];
    if (typeof item === 'object' && item !== null) record[key] = raise(item, tensors);
  }
  return record;
}

function raiseList(list: unknown[], tensors: readonly Tensor[]): unknown[] {
  for (let i = 0; i < list.length; i++) {
    const item = list[i];
    if (typeof item === 'object' && item !== null) list[i] = raise(item, tensors);
  }
  return list;
}

function referred(index: unknown, tensors: readonly Tensor[]): Tensor {
  const tensor = typeof index === 'number' ? tensors[index] : undefined;
  if (tensor === undefined)
    throw new GroundtwinError('BAD_MESSAGE', { field: 'tensor reference', expected: "an index into the frame's tensors" });
  return tensor;
}

function refuse(path: string, what: string): never {
  throw new GroundtwinError('WIRE_VALUE', { path: path === '' ? 'the message' : path, what });
}
