import { expect } from 'chai';
import fc from 'fast-check';
import { bytesOf, packSections, unpackSections } from '../../src/core/sections.ts';
import { isGroundtwinError } from '../../src/errors.ts';

const parts = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
const heads = fc.dictionary(
  fc.string({ maxLength: 5 }),
  fc.oneof(
    fc.integer(),
    fc.string({ maxLength: 8 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
  ),
  { maxKeys: 4 },
);

function refusal(bytes: Uint8Array): string {
  try {
    unpackSections(bytes);
  } catch (error) {
    if (isGroundtwinError(error)) return error.code;
    throw error;
  }
  return 'taken';
}

describe('sections', () => {
  it('come back as they went in', () =>
    fc.assert(
      fc.property(heads, parts, (head, given) => {
        const back = unpackSections(packSections(head, given));
        expect(JSON.stringify(back.head)).to.equal(JSON.stringify(head));
        expect(back.parts.map((part) => [...part])).to.deep.equal(given.map((part) => [...part]));
      }),
    ));

  it('have this layout', () => {
    const text = '{"head":7,"lengths":[2]}';
    expect([...packSections(7, [Uint8Array.of(1, 2)])]).to.deep.equal([text.length, 0, 0, 0, ...new TextEncoder().encode(text), 1, 2]);
  });

  it('read from the middle of a buffer, and share no memory with it', () => {
    const packed = packSections({}, [Uint8Array.of(9)]);
    const buffer = new Uint8Array(packed.length + 8);
    buffer.set(packed, 5);
    const { parts: back } = unpackSections(buffer.subarray(5, 5 + packed.length));
    buffer.fill(0);
    expect([...back[0]!]).to.deep.equal([9]);
  });

  it('refuse every cut and every extra byte', () => {
    const packed = packSections({ a: 1 }, [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
    for (let length = 0; length < packed.length; length++)
      expect(refusal(packed.subarray(0, length)), `${length} bytes`).to.equal('SNAPSHOT_INVALID');
    expect(refusal(Uint8Array.from([...packed, 0]))).to.equal('SNAPSHOT_INVALID');
    expect(refusal(packed)).to.equal('taken');
  });

  it('refuse or take any bytes, but never fail otherwise', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(20), (bytes, head) => {
        expect(['taken', 'SNAPSHOT_INVALID']).to.include(refusal(bytes));
        expect(['taken', 'SNAPSHOT_INVALID']).to.include(refusal(Uint8Array.from([head, 0, 0, 0, ...bytes])));
      }),
    ));

  for (const lengths of ['[-1]', '[0.5]', '["1"]', '[1e9]', '{}', 'null'])
    it(`refuse lengths ${lengths}`, () => {
      const head = new TextEncoder().encode(`{"head":0,"lengths":${lengths}}`);
      expect(refusal(Uint8Array.from([head.length, 0, 0, 0, ...head]))).to.equal('SNAPSHOT_INVALID');
    });

  it('view typed arrays as their bytes, without copying', () => {
    const whole = Float64Array.of(1, 2, 3);
    const bytes = bytesOf(whole.subarray(1, 2));
    expect(bytes.length).to.equal(8);
    bytes.fill(0);
    expect([...whole]).to.deep.equal([1, 0, 3]);
  });
});
