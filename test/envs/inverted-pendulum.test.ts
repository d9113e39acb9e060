import { invertedPendulum } from '../../envs/inverted-pendulum/task.ts';
import { expectUniform } from './harness.ts';
import { keepsToOriginal } from './original.ts';

keepsToOriginal(invertedPendulum, ({ qpos, qvel }) => ({
  cartPosition_m: qpos[0]!,
  poleAngle_rad: qpos[1]!,
  cartVelocity_mps: qvel[0]!,
  poleVelocity_radps: qvel[1]!,
}));

describe('a start of InvertedPendulum', () => {
  it('is within .01 of upright at rest', () => {
    for (const name of ['cartPosition_m', 'poleAngle_rad', 'cartVelocity_mps', 'poleVelocity_radps'] as const)
      expectUniform(invertedPendulum, name, -0.01, 0.01);
  });
});
