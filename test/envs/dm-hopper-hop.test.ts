import { expect } from 'chai';
import { dmHopperHop } from '../../envs/dm-hopper-hop/task.ts';
import { makeWorld, runEpisode, startingAt } from './harness.ts';
import { keepsToOriginal, planarEntries } from './original.ts';

keepsToOriginal(dmHopperHop, (state) => ({ ...planarEntries(state), touch_N: state.touch! }));

/** Upright over a bent knee; the foot's tilt is pitch + waist + hip + knee + ankle, positive with the toe down. */
const standing = (ankle_rad: number, height_m: number) => ({ height_m, pitch_rad: 0, angles_rad: [0, -0.5, 1, ankle_rad] });

for (const engine of ['rapier', 'mujoco'] as const)
  describe(`the touch of DmHopperHop on ${engine}`, () => {
    const touch = async (ankle_rad: number) => {
      const world = await makeWorld(dmHopperHop, engine);
      const seen = runEpisode(startingAt(dmHopperHop, standing(ankle_rad, 0), 15), world, 1, (_, __, action) =>
        action.fill(0),
      ).observations;
      world.free();
      return seen.map((row) => [Math.expm1(row[13]!), Math.expm1(row[14]!)] as const).find(([toe, heel]) => toe + heel > 1)!;
    };

    it('is at the toe when the toe comes down first', async () => {
      const [toe_N, heel_N] = await touch(-0.1);
      expect(toe_N).to.be.above(5 * heel_N);
    });

    it('is at the heel when the heel comes down first', async () => {
      const [toe_N, heel_N] = await touch(-0.75);
      expect(heel_N).to.be.above(5 * toe_N);
    });
  });
