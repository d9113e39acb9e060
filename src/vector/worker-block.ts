/**
 * What a worker and its parent exchange at every step: one buffer, laid out alike on both sides from the worker's own description.
 * Inputs of a step, inputs of a reset, and outputs are each one contiguous range, so that a pipe carries only what changed.
 */
import type { Backend, BackendKind, InfoColumns } from '../core/backend.ts';
import { flatSizeOf, type Space, type TypedArray, type Values } from '../spaces/space.ts';

const elementTypes = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array } as const;
type Dtype = keyof typeof elementTypes;

/** One numeric info column, by its keys from outside in. */
interface InfoField {
  readonly path: readonly string[];
  readonly dtype: Dtype;
  readonly elementsPerLane: number;
}

/** What a worker says of the backend it built. Plain data. */
export interface BackendDescription {
  readonly id: string;
  readonly kind: BackendKind;
  readonly lanes: number;
  readonly agents: number;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s: number;
  readonly canBranch: boolean;
  readonly fingerprint: string;
  readonly info: readonly InfoField[];
}

export interface Outputs {
  readonly observation: Values;
  readonly reward: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly info: InfoColumns;
}

export interface Block {
  readonly buffer: ArrayBufferLike;
  readonly actions: Values;
  readonly active: Uint8Array;
  readonly mask: Uint8Array;
  readonly seeds: Float64Array;
  readonly outputs: Outputs;
  /** Bytes of `actions` and `active`; of `mask` and `seeds`; of `outputs`. */
  readonly stepBytes: Uint8Array;
  readonly resetBytes: Uint8Array;
  readonly outputBytes: Uint8Array;
}

export function describeBackend(backend: Backend): BackendDescription {
  const { id, kind, lanes, agents, observationSpace, actionSpace, controlDt_s, canBranch, fingerprint } = backend;
  const info = fieldsOf(backend.batch.info, lanes);
  return { id, kind, lanes, agents, observationSpace, actionSpace, controlDt_s, canBranch, fingerprint, info };
}

/** Columns that are not typed arrays stay behind: only wrappers make such, and they are in the parent. */
function fieldsOf(columns: InfoColumns, lanes: number, above: readonly string[] = []): InfoField[] {
  return Object.entries(columns).flatMap(([key, column]) => {
    const path = [...above, key];
    if (Array.isArray(column)) return [];
    if (!ArrayBuffer.isView(column)) return fieldsOf(column as InfoColumns, lanes, path);
    const dtype = (Object.keys(elementTypes) as Dtype[]).find((name) => column instanceof elementTypes[name])!;
    return [{ path, dtype, elementsPerLane: (column as TypedArray).length / lanes }];
  });
}

/** Every array starts at a multiple of 8 bytes. */
const alignment = 8;

/**
 * @param allocate - gives the buffer: shared between threads, or private.
 * @returns views; both sides get the same layout from the same description.
 */
export function layOutBlock(description: BackendDescription, allocate: (bytes: number) => ArrayBufferLike): Block {
  const measured = place(description, (dtype, length) => new elementTypes[dtype](length));
  const buffer = allocate(measured.bytes);
  let offset = 0;
  const { parts, ends } = place(description, (dtype, length) => {
    const view = new elementTypes[dtype](buffer as ArrayBuffer, offset, length);
    offset = aligned(offset + view.byteLength);
    return view;
  });
  const range = (start: number, end: number) => new Uint8Array(buffer as ArrayBuffer, start, end - start);
  return {
    buffer,
    ...parts,
    stepBytes: range(0, ends.step),
    resetBytes: range(ends.step, ends.reset),
    outputBytes: range(ends.reset, measured.bytes),
  };
}

type Place = (dtype: Dtype, length: number) => TypedArray;

/** Names the order of the arrays, the one place that does. */
function place(description: BackendDescription, placeOne: Place) {
  const { lanes, actionSpace } = description;
  let bytes = 0;
  const counted: Place = (dtype, length) => {
    const view = placeOne(dtype, length);
    bytes = aligned(bytes + view.byteLength);
    return view;
  };
  const actions = placeValues(actionSpace, lanes, counted);
  const active = counted('uint8', lanes) as Uint8Array;
  const step = bytes;
  const mask = counted('uint8', lanes) as Uint8Array;
  const seeds = counted('float64', lanes) as Float64Array;
  const reset = bytes;
  const outputs = placeOutputs(description, counted);
  return { parts: { actions, active, mask, seeds, outputs }, ends: { step, reset }, bytes };
}

function placeOutputs({ lanes, agents, observationSpace, info }: BackendDescription, placeOne: Place): Outputs {
  return {
    observation: placeValues(observationSpace, lanes, placeOne),
    reward: placeOne('float64', lanes * agents) as Float64Array,
    terminated: placeOne('uint8', lanes) as Uint8Array,
    truncated: placeOne('uint8', lanes) as Uint8Array,
    info: placeInfo(info, lanes, placeOne),
  };
}

/** Outputs in arrays of their own. */
export function allocateOutputs(description: BackendDescription): Outputs {
  return placeOutputs(description, (dtype, length) => new elementTypes[dtype](length));
}

function placeValues(space: Space, lanes: number, placeOne: Place): Values {
  if (space.kind === 'dict')
    return Object.fromEntries(Object.entries(space.spaces).map(([key, part]) => [key, placeValues(part, lanes, placeOne)]));
  return placeOne(space.kind === 'box' ? space.dtype : 'int32', lanes * flatSizeOf(space));
}

function placeInfo(fields: readonly InfoField[], lanes: number, placeOne: Place): InfoColumns {
  const columns: Record<string, InfoColumns[string]> = {};
  for (const { path, dtype, elementsPerLane } of fields) {
    let parent = columns;
    for (const key of path.slice(0, -1)) {
      parent[key] ??= {};
      parent = parent[key] as Record<string, InfoColumns[string]>;
    }
    parent[path[path.length - 1]!] = placeOne(dtype, elementsPerLane * lanes);
  }
  return columns;
}

function aligned(offset: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

/** Every array of the outputs in one fixed order; those of two sides with the same description pair up. */
export function leavesOf(outputs: Outputs): TypedArray[] {
  const { observation, reward, terminated, truncated, info } = outputs;
  return [...valuesLeaves(observation), reward, terminated, truncated, ...infoLeaves(info)];
}

export function valuesLeaves(values: Values): TypedArray[] {
  return ArrayBuffer.isView(values) ? [values as TypedArray] : Object.values(values as Record<string, Values>).flatMap(valuesLeaves);
}

function infoLeaves(columns: InfoColumns): TypedArray[] {
  return Object.values(columns).flatMap((column) => {
    if (Array.isArray(column)) return [];
    return ArrayBuffer.isView(column) ? [column as unknown as TypedArray] : infoLeaves(column as InfoColumns);
  });
}
