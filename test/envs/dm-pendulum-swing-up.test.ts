import { expect } from 'chai';
import { dmPendulumSwingUp } from '../../envs/dm-pendulum-swing-up/task.ts';
import { expectUniform, makeWorld, runEpisode, startingAt } from './harness.ts';
import { keepsToOriginal } from './original.ts';

keepsToOriginal(dmPendulumSwingUp, ({ qpos, qvel }) => ({ angle_rad: qpos[0]!, velocity_radps: qvel[0]! }));

describe('DmPendulumSwingUp', () => {
  it('starts anywhere', () => expectUniform(dmPendulumSwingUp, 'angle_rad', -Math.PI, Math.PI));

  for (const engine of ['rapier', 'mujoco'] as const)
    it(`cannot be lifted by its torque alone on ${engine}`, async () => {
      const world = await makeWorld(dmPendulumSwingUp, engine);
      const start = startingAt(dmPendulumSwingUp, { angle_rad: Math.PI });
      const { observations } = runEpisode(start, world, 1, (_, __, action) => action.fill(1));
      world.free();
      expect(Math.max(...observations.map((row) => row[0]!))).to.be.below(0);
    });
});
