import { walker2d } from '../../envs/walker2d/task.ts';
import { expectUniform } from './harness.ts';
import { keepsToOriginal, planarEntries } from './original.ts';

keepsToOriginal(walker2d, planarEntries);

describe('a start of Walker2d', () => {
  it('stands within .005 of 1.25 m', () => {
    expectUniform(walker2d, 'height_m', 1.245, 1.255);
    for (const name of ['x_m', 'pitch_rad', 'angles_rad', 'vx_mps', 'vz_mps', 'pitchRate_radps', 'angleRates_radps'] as const)
      expectUniform(walker2d, name, -0.005, 0.005);
  });
});
