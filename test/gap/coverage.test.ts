import { expect } from 'chai';
import { wrapAngle } from '../../src/core/state-spec.ts';
import { coverageOf, type PairedRollouts, resamplePlan, widestLevel } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { syntheticRollouts } from './synthetic.ts';

function coverageAt(rollouts: PairedRollouts, level: number) {
  return coverageOf(rollouts, [20], [level], resamplePlan(rollouts.starts, new Rng(1), 500));
}

describe('coverage', () => {
  it('of a calibrated model is the level, for few and many samples', () => {
    for (const samples of [19, 32, 128]) {
      const { measured, low, high } = coverageAt(syntheticRollouts({ starts: 1500, horizon: 20, samples }), 0.9).overall[0]!;
      expect(measured, `${samples} samples`).to.be.closeTo(0.9, 0.015);
      expect(0.9).to.be.within(low - 0.005, high + 0.005);
    }
  });

  it('of a model with half the true spread is that of a normal within ±½·1.645 σ', () => {
    const rollouts = syntheticRollouts({ starts: 1500, horizon: 20, samples: 256, confidence: 0.5 });
    // P(|Z| < .8224) = .5891
    expect(coverageAt(rollouts, 0.9).overall[0]!.measured).to.be.closeTo(0.5891, 0.02);
    // P(|Z| < .5·.6745) = .2641
    expect(coverageAt(rollouts, 0.5).overall[0]!.measured).to.be.closeTo(0.2641, 0.02);
  });

  it('overall is the mean over elements', () => {
    const { overall, elements } = coverageAt(syntheticRollouts({ horizon: 20 }), 0.8);
    expect(overall[0]!.measured).to.be.closeTo(
      elements.reduce((sum, { measured }) => sum + measured / 3, 0),
      1e-12,
    );
    expect(elements.map(({ label }) => label)).to.deep.equal(['cartPosition_m', 'poleAngle_rad', 'cartVelocity_mps']);
  });

  it('does not depend on where an angle’s zero lies', () => {
    const base = syntheticRollouts({ horizon: 20, error: 1 });
    const turned = (values: PairedRollouts['truth']) => values.map((value, i) => (i % 3 === 1 ? wrapAngle(value + 2.7) : value));
    const moved = { ...base, truth: turned(base.truth), imaginedSamples: turned(base.imaginedSamples) };
    const angle = (rollouts: PairedRollouts) => coverageAt(rollouts, 0.9).elements[1]!.measured;
    expect(angle(moved)).to.be.closeTo(angle(base), 0.01);
    expect(angle(base)).to.be.closeTo(0.9, 0.06);
  });

  it('samples that are not numbers cover nothing', () => {
    const base = syntheticRollouts({ horizon: 20 });
    const broken = { ...base, imaginedSamples: base.imaginedSamples.map(() => Number.NaN) };
    expect(coverageAt(broken, 0.9).overall[0]!.measured).to.equal(0);
  });

  it('needs 19 samples for a 90 % interval', () => {
    expect(widestLevel(18)).to.be.below(0.9);
    expect(widestLevel(19)).to.equal(0.9);
    expect(widestLevel(0)).to.equal(0);
  });
});
