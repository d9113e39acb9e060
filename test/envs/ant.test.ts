import { expect } from 'chai';
import { ant } from '../../envs/ant/task.ts';
import { expectNormal, expectUniform, makeWorld, runEpisode, stateOf } from './harness.ts';
import { keepsToOriginal } from './original.ts';

const BODIES = 13;

keepsToOriginal(ant, ({ qpos, qvel, contacts }) => ({
  position_m: qpos.slice(0, 3),
  // MuJoCo has w first.
  orientation_xyzw: [...qpos.slice(4, 7), qpos[3]!],
  angles_rad: qpos.slice(7),
  velocity_mps: qvel.slice(0, 3),
  turning_radps: qvel.slice(3, 6),
  angleRates_radps: qvel.slice(6),
  contacts: contacts ?? new Float64Array(6 * BODIES),
}));

describe('a start of Ant', () => {
  it('has uniform positions and normal velocities', () => {
    expectUniform(ant, 'angles_rad', -0.1, 0.1);
    for (const name of ['velocity_mps', 'turning_radps', 'angleRates_radps'] as const) expectNormal(ant, name, 0.1);
  });
});

for (const engine of ['rapier', 'mujoco'] as const)
  describe(`Ant in physics on ${engine}`, () => {
    it('is carried by the ground: upward forces add up to its weight once it stands', async () => {
      const world = await makeWorld(ant, engine);
      const quiet = { ...ant, horizon: 100 };
      runEpisode(quiet, world, 1, (_, __, action) => action.fill(0));
      const state = stateOf(ant);
      ant.read(world, state);
      world.free();
      let upward_N = 0;
      for (let body = 0; body < BODIES; body++) upward_N += state.contacts[6 * body + 5]!;
      // 0.911 kg · 9.81 m/s².
      expect(upward_N).to.be.closeTo(8.94, 0.5);
    });

    it('turns in its own frame: a spin about its leaning axis stays there', async () => {
      const world = await makeWorld(ant, engine);
      const lean = Math.SQRT1_2;
      const state = stateOf(ant, { position_m: [0, 0, 3], orientation_xyzw: [lean, 0, 0, lean], turning_radps: [0, 0, 2] });
      ant.place(world, state);
      const motion = new Float64Array(6);
      world.bodyVelocity(
        ant.scene(ant.params).bodies.findIndex(({ name }) => name === 'torso'),
        motion,
      );
      world.free();
      // A quarter turn about x takes the torso's z axis to −y.
      expect([...motion.subarray(3)].map((value) => Number(value.toFixed(5)) + 0)).to.deep.equal([0, -2, 0]);
    });
  });
