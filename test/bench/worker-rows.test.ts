import { expect } from 'chai';
import { killWorkers, workerSpeedUp } from '../../bench/verify/worker-rows.ts';

describe('rows of vector envs in workers', function () {
  this.timeout(120_000);

  it('ten kill -9 at random moments touch no other lane, and every lane comes back', async () => {
    const { foreignBytes, lanesNotBack, unnoticed } = await killWorkers({ kills: 10, seed: 7 });
    expect({ foreignBytes, lanesNotBack }).to.deep.equal({ foreignBytes: 0, lanesNotBack: 0 });
    expect(unnoticed).to.be.below(5);
  });

  it('still time two workers against one process', async () => {
    const { ratio, low, high, withWorkers } = await workerSpeedUp({ lanes: 8, warmUp_s: 0, pairs: 2, steps: 2, isolation: 'thread' });
    expect(ratio).to.be.within(low, high);
    expect(withWorkers).to.be.above(0);
  });
});
