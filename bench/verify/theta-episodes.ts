/** Episodes of CartPoleSwingUp at physical parameters drawn anew for each, and who acts in them. */
import type { Policy } from '../../src/core/policy.ts';
import type { Ranges } from '../../src/core/range.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { TransitionRecorder, type Transitions } from '../../src/data/transitions.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { AnyTask } from '../../src/task/task.ts';

/** Of the env's pole at its own parameters: 3 g / 2 l, 1/s². */
const poleStiffness_ps2 = (1.5 * 9.81) / 1;

/**
 * What an agent that learns to swing up does, good and bad: pumps energy into the pole, holds it when it is up, keeps the cart on its rail, and tries other things
 * all the time, by noise alike from step to step whose strength is drawn for each episode. It knows the task's own parameters only.
 */
export function swingUpPolicy(): Policy {
  const rng = new Rng(0);
  const action = new Float32Array(1);
  let strength = 0;
  let noise = 0;
  return {
    name: 'swing-up with noise',
    reset(seed) {
      rng.seed(seed, 3);
      strength = rng.uniform(0.1, 0.5);
      noise = 0;
    },
    act(observation) {
      noise = 0.9 * noise + Math.sqrt(1 - 0.9 ** 2) * rng.normal();
      action[0] = Math.max(-1, Math.min(1, wanted(observation as Float32Array) + strength * noise));
      return action;
    },
  };
}

/** @param observation - position, velocity, cosine, sine, pole velocity. @returns share of the largest push. */
function wanted([x_m, v_mps, cosine, sine, pole_radps]: ArrayLike<number> & Iterable<number>): number {
  if (cosine! > 0.9) return 5 * Math.asin(sine!) + 1.2 * pole_radps! + 0.3 * x_m! + 0.45 * v_mps!;
  const missing = 1 - cosine! - pole_radps! ** 2 / (2 * poleStiffness_ps2);
  const pump = Math.max(-1, Math.min(1, 2 * missing));
  const stops = 6 * beyond(x_m! + 0.4 * v_mps!, 0.9);
  return -pump * Math.sign(pole_radps! * cosine!) - 0.6 * x_m! - 0.2 * v_mps! - stops;
}

/** How far outside ±`limit`, signed. */
function beyond(value: number, limit: number): number {
  return Math.sign(value) * Math.max(0, Math.abs(value) - limit);
}

export interface ThetaEpisodes {
  readonly task: AnyTask;
  readonly ranges: Ranges;
  readonly episodes: number;
  readonly steps: number;
  readonly seed: number;
}

export async function recordThetaEpisodes({ task, ranges, episodes, steps, seed }: ThetaEpisodes): Promise<Transitions> {
  const env = await registry.truth(task, 1, 'rapier', ranges);
  const recorder = new TransitionRecorder(task, episodes * steps);
  const policy = swingUpPolicy();
  const rng = new Rng(seed);
  for (let episode = 0; episode < episodes; episode++)
    await recordEpisode(env, policy, recorder, { seed: rng.uint32(), maxSteps: steps, episode });
  await env.close();
  return recorder.transitions();
}
