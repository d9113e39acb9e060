import { expect } from 'chai';
import fc from 'fast-check';
import { GroundtwinError } from '../../src/errors.ts';
import { box, dict, discrete, multiDiscrete, type Space } from '../../src/spaces/space.ts';
import { spaceFromJson, spaceToJson } from '../../src/wire/index.ts';

const bound = () =>
  fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY));
const boxes = (): fc.Arbitrary<Space> =>
  fc
    .tuple(
      fc.array(fc.tuple(bound(), bound()), { minLength: 1, maxLength: 5 }),
      fc.constantFrom('float32' as const, 'float64' as const, 'uint8' as const),
      fc.boolean(),
    )
    .map(([pairs, dtype, named]) =>
      box({
        low: pairs.map(([a, b]) => Math.min(a, b) || 0),
        high: pairs.map(([a, b]) => Math.max(a, b) || 0),
        dtype,
        ...(named ? { names: pairs.map((_, i) => `element ${i}`) } : {}),
      }),
    );
const spaces = (): fc.Arbitrary<Space> =>
  fc.oneof(
    boxes(),
    fc.integer({ min: 1, max: 1000 }).map(discrete),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }).map(multiDiscrete),
    fc
      .dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        boxes(),
        { maxKeys: 3 },
      )
      .map((parts) => dict({ outer: dict(parts), n: discrete(2) })),
  );

describe('space-json', () => {
  it('brings any space back through JSON text', () =>
    fc.assert(
      fc.property(spaces(), (space) => {
        expect(spaceFromJson(JSON.parse(JSON.stringify(spaceToJson(space))))).to.deep.equal(space);
      }),
    ));

  it('writes bounds that are all equal once, and infinities as text', () => {
    const json = spaceToJson(box({ low: 0, high: Number.POSITIVE_INFINITY, shape: [84, 84, 3], dtype: 'float32' }));
    expect(json).to.deep.equal({ kind: 'box', dtype: 'float32', shape: [84, 84, 3], low: 0, high: 'inf' });
  });

  for (const [what, json] of [
    ['no space', 5],
    ['an unknown kind', { kind: 'graph' }],
    ['an unknown dtype', { kind: 'box', dtype: 'float16', shape: [1], low: 0, high: 1 }],
    ['a bound that is text', { kind: 'box', dtype: 'float32', shape: [1], low: '0', high: 1 }],
    ['NaN', { kind: 'box', dtype: 'float32', shape: [1], low: Number.NaN, high: 1 }],
    ['a size that would exhaust memory', { kind: 'box', dtype: 'float32', shape: [1e6, 1e6], low: 0, high: 1 }],
    ['a negative length', { kind: 'box', dtype: 'float32', shape: [-1], low: 0, high: 1 }],
    ['bounds of another length', { kind: 'box', dtype: 'float32', shape: [2], low: [0, 0, 0], high: 1 }],
    ['low above high', { kind: 'box', dtype: 'float32', shape: [1], low: 2, high: 1 }],
    ['no choices', { kind: 'discrete', n: 0 }],
    ['choices that are no list', { kind: 'multiDiscrete', nvec: 3 }],
    ['endless nesting', [0, 1, 2, 3, 4, 5].reduce<unknown>((inner) => ({ kind: 'dict', spaces: { inner } }), { kind: 'discrete', n: 2 })],
  ] as const) {
    it(`refuses ${what}`, () => expect(() => spaceFromJson(json)).to.throw(GroundtwinError));
  }
});
