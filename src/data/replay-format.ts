/**
 * What a replay file holds, and its bytes: magic, length and JSON of the head, link 0 of the chain, then records
 * (kind, length, check of the two, body, link). A link is sha256 over the link before it and the whole record, cut to 16 bytes,
 * so that any prefix of whole records proves itself, and no record can be changed, left out or moved alone.
 *
 * Rewards and flags are kept as they are. An observation is kept as it is where that is small, which costs hardly more than a digest
 * and lets a divergence be named down to its element and both values; a large one (an image) is kept as a 16-byte digest a lane.
 * Integers and floats are little-endian.
 */
import type { BackendKind } from '../core/backend.ts';
import type { Ranges } from '../core/range.ts';
import type { EngineName } from '../core/scene-spec.ts';
import { bytesOf } from '../core/sections.ts';
import type { AutoresetMode } from '../core/vector-env.ts';
import { sha256Bytes } from '../math/hash.ts';
import { allocate, rowOf, type Space, sizeOf, type TypedArray, type Values } from '../spaces/space.ts';

export const replayMagic = new TextEncoder().encode('GTREPLAY01');
export const replayFormat = 'groundtwin-replay.v1';
/** A file is read as one piece of memory; 100 bytes a step make this ten million steps. */
export const maxReplayBytes = 2 ** 30;
export const maxReplayHeadBytes = 2 ** 20;
export const maxReplayEvents = 2 ** 24;
export const maxReplayLanes = 65536;
export const maxReplayParamsBytes = 2 ** 16;
export const linkBytes = 16;
/** Kind (1), length of the body (4), first bytes of a hash over both and the link before (4): a damaged length is not taken for a cut. */
export const recordHeadBytes = 9;
export const recordKinds = { reset: 1, step: 2, restore: 3, end: 4 } as const;

/** How observations are kept: whole, or as a digest a lane. */
export type Outcomes = 'values' | 'digests';

export interface ReplayHead {
  readonly env: string;
  readonly kind: BackendKind;
  /** Physics engine, where one was named. */
  readonly engine?: EngineName;
  /** Of the backend that was recorded, where it was known. */
  readonly fingerprint?: string;
  readonly lanes: number;
  readonly agents: number;
  readonly controlDt_s: number;
  readonly autoreset: AutoresetMode;
  /** Absent: the task's horizon; null: no time limit. */
  readonly maxEpisodeSteps?: number | null;
  /** What episodes draw from their seeds. */
  readonly randomize?: Ranges;
  /** Physical parameters in the state; `observeCondition`: and in the observation. */
  readonly condition?: readonly string[];
  readonly observeCondition?: boolean;
  /** Names, innermost first, the time limit and what `randomize` adds left out. */
  readonly wrappers: readonly string[];
  /** Of the package that recorded. */
  readonly version: string;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly outcomes: Outcomes;
}

interface Observed {
  /** The batch's bytes (`restore`: one lane's), or a 16-byte digest a lane. */
  readonly observed: Uint8Array;
}
export interface ReplayReset extends Observed {
  readonly op: 'reset';
  /** `[lanes]` */
  readonly mask: Uint8Array;
  /** `[lanes]`, -1 where the lane went on from where it was. */
  readonly seeds: Float64Array;
  readonly params?: Readonly<Record<string, number>>;
}
export interface ReplayStep extends Observed {
  readonly op: 'step';
  readonly actions: Values;
  /** `[lanes, agents]` */
  readonly reward: Float64Array;
  /** `[lanes]` */
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
}
export interface ReplayRestore extends Observed {
  readonly op: 'restore';
  readonly lane: number;
  readonly snapshot: Uint8Array;
}
/** One call that changed the env, and what came of it. */
export type ReplayEvent = ReplayReset | ReplayStep | ReplayRestore;

/** Bytes of one lane's value. */
export function bytesPerLane(space: Space): number {
  if (space.kind === 'dict') return Object.values(space.spaces).reduce((sum, part) => sum + bytesPerLane(part), 0);
  const width = space.kind !== 'box' || space.dtype === 'float32' ? 4 : space.dtype === 'float64' ? 8 : 1;
  return sizeOf(space) * width;
}

/** Of an observation as it is kept. */
export function keptBytes(head: Pick<ReplayHead, 'observationSpace' | 'outcomes'>, lanes: number): number {
  return lanes * (head.outcomes === 'values' ? bytesPerLane(head.observationSpace) : linkBytes);
}

/** @param observation - of that many lanes, in arrays that fit the space. */
export function keep(head: Pick<ReplayHead, 'observationSpace' | 'outcomes'>, observation: Values, lanes: number): Uint8Array {
  if (head.outcomes === 'values') return join(leavesOf(observation).map(bytesOf));
  const rows = Array.from({ length: lanes }, (_, lane) => leavesOf(rowOf(head.observationSpace, observation, lane)).map(bytesOf));
  return join(rows.map((row) => sha256Bytes(row, linkBytes)));
}

/** A batch of which `keep` made these bytes. */
export function batchFrom(space: Space, bytes: Uint8Array, lanes: number): Values {
  const batch = allocate(space, lanes);
  let offset = 0;
  for (const leaf of leavesOf(batch)) {
    bytesOf(leaf).set(bytes.subarray(offset, offset + leaf.byteLength));
    offset += leaf.byteLength;
  }
  return batch;
}

export function leavesOf(values: Values): TypedArray[] {
  return ArrayBuffer.isView(values) ? [values as TypedArray] : Object.values(values as Record<string, Values>).flatMap(leavesOf);
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

export function bytesOfEvent(event: ReplayEvent): Uint8Array {
  switch (event.op) {
    case 'reset': {
      const params = new TextEncoder().encode(event.params ? JSON.stringify(event.params) : '');
      return join([event.mask, bytesOf(event.seeds), uint32(params.byteLength), params, event.observed]);
    }
    case 'step': {
      const actions = leavesOf(event.actions).map(bytesOf);
      return join([...actions, bytesOf(event.reward), event.terminated, event.truncated, event.observed]);
    }
    case 'restore':
      return join([uint32(event.lane), event.snapshot, event.observed]);
  }
}

/** @returns the event, or what is wrong with the body. */
export function eventFrom(head: ReplayHead, kind: number, body: Uint8Array): ReplayEvent | string {
  switch (kind) {
    case recordKinds.reset:
      return resetFrom(head, body);
    case recordKinds.step:
      return stepFrom(head, body);
    case recordKinds.restore:
      return restoreFrom(head, body);
    default:
      return `records of kind ${kind} are not known`;
  }
}

function resetFrom(head: ReplayHead, body: Uint8Array): ReplayEvent | string {
  const { lanes } = head;
  const fixed = lanes * 9 + 4;
  if (body.byteLength < fixed) return 'a reset is too short';
  const paramsBytes = uint32At(body, lanes * 9);
  if (paramsBytes > maxReplayParamsBytes || body.byteLength !== fixed + paramsBytes + keptBytes(head, lanes))
    return 'a reset has the wrong length';
  const mask = body.slice(0, lanes);
  const seeds = floatsFrom(body, lanes, lanes);
  if (!mask.every((one) => one <= 1) || !seeds.every((seed) => seed === -1 || (Number.isSafeInteger(seed) && seed >= 0)))
    return 'a reset has seeds or a mask that no env takes';
  const params = paramsFrom(body.subarray(fixed, fixed + paramsBytes));
  if (params === null) return 'parameters of a reset are not readable';
  return { op: 'reset', mask, seeds, ...(params ? { params } : {}), observed: body.subarray(fixed + paramsBytes) };
}

function stepFrom(head: ReplayHead, body: Uint8Array): ReplayEvent | string {
  const { lanes, agents } = head;
  const actionBytes = lanes * bytesPerLane(head.actionSpace);
  const flags = actionBytes + lanes * agents * 8;
  if (body.byteLength !== flags + 2 * lanes + keptBytes(head, lanes)) return 'a step has the wrong length';
  return {
    op: 'step',
    actions: batchFrom(head.actionSpace, body.subarray(0, actionBytes), lanes),
    reward: floatsFrom(body, actionBytes, lanes * agents),
    terminated: body.subarray(flags, flags + lanes),
    truncated: body.subarray(flags + lanes, flags + 2 * lanes),
    observed: body.subarray(flags + 2 * lanes),
  };
}

function restoreFrom(head: ReplayHead, body: Uint8Array): ReplayEvent | string {
  const end = body.byteLength - keptBytes(head, 1);
  if (end < 4) return 'a restore is too short';
  const lane = uint32At(body, 0);
  if (lane >= head.lanes) return `a restore names lane ${lane} of ${head.lanes}`;
  return { op: 'restore', lane, snapshot: body.subarray(4, end), observed: body.subarray(end) };
}

/** Undefined for none, null for what is not a record of finite numbers. */
function paramsFrom(bytes: Uint8Array): Record<string, number> | undefined | null {
  if (bytes.byteLength === 0) return undefined;
  try {
    const params: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isParams(params) ? params : null;
  } catch {
    return null;
  }
}

export function isParams(params: unknown): params is Record<string, number> {
  return typeof params === 'object' && params !== null && !Array.isArray(params) && Object.values(params).every(Number.isFinite);
}

/** Copied, for a record begins at any offset. */
function floatsFrom(bytes: Uint8Array, offset: number, count: number): Float64Array {
  return new Float64Array(Uint8Array.from(bytes.subarray(offset, offset + count * 8)).buffer);
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function uint32At(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

/** What stands before the body of a record. */
export function recordHead(kind: number, length: number, link: Uint8Array): Uint8Array {
  const named = join([Uint8Array.of(kind), uint32(length)]);
  return join([named, sha256Bytes([link, named], 4)]);
}
