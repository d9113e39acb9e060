import { expect } from 'chai';
import fc from 'fast-check';
import { isGroundtwinError } from '../../src/errors.ts';
import { Rng } from '../../src/math/rng.ts';
import {
  allocate,
  box,
  cloneValues,
  contains,
  copyValues,
  describeSpace,
  dict,
  discrete,
  flatSizeOf,
  multiDiscrete,
  rowOf,
  type Space,
  sample,
  sampleInto,
  sizeOf,
  type TypedArray,
  type Values,
} from '../../src/spaces/space.ts';

const float32Max = 3.4028234663852886e38;
const bound = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.constantFrom(0, 0.1, -float32Max, float32Max, 1.401298464324817e-45, Number.MIN_VALUE),
);
const intervals = fc.tuple(bound, bound, fc.boolean(), fc.boolean()).map(([a, b, endlessLow, endlessHigh]) => ({
  low: endlessLow ? Number.NEGATIVE_INFINITY : Math.min(a, b),
  high: endlessHigh ? Number.POSITIVE_INFINITY : Math.max(a, b),
}));
const boxes = fc
  .tuple(fc.array(intervals, { minLength: 1, maxLength: 6 }), fc.constantFrom('float32' as const, 'float64' as const))
  .map(([all, dtype]) => box({ low: all.map(({ low }) => low), high: all.map(({ high }) => high), dtype }));
const images = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))
  .map((shape) => box({ low: 0, high: 255, shape, dtype: 'uint8' }));
const counts = fc.integer({ min: 1, max: 9 });
const leaves: fc.Arbitrary<Space> = fc.oneof(
  boxes,
  images,
  counts.map(discrete),
  fc.array(counts, { minLength: 1, maxLength: 4 }).map(multiDiscrete),
);
const spaces: fc.Arbitrary<Space> = fc.oneof(
  leaves,
  fc.dictionary(fc.constantFrom('a', 'b', 'c'), leaves, { minKeys: 1 }).map(dict),
  leaves.map((leaf) => dict({ outer: dict({ inner: leaf }), other: leaf })),
);
const seed = fc.nat();

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isGroundtwinError(error, 'SPACE_INVALID')) return error.message;
    throw error;
  }
  return 'nothing was thrown';
}

function leavesOf(values: Values): TypedArray[] {
  return ArrayBuffer.isView(values) ? [values as TypedArray] : Object.values(values as Record<string, Values>).flatMap(leavesOf);
}

describe('spaces', () => {
  it('contain what they sample', () =>
    fc.assert(
      fc.property(spaces, seed, fc.integer({ min: 1, max: 4 }), (space, start, lanes) => {
        const batch = sample(space, new Rng(start), lanes);
        for (let lane = 0; lane < lanes; lane++)
          expect(contains(space, rowOf(space, batch, lane)), `${describeSpace(space)}: ${leavesOf(batch)}`).to.equal(true);
      }),
      { numRuns: 300 },
    ));

  it('sample over a span that no float64 can hold', () => {
    const widest = box({ low: [-Number.MAX_VALUE], high: [Number.MAX_VALUE], dtype: 'float64' });
    const values = sample(widest, new Rng(1), 50) as Float64Array;
    for (const value of values) expect(Number.isFinite(value)).to.equal(true);
    expect(new Set(values).size).to.equal(50);
  });

  it('hold a batch in arrays of their own type, a row after the other', () =>
    fc.assert(
      fc.property(spaces, fc.integer({ min: 1, max: 3 }), (space, lanes) => {
        const batch = allocate(space, lanes);
        expect(leavesOf(batch).reduce((sum, leaf) => sum + leaf.length, 0)).to.equal(lanes * flatSizeOf(space));
        for (const leaf of leavesOf(rowOf(space, batch, lanes - 1))) leaf.fill(1);
        const touched = leavesOf(batch).map((leaf) => leaf.filter((value) => value === 1).length);
        expect(touched.reduce((sum, count) => sum + count, 0)).to.equal(flatSizeOf(space));
      }),
    ));

  it('clone without sharing, and copy into place', () =>
    fc.assert(
      fc.property(spaces, seed, (space, start) => {
        const values = sample(space, new Rng(start), 2);
        const clone = cloneValues(values);
        const copy = allocate(space, 2);
        copyValues(values, copy);
        expect(clone).to.deep.equal(values);
        expect(copy).to.deep.equal(values);
        leavesOf(values).forEach((leaf, i) => {
          expect(leavesOf(clone)[i]!.buffer).to.not.equal(leaf.buffer);
          expect(leavesOf(copy)[i]!.buffer).to.not.equal(leaf.buffer);
        });
      }),
    ));

  it('repeat their samples by seed', () =>
    fc.assert(
      fc.property(spaces, seed, (space, start) => void expect(sample(space, new Rng(start))).to.deep.equal(sample(space, new Rng(start)))),
    ));

  it('reach every value of a small one', () => {
    const drawn = (space: Space) => [...new Set(sample(space, new Rng(3), 400) as Int32Array)].sort();
    expect(drawn(discrete(3))).to.deep.equal([0, 1, 2]);
    expect(drawn(box({ low: 7, high: 9, dtype: 'uint8' }))).to.deep.equal([7, 8, 9]);
  });
});

describe('membership', () => {
  const unit = box({ low: [-1, 0], high: [1, 0.1] });

  it('takes float32 copies of its own bounds, and nothing beyond', () => {
    expect(contains(unit, Float32Array.of(1, 0.1)), '.1 as float32 is above .1').to.equal(true);
    expect(contains(unit, Float32Array.of(1, Math.fround(0.1) + 1e-8))).to.equal(false);
    expect(contains(box({ low: [0], high: [0.1], dtype: 'float64' }), Float64Array.of(Math.fround(0.1)))).to.equal(false);
    expect(contains(box({ low: [-float32Max], high: [float32Max] }), Float32Array.of(float32Max))).to.equal(true);
  });

  it('refuses what is not finite, even where there are no bounds', () => {
    const endless = box({ low: [Number.NEGATIVE_INFINITY], high: [Number.POSITIVE_INFINITY] });
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(contains(endless, Float32Array.of(value)), String(value)).to.equal(false);
    expect(contains(endless, Float32Array.of(1e30))).to.equal(true);
  });

  it('refuses other lengths, kinds and keys', () => {
    const named = dict({ a: unit, b: discrete(2) });
    expect(contains(unit, Float32Array.of(0))).to.equal(false);
    expect(contains(unit, { a: Float32Array.of(0, 0) })).to.equal(false);
    expect(contains(unit, null as unknown as Values)).to.equal(false);
    expect(contains(named, { a: Float32Array.of(0, 0), b: Int32Array.of(1) })).to.equal(true);
    expect(contains(named, { a: Float32Array.of(0, 0) })).to.equal(false);
    expect(contains(named, { a: Float32Array.of(0, 0), b: Int32Array.of(1), c: Int32Array.of(1) })).to.equal(false);
    expect(contains(named, Float32Array.of(0, 0))).to.equal(false);
    expect(contains(discrete(2), Float32Array.of(0.5))).to.equal(false);
    expect(contains(discrete(2), Int32Array.of(2))).to.equal(false);
    expect(contains(discrete(2), Int32Array.of(-1))).to.equal(false);
    expect(contains(multiDiscrete([2, 3]), Int32Array.of(1, 2))).to.equal(true);
    expect(contains(multiDiscrete([2, 3]), Int32Array.of(2, 1))).to.equal(false);
  });
});

describe('a space is refused', () => {
  const cases: readonly (readonly [what: string, act: () => unknown, says: string])[] = [
    ['with a low above its high', () => box({ low: [0, 2], high: [1, 1] }), 'low 2 is not at most high 1 at element 1'],
    ['with a bound that is NaN', () => box({ low: [Number.NaN], high: [1] }), 'low NaN'],
    ['with bounds of two lengths', () => box({ low: [0, 0], high: [1] }), 'bounds of 2 and 1 elements'],
    ['with bounds that do not fill its shape', () => box({ low: [0, 0], high: [1, 1], shape: [3] }), 'for shape [3]'],
    ['with too few names', () => box({ low: [0, 0], high: [1, 1], names: ['a'] }), '1 names for 2 elements'],
    ['of no choices', () => discrete(0), 'n is 0'],
    ['of half a choice', () => discrete(1.5), 'n is 1.5'],
    ['of more choices than int32 holds', () => discrete(2 ** 32), 'n is 4294967296'],
    ['of no vector', () => multiDiscrete([]), 'nvec is []'],
    ['of an empty choice', () => multiDiscrete([2, 0]), 'nvec is [2,0]'],
  ];
  for (const [what, act, says] of cases) it(what, () => expect(refusal(act)).to.include(says));

  it('and is frozen otherwise', () => {
    const made = dict({ a: box({ low: 0, high: 1, shape: [2], names: ['x', 'y'] }), b: multiDiscrete([2]) });
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
    expect(frozen(made)).to.equal(true);
  });
});

describe('the form of a space', () => {
  it('is told in words', () => {
    expect(describeSpace(dict({ a: box({ low: 0, high: 1, shape: [2, 3] }), b: discrete(4), c: multiDiscrete([2, 3]) }))).to.equal(
      'Dict(a: Box([2,3], float32), b: Discrete(4), c: MultiDiscrete([2,3]))',
    );
  });

  it('defaults to the length of its bounds', () => {
    expect(box({ low: 0, high: 1 }).shape).to.deep.equal([1]);
    expect(box({ low: [0, 0, 0], high: 1 }).shape).to.deep.equal([3]);
    expect(box({ low: 0, high: [1, 2] }).shape).to.deep.equal([2]);
    expect(sizeOf(box({ low: 0, high: 1, shape: [2, 0] }))).to.equal(0);
  });

  it('fills a row in place', () => {
    const row = new Float32Array(3);
    sampleInto(box({ low: 2, high: 3, shape: [3] }), new Rng(1), row);
    for (const value of row) expect(value).to.be.within(2, 3);
  });
});
