import { expect } from 'chai';
import fc from 'fast-check';
import { principalAxes, type Symmetric3, turnedTensor } from '../../src/math/symmetric3.ts';
import { aboutAxis, compose, fromColumns, type Quad, turned, unit, unitQuad } from '../../src/math/vector3.ts';

const number = () => fc.double({ min: -10, max: 10, noNaN: true });
const matrices = () => fc.tuple(number(), number(), number(), number(), number(), number());
const rotations = () =>
  fc
    .tuple(number(), number(), number(), number())
    .filter((q) => Math.hypot(...q) > 0.1)
    .map(unitQuad);

function near(got: readonly number[], expected: readonly number[], tolerance: number): void {
  for (const [i, value] of expected.entries()) expect(got[i], `element ${i} of [${got}], [${expected}]`).to.be.closeTo(value, tolerance);
}

describe('principalAxes', () => {
  it('finds moments and axes that make up the matrix again', () =>
    fc.assert(
      fc.property(matrices(), (matrix) => {
        const { moments, axes_xyzw } = principalAxes(matrix);
        expect(Math.hypot(...axes_xyzw)).to.be.closeTo(1, 1e-12);
        near(turnedTensor(axes_xyzw, [...moments, 0, 0, 0]), matrix, 1e-12);
      }),
    ));

  it('leaves a diagonal matrix its axes and their order, also under rounding', () => {
    expect(principalAxes([3, 1, 2, 0, 0, 0])).to.deep.equal({ moments: [3, 1, 2], axes_xyzw: [0, 0, 0, 1] });
    expect(principalAxes([3, 3, 2, 1e-17, -1e-16, 0]).axes_xyzw).to.deep.equal([0, 0, 0, 1]);
  });

  it('agrees with moments known beforehand', () => {
    // A rod's tensor [[2, 1], [1, 2]] has 3 along (1, 1) and 1 along (1, −1).
    const { moments, axes_xyzw } = principalAxes([2, 2, 5, 1, 0, 0]);
    near([...moments].sort(), [1, 3, 5], 1e-14);
    const three = moments.findIndex((moment) => Math.abs(moment - 3) < 1e-9);
    const axis = turned(axes_xyzw, [[1, 0, 0] as const, [0, 1, 0] as const, [0, 0, 1] as const][three]!);
    near(axis.map(Math.abs), [Math.SQRT1_2, Math.SQRT1_2, 0], 1e-12);
  });

  it('copes with a zero matrix and with equal moments', () => {
    for (const matrix of [
      [0, 0, 0, 0, 0, 0],
      [1, 1, 1, 0, 0, 0],
      [1, 1, 1, 1, 1, 1],
    ] as Symmetric3[])
      for (const value of [...principalAxes(matrix).moments, ...principalAxes(matrix).axes_xyzw]) expect(value).to.be.finite;
  });
});

describe('rotations', () => {
  it('turn columns into the quaternion they came from', () =>
    fc.assert(
      fc.property(rotations(), (q) => {
        const again = fromColumns(turned(q, [1, 0, 0]), turned(q, [0, 1, 0]), turned(q, [0, 0, 1]));
        const alike = again.reduce((sum, part, i) => sum + part * q[i]!, 0);
        expect(Math.abs(alike)).to.be.closeTo(1, 1e-12);
      }),
    ));

  it('compose as they are carried out: b first, then a', () => {
    const quarter: Quad = aboutAxis([0, 0, 1], Math.PI / 2);
    const other: Quad = aboutAxis(unit([1, 0, 0]), Math.PI / 2);
    near(turned(quarter, [1, 0, 0]), [0, 1, 0], 1e-15);
    near(turned(compose(other, quarter), [1, 0, 0]), [0, 0, 1], 1e-15);
  });
});
