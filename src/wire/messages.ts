/**
 * Every message of groundtwin.v1, one row each: what a request holds besides `op` and `seq`, and what its reply holds under `ok`.
 * A request is `{ op, seq, …fields }`; a reply `{ seq, ok: … }` or `{ seq, error: { code, message, details?, retryable } }`; seq is null when a request's could not be read.
 */
import { GroundtwinError } from '../errors.ts';
import {
  array,
  bytes,
  type Check,
  type Checked,
  either,
  fields,
  flag,
  floats,
  integer,
  integers,
  list,
  nullable,
  number,
  numbers,
  oneOf,
  optional,
  record,
  sha256,
  sha256s,
  singles,
  type TensorTree,
  tensorTree,
  text,
  texts,
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
/** Of a picture, a side. */
const MAX_PIXELS = 4096;
/** Of one episode on the server. */
const MAX_EVALUATED_STEPS = 1_000_000;
/** Draws of a start, of a gap. */
const MAX_SAMPLES = 200;
/** A client must take replies of this size, or it could not even be told of errors. */
const MIN_REPLY_BYTES = 64 * KIBIBYTE;

const env = integer(1, MAX_COUNT);
const lane = optional(integer(0, MAX_LANES - 1));
const autoreset = oneOf('nextStep', 'sameStep', 'disabled');
const side = optional(oneOf('truth', 'model'));
const seed = optional(integer(0, 2 ** 32 - 1));
const pixels = optional(integer(1, MAX_PIXELS));
const have = integer(0, MAX_COUNT);
const job = integer(1, MAX_COUNT);
const names = optional(texts);
const tensorRecord = tensorTree as Check<Readonly<Record<string, TensorTree>>>;
const nothing = fields({}, 'lenient');
const envOnly = fields({ env }, 'strict');
const entry = {
  id: text,
  summary: text,
  observationSpace: record,
  actionSpace: record,
  horizon: integer(1, MAX_COUNT),
  controlDt_s: number,
};

/** Bounds the server tells the client, so that it can fail early with a better message. */
export const sessionLimits = fields(
  {
    maxFrameBytes: number,
    maxReplyBytes: number,
    maxPendingRequests: number,
    maxEnvs: number,
    maxLanes: number,
    keptReplies: number,
    maxBlobBytes: number,
    maxSessionBlobBytes: number,
  },
  'lenient',
);
export type SessionLimits = Checked<typeof sessionLimits>;

/** The rows; `scripts/protocol-notes.ts` says of each field what it means, and docs/protocol.md is made of both. */
export const messages = {
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
  list: { request: fields({}, 'strict'), reply: fields({ envs: list }, 'lenient') },
  describe: {
    request: fields({ id: text }, 'strict'),
    reply: fields({ ...entry, params: numbers, state: list, reward: numbers, commands: list }, 'lenient'),
  },
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
        maxEpisodeSteps: nullable(integer(1, MAX_COUNT)),
        renderModes: list,
        canBranch: flag,
      },
      'lenient',
    ),
  },
  reset: {
    request: fields({ env, seed, seeds: optional(floats), mask: optional(bytes), params: optional(numbers) }, 'strict'),
    reply: fields({ observation: tensorTree, info: record }, 'lenient'),
  },
  step: {
    request: fields({ env, action: tensorTree }, 'strict'),
    reply: fields({ observation: tensorTree, reward: floats, terminated: bytes, truncated: bytes, info: record }, 'lenient'),
  },
  rollout: {
    request: fields({ env, actions: tensorTree, info: optional(flag) }, 'strict'),
    reply: fields(
      {
        steps: integer(1, MAX_COUNT),
        observation: tensorTree,
        reward: floats,
        terminated: bytes,
        truncated: bytes,
        info: optional(record),
      },
      'lenient',
    ),
  },
  evaluate: {
    request: fields(
      {
        env,
        policy: fields({ kind: oneOf('random', 'onnx'), policy: optional(text) }, 'strict'),
        seed,
        seeds: optional(floats),
        policySeed: seed,
        maxSteps: optional(integer(1, MAX_EVALUATED_STEPS)),
      },
      'strict',
    ),
    reply: fields({ returns: floats, lengths: integers }, 'lenient'),
  },
  snapshot: { request: fields({ env, lane, all: optional(flag) }, 'strict'), reply: fields({ snapshot: bytes }, 'lenient') },
  restore: {
    request: fields({ env, lane, all: optional(flag), snapshot: either(text, bytes, (value) => typeof value === 'string') }, 'strict'),
    reply: fields({ observation: tensorTree }, 'lenient'),
  },
  branch: {
    request: fields({ env, lane, into: optional(env), lanes: integers }, 'strict'),
    reply: fields({ observation: tensorTree }, 'lenient'),
  },
  state: { request: fields({ env, side }, 'strict'), reply: fields({ state: tensorRecord, params: tensorRecord }, 'lenient') },
  perturb: { request: fields({ env, lane, params: numbers }, 'strict'), reply: nothing },
  recent: {
    request: envOnly,
    reply: fields({ count: have, state: floats, action: floats, command: floats, next: floats, episode: integers }, 'lenient'),
  },
  render: {
    request: fields(
      {
        env,
        lane,
        mode: optional(text),
        width: pixels,
        height: pixels,
        camera: optional(either(text, record, (value) => typeof value === 'string')),
        side,
        shadows: optional(flag),
      },
      'strict',
    ),
    reply: fields(
      {
        width: integer(1, MAX_PIXELS),
        height: integer(1, MAX_PIXELS),
        data: optional(array),
        rgb: optional(array),
        depth_m: optional(array),
        segments: optional(array),
      },
      'lenient',
    ),
  },
  upload: { request: fields({ sha256, bytes: integer(1, MAX_COUNT) }, 'strict'), reply: fields({ have }, 'lenient') },
  chunk: { request: fields({ sha256, offset: have, data: bytes }, 'strict'), reply: fields({ have }, 'lenient') },
  publish: {
    request: fields({ kind: oneOf('model', 'policy'), files: sha256s }, 'strict'),
    reply: fields({ id: text }, 'lenient'),
  },
  close: { request: envOnly, reply: nothing },
  ping: { request: fields({}, 'strict'), reply: nothing },
  play: {
    request: fields(
      {
        env,
        lanes: optional(integers),
        state: optional(floats),
        seeds: optional(floats),
        actions: optional(tensorTree),
        active: optional(bytes),
      },
      'strict',
    ),
    reply: fields({ placed: floats, state: floats, reward: floats, terminated: bytes, problem: bytes }, 'lenient'),
  },
  model: { request: envOnly, reply: fields({ manifest: bytes, fingerprint: text, takesShares: flag }, 'lenient') },
  predict: {
    request: fields(
      {
        env,
        rows: integer(1, MAX_LANES),
        shares: optional(integers),
        state: singles,
        action: singles,
        context: optional(singles),
        noise: optional(singles),
        memory: optional(singles),
        spread: optional(flag),
      },
      'strict',
    ),
    reply: fields({ sample: singles, mean: optional(singles), scale: optional(singles), memory: optional(singles) }, 'lenient'),
  },
  gap: {
    request: fields(
      {
        id: text,
        model: optional(text),
        subject: optional(text),
        axes: names,
        condition: names,
        seed,
        samples: optional(integer(1, MAX_SAMPLES)),
        size: optional(oneOf('small', 'large')),
        deep: optional(flag),
        deadline_s: optional(number),
      },
      'strict',
    ),
    reply: fields({ job }, 'lenient'),
  },
  gapProgress: {
    request: fields({ job }, 'strict'),
    reply: fields({ state: oneOf('running', 'done'), stage: text, done: number, of: number, report: optional(bytes) }, 'lenient'),
  },
  gapCancel: { request: fields({ job }, 'strict'), reply: nothing },
} as const;

export type Op = keyof typeof messages;
export type Request<O extends Op> = Checked<(typeof messages)[O]['request']>;
export type Reply<O extends Op> = Checked<(typeof messages)[O]['reply']>;
export type ServerInfo = Reply<'hello'>;

/** In the order of the document. */
export const OPS = Object.keys(messages) as Op[];
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
