import { expect } from 'chai';
import { compareReturns, resamplePlan } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';

const plan = (count: number) => resamplePlan(count, new Rng(4), 500);

describe('return comparison', () => {
  it('by hand: bias, its share of the range, and correlations', () => {
    const found = compareReturns({ truth: [0, 10, 20, 30], imagined: [2, 14, 18, 38], expert: 50, random: 10 }, plan(4));
    // differences 2, 4, −2, 8
    expect(found.bias.measured).to.be.closeTo(3, 1e-12);
    expect(found.relativeBias!.measured).to.be.closeTo(3 / 40, 1e-12);
    expect(found.relativeBias!.low).to.be.closeTo(found.bias.low / 40, 1e-12);
    expect(found.bias.low).to.be.within(-2, 3);
    expect(found.bias.high).to.be.within(3, 8);
    expect(found.spearman.measured).to.be.closeTo(1, 1e-12);
    expect(found.truthIqm.measured).to.equal(15);
    expect(found.imaginedMean.measured).to.equal(18);
  });

  it('pairs stay pairs: a constant bias has no uncertainty, whatever the returns', () => {
    const truth = [3, 900, -40, 7];
    const { bias, pearson } = compareReturns({ truth, imagined: truth.map((value) => value + 5) }, plan(4));
    expect([bias.low, bias.high].map((value) => Math.round(value * 1e9) / 1e9)).to.deep.equal([5, 5]);
    expect(pearson.measured).to.be.closeTo(1, 1e-12);
  });

  it('a rank-inverted model has correlation −1', () => {
    const { spearman } = compareReturns({ truth: [1, 2, 3, 4], imagined: [40, 30, 20, 10] }, plan(4));
    expect(spearman.measured).to.be.closeTo(-1, 1e-12);
  });

  it('measures no bias without a yardstick that makes sense, and the span of policies by their means', () => {
    const pairs = { truth: [0, 10, 20, 30], imagined: [0, 10, 20, 30] };
    expect(compareReturns(pairs, plan(4)).relativeBias).to.equal(null);
    expect(compareReturns({ ...pairs, expert: 1, random: 1 }, plan(4)).relativeBias).to.equal(null);
    // policy means 5 and 25
    expect(compareReturns({ ...pairs, policies: [0, 0, 1, 1], expert: 100, random: 0 }, plan(4)).policySpan).to.be.closeTo(0.2, 1e-12);
  });

  it('refuses returns that do not pair up or true ones that are not finite', () => {
    expect(() => compareReturns({ truth: [1, 2], imagined: [1] }, plan(2)))
      .to.throw()
      .with.property('code', 'GAP_SHAPE_MISMATCH');
    expect(() => compareReturns({ truth: [1, Number.NaN], imagined: [1, 2] }, plan(2)))
      .to.throw()
      .with.property('code', 'GAP_INPUT_INVALID');
  });
});
