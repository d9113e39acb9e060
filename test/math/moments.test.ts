import { expect } from 'chai';
import { Moments } from '../../src/math/moments.ts';

describe('Moments', () => {
  const rows = [
    [1, 7],
    [2, 7],
    [6, 7],
    [7, 7],
  ].map((row) => Float64Array.from(row));

  it('are mean and spread of what was seen, one by one or merged', () => {
    const whole = new Moments(2);
    rows.forEach((row) => void whole.add(row));
    const [first, second] = [new Moments(2), new Moments(2)];
    first.add(rows[0]!);
    rows.slice(1).forEach((row) => void second.add(row));
    first.merge(second);
    first.merge(new Moments(2));
    for (const moments of [whole, first]) {
      expect(moments.count).to.equal(4);
      expect(moments.mean[0]).to.be.closeTo(4, 1e-12);
      expect(moments.deviation()[0]).to.be.closeTo(Math.sqrt((9 + 4 + 4 + 9) / 4), 1e-12);
      expect(moments.deviationOf(0)).to.equal(moments.deviation()[0]);
    }
  });

  it('have deviation 1 where nothing ever changed, or nothing was seen', () => {
    const moments = new Moments(2);
    expect([...moments.deviation()]).to.deep.equal([1, 1]);
    rows.forEach((row) => void moments.add(row));
    expect(moments.deviationOf(1)).to.equal(1);
  });
});
