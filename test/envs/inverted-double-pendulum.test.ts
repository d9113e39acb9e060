import { expect } from 'chai';
import { invertedDoublePendulum } from '../../envs/inverted-double-pendulum/task.ts';
import type { EngineName } from '../../src/core/scene-spec.ts';
import { anyTask } from '../../src/task/task.ts';
import { expectNormal, expectUniform, makeWorld, runEpisode, startingAt } from './harness.ts';
import { keepsToOriginal } from './original.ts';

keepsToOriginal(invertedDoublePendulum, ({ qpos, qvel, stopForce }) => ({
  cartPosition_m: qpos[0]!,
  lowerAngle_rad: qpos[1]!,
  upperAngle_rad: qpos[2]!,
  cartVelocity_mps: qvel[0]!,
  lowerVelocity_radps: qvel[1]!,
  upperVelocity_radps: qvel[2]!,
  stopForce_N: stopForce ?? 0,
}));

const STOP_FORCE = 8;

/** What the stops are said to do in one step of full push from here. */
async function stopForce(engine: EngineName, cartPosition_m: number, cartVelocity_mps: number, push: number, params = {}): Promise<number> {
  const task = { ...invertedDoublePendulum, params: { ...invertedDoublePendulum.params, ...params } };
  const world = await makeWorld(task, engine);
  try {
    const start = startingAt(task, { cartPosition_m, cartVelocity_mps, lowerAngle_rad: 0.1, upperVelocity_radps: 1 }, 1);
    // The observation is clipped at 10 N, the state is not.
    const unclipped = { ...start, observe: (state: { stopForce_N: number }, row: Float32Array) => row.fill(state.stopForce_N) };
    const { observations } = runEpisode(anyTask(unclipped as never), world, 1, (_, __, action) => action.fill(push));
    return observations[1]![STOP_FORCE]!;
  } finally {
    world.free();
  }
}

for (const engine of ['rapier', 'mujoco'] as const)
  describe(`the stops of InvertedDoublePendulum on ${engine}`, () => {
    it('exert nothing away from them, whatever the parameters', async () => {
      for (const params of [{}, { massScale: 1.25 }, { motorScale: 0.8 }, { dampingScale: 20 }])
        expect(Math.abs(await stopForce(engine, 0, 0.5, 1, params)), JSON.stringify(params)).to.be.below(5);
    });

    it('push back at an end', async () => {
      expect(await stopForce(engine, 0.999, 0, 1)).to.be.below(-100);
      expect(await stopForce(engine, -0.999, 0, -1)).to.be.above(100);
    });
  });

describe('a start of InvertedDoublePendulum', () => {
  it('has uniform positions and normal velocities', () => {
    for (const name of ['cartPosition_m', 'lowerAngle_rad', 'upperAngle_rad'] as const)
      expectUniform(invertedDoublePendulum, name, -0.1, 0.1);
    for (const name of ['cartVelocity_mps', 'lowerVelocity_radps', 'upperVelocity_radps'] as const)
      expectNormal(invertedDoublePendulum, name, 0.1);
  });
});
