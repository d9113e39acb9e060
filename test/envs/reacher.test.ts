import { expect } from 'chai';
import { reacher } from '../../envs/reacher/task.ts';
import { expectUniform, makeWorld, startsOf, stateOf } from './harness.ts';
import { keepsToOriginal } from './original.ts';

keepsToOriginal(reacher, ({ qpos, qvel }) => ({
  shoulder_rad: qpos[0]!,
  elbow_rad: qpos[1]!,
  target_m: qpos.slice(2),
  shoulderRate_radps: qvel[0]!,
  elbowRate_radps: qvel[1]!,
}));

describe('Reacher', () => {
  it('starts near straight, with a target within reach', () => {
    expectUniform(reacher, 'shoulder_rad', -0.1, 0.1);
    expectUniform(reacher, 'elbow_rad', -0.1, 0.1);
    expectUniform(reacher, 'shoulderRate_radps', -0.005, 0.005);
    expectUniform(reacher, 'elbowRate_radps', -0.005, 0.005);
    for (const { low, high } of startsOf(reacher, 'target_m')) {
      expect(low).to.be.within(-0.2, -0.18);
      expect(high).to.be.within(0.18, 0.2);
    }
  });

  it('finds the tip where physics has it, and the mark on the target', async () => {
    const world = await makeWorld(reacher);
    const state = stateOf(reacher, { shoulder_rad: 0.7, elbow_rad: -1.9, target_m: [0.05, -0.12] });
    reacher.place(world, state);
    const pose = new Float64Array(7);
    world.bodyPose(
      reacher.scene(reacher.params).bodies.findIndex(({ name }) => name === 'tip'),
      pose,
    );
    world.free();
    const observation = new Float32Array(10);
    reacher.observe(state, observation);
    expect(observation[8]).to.be.closeTo(pose[0]! - 0.05, 1e-6);
    expect(observation[9]).to.be.closeTo(pose[1]! + 0.12, 1e-6);
    reacher.markers![0]!.place(state, pose);
    expect([...pose.subarray(0, 2)]).to.deep.equal([0.05, -0.12]);
  });
});
