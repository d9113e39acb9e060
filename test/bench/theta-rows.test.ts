import { expect } from 'chai';
import { modelRows } from '../../bench/verify/model-rows.ts';
import { thetaEffects } from '../../bench/verify/theta-rows.ts';

describe('the row of parameter effects', () => {
  it('runs small: every parameter, factor and horizon; a model that is not told scores nothing', async function () {
    this.timeout(60_000);
    const size = { seeds: [1], episodes: 8, steps: 40, heldOutEpisodes: 4, starts: 12, updates: 50 };
    const { measured, raw } = await thetaEffects({ log: () => {} }, size);
    const { seeds, bestOfControls } = raw as {
      seeds: { effects: { effectR2: { measured: number } }[] }[];
      bestOfControls: { withoutTheta: number };
    };
    const scores = seeds[0]!.effects.map(({ effectR2 }) => effectR2.measured);
    expect(scores).to.have.length(5 * 2 * 4);
    expect(measured).to.equal(Math.min(...scores));
    expect(bestOfControls.withoutTheta).to.equal(0);
    expect(modelRows.map(({ id }) => id)).to.include('model.theta_r2');
  });
});
