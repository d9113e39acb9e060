import { expect } from 'chai';
import { resamplePlan, squaredErrors, trustHorizon } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { type Synthetic, syntheticRollouts } from './synthetic.ts';

describe('the trust horizon', () => {
  const of = (options: Synthetic) => {
    const rollouts = syntheticRollouts(options);
    return trustHorizon(rollouts, squaredErrors(rollouts, rollouts.imaginedMean), resamplePlan(rollouts.starts, new Rng(1), 200));
  };

  it('is all that was looked at for an honest and accurate model', () => {
    const { coverage, ...horizon } = of({});
    expect(horizon).to.deep.equal({ steps: 41, honest: 41, accurate: 41, measured: 41, coverageFloor: 0.8, errorLimit: 0.4 });
    expect(coverage).to.have.length(41);
  });

  it('ends where the error passes .4 standard deviations', () => {
    // It grows in proportion to the steps, to 1 at the 41st.
    const { steps, accurate, honest } = of({ error: 1, starts: 512 });
    expect(accurate).to.be.within(14, 18);
    expect([steps, honest]).to.deep.equal([accurate, 41]);
  });

  it('is nothing for a model too sure of itself, and does not suffer from caution', () => {
    expect(of({ confidence: 0.3 })).to.include({ steps: 0, honest: 0, accurate: 41 });
    expect(of({ confidence: 4 })).to.include({ steps: 41, honest: 41 });
  });

  it('goes by the error alone where there are too few samples for an interval', () => {
    expect(of({ samples: 5 })).to.include({ steps: 41, honest: null, coverage: null });
  });

  it('is nothing for a model that gives no numbers', () => {
    const rollouts = syntheticRollouts();
    const broken = {
      ...rollouts,
      imaginedMean: rollouts.imaginedMean.map(() => Number.NaN),
      imaginedSamples: rollouts.imaginedSamples.map(() => Number.NaN),
    };
    const found = trustHorizon(broken, squaredErrors(broken, broken.imaginedMean), resamplePlan(broken.starts, new Rng(1), 10));
    expect(found).to.include({ steps: 0, honest: 0, accurate: 0 });
  });
});
