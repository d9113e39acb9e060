import { readFileSync, statSync } from 'node:fs';
import type { Ranges } from '../core/range.ts';
import { engineNames } from '../core/scene-spec.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { sha256Bytes } from '../math/hash.ts';
import { type Check, fields, flag, integer, list, number, oneOf, optional, record, text } from '../wire/checks.ts';
import { spaceFromJson } from '../wire/space-json.ts';
import {
  eventFrom,
  linkBytes,
  maxReplayBytes,
  maxReplayEvents,
  maxReplayHeadBytes,
  maxReplayLanes,
  type ReplayEvent,
  type ReplayHead,
  recordHead,
  recordHeadBytes,
  recordKinds,
  replayFormat,
  replayMagic,
  uint32At,
} from './replay-format.ts';

/** A replay whose chain was followed to its end. */
export interface Replay {
  /** Path, or 'the replay' for bytes. */
  readonly name: string;
  readonly head: ReplayHead;
  /** False when the file ends without its final record: what recorded it was stopped. Everything before is whole. */
  readonly complete: boolean;
  readonly events: number;
  readonly steps: number;
  readonly bytes: number;
  /** The last link of the chain, as hex: equal only for equal recordings. */
  readonly chain: string;
  /** The events in order; arrays may be views into the file. */
  read(): Generator<ReplayEvent>;
}

const maxEpisodeSteps: Check<number | null | undefined> = (value, field) =>
  value === undefined || value === null ? value : integer(1, Number.MAX_SAFE_INTEGER)(value, field);

const rangeCheck = fields({ low: number, high: number, scale: optional(oneOf('linear', 'log')) }, 'strict');
const ranges: Check<Ranges> = (value, field) =>
  Object.fromEntries(Object.entries(record(value, field)).map(([name, range]) => [name, rangeCheck(range, field)]));

const names: Check<string[]> = (value, field) => list(value, field).map((name) => text(name, field));

const headCheck = fields(
  {
    format: oneOf(replayFormat),
    env: text,
    kind: oneOf('truth', 'model', 'twin', 'remote'),
    engine: optional(oneOf(...engineNames)),
    fingerprint: optional(text),
    lanes: integer(1, maxReplayLanes),
    agents: integer(1, maxReplayLanes),
    controlDt_s: number,
    autoreset: oneOf('nextStep', 'sameStep', 'disabled'),
    maxEpisodeSteps,
    randomize: optional(ranges),
    condition: optional(names),
    observeCondition: optional(flag),
    wrappers: names,
    version: text,
    observationSpace: (value, field) => spaceFromJson(value, field),
    actionSpace: (value, field) => spaceFromJson(value, field),
    outcomes: oneOf('values', 'digests'),
  },
  'strict',
);

/**
 * Reads a replay and follows its hash chain from end to end. The file may come from anywhere: every length is held against what is there before it is used.
 * @throws REPLAY_INVALID when it is no replay, too large, or a byte of it was changed. A file cut short is read up to its last whole record (`complete: false`).
 */
export function readReplay(source: string | Uint8Array): Replay {
  const name = typeof source === 'string' ? source : 'the replay';
  const refuse = (problem: string): never => {
    throw new GroundtwinError('REPLAY_INVALID', { replay: name, problem });
  };
  const bytes = typeof source === 'string' ? load(source, refuse) : source;
  if (bytes.byteLength > maxReplayBytes) refuse(`${bytes.byteLength} bytes, over the limit of ${maxReplayBytes}`);
  const { head, start, link } = readHead(bytes, refuse);
  const walk = () => records(bytes, start, link, head, refuse);
  let [events, steps, complete, last] = [0, 0, false, link];
  for (const record of walk()) {
    last = record.link;
    if (record.end) {
      if (record.end.events !== events || record.end.steps !== steps) refuse('its final record counts other events than it holds');
      complete = true;
      break;
    }
    if (++events > maxReplayEvents) refuse(`it holds more than ${maxReplayEvents} events`);
    if (record.event.op === 'step') steps++;
  }
  function* read(): Generator<ReplayEvent> {
    for (const record of walk()) if (!record.end) yield record.event;
  }
  return { name, head, complete, events, steps, bytes: bytes.byteLength, chain: hexOf(last), read };
}

type Refuse = (problem: string) => never;

function load(path: string, refuse: Refuse): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size > maxReplayBytes) return refuse(`${size} bytes, over the limit of ${maxReplayBytes}`);
    return readFileSync(path);
  } catch (error) {
    if (isGroundtwinError(error)) throw error;
    return refuse('it cannot be read');
  }
}

function readHead(bytes: Uint8Array, refuse: Refuse): { head: ReplayHead; start: number; link: Uint8Array } {
  const jsonAt = replayMagic.length + 4;
  if (bytes.byteLength < jsonAt || !replayMagic.every((byte, i) => bytes[i] === byte)) refuse('it does not begin with GTREPLAY01');
  const length = uint32At(bytes, replayMagic.length);
  const start = jsonAt + length + linkBytes;
  if (length > maxReplayHeadBytes) refuse(`its head takes ${length} bytes, over ${maxReplayHeadBytes}`);
  if (start > bytes.byteLength) refuse('it ends within its head');
  const link = sha256Bytes([bytes.subarray(0, jsonAt + length)], linkBytes);
  if (!same(link, bytes.subarray(start - linkBytes, start))) refuse('its head was changed');
  return { head: headFrom(bytes.subarray(jsonAt, jsonAt + length), refuse), start, link };
}

function headFrom(json: Uint8Array, refuse: Refuse): ReplayHead {
  try {
    const { format: _, ...head } = headCheck(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)), 'head');
    return head;
  } catch (error) {
    if (isGroundtwinError(error, 'BAD_MESSAGE')) return refuse(`${error.details.field} must be ${error.details.expected}`);
    return refuse('its head is not readable');
  }
}

type Found = { readonly link: Uint8Array } & (
  | { readonly end?: undefined; readonly event: ReplayEvent }
  | { readonly end: { readonly events: number; readonly steps: number } }
);

/** Whole records up to the final one or to where the file was cut. */
function* records(bytes: Uint8Array, start: number, first: Uint8Array, head: ReplayHead, refuse: Refuse): Generator<Found> {
  let link = first;
  let at = start;
  for (let event = 0; at + recordHeadBytes <= bytes.byteLength; event++) {
    const kind = bytes[at]!;
    const length = uint32At(bytes, at + 1);
    if (!same(recordHead(kind, length, link), bytes.subarray(at, at + recordHeadBytes))) refuse(`event ${event} was changed`);
    const end = at + recordHeadBytes + length;
    if (end + linkBytes > bytes.byteLength) return;
    link = sha256Bytes([link, bytes.subarray(at, end)], linkBytes);
    if (!same(link, bytes.subarray(end, end + linkBytes))) refuse(`event ${event} was changed`);
    const body = bytes.subarray(at + recordHeadBytes, end);
    at = end + linkBytes;
    if (kind === recordKinds.end) {
      if (body.byteLength !== 8 || at !== bytes.byteLength) refuse('something follows its final record');
      yield { link, end: { events: uint32At(body, 0), steps: uint32At(body, 4) } };
      return;
    }
    const read = eventFrom(head, kind, body);
    yield typeof read === 'string' ? refuse(`event ${event}: ${read}`) : { link, event: read };
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
