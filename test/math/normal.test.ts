import { expect } from 'chai';
import { normalShareBelow } from '../../src/math/normal.ts';

describe('the share of a normal distribution below a value', () => {
  // From tables of the normal distribution.
  for (const [x, share] of [
    [0, 0.5],
    [1, 0.8413447461],
    [-1, 0.1586552539],
    [1.6448536269514722, 0.95],
    [-2.5758293035489004, 0.005],
    [4, 0.9999683288],
  ] as const)
    it(`is ${share} at ${x}`, () => void expect(normalShareBelow(x)).to.be.closeTo(share, 1e-7));

  it('is 0 and 1 at the ends', () => {
    expect(normalShareBelow(-Infinity)).to.equal(0);
    expect(normalShareBelow(Infinity)).to.equal(1);
    expect(normalShareBelow(Number.NaN)).to.be.NaN;
  });
});
