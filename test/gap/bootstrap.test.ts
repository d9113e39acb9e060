import { expect } from 'chai';
import fc from 'fast-check';
import { bootstrapInterval, resampledMeans, resamplePlan } from '../../src/gap/bootstrap.ts';
import {
  exchangeableQuantile,
  interquartileMean,
  mean,
  median,
  pearson,
  quantileOfSorted,
  ranks,
  spearman,
} from '../../src/gap/statistics.ts';
import { Rng } from '../../src/math/rng.ts';

describe('statistics', () => {
  it('agree with values computed by hand', () => {
    expect(mean([1, 2, 6])).to.equal(3);
    expect(median([9, 1, 5, 3])).to.equal(4);
    expect([...ranks([30, 10, 20, 20])]).to.deep.equal([4, 1, 2.5, 2.5]);
    expect(quantileOfSorted([0, 10, 20, 30, 40], 0.3)).to.be.closeTo(12, 1e-12);
    expect(pearson([1, 2, 3], [6, 4, 2])).to.be.closeTo(-1, 1e-12);
    expect(pearson([1, 2, 3], [5, 5, 5])).to.equal(0);
    // scipy.stats.spearmanr([1,2,3,4,5], [5,6,7,8,7]) = 0.8207826817
    expect(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).to.be.closeTo(0.8207826817, 1e-9);
  });

  it('interquartile mean drops a quarter at each end, in fractions', () => {
    expect(interquartileMean([100, 1, 2, -100, 3, 4, 1000, -1000])).to.equal((1 + 2 + 3 + 4) / 4);
    // five values: 1.25 dropped at each end, so .75 of the second and the fourth count
    expect(interquartileMean([1, 2, 4, 8, 99])).to.be.closeTo((0.75 * 2 + 4 + 0.75 * 8) / 2.5, 1e-12);
  });

  it('spearman only sees order', () =>
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: -20, max: 20 }), { minLength: 3 }), (values) => {
        expect(
          spearman(
            values,
            values.map((value) => Math.exp(value / 5)),
          ),
        ).to.be.closeTo(1, 1e-12);
      }),
    ));

  it('the exchangeable quantile leaves the share it says below it, on average, even for few samples', () => {
    const rng = new Rng(3);
    let below = 0;
    for (let trial = 0; trial < 20000; trial++) {
      const draws = Float64Array.from({ length: 20 }, () => rng.uniform()).sort();
      if (rng.uniform() < exchangeableQuantile(draws, 0.05)) below++;
    }
    expect(below / 20000).to.be.closeTo(0.05, 0.005);
  });
});

describe('bootstrap', () => {
  it('resampled means equal the means of the resampled rows', () => {
    const plan = resamplePlan(7, new Rng(1), 50);
    const values = Float64Array.from({ length: 14 }, (_, i) => i * i);
    const means = resampledMeans(values, 2, plan);
    for (let r = 0; r < 50; r++) {
      const rows = [...plan.indices.subarray(r * 7, r * 7 + 7)];
      expect(means[r * 2 + 1]).to.be.closeTo(mean(rows.map((row) => values[row * 2 + 1]!)), 1e-9);
    }
  });

  it('an interval of the mean has the width theory gives and covers the true mean as often as it says', () => {
    const rng = new Rng(5);
    let covered = 0;
    let width = 0;
    for (let trial = 0; trial < 300; trial++) {
      const values = Float64Array.from({ length: 60 }, () => 2 + rng.normal());
      const { low, high } = bootstrapInterval(values, mean, rng, 300);
      if (low <= 2 && high >= 2) covered++;
      width += (high - low) / 300;
    }
    expect(covered / 300).to.be.within(0.9, 0.98);
    expect(width).to.be.closeTo((2 * 1.96) / Math.sqrt(60), 0.03);
  });

  it('is the same for the same seed, contains the measured value for a mean, and knows no uncertainty about a constant', () =>
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 2, maxLength: 30 }), fc.nat(), (values, seed) => {
        const interval = bootstrapInterval(values, mean, new Rng(seed), 200);
        expect(interval).to.deep.equal(bootstrapInterval(values, mean, new Rng(seed), 200));
        const constant = bootstrapInterval(
          values.map(() => 4),
          mean,
          new Rng(seed),
          20,
        );
        expect([constant.low, constant.high]).to.deep.equal([4, 4]);
        expect(interval.low).to.be.at.most(interval.high);
      }),
      { numRuns: 30 },
    ));

  it('a statistic that is not a number gives an interval that is none', () => {
    const { low, high } = bootstrapInterval([1, Number.NaN], mean, new Rng(1), 20);
    expect([low, high]).to.deep.equal([Number.NaN, Number.NaN]);
  });
});
