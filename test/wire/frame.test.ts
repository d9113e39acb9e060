import { expect } from 'chai';
import fc from 'fast-check';
import { GroundtwinError } from '../../src/errors.ts';
import { decodeFrame, encodeFrame, REPLY_LIMITS, REQUEST_LIMITS, Tensor } from '../../src/wire/index.ts';

const RUNS = { numRuns: 300 };

const bytesOf = (array: ArrayBufferView) => [...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)];

/** Any bit pattern, NaN payloads included: the bytes come first, the floats are a view of them. */
const tensors = () =>
  fc
    .tuple(fc.constantFrom(Float32Array, Float64Array, Int32Array, Uint8Array), fc.uint8Array({ maxLength: 96 }), fc.boolean())
    .map(([Kind, bytes, matrix]) => {
      const whole = bytes.slice(0, Math.floor(bytes.length / 16) * 16);
      const data = new Kind(whole.buffer);
      return new Tensor(data, matrix && data.length > 0 ? [data.length / 2, 2] : [data.length]);
    });

const keys = () => fc.string({ maxLength: 12 }).filter((key) => !key.startsWith('$') && key !== '__proto__' && key !== 'tensors');
const plain = () =>
  fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.double(),
      fc.integer(),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.boolean(),
      fc.constant(null),
      tensors(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(keys(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value;

const messages = () => fc.dictionary(keys(), plain(), { maxKeys: 5, noNullPrototype: true });

/** Arrays as their bytes, -0 as 0 (msgpack integers have no sign of zero), so that deep equality means bitwise. */
function comparable(value: unknown): unknown {
  if (value instanceof Tensor) return { dtype: value.data.constructor.name, shape: [...value.shape], bytes: bytesOf(value.data) };
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item)]));
  return value === 0 ? 0 : value;
}

function thrownBy(act: () => unknown): GroundtwinError {
  try {
    act();
  } catch (error) {
    if (error instanceof GroundtwinError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('frame', () => {
  it('brings any message back, arrays bit for bit, from any alignment', () =>
    fc.assert(
      fc.property(messages(), fc.nat(9), fc.boolean(), (message, shift, copy) => {
        const frame = encodeFrame(message, REPLY_LIMITS);
        const shifted = new Uint8Array(frame.length + shift);
        shifted.set(frame, shift);
        expect(comparable(decodeFrame(shifted.subarray(shift), REPLY_LIMITS, copy))).to.deep.equal(comparable(message));
      }),
      RUNS,
    ));

  it('keeps 300.5, which msgpackr would corrupt in a Float32Array', () => {
    const frame = encodeFrame({ value: Float32Array.of(300.5), scalar: 300.5 }, REQUEST_LIMITS);
    const back = decodeFrame(frame, REQUEST_LIMITS, true);
    expect([...(back.value as Tensor).data]).to.deep.equal([300.5]);
    expect(back.scalar).to.equal(300.5);
  });

  it('is laid out as documented', () => {
    const frame = encodeFrame({ a: Float32Array.of(1), b: Uint8Array.of(7, 8, 9), c: Float64Array.of(-2) }, REQUEST_LIMITS);
    const view = new DataView(frame.buffer);
    const headerEnd = 4 + view.getUint32(0, true);
    const start = Math.ceil(headerEnd / 8) * 8;
    expect(view.getFloat32(start, true)).to.equal(1);
    expect([...frame.subarray(start + 8, start + 11)]).to.deep.equal([7, 8, 9]);
    expect(view.getFloat64(start + 16, true)).to.equal(-2);
    expect(frame.length).to.equal(start + 24);
    expect(
      [...frame.subarray(headerEnd, start), ...frame.subarray(start + 4, start + 8), ...frame.subarray(start + 11, start + 16)].some(
        (byte) => byte !== 0,
      ),
    ).to.equal(false);
  });

  it('copies large arrays only when asked to; small ones own their memory', () => {
    const frame = encodeFrame({ a: new Float64Array(10_000).fill(1) }, REQUEST_LIMITS);
    const dataOf = (bytes: Uint8Array, copy: boolean) => (decodeFrame(bytes, REQUEST_LIMITS, copy).a as Tensor).data;
    expect(dataOf(frame, false).buffer).to.equal(frame.buffer);
    expect(dataOf(frame, true).buffer).not.to.equal(frame.buffer);
    expect(dataOf(frame, true).buffer.byteLength).to.equal(80_000);
    expect(dataOf(encodeFrame({ a: Float64Array.of(1, 2) }, REQUEST_LIMITS), false).buffer.byteLength).to.equal(16);
  });

  it('brings frames beyond the scratch back bit for bit, from any alignment', () => {
    const bits = new Uint8Array(80_000).map((_, i) => (i * 37 + (i >> 8)) % 256);
    const message = {
      a: new Float32Array(bits.buffer),
      b: Uint8Array.of(1, 2, 3),
      c: new Float64Array(bits.buffer),
      d: new Int32Array(bits.buffer),
    };
    const frame = encodeFrame(message, REQUEST_LIMITS);
    for (let shift = 0; shift < 8; shift++) {
      const shifted = new Uint8Array(frame.length + shift);
      shifted.set(frame, shift);
      for (const copy of [true, false]) {
        const back = decodeFrame(shifted.subarray(shift), REQUEST_LIMITS, copy);
        for (const key of ['a', 'c', 'd'])
          expect(Buffer.compare(new Uint8Array((back[key] as Tensor).data.slice().buffer), bits)).to.equal(0);
        expect([...(back.b as Tensor).data]).to.deep.equal([1, 2, 3]);
      }
    }
  });

  it('carries typed errors inside values', () => {
    const error = new GroundtwinError('ENV_CLOSED', { env: 'Cart-v0' });
    const [back, none] = decodeFrame(encodeFrame({ problems: [error, null] }, REPLY_LIMITS), REPLY_LIMITS, true).problems as [
      GroundtwinError,
      null,
    ];
    expect([back.code, back.details, back.message, none]).to.deep.equal(['ENV_CLOSED', { env: 'Cart-v0' }, error.message, null]);
    expect(back).to.be.instanceOf(GroundtwinError);
  });

  for (const [what, value] of [
    ['a date', new Date(0)],
    ['a function', () => 1],
    ['a map', new Map()],
    ['a pattern', /x/],
    ['a bigint', 1n],
    ['a symbol', Symbol('x')],
    ['an instance', new (class Thing {})()],
    ['an Int16Array', new Int16Array(2)],
    ['a long string', 'x'.repeat(5000)],
    ['a reserved key', { $t: 0 }],
    ['deep nesting', [[[[[[[[[1]]]]]]]]]],
  ] as const) {
    it(`refuses to send ${what}, and says where it is`, () => {
      const error = thrownBy(() => encodeFrame({ info: { list: [0, value] } }, REPLY_LIMITS)) as GroundtwinError<'WIRE_VALUE'>;
      expect(error.code).to.equal('WIRE_VALUE');
      expect(error.details.path).to.match(/^info\.list\[1\]/);
    });
  }

  it('refuses a value that contains itself', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(thrownBy(() => encodeFrame(loop, REPLY_LIMITS)).code).to.equal('WIRE_VALUE');
  });

  it('refuses to send what the other side would not take', () => {
    const limits = { ...REQUEST_LIMITS, maxFrameBytes: 1000, maxHeaderBytes: 400, maxItems: 150 };
    expect(thrownBy(() => encodeFrame({ a: new Float64Array(200) }, limits)).code).to.equal('FRAME_TOO_LARGE');
    expect(thrownBy(() => encodeFrame({ a: 'x'.repeat(500) }, limits)).code).to.equal('FRAME_TOO_LARGE');
    expect(thrownBy(() => encodeFrame({ a: new Array(200).fill(1) }, limits)).code).to.equal('WIRE_VALUE');
  });

  it('never encodes what it would not decode', () =>
    fc.assert(
      fc.property(messages(), fc.integer({ min: 20, max: 400 }), (message, scale) => {
        const limits = { maxFrameBytes: scale * 4, maxHeaderBytes: scale, maxDepth: 3, maxItems: scale, maxStringBytes: 16, maxTensors: 3 };
        let frame: Uint8Array;
        try {
          frame = encodeFrame(message, limits);
        } catch (error) {
          expect((error as GroundtwinError).code).to.be.oneOf(['WIRE_VALUE', 'FRAME_TOO_LARGE']);
          return;
        }
        decodeFrame(frame, limits, true);
      }),
      RUNS,
    ));

  it('refuses tensors that overlap the end, leave a rest, or are described wrongly', () => {
    const good = encodeFrame({ a: Float64Array.of(1, 2) }, REQUEST_LIMITS);
    expect(thrownBy(() => decodeFrame(good.subarray(0, good.length - 1), REQUEST_LIMITS, true)).code).to.equal('BAD_MESSAGE');
    const longer = new Uint8Array(good.length + 1);
    longer.set(good);
    expect(thrownBy(() => decodeFrame(longer, REQUEST_LIMITS, true)).code).to.equal('BAD_MESSAGE');
    expect(thrownBy(() => decodeFrame(new Uint8Array(3), REQUEST_LIMITS, true)).code).to.equal('BAD_MESSAGE');
  });
});
