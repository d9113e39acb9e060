import { expect } from 'chai';
import { dmCheetahRun } from '../../envs/dm-cheetah-run/task.ts';
import { makeWorld, runEpisode, stateOf } from './harness.ts';
import { keepsToOriginal, planarEntries } from './original.ts';

keepsToOriginal(dmCheetahRun, planarEntries);

describe('DmCheetahRun', () => {
  it('observes the back ankle in its own range, also past −π', () => {
    const observation = new Float32Array(17);
    // −3.4 rad in the state's (−π, π].
    dmCheetahRun.observe(stateOf(dmCheetahRun, { angles_rad: [0, 0, 2 * Math.PI - 3.4, 0, 0, 0] }), observation);
    expect(observation[4]).to.be.closeTo(-3.4, 1e-6);
    dmCheetahRun.observe(stateOf(dmCheetahRun, { angles_rad: [0, 0, 0.8, 0, 0, 0] }), observation);
    expect(observation[4]).to.be.closeTo(0.8, 1e-6);
  });

  for (const engine of ['rapier', 'mujoco'] as const)
    it(`starts on the ground on ${engine}: it neither drops nor is thrown out in the first step`, async () => {
      const world = await makeWorld(dmCheetahRun, engine);
      const short = { ...dmCheetahRun, horizon: 1 };
      for (let seed = 0; seed < 30; seed++) {
        const { observations } = runEpisode(short, world, seed, (_, __, action) => action.fill(0));
        expect(Math.abs(observations[1]![0]! - observations[0]![0]!), `seed ${seed}`).to.be.below(0.02);
      }
      world.free();
    });
});
