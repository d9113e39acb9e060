import { expect } from 'chai';
import { posteriorOf, studentQuantile975 } from '../../../src/gap/index.ts';
import { Rng } from '../../../src/math/rng.ts';

const normals = (count: number, rng: Rng) => Float64Array.from({ length: count }, () => rng.normal());

describe('what data say of parameters', () => {
  it('is the covariance of linear regression where residuals are independent', () => {
    const rng = new Rng(1);
    const count = 4000;
    const columns = [new Float64Array(count).fill(1), normals(count, rng)];
    const residuals = normals(count, rng).map((value) => 0.3 * value);
    const { standardErrors, halfWidths, correlations, conditionNumber } = posteriorOf(columns, residuals, count);
    // σ / √n for both, since the second column has mean square 1.
    for (const error of standardErrors) expect(error).to.be.closeTo(0.3 / Math.sqrt(count), 0.03 * (0.3 / Math.sqrt(count)));
    expect(halfWidths[0]! / standardErrors[0]!).to.be.closeTo(1.96, 0.01);
    expect(Math.abs(correlations[1]!)).to.be.below(0.05);
    expect(conditionNumber).to.be.closeTo(1, 0.05);
  });

  it('covers the truth as often as it says, with residuals that go together within a segment', () => {
    const rng = new Rng(2);
    const [blocks, size, trials] = [30, 10, 400];
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      const column = new Float64Array(blocks * size).fill(1);
      const noise = Float64Array.from({ length: blocks }, () => rng.normal());
      const measured = Float64Array.from(column, (_, i) => noise[Math.floor(i / size)]! + 0.2 * rng.normal());
      const mean = measured.reduce((sum, value) => sum + value, 0) / measured.length;
      const { halfWidths } = posteriorOf(
        [column],
        measured.map((value) => mean - value),
        blocks,
      );
      if (Math.abs(mean) <= halfWidths[0]!) covered++;
    }
    // Taken as independent, only 46 % would be covered.
    expect(covered / trials).to.be.within(0.92, 0.98);
  });

  it('flags two parameters that act as one, and one that never acts', () => {
    const rng = new Rng(3);
    const [first, other] = [normals(300, rng), normals(300, rng)];
    const alike = first.map((value) => -2 * value + 1e-5 * rng.normal());
    const { standardErrors, correlations, conditionNumber } = posteriorOf(
      [first, alike, other, new Float64Array(300)],
      normals(300, rng),
      30,
    );
    expect([...standardErrors].map(Number.isFinite)).to.deep.equal([false, false, true, false]);
    expect(correlations[1]).to.be.above(0.99);
    expect(correlations[3]).to.equal(0);
    expect(conditionNumber).to.equal(Number.POSITIVE_INFINITY);
  });

  it('knows pairs that are nearly alike, and how large the correlation is', () => {
    const rng = new Rng(4);
    const first = normals(20000, rng);
    // Columns with cosine c: estimates correlate by −c.
    const second = first.map((value) => 0.8 * value + 0.6 * rng.normal());
    expect(posteriorOf([first, second], normals(20000, rng), 200).correlations[1]).to.be.closeTo(-0.8, 0.02);
  });

  it('asks for more segments than parameters', () => {
    expect(() => posteriorOf([new Float64Array(8).fill(1)], new Float64Array(8), 4)).to.throw(/4 segments/);
  });

  it('knows Student’s t', () => {
    for (const [degrees, quantile] of [
      [4, 2.7764],
      [10, 2.2281],
      [30, 2.0423],
      [1000, 1.9623],
    ] as const)
      expect(studentQuantile975(degrees)).to.be.closeTo(quantile, 0.01 * quantile);
  });
});
