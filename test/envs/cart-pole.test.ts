import { expect } from 'chai';
import { cartPole } from '../../envs/cart-pole/task.ts';
import type { TypedArray } from '../../src/spaces/space.ts';
import { makeWorld, rewardOf, runEpisode, startingAt, stateOf } from './harness.ts';

const lasts = (cartPosition_m: number, poleAngle_rad: number) =>
  !cartPole.terminated!(stateOf(cartPole, { cartPosition_m, poleAngle_rad }));

describe('CartPole', () => {
  it('ends beyond 2.4 m and beyond 12°', () => {
    const twelve_rad = 0.20943951;
    expect([lasts(2.4, 0), lasts(-2.4, 0), lasts(0, twelve_rad), lasts(0, -twelve_rad)]).to.deep.equal([true, true, true, true]);
    expect([lasts(2.401, 0), lasts(-2.401, 0), lasts(0, 0.2095), lasts(0, -0.2095)]).to.deep.equal([false, false, false, false]);
  });

  it('pays 1 a step, the last one too', async () => {
    expect(rewardOf(cartPole, stateOf(cartPole), [0], stateOf(cartPole, { cartPosition_m: 99 }))).to.equal(1);
    const world = await makeWorld(cartPole);
    const { return: sum, steps, observations } = runEpisode(cartPole, world, 1, (_, __, action) => action.fill(0));
    world.free();
    expect(sum).to.equal(steps);
    expect(steps).to.be.within(7, 11);
    expect(observations.at(-1)![1], 'action 0 pushes to −x').to.be.below(-1);
  });

  it('can be balanced for the whole horizon', async () => {
    const world = await makeWorld(cartPole);
    const balance = (o: TypedArray, _: unknown, action: TypedArray) =>
      action.fill(o[2]! + 0.3 * o[3]! + 0.02 * o[0]! + 0.04 * o[1]! > 0 ? 1 : 0);
    const lengths = [1, 2, 3, 4, 5].map((seed) => runEpisode(cartPole, world, seed, balance).steps);
    world.free();
    expect(lengths).to.deep.equal([500, 500, 500, 500, 500]);
  });

  it('moves as the closed form does over one step', async () => {
    const world = await makeWorld(cartPole);
    const task = startingAt(cartPole, { cartPosition_m: 0, cartVelocity_mps: 0, poleAngle_rad: 0, poleVelocity_radps: 0 }, 1);
    const { observations } = runEpisode(task, world, 1, (_, __, action) => action.fill(1));
    world.free();
    // Upright at rest, 10 N: θ̈ = −(10/1.1) / (.5 (4/3 − .1/1.1)) = −14.634 rad/s², ẍ = (10 + .05 · 14.634) / 1.1 = 9.756 m/s².
    expect(observations[1]![1]).to.be.closeTo(9.756 * 0.02, 1e-3);
    expect(observations[1]![3]).to.be.closeTo(-14.634 * 0.02, 1e-3);
  });
});
