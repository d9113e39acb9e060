/** Pendulums to measure gaps on: data spread over all angles and speeds, truth itself as a subject, one that never moves. */
import type { Dynamics } from '../../src/core/dynamics.ts';
import { TransitionRecorder, type Transitions } from '../../src/data/transitions.ts';
import { envSubject, type OpenEnv, type Subject } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { TaskEnv } from '../../src/task/task-env.ts';

export const pendulum = registry.task('Pendulum-v0');

/** Short episodes from anywhere, random torques held 3 steps: unlike whole random episodes, which mostly hang. */
export async function swings(seed: number, episodes: number, steps: number): Promise<Transitions> {
  const env = await registry.truth('Pendulum-v0', 1);
  const recorder = new TransitionRecorder(pendulum);
  const rng = new Rng(seed);
  for (let episode = 0; episode < episodes; episode++) {
    await env.setState(0, [rng.uniform(-Math.PI, Math.PI), rng.uniform(-6, 6)], 0);
    const action = new Float32Array(1);
    for (let step = 0; step < steps; step++) {
      if (step % 3 === 0) action[0] = rng.uniform(-2, 2);
      const before = env.state.slice(0, 2);
      await env.step(action, Uint8Array.of(1));
      recorder.add(before, action, env.commands.subarray(0, 1), env.state.subarray(0, 2), episode);
    }
  }
  await env.close();
  return recorder.transitions();
}

/** Truth as its own model. */
export const oracle = (lanes: number): Promise<TaskEnv> => registry.truth('Pendulum-v0', lanes);

/** Predicts that nothing ever changes, whatever is done. */
export const persistence = async (lanes: number): Promise<TaskEnv> => {
  const still: Dynamics = {
    kind: 'model',
    fingerprint: 'still',
    start() {},
    advance() {},
    save: () => new Uint8Array(0),
    load() {},
    close() {},
  };
  return new TaskEnv(pendulum, still, lanes);
};

export const asSubject = (open: OpenEnv): Subject => envSubject('a pendulum', pendulum, open);
