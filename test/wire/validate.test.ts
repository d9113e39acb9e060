import { expect } from 'chai';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { GroundtwinError } from '../../src/errors.ts';
import { checkEnvelope, checkRequest, decodeFrame, encodeFrame, REQUEST_LIMITS, validateHeader } from '../../src/wire/index.ts';

const SECRET = 'hunter2';
const LONGEST_FRAME_ms = 100;

function frameOf(header: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + header.length);
  new DataView(frame.buffer).setUint32(0, header.length, true);
  frame.set(header, 4);
  return frame;
}

/** What a server does with a frame before any env is asked. */
function read(frame: Uint8Array): void {
  const message = decodeFrame(frame, REQUEST_LIMITS, false);
  checkRequest(checkEnvelope(message).op, message);
}

/** Only a typed error without any of the payload may come out. */
function survives(frame: Uint8Array): 'accepted' | 'refused' {
  const started = performance.now();
  try {
    read(frame);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof GroundtwinError) || error.code !== 'BAD_MESSAGE') throw error;
    expect(`${error.message} ${JSON.stringify(error.details)}`).not.to.include(SECRET);
    return 'refused';
  } finally {
    expect(performance.now() - started).to.be.lessThan(LONGEST_FRAME_ms);
  }
}

const codeFor = (header: Uint8Array) => survives(frameOf(header));
const ok = (header: number[]) => validateHeader(Uint8Array.from(header), REQUEST_LIMITS);
const text = (word: string) => [0xa0 + word.length, ...new TextEncoder().encode(word)];

const samples = () => [
  { op: 'step', seq: 5, env: 1, action: Float32Array.of(1, 2, 3) },
  { op: 'make', seq: 1, id: SECRET, lanes: 4, options: { backend: 'twin', nested: { list: [1, 'two', null, true] } } },
  { op: 'reset', seq: 2, env: 1, seeds: Float64Array.of(1, Number.NaN), mask: Uint8Array.of(1, 0), params: { mass: 1.5 } },
  { op: 'restore', seq: 3, env: 7, lane: 0, snapshot: new Uint8Array(40) },
  { op: 'hello', seq: 0, protocol: 'groundtwin.v1', session: SECRET, resumeToken: SECRET },
];

describe('validate', () => {
  it('takes real messages', () => {
    for (const message of samples()) expect(survives(encodeFrame(message, REQUEST_LIMITS))).to.equal('accepted');
  });

  it('refuses everything that msgpackr could turn into more than plain data', () => {
    const rich = new Packr({ moreTypes: true, structuredClone: true, useRecords: true });
    for (const value of [
      new Date(),
      /x/,
      new Set([1]),
      new Map([[1, 2]]),
      new Error(SECRET),
      undefined,
      2n ** 60n,
      Float32Array.of(1),
      Buffer.from(SECRET),
      { a: { b: SECRET } },
      { a: 1n << 63n },
    ]) {
      const record = rich.pack({ op: 'list', seq: 1, value });
      expect(codeFor(record), String(value)).to.equal('refused');
    }
  });

  for (const [what, header] of [
    ['an extension', [0x81, ...text('a'), 0xd4, 0x72, 0x40]],
    ['an extension of any length', [0x81, ...text('a'), 0xc7, 0x01, 0x72, 0x40]],
    ['binary', [0x81, ...text('a'), 0xc4, 0x01, 0x00]],
    ['the unused token', [0x81, ...text('a'), 0xc1]],
    ['an integer key', [0x81, 0x01, 0x01]],
    ['__proto__', [0x81, ...text('__proto__'), 0x80]],
    ['a huge declared list', [0x81, ...text('a'), 0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a huge declared map', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['a huge declared string', [0x81, ...text('a'), 0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['nesting', [0x81, ...text('a'), ...new Array(20).fill(0x91), 0x01]],
    ['an integer past 2^53', [0x81, ...text('a'), 0xcf, 0x00, 0x20, 0, 0, 0, 0, 0, 0]],
    ['a signed 64-bit integer', [0x81, ...text('a'), 0xd3, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['bytes after the map', [0x80, 0x80]],
    ['a list', [0x90]],
    ['nothing', []],
    ['a truncated number', [0x81, ...text('a'), 0xcb, 0, 0]],
    ['a truncated map', [0x82, ...text('a'), 0x01]],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => ok([...header])).to.throw(GroundtwinError, 'Bad message');
      expect(codeFor(Uint8Array.from(header))).to.equal('refused');
    });
  }

  it('takes integers up to 2^53 - 1 as Python writes them', () => {
    const header = Uint8Array.from([0x81, ...text('a'), 0xcf, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    expect(decodeFrame(frameOf(header), REQUEST_LIMITS, false)).to.deep.equal({ a: Number.MAX_SAFE_INTEGER });
  });

  it('refuses 64 KiB of empty maps by count, before anything is decoded', () => {
    const header = new Uint8Array(60_000).fill(0x80);
    header.set([0x81, ...text('a'), 0xdc, 0xea, 0x00]);
    expect(codeFor(header)).to.equal('refused');
  });

  it('survives random bytes', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void survives(bytes)),
      { numRuns: 5000 },
    ));

  it('survives random headers', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void survives(frameOf(bytes))),
      { numRuns: 5000 },
    ));

  it('survives mutated frames', () => {
    const frames = samples().map((message) => encodeFrame(message, REQUEST_LIMITS));
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'flip', 'cut', 'insert', 'grow')), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.constantFrom(...frames), edits, (frame, list) => {
        survives(list.reduce(edited, frame));
      }),
      { numRuns: 20_000 },
    );
  });
});

function edited(frame: Uint8Array, [where, value, how]: readonly [number, number, string]): Uint8Array {
  const at = frame.length === 0 ? 0 : where % frame.length;
  const copy = [...frame];
  if (how === 'set') copy[at] = value;
  else if (how === 'flip') copy[at] = (copy[at] ?? 0) ^ (1 << (value % 8));
  else if (how === 'cut') copy.splice(at, value % 9);
  else if (how === 'insert') copy.splice(at, 0, value);
  else copy.push(...new Array(value % 9).fill(value));
  return Uint8Array.from(copy);
}
