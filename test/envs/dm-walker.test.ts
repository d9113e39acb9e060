import { expect } from 'chai';
import { dmWalkerRun, dmWalkerWalk } from '../../envs/dm-walker/task.ts';
import { rewardOf, stateOf } from './harness.ts';
import { keepsToOriginal, planarEntries } from './original.ts';

keepsToOriginal(dmWalkerWalk, planarEntries);
keepsToOriginal(dmWalkerRun, planarEntries);

describe('the reward of DmWalker', () => {
  const at = (vx_mps: number) => stateOf(dmWalkerRun, { vx_mps });

  it('counts speed up to its own', () => {
    // Standing straight at rest: (5 · 0 + 1) / 6. At half the speed: (5 · ½ + 1) / 6.
    expect(rewardOf(dmWalkerWalk, at(0), [0, 0, 0, 0, 0, 0], at(0))).to.be.closeTo(1 / 6, 1e-9);
    expect(rewardOf(dmWalkerWalk, at(0), [0, 0, 0, 0, 0, 0], at(0.5))).to.be.closeTo(3.5 / 6, 1e-9);
    expect(rewardOf(dmWalkerWalk, at(0), [0, 0, 0, 0, 0, 0], at(1))).to.equal(1);
    expect(rewardOf(dmWalkerRun, at(0), [0, 0, 0, 0, 0, 0], at(4))).to.be.closeTo(3.5 / 6, 1e-9);
    expect(rewardOf(dmWalkerRun, at(0), [0, 0, 0, 0, 0, 0], at(8))).to.equal(1);
  });
});
