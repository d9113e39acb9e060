/** The conformance vectors of groundtwin.v1, `test/vectors/groundtwin-v1`: made from the examples, read by the tests of every language. */

import { encodeFrame, OPS, REPLY_LIMITS, REQUEST_LIMITS } from '../src/wire/index.ts';
import { MAX_TENSOR_RANK } from '../src/wire/limits.ts';
import { errorReplies, examples } from './protocol-examples.ts';
import { f4, toJson } from './vector-json.ts';

export interface Vector {
  readonly name: string;
  readonly direction: 'request' | 'reply';
  /** What the message is, or is an answer to; null for error replies and broken frames. */
  readonly op: string | null;
  /** The whole message, see `vector-json.ts`; absent for frames that cannot be decoded. */
  readonly json?: unknown;
  /** The frame. */
  readonly hex: string;
  /** What refuses it. */
  readonly error?: { readonly code: 'BAD_MESSAGE'; readonly field: string };
}

const hexOf = (frame: Uint8Array) => Buffer.from(frame).toString('hex');

/** Files by name, as they should be. */
export function vectorFiles(): ReadonlyMap<string, readonly Vector[]> {
  const files = new Map<string, readonly Vector[]>();
  for (const op of OPS) {
    const { requests, replies } = examples[op];
    const seq = op === 'hello' ? 0 : OPS.indexOf(op);
    files.set(`${op}.json`, [
      ...Object.entries(requests).map(([name, fields]) => vector(name, 'request', op, { op, seq, ...fields })),
      ...Object.entries(replies).map(([name, ok]) => vector(name, 'reply', op, { seq, ok })),
    ]);
  }
  files.set(
    'errors.json',
    Object.entries(errorReplies).map(([name, message]) => vector(name, 'reply', null, message)),
  );
  files.set('refused-requests.json', refusedRequests());
  files.set('broken-frames.json', brokenFrames());
  return files;
}

/** As the formatter leaves it. */
export function vectorText(vectors: readonly Vector[]): string {
  return `[\n${vectors.map((one) => `  ${JSON.stringify(one)}`).join(',\n')}\n]\n`;
}

function vector(name: string, direction: Vector['direction'], op: string | null, message: Readonly<Record<string, unknown>>): Vector {
  const limits = direction === 'request' ? REQUEST_LIMITS : REPLY_LIMITS;
  return { name, direction, op, json: toJson(message), hex: hexOf(encodeFrame(message, limits)) };
}

/** Frames that decode, and hold what the row of their op does not allow. */
function refusedRequests(): Vector[] {
  const refused = (name: string, field: string, message: Readonly<Record<string, unknown>>): Vector => ({
    ...vector(name, 'request', typeof message.op === 'string' ? message.op : null, message),
    error: { code: 'BAD_MESSAGE', field },
  });
  return [
    refused('an op that there is none of', 'op', { op: 'fly', seq: 1 }),
    refused('no op', 'op', { seq: 1 }),
    refused('a seq that is no integer', 'seq', { op: 'ping', seq: 1.5 }),
    refused('a seq below zero', 'seq', { op: 'ping', seq: -1 }),
    refused('a field too many', 'step', { op: 'step', seq: 1, env: 1, action: f4([1, 1], 0), actions: 1 }),
    refused('a field missing', 'step.action', { op: 'step', seq: 1, env: 1 }),
    refused('a list for an array', 'step.action', { op: 'step', seq: 1, env: 1, action: [0, 1] }),
    refused('another dtype', 'reset.mask', { op: 'reset', seq: 1, env: 1, mask: f4([1], 1) }),
    refused('a number out of range', 'make.lanes', { op: 'make', seq: 1, id: 'CartPole-v0', lanes: 0 }),
    refused('a kind of policy that there is none of', 'evaluate.policy.kind', {
      op: 'evaluate',
      seq: 1,
      env: 1,
      policy: { kind: 'pickle' },
    }),
    refused('text in a map of numbers', 'perturb.params', { op: 'perturb', seq: 1, env: 1, params: { poleMass_kg: 'heavy' } }),
  ];
}

/** Each differs in one thing from a frame that is right. */
function brokenFrames(): Vector[] {
  const broken = (name: string, field: string, frame: readonly number[]): Vector => ({
    name,
    direction: 'request',
    op: null,
    hex: hexOf(Uint8Array.from(frame)),
    error: { code: 'BAD_MESSAGE', field },
  });
  const headed = (...header: number[]) => [header.length, 0, 0, 0, ...header];
  const text = (word: string) => [0xa0 + word.length, ...Buffer.from(word)];
  const tensors = (...entry: number[]) => headed(0x81, ...text('tensors'), 0x91, ...entry);
  const padded = (frame: number[], bytes: number) => [...frame, ...Array(((8 - (frame.length % 8)) % 8) + bytes).fill(0)];
  return [
    broken('nothing', 'frame', []),
    broken('a length cut short', 'frame', [1, 0, 0]),
    broken('a header longer than the frame', 'frame', [9, 0, 0, 0, 0x80]),
    broken('bytes after the last tensor', 'frame', [...headed(0x80), 0]),
    broken('an empty header', 'frame header', headed()),
    broken('a header that is a list', 'frame header', headed(0x90)),
    broken('a map cut short', 'frame header', headed(0x81)),
    broken('two values', 'frame header', headed(0x80, 0x80)),
    broken('a map of two thousand million pairs', 'frame header', headed(0xdf, 0x7f, 0xff, 0xff, 0xff)),
    broken('an extension type', 'frame header', headed(0x81, ...text('a'), 0xd4, 0x01, 0x00)),
    broken('binary', 'frame header', headed(0x81, ...text('a'), 0xc4, 0x01, 0x00)),
    broken('a key that is a number', 'frame header', headed(0x81, 0x01, 0x01)),
    broken('a signed 64-bit integer', 'frame header', headed(0x81, ...text('a'), 0xd3, ...Array(8).fill(0xff))),
    broken('an integer past 2^53', 'frame header', headed(0x81, ...text('a'), 0xcf, ...Array(8).fill(0xff))),
    broken('a key that changes prototypes', 'frame header', headed(0x81, ...text('__proto__'), 0x80)),
    broken('nested nine deep', 'frame header', headed(0x81, ...text('a'), ...Array(7).fill(0x91), 0x91, 0x90)),
    broken('a tensor table that is a map', 'tensors', headed(0x81, ...text('tensors'), 0x80)),
    broken('a dtype that there is none of', 'tensors', padded(tensors(0x92, ...text('f2'), 0x01), 2)),
    broken('a shape below zero', 'tensors', tensors(0x92, ...text('f4'), 0xff)),
    broken(
      'more axes than there may be',
      'tensors',
      padded(tensors(0x90 + MAX_TENSOR_RANK + 2, ...text('u1'), ...Array(MAX_TENSOR_RANK + 1).fill(1)), 1),
    ),
    broken('a tensor that reaches past the frame', 'tensors', padded(tensors(0x92, ...text('f8'), 0x02), 8)),
    broken(
      'a tensor whose size overflows',
      'tensors',
      tensors(0x94, ...text('u1'), ...[1, 2, 3].flatMap(() => [0xce, 0xff, 0xff, 0xff, 0xff])),
    ),
    broken('a reference to no tensor', 'tensor reference', headed(0x81, ...text('a'), 0x81, ...text('$t'), 0x00)),
  ];
}
