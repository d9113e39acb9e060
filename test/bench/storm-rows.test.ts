import { expect } from 'chai';
import { faultsIn } from '../../bench/verify/storm-hostile.ts';
import { restoreStorm } from '../../bench/verify/storm-restore.ts';
import { growthAlone, hostileStorm, overheadAlone, stormRows } from '../../bench/verify/storm-rows.ts';

describe('rows of the truth under load', function () {
  this.timeout(120_000);

  it('restores amid contacts go on bit by bit', async () => {
    const figures = await restoreStorm({ restores: 60, ids: ['HopperFallen-v0', 'HalfCheetah-v0'] });
    expect(figures.map(({ what }) => what)).to.include.members(['HopperFallen-v0 on rapier', 'pile on mujoco']);
    for (const { what, diverged, restores, contacts } of figures) {
      expect(diverged, what).to.equal(0);
      expect(restores, what).to.be.above(0);
      expect(contacts, what).to.be.at.least(1);
    }
  });

  it('hostile episodes are noticed at once, by nobody else, and leave nothing behind', async () => {
    const { total } = await hostileStorm(600, () => {}, ['Hopper-v0', 'Walker2d-v0', 'Pendulum-v0', 'Reacher-v0']);
    expect(total.faults).to.deep.equal({});
    expect(faultsIn(total)).to.equal(0);
    for (const count of [total.refused, total.noticed, total.calm]) expect(count).to.be.above(20);
  });

  it('memory and overhead are still measured', async () => {
    const { episodes, restores, worldsLeft, wasm_MB } = await growthAlone({ warmUp: 600, steps: 6000, samples: 5 });
    expect(worldsLeft).to.equal(0);
    for (const count of [episodes, restores, wasm_MB[0]!]) expect(count).to.be.above(0);
    const { ratio, low, high } = await overheadAlone('Hopper-v0', 'mujoco', { warmUp_s: 0, pairs: 2 });
    expect(ratio).to.be.within(low, high);
    expect(stormRows.map(({ id }) => id)).to.deep.equal(['truth.restore_diverged', 'truth.nan_late', 'truth.growth_mb', 'truth.overhead']);
  });
});
