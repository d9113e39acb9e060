import { expect } from 'chai';
import { cartPoleSwingUp, centred, gaussianTolerance, smallControl, smallVelocity, upright } from '../../envs/cart-pole-swing-up/task.ts';
import { makeWorld, rewardOf, runEpisode, startingAt, stateOf } from './harness.ts';

const task = cartPoleSwingUp;
const state = (cartPosition_m: number, poleAngle_rad: number, poleVelocity_radps: number) =>
  stateOf(task, { cartPosition_m, poleAngle_rad, poleVelocity_radps });

describe('the reward of CartPoleSwingUp', () => {
  it('has the factors of dm_control', () => {
    expect([upright(0), upright(Math.PI / 2), upright(Math.PI)]).to.deep.equal([1, 0.5 + Math.cos(Math.PI / 2) / 2, 0]);
    expect([smallControl(0), smallControl(0.5), smallControl(1), smallControl(-1)]).to.deep.equal([1, 0.95, 0.8, 0.8]);
    expect(smallVelocity(0)).to.equal(1);
    expect(smallVelocity(-5)).to.be.closeTo(0.55, 1e-12);
    expect(centred(2)).to.be.closeTo(0.55, 1e-12);
    // exp(−½ · (½ · √(2 ln 10))²) = 10^(−1/4)
    expect(gaussianTolerance(1, 2)).to.be.closeTo(0.5623413251903491, 1e-12);
  });

  it('is 1 upright at rest in the middle, and the product elsewhere', () => {
    const before = state(9, 9, 9);
    expect(rewardOf(task, before, [0], state(0, 0, 0))).to.equal(1);
    expect(rewardOf(task, before, [0], state(0, Math.PI, 0))).to.equal(0);
    // .5 · .8 · .55 · .55
    expect(rewardOf(task, before, [1], state(2, Math.PI / 2, 5))).to.be.closeTo(0.121, 1e-12);
  });
});

describe('CartPoleSwingUp in physics', () => {
  it('pushes with 10 N a unit of action: cart and hanging pole gain .39 m/s in a control step', async () => {
    const world = await makeWorld(task);
    try {
      const push = runEpisode(startingAt(task, { poleAngle_rad: Math.PI }, 1), world, 1, (_, __, action) => action.fill(1));
      // A hanging rod moves its cart as if a quarter of its mass came along: 10 · .04 / (1 + .1/4) = .390.
      expect(push.observations[1]![1]).to.be.closeTo(0.39, 0.002);
      expect(push.observations[1]![4], 'a push to +x swings the hanging pole towards −x, which turns it on').to.be.above(0.3);
    } finally {
      world.free();
    }
  });

  it('keeps the cart on its rail', async () => {
    const world = await makeWorld(task);
    try {
      const { observations } = runEpisode(task, world, 2, (_, __, action) => action.fill(1));
      const furthest_m = Math.max(...observations.map((row) => row[0]!));
      expect(furthest_m).to.be.within(1.75, 1.85);
    } finally {
      world.free();
    }
  });
});
