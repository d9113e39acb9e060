import { halfCheetah } from '../../envs/half-cheetah/task.ts';
import { expectNormal, expectUniform } from './harness.ts';
import { keepsToOriginal, planarEntries } from './original.ts';

keepsToOriginal(halfCheetah, planarEntries);

describe('a start of HalfCheetah', () => {
  it('has uniform positions and normal velocities', () => {
    for (const name of ['x_m', 'height_m', 'pitch_rad', 'angles_rad'] as const) expectUniform(halfCheetah, name, -0.1, 0.1);
    for (const name of ['vx_mps', 'vz_mps', 'pitchRate_radps', 'angleRates_radps'] as const) expectNormal(halfCheetah, name, 0.1);
  });
});
