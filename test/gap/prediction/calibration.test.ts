import { expect } from 'chai';
import { calibrationError, calibrationOf, drawClimatology, exactLevels, fairCrps, rankOf, resamplePlan } from '../../../src/gap/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { type Synthetic, syntheticRollouts } from '../synthetic.ts';

function found(options: Synthetic) {
  const rollouts = syntheticRollouts({ starts: 300, horizon: 12, ...options });
  const climatology = drawClimatology(rollouts.truth as Float64Array, 3, 64, new Rng(2));
  return calibrationOf(rollouts, [4, 12], rollouts.scale, climatology, resamplePlan(300, new Rng(1), 300));
}

describe('calibration', () => {
  it('ranks truth among draws, ties by half', () => {
    expect(rankOf([1, 2, 3], 0)).to.equal(0.5 / 4);
    expect(rankOf([3, 1, 2], 2.5)).to.equal(2.5 / 4);
    expect(rankOf([2, 2, 2], 2)).to.equal(0.5);
  });

  it('holds ranks to levels that an honest model meets exactly, however few its draws', () => {
    for (const samples of [2, 5, 30]) {
      // Truth is as likely to have any of the ranks.
      const ranks = Array.from({ length: samples + 1 }, (_, below) => (below + 0.5) / (samples + 1));
      for (const proportion of ['interval', 'quantile'] as const) {
        expect(calibrationError(ranks, exactLevels(samples, proportion), proportion), `${samples} ${proportion}`).to.be.closeTo(0, 1e-12);
        expect(exactLevels(samples, proportion)).to.not.be.empty;
      }
    }
  });

  it('is near 0 for a calibrated model, and tells too narrow from too wide draws', () => {
    const honest = found({});
    expect(honest.interval.measured).to.be.below(0.03);
    expect(honest.quantile.measured).to.be.below(0.03);
    expect(honest.interval.sampling).to.be.within(0.003, 0.03);
    for (const confidence of [0.3, 3]) {
      const off = found({ confidence });
      expect(off.interval.low, `confidence ${confidence}`).to.be.above(0.15);
      const [first = 0, ...others] = off.horizons[0]!.histogram;
      // Truth is often outside narrow draws, seldom outside wide ones.
      if (confidence < 1) expect(first).to.be.above(0.2);
      else expect(first).to.be.below(0.03);
      expect(first + others.reduce((sum, share) => sum + share, 0)).to.be.closeTo(1, 1e-9);
    }
  });

  it('of quantiles sees a prediction that errs to one side, which intervals do not', () => {
    const rng = new Rng(4);
    const ranks = Array.from({ length: 2000 }, () => rng.uniform() / 2);
    expect(calibrationError(ranks, exactLevels(19, 'quantile'), 'quantile')).to.be.above(0.2);
    expect(calibrationError(ranks, exactLevels(19, 'interval'), 'interval')).to.be.below(0.02);
  });

  it('CRPS is that of the normal distribution, and takes angles the short way round', () => {
    const rng = new Rng(3);
    const draws = Array.from({ length: 3000 }, () => rng.normal());
    // A standard normal at its own mean: 2 φ(0) − 1/√π (Gneiting & Raftery 2007).
    expect(fairCrps(draws, 0)).to.be.closeTo(Math.sqrt(2 / Math.PI) - 1 / Math.sqrt(Math.PI), 0.02);
    expect(fairCrps([3.1, -3.1], 3.1, true)).to.be.closeTo(0, 1e-9);
    expect(fairCrps([1, 1], 4)).to.equal(3);
  });

  it('skill is high for small errors, and none for draws that are no numbers', () => {
    expect(found({}).skill.low).to.be.above(0.9);
    const rollouts = syntheticRollouts({ starts: 40, horizon: 4 });
    const broken = { ...rollouts, imaginedSamples: rollouts.imaginedSamples.map(() => Number.NaN) };
    const climatology = drawClimatology(rollouts.truth as Float64Array, 3, 64, new Rng(2));
    const { skill, interval } = calibrationOf(broken, [4], rollouts.scale, climatology, resamplePlan(40, new Rng(1), 50));
    expect(skill.measured).to.be.below(-10);
    expect(interval.measured).to.be.above(0.4);
  });
});
