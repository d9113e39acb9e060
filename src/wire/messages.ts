/**
 * Every message of groundtwin.v1, one row each: what a request holds besides `op` and `seq`, and what its reply holds under `ok`.
 * A request is `{ op, seq, …fields }`; a reply `{ seq, ok: … }` or `{ seq, error: { code, message, details?, retryable } }`; seq is null when a request's could not be read.
 */
import { GroundtwinError } from '../errors.ts';
import {
  bytes,
  type Checked,
  fields,
  flag,
  floats,
  integer,
  list,
  number,
  numbers,
  oneOf,
  optional,
  record,
  tensorTree,
  text,
  wireError,
} from './checks.ts';
import type { WireError } from './error-form.ts';
import { KIBIBYTE } from './limits.ts';

/** Name of the protocol, and its WebSocket subprotocol. */
export const PROTOCOL = 'groundtwin.v1';
/** Browsers cannot set headers: they offer the token as a second subprotocol with this prefix. */
export const TOKEN_SUBPROTOCOL_PREFIX = 'groundtwin.token.';

export const MAX_SEQ = Number.MAX_SAFE_INTEGER;
/** Seq of `hello`, which opens a connection and is not part of the session's order. */
export const HELLO_SEQ = 0;
const MAX_LANES = 1_000_000;
const MAX_COUNT = 2 ** 31 - 1;
/** A client must take replies of this size, or it could not even be told of errors. */
const MIN_REPLY_BYTES = 64 * KIBIBYTE;

const env = integer(1, MAX_COUNT);
const lane = optional(integer(0, MAX_LANES - 1));
const autoreset = oneOf('nextStep', 'sameStep', 'disabled');

/** Bounds the server tells the client, so that it can fail early with a better message. */
export const sessionLimits = fields(
  { maxFrameBytes: number, maxPendingRequests: number, maxEnvs: number, maxLanes: number, keptReplies: number },
  'lenient',
);
export type SessionLimits = Checked<typeof sessionLimits>;

const messages = {
  /** Opens a connection: a new session, or one resumed after a dropped socket. */
  hello: {
    request: fields(
      {
        protocol: text,
        session: optional(text),
        resumeToken: optional(text),
        maxFrameBytes: optional(integer(MIN_REPLY_BYTES, MAX_COUNT)),
      },
      'strict',
    ),
    reply: fields(
      {
        protocol: text,
        serverVersion: text,
        capabilities: list,
        sessionId: text,
        resumeToken: text,
        resumed: flag,
        lastSeq: integer(0, MAX_SEQ),
        resumeWindow_s: number,
        limits: sessionLimits,
      },
      'lenient',
    ),
  },
  /** What can be made here. */
  list: { request: fields({}, 'strict'), reply: fields({ envs: list }, 'lenient') },
  /** `options` go to the registry as they are: backend, model and the like. */
  make: {
    request: fields({ id: text, lanes: integer(1, MAX_LANES), autoreset: optional(autoreset), options: optional(record) }, 'strict'),
    reply: fields(
      {
        env,
        id: text,
        kind: oneOf('truth', 'model', 'twin', 'remote'),
        lanes: integer(1, MAX_LANES),
        agents: integer(1, MAX_COUNT),
        autoreset,
        controlDt_s: number,
        observationSpace: record,
        actionSpace: record,
      },
      'lenient',
    ),
  },
  /** `seeds`: float64 `[lanes]`, NaN = go on from where the lane is; `seed`: lane i gets seed + i. `mask`: uint8 `[lanes]`. */
  reset: {
    request: fields(
      { env, seed: optional(integer(0, 2 ** 32 - 1)), seeds: optional(floats), mask: optional(bytes), params: optional(numbers) },
      'strict',
    ),
    reply: fields({ observation: tensorTree, info: record }, 'lenient'),
  },
  /** `action`: `[lanes, ...]` in the action space, dtype and shape exactly those agreed at make. */
  step: {
    request: fields({ env, action: tensorTree }, 'strict'),
    reply: fields({ observation: tensorTree, reward: floats, terminated: bytes, truncated: bytes, info: record }, 'lenient'),
  },
  snapshot: { request: fields({ env, lane }, 'strict'), reply: fields({ snapshot: bytes }, 'lenient') },
  restore: { request: fields({ env, lane, snapshot: bytes }, 'strict'), reply: fields({ observation: tensorTree }, 'lenient') },
  close: { request: fields({ env }, 'strict'), reply: fields({}, 'lenient') },
  /** Heartbeat at message level. */
  ping: { request: fields({}, 'strict'), reply: fields({}, 'lenient') },
} as const;

export type Op = keyof typeof messages;
export type Request<O extends Op> = Checked<(typeof messages)[O]['request']>;
export type Reply<O extends Op> = Checked<(typeof messages)[O]['reply']>;
export type ServerInfo = Reply<'hello'>;

const OPS = Object.keys(messages) as Op[];
const opOf = oneOf<Op>(...OPS);
const seqOf = integer(HELLO_SEQ, MAX_SEQ);

/** The seq of a decoded request, or null if it has none; for errors about the rest. */
export function seqIn(message: Readonly<Record<string, unknown>>): number | null {
  const seq = message.seq;
  return typeof seq === 'number' && Number.isInteger(seq) && seq >= HELLO_SEQ && seq <= MAX_SEQ ? seq : null;
}

/** @throws BAD_MESSAGE naming the field. */
export function checkEnvelope(message: Readonly<Record<string, unknown>>): { op: Op; seq: number } {
  return { seq: seqOf(message.seq, 'seq'), op: opOf(message.op, 'op') };
}

/** The fields of a request, without `op` and `seq`. @throws BAD_MESSAGE naming the field. */
export function checkRequest<O extends Op>(op: O, message: Readonly<Record<string, unknown>>): Request<O> {
  const { op: _op, seq: _seq, ...body } = message;
  return messages[op].request(body, op) as Request<O>;
}

/** A reply's envelope. @throws BAD_MESSAGE naming the field. */
export function checkReplyEnvelope(message: Readonly<Record<string, unknown>>): { seq: number | null; ok?: unknown; error?: WireError } {
  const seq = message.seq === null ? null : seqOf(message.seq, 'seq');
  if (message.error !== undefined) return { seq, error: wireError(message.error, 'error') };
  if (message.ok === undefined) throw new GroundtwinError('BAD_MESSAGE', { field: 'ok', expected: 'there when error is not' });
  return { seq, ok: message.ok };
}

/** The fields of a reply's `ok`. @throws BAD_MESSAGE naming the field. */
export function checkReply<O extends Op>(op: O, ok: unknown): Reply<O> {
  return messages[op].reply(ok, `${op} reply`) as Reply<O>;
}
