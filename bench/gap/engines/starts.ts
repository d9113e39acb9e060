/** Where both engines begin, and what is done from there. */
import type { Policy } from '../../../src/core/policy.ts';
import { TransitionRecorder, type Transitions } from '../../../src/data/transitions.ts';
import { type HeldOut, predictedScale } from '../../../src/gap/held-out.ts';
import { Rng } from '../../../src/math/rng.ts';
import type { Box } from '../../../src/spaces/space.ts';
import type { TaskEnv } from '../../../src/task/task-env.ts';

export interface Starts {
  readonly plan: HeldOut;
  /** float64 `[P]`: standard deviation of every predicted element over all that follows the starts, on Rapier. */
  readonly scale: Float64Array;
}

/** Control steps before a start, at most. */
const LATEST_START = 100;
const one = Uint8Array.of(1);

/**
 * One start of each episode, so that starts are independent. What follows one is played on whether or not the episode ends: physics goes on.
 * @param env - Rapier, one lane. @param policy - of one lane.
 */
export async function recordStarts(env: TaskEnv, policy: Policy, count: number, horizon: number, seed: number): Promise<Starts> {
  const rng = new Rng(seed, 1);
  const recorder = new TransitionRecorder(env.task);
  for (let start = 0; start < count; start++) {
    while (!(await reachStart(env, policy, rng.uint32(), rng.integer(LATEST_START))));
    for (let step = 0; step < horizon; step++) {
      const before = env.state.slice();
      const action = await policy.act(env.batch.observation);
      await env.step(action, one);
      recorder.add(before, action, env.commands, env.state, start);
    }
  }
  const data = recorder.transitions();
  return { plan: planOf(data, count, horizon), scale: predictedScale(env.task, data) };
}

/** @returns whether the episode got there. */
async function reachStart(env: TaskEnv, policy: Policy, seed: number, steps: number): Promise<boolean> {
  await env.reset({ mask: one, seeds: Float64Array.of(seed) });
  policy.reset(seed);
  for (let step = 0; step < steps; step++) {
    await env.step(await policy.act(env.batch.observation), one);
    if (env.batch.terminated[0] || env.batch.problems[0]) return false;
  }
  return true;
}

/** Episodes of equal length, each from its start on. */
function planOf({ state, action, command, next }: Transitions, starts: number, horizon: number): HeldOut {
  const size = state.length / starts / horizon;
  const first = new Float64Array(starts * size);
  for (let start = 0; start < starts; start++)
    first.set(state.subarray(start * horizon * size, (start * horizon + 1) * size), start * size);
  const episode = Int32Array.from({ length: starts }, (_, i) => i);
  return { starts, horizon, state: first, action: action.slice(), command: command.slice(), following: next.slice(), episode };
}

/** Random actions are held for some steps, which moves a mechanism further than white noise. */
const HELD_steps = 3;

/** In each episode another share of what is done is random, from nothing to everything. @param reference - of one lane. */
export function partlyRandom({ low, high }: Box, reference: Policy, rng: Rng): Policy {
  const action = new Float32Array(low.length);
  const random = new Float32Array(low.length);
  let [share, step] = [0, 0];
  return {
    name: 'reference and random',
    reset(seed) {
      reference.reset(seed);
      rng.seed(seed);
      [share, step] = [rng.uniform(), 0];
    },
    async act(observation) {
      const wanted = (await reference.act(observation)) as Float32Array;
      if (step++ % HELD_steps === 0) for (const i of random.keys()) random[i] = rng.uniform(low[i]!, high[i]!);
      for (const i of action.keys()) action[i] = (1 - share) * wanted[i]! + share * random[i]!;
      return action;
    },
  };
}
