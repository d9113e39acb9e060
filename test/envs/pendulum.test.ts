import { expect } from 'chai';
import { pendulum } from '../../envs/pendulum/task.ts';
import { makeWorld, rewardOf, runEpisode, startingAt, stateOf } from './harness.ts';

const at = (angle_rad: number, velocity_radps: number) => stateOf(pendulum, { angle_rad, velocity_radps });

describe('Pendulum', () => {
  it('pays by the state before the step', () => {
    const next = at(1, 1);
    expect(rewardOf(pendulum, at(0, 0), [0], next)).to.be.closeTo(0, 1e-12);
    // 1² + .1 · 3² + .001 · 2²
    expect(rewardOf(pendulum, at(-1, 3), [2], next)).to.be.closeTo(-1.904, 1e-12);
    expect(rewardOf(pendulum, at(Math.PI, 0), [0], next)).to.be.closeTo(-9.8696044, 1e-6);
    // 3π/2 counts as −π/2.
    expect(rewardOf(pendulum, at(1.5 * Math.PI, 0), [0], next)).to.be.closeTo(-2.4674011, 1e-6);
  });

  it('moves as Gymnasium says: θ̈ = 3g/(2l) sin θ + 3u/(m l²)', async () => {
    const world = await makeWorld(pendulum);
    const task = startingAt(pendulum, { angle_rad: Math.PI, velocity_radps: 0 }, 1);
    const { observations } = runEpisode(task, world, 1, (_, __, action) => action.fill(2));
    world.free();
    // Hanging still, 2 N·m: 6 rad/s² for .05 s; gravity takes back less than 1 % of it.
    expect(observations[1]![2]).to.be.closeTo(0.3, 0.004);
    expect(observations[1]![1], 'the angle grows: sin(π + a) < 0').to.be.below(0);
  });

  it('cannot be lifted by its torque alone', async () => {
    const world = await makeWorld(pendulum);
    const task = startingAt(pendulum, { angle_rad: Math.PI, velocity_radps: 0 });
    const { observations } = runEpisode(task, world, 1, (_, __, action) => action.fill(2));
    world.free();
    expect(Math.max(...observations.map((row) => row[0]!))).to.be.below(0);
  });
});
