import { expect } from 'chai';
import { dmCartPoleSwingUp } from '../../envs/dm-cart-pole-swing-up/task.ts';
import { expectNormal, makeWorld, runEpisode, startingAt } from './harness.ts';
import { keepsToOriginal } from './original.ts';

keepsToOriginal(dmCartPoleSwingUp, ({ qpos, qvel }) => ({
  cartPosition_m: qpos[0]!,
  poleAngle_rad: qpos[1]!,
  cartVelocity_mps: qvel[0]!,
  poleVelocity_radps: qvel[1]!,
}));

describe('DmCartPoleSwingUp', () => {
  it('starts hanging', () => {
    for (const name of ['cartPosition_m', 'cartVelocity_mps', 'poleVelocity_radps'] as const) expectNormal(dmCartPoleSwingUp, name, 0.01);
  });

  for (const engine of ['rapier', 'mujoco'] as const)
    it(`gains .0976 m/s by a control step of full push on ${engine}`, async () => {
      const world = await makeWorld(dmCartPoleSwingUp, engine);
      const start = startingAt(dmCartPoleSwingUp, { poleAngle_rad: Math.PI }, 1);
      const { observations } = runEpisode(start, world, 1, (_, __, action) => action.fill(1));
      world.free();
      // A hanging rod moves its cart as if a quarter of its mass came along: 10 · .01 / (1 + .1/4).
      expect(observations[1]![3]).to.be.closeTo(0.0976, 0.0005);
    });
});
