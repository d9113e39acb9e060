import { expect } from 'chai';
import fc from 'fast-check';
import { elementDifference, elementsWithRole, layOut, viewsOver, wrapAngle } from '../../src/core/state-spec.ts';

const shape = {
  place_m: { role: 'dynamic', kind: 'length', unit: 'm', size: 3 },
  turn_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
  touch: { role: 'signal', kind: 'force', unit: 'N', size: 1 },
  goal_m: { role: 'context', kind: 'length', unit: 'm' },
  queue: { role: 'memory', kind: 'scalar', unit: '1', size: 2 },
} as const;

describe('the layout of a state', () => {
  it('puts entries one after the other', () => {
    const { entries, size } = layOut(shape);
    expect(size).to.equal(8);
    expect(entries.map(({ name, offset, size: width }) => [name, offset, width])).to.deep.equal([
      ['place_m', 0, 3],
      ['turn_rad', 3, 1],
      ['touch', 4, 1],
      ['goal_m', 5, 1],
      ['queue', 6, 2],
    ]);
  });

  it('finds elements by role, in order', () => {
    const spec = layOut(shape);
    expect([...elementsWithRole(spec, 'dynamic', 'signal')]).to.deep.equal([0, 1, 2, 3, 4]);
    expect([...elementsWithRole(spec, 'memory', 'context')]).to.deep.equal([5, 6, 7]);
    expect([...elementsWithRole(spec)]).to.deep.equal([]);
  });

  it('gives each lane named access to its own row', () => {
    const rows = new Float64Array(16);
    const [first, second] = viewsOver(shape, rows, 2);
    second!.turn_rad = 0.5;
    second!.queue[1] = 7;
    first!.place_m.set([1, 2, 3]);
    expect([...rows]).to.deep.equal([1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0, 7]);
    rows[8] = 4;
    expect(second!.place_m[0]).to.equal(4);
    expect(first!.turn_rad).to.equal(0);
    expect(second!.touch, 'a declared size of 1 is still a vector').to.be.instanceOf(Float64Array);
  });

  it('does not allocate vectors on access', () => {
    const [view] = viewsOver(shape, new Float64Array(8), 1);
    expect(view!.place_m).to.equal(view!.place_m);
  });
});

describe('wrapAngle', () => {
  const within = (angle: number) => angle > -Math.PI && angle <= Math.PI;

  it('keeps what is inside and wraps what is not', () => {
    expect([wrapAngle(0), wrapAngle(3), wrapAngle(Math.PI), wrapAngle(-Math.PI)]).to.deep.equal([0, 3, Math.PI, Math.PI]);
    expect(wrapAngle(1.5 * Math.PI)).to.be.closeTo(-0.5 * Math.PI, 1e-12);
    expect(wrapAngle(-7)).to.be.closeTo(-7 + 2 * Math.PI, 1e-12);
    expect(wrapAngle(Math.fround(Math.PI)), 'π as float32 is more than π').to.be.closeTo(-Math.PI, 1e-6);
  });

  it('stays in (−π, π] and turns by whole turns', () =>
    fc.assert(
      fc.property(fc.double({ min: -1e4, max: 1e4, noNaN: true }), (angle) => {
        const wrapped = wrapAngle(angle);
        expect(within(wrapped), String(wrapped)).to.equal(true);
        const turns = (angle - wrapped) / (2 * Math.PI);
        expect(Math.abs(turns - Math.round(turns))).to.be.below(1e-9);
      }),
    ));

  it('makes no angle of what is not finite', () => {
    for (const angle of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) expect(wrapAngle(angle)).to.be.NaN;
  });

  it('stays in (−π, π] next to its edges', () => {
    const above = (value: number) => value + 2 ** -51;
    for (let turns = -20; turns <= 20; turns++)
      for (const edge of [Math.PI, -Math.PI]) {
        const at = edge + turns * 2 * Math.PI;
        for (const angle of [at, at * (1 + 2 ** -52), at * (1 - 2 ** -52), above(at)])
          expect(within(wrapAngle(angle)), String(angle)).to.equal(true);
      }
  });
});

describe('the difference of two elements', () => {
  it('goes the short way round for angles only', () => {
    expect(elementDifference('angle', 3, -3)).to.be.closeTo(6 - 2 * Math.PI, 1e-12);
    expect(elementDifference('length', 3, -3)).to.equal(6);
  });
});
