import { hopper } from '../../envs/hopper/task.ts';
import { expectUniform } from './harness.ts';
import { keepsToOriginal, planarEntries } from './original.ts';

keepsToOriginal(hopper, planarEntries);

describe('a start of Hopper', () => {
  it('stands within .005 of 1.25 m', () => {
    expectUniform(hopper, 'height_m', 1.245, 1.255);
    for (const name of ['x_m', 'pitch_rad', 'angles_rad', 'vx_mps', 'vz_mps', 'pitchRate_radps', 'angleRates_radps'] as const)
      expectUniform(hopper, name, -0.005, 0.005);
  });
});
