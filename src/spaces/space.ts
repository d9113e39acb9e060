/**
 * Spaces as frozen data (Gymnasium's Box, Discrete, MultiDiscrete, Dict) and the arrays that hold a batch of their values.
 * A leaf's batch is one typed array `[lanes, ...shape]`, row-major; a Dict's batch is a record of such arrays.
 */
import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';

export type BoxDtype = 'float32' | 'float64' | 'uint8';
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;
/** A batch (or one row) of values of a space. */
export type Values = TypedArray | { readonly [key: string]: Values };

export interface Box {
  readonly kind: 'box';
  readonly dtype: BoxDtype;
  readonly shape: readonly number[];
  /** Flattened bounds, one per element; ±Infinity where unbounded. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Names of the elements, if the space has them. */
  readonly names?: readonly string[];
}
export interface Discrete {
  readonly kind: 'discrete';
  readonly n: number;
}
export interface MultiDiscrete {
  readonly kind: 'multiDiscrete';
  readonly nvec: readonly number[];
}
export interface Dict {
  readonly kind: 'dict';
  readonly spaces: Readonly<Record<string, Space>>;
}
export type Leaf = Box | Discrete | MultiDiscrete;
export type Space = Leaf | Dict;

/**
 * A box of floats or bytes.
 * @param bounds - `low`/`high`: one number for all elements or one each; `shape` defaults to the bounds' length.
 * @throws SPACE_INVALID when lengths disagree or a low is above its high.
 */
export function box(bounds: {
  low: number | readonly number[];
  high: number | readonly number[];
  shape?: readonly number[];
  dtype?: BoxDtype;
  names?: readonly string[];
}): Box {
  const listed = typeof bounds.low !== 'number' ? bounds.low : typeof bounds.high !== 'number' ? bounds.high : undefined;
  const shape = bounds.shape ?? [listed?.length ?? 1];
  const size = shape.reduce((product, length) => product * length, 1);
  const low = spread(bounds.low, size);
  const high = spread(bounds.high, size);
  if (low.length !== size || high.length !== size)
    refuse('box', `bounds of ${low.length} and ${high.length} elements for shape [${shape}]`);
  if (bounds.names && bounds.names.length !== size) refuse('box', `${bounds.names.length} names for ${size} elements`);
  low.forEach((value, i) => {
    if (!(value <= high[i]!)) refuse('box', `low ${value} is not at most high ${high[i]} at element ${i}`);
  });
  const named = bounds.names ? { names: Object.freeze([...bounds.names]) } : {};
  return Object.freeze({
    kind: 'box',
    dtype: bounds.dtype ?? 'float32',
    shape: Object.freeze([...shape]),
    low: Object.freeze(low),
    high: Object.freeze(high),
    ...named,
  });
}

/** Values are kept as int32. */
const maxChoices = 2 ** 31;

function isChoice(n: number): boolean {
  return Number.isInteger(n) && n >= 1 && n <= maxChoices;
}

/** A box of named numbers without bounds. */
export function unbounded(names: readonly string[]): Box {
  const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return box({ low: names.map(() => low), high: names.map(() => high), names });
}

/** A box of named numbers in [−1, 1]. */
export function unitBox(names: readonly string[]): Box {
  return box({ low: names.map(() => -1), high: names.map(() => 1), names });
}

/** Integers 0 … n−1. @throws SPACE_INVALID */
export function discrete(n: number): Discrete {
  if (!isChoice(n)) refuse('discrete', `n is ${n}; it must be an integer from 1 to ${maxChoices}`);
  return Object.freeze({ kind: 'discrete', n });
}

/** A vector of integers, element i in 0 … nvec[i]−1. */
export function multiDiscrete(nvec: readonly number[]): MultiDiscrete {
  if (nvec.length === 0 || !nvec.every(isChoice))
    refuse('multiDiscrete', `nvec is [${nvec}]; each must be an integer from 1 to ${maxChoices}`);
  return Object.freeze({ kind: 'multiDiscrete', nvec: Object.freeze([...nvec]) });
}

/** Named parts. */
export function dict(spaces: Readonly<Record<string, Space>>): Dict {
  return Object.freeze({ kind: 'dict', spaces: Object.freeze({ ...spaces }) });
}

/** Elements of one value of a leaf. */
export function sizeOf(space: Leaf): number {
  switch (space.kind) {
    case 'box':
      return space.low.length;
    case 'discrete':
      return 1;
    case 'multiDiscrete':
      return space.nvec.length;
  }
}

/** Elements of one value, over all parts. */
export function flatSizeOf(space: Space): number {
  if (space.kind !== 'dict') return sizeOf(space);
  return Object.values(space.spaces).reduce((sum, part) => sum + flatSizeOf(part), 0);
}

/** A zeroed batch of `lanes` values. */
export function allocate(space: Space, lanes: number): Values {
  if (space.kind === 'dict') return Object.fromEntries(Object.entries(space.spaces).map(([key, part]) => [key, allocate(part, lanes)]));
  const length = lanes * sizeOf(space);
  if (space.kind !== 'box') return new Int32Array(length);
  switch (space.dtype) {
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'uint8':
      return new Uint8Array(length);
  }
}

/** A view (no copy) of one lane's value in a batch. */
export function rowOf(space: Space, values: Values, lane: number): Values {
  if (space.kind === 'dict')
    return Object.fromEntries(
      Object.entries(space.spaces).map(([key, part]) => [key, rowOf(part, (values as Record<string, Values>)[key]!, lane)]),
    );
  const size = sizeOf(space);
  return (values as TypedArray).subarray(lane * size, (lane + 1) * size);
}

/** Copies a batch, or part of it, into another of the same space. */
export function copyValues(from: Values, into: Values): void {
  if (ArrayBuffer.isView(from)) (into as TypedArray).set(from as TypedArray);
  else for (const key of Object.keys(from)) copyValues(from[key]!, (into as Record<string, Values>)[key]!);
}

/** A copy that shares no memory. */
export function cloneValues<V extends Values>(values: V): V {
  if (ArrayBuffer.isView(values)) return (values as TypedArray).slice() as V;
  return Object.fromEntries(
    Object.entries(values as Record<string, Values>).map(([key, part]) => [key, cloneValues(part)]),
  ) as unknown as V;
}

/** Writes a batch's or row's elements one after another; parts of a Dict in their order. @returns where it stopped. */
export function flattenInto(values: Values, out: Float64Array, at = 0): number {
  if (!ArrayBuffer.isView(values)) return Object.values(values).reduce<number>((offset, part) => flattenInto(part, out, offset), at);
  out.set(values as TypedArray, at);
  return at + (values as TypedArray).length;
}

/** The inverse of `flattenInto`. */
export function unflattenInto(flat: Float64Array, values: Values, at = 0): number {
  if (!ArrayBuffer.isView(values)) return Object.values(values).reduce<number>((offset, part) => unflattenInto(flat, part, offset), at);
  const { length } = values as TypedArray;
  (values as TypedArray).set(flat.subarray(at, at + length));
  return at + length;
}

/** The arrays that hold a batch or row, parts of a Dict in their order. */
export function arraysOf(values: Values): TypedArray[] {
  return ArrayBuffer.isView(values) ? [values as TypedArray] : Object.values(values as Record<string, Values>).flatMap(arraysOf);
}

/** Whether a row is a member: right length, finite where floats, inside the bounds. */
export function contains(space: Space, row: Values): boolean {
  if (space.kind === 'dict') {
    if (ArrayBuffer.isView(row) || row === null || typeof row !== 'object') return false;
    const parts = row as Record<string, Values>;
    const keys = Object.keys(space.spaces);
    return Object.keys(parts).length === keys.length && keys.every((key) => key in parts && contains(space.spaces[key]!, parts[key]!));
  }
  const values = row as ArrayLike<number>;
  if (typeof values?.length !== 'number' || values.length !== sizeOf(space)) return false;
  for (let i = 0; i < values.length; i++) if (!elementInside(space, values[i]!, i)) return false;
  return true;
}

function elementInside(space: Leaf, value: number, i: number): boolean {
  switch (space.kind) {
    case 'box':
      if (!Number.isFinite(value)) return false;
      // Bounds are compared at the space's own precision, or a float32 copy of its limit would fall outside.
      return space.dtype === 'float32'
        ? value >= Math.fround(space.low[i]!) && value <= Math.fround(space.high[i]!)
        : value >= space.low[i]! && value <= space.high[i]!;
    case 'discrete':
      return Number.isInteger(value) && value >= 0 && value < space.n;
    case 'multiDiscrete':
      return Number.isInteger(value) && value >= 0 && value < space.nvec[i]!;
  }
}

/** Fills one row with a random member: uniform where bounded, normal or exponential where not (as Gymnasium does). */
export function sampleInto(space: Space, rng: Rng, row: Values): void {
  if (space.kind === 'dict') {
    for (const key of Object.keys(space.spaces)) sampleInto(space.spaces[key]!, rng, (row as Record<string, Values>)[key]!);
    return;
  }
  const values = row as TypedArray;
  for (let i = 0; i < values.length; i++) {
    if (space.kind === 'discrete') values[i] = rng.integer(space.n);
    else if (space.kind === 'multiDiscrete') values[i] = rng.integer(space.nvec[i]!);
    else values[i] = sampleElement(space, i, rng);
  }
}

function sampleElement(space: Box, i: number, rng: Rng): number {
  const low = space.low[i]!;
  const high = space.high[i]!;
  if (space.dtype === 'uint8') return low + rng.integer(high - low + 1);
  const bounded = [Number.isFinite(low), Number.isFinite(high)];
  if (bounded[0] && bounded[1]) return Number.isFinite(high - low) ? rng.uniform(low, high) : uniformOverflowing(low, high, rng);
  if (bounded[0]) return low - Math.log(1 - rng.uniform());
  if (bounded[1]) return high + Math.log(1 - rng.uniform());
  return rng.normal();
}

/** Where high − low is more than a float64 holds. */
function uniformOverflowing(low: number, high: number, rng: Rng): number {
  const share = rng.uniform();
  return low * (1 - share) + high * share;
}

/** A fresh random batch. */
export function sample(space: Space, rng: Rng, lanes = 1): Values {
  const batch = allocate(space, lanes);
  for (let lane = 0; lane < lanes; lane++) sampleInto(space, rng, rowOf(space, batch, lane));
  return batch;
}

/** For messages: `Box([3], float32)`, `Discrete(2)`, … */
export function describeSpace(space: Space): string {
  switch (space.kind) {
    case 'box':
      return `Box([${space.shape}], ${space.dtype})`;
    case 'discrete':
      return `Discrete(${space.n})`;
    case 'multiDiscrete':
      return `MultiDiscrete([${space.nvec}])`;
    case 'dict':
      return `Dict(${Object.entries(space.spaces)
        .map(([key, part]) => `${key}: ${describeSpace(part)}`)
        .join(', ')})`;
  }
}

function spread(value: number | readonly number[], size: number): number[] {
  return typeof value === 'number' ? new Array<number>(size).fill(value) : [...value];
}

function refuse(space: string, problem: string): never {
  throw new GroundtwinError('SPACE_INVALID', { space, problem });
}
