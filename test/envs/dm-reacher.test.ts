import { expect } from 'chai';
import { dmReacherEasy, dmReacherHard } from '../../envs/dm-reacher/task.ts';
import { expectUniform, makeWorld, startsOf, stateOf } from './harness.ts';
import { keepsToOriginal, type OriginalState } from './original.ts';

const entries = ({ qpos, qvel, target }: OriginalState) => ({
  shoulder_rad: qpos[0]!,
  wrist_rad: qpos[1]!,
  shoulderRate_radps: qvel[0]!,
  wristRate_radps: qvel[1]!,
  target_m: target!,
});

keepsToOriginal(dmReacherEasy, entries);
keepsToOriginal(dmReacherHard, entries);

describe('DmReacher', () => {
  it('starts anywhere, with a target within reach', () => {
    expectUniform(dmReacherHard, 'shoulder_rad', -Math.PI, Math.PI);
    // ±160°.
    expectUniform(dmReacherHard, 'wrist_rad', -2.792527, 2.792527);
    for (const { low, high } of startsOf(dmReacherHard, 'target_m')) {
      expect(low).to.be.within(-0.2, -0.18);
      expect(high).to.be.within(0.18, 0.2);
    }
  });

  it('finds the finger where physics has it', async () => {
    const world = await makeWorld(dmReacherEasy);
    const state = stateOf(dmReacherEasy, { shoulder_rad: 2.5, wrist_rad: -1.2, target_m: [0.05, -0.12] });
    dmReacherEasy.place(world, state);
    const pose = new Float64Array(7);
    world.bodyPose(
      dmReacherEasy.scene(dmReacherEasy.params).bodies.findIndex(({ name }) => name === 'finger'),
      pose,
    );
    world.free();
    const observation = new Float32Array(6);
    dmReacherEasy.observe(state, observation);
    expect(observation[2]).to.be.closeTo(0.05 - pose[0]!, 1e-6);
    expect(observation[3]).to.be.closeTo(-0.12 - pose[1]!, 1e-6);
  });
});
