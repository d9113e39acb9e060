/** Episodes from given starts, in truth or in a dream. */
import { Rng } from '../../math/rng.ts';
import { allocate, copyValues, sampleInto, type Values } from '../../spaces/space.ts';
import type { TaskEnv } from '../../task/task-env.ts';
import { type Contestant, replaceAtRandom } from './contestants.ts';
import { collectRewards } from './env-scorer.ts';

/** Where episodes are played: one a lane. */
export interface Arena {
  /** Without wrappers; closed by the caller. */
  readonly env: TaskEnv;
  /** float64 `[lanes, stateSize]` */
  readonly starts: Float64Array;
  /** Lane i draws its own noise from seed + i. */
  readonly seed: number;
  /** Of an episode, at most. */
  readonly steps: number;
}

/**
 * Plays every lane to its end, or to the last step.
 * @param act - sees all lanes, those past their end too.
 * @returns float64 `[lanes]`: sum of rewards over all agents; NaN where physics or model broke down.
 */
export async function playReturns(arena: Arena, act: (observation: Values) => Values | Promise<Values>): Promise<Float64Array> {
  const { env } = arena;
  await placeLanes(arena);
  const returns = new Float64Array(env.lanes);
  const active = new Uint8Array(env.lanes).fill(1);
  for (let step = 0; step < arena.steps && active.includes(1); step++) {
    const chosen = act(env.batch.observation);
    const pending = env.step(chosen instanceof Promise ? await chosen : chosen, active);
    if (pending) await pending;
    collectRewards(env, active, returns);
  }
  return returns;
}

async function placeLanes({ env, starts, seed }: Arena): Promise<void> {
  // Worlds put back are finalised only between turns of the event loop; without this, memory grows.
  await new Promise((resolve) => setImmediate(resolve));
  for (let lane = 0; lane < env.lanes; lane++)
    await env.setState(lane, starts.subarray(lane * env.spec.size, (lane + 1) * env.spec.size), seed + lane);
}

/**
 * Plays a contestant. What it does at random it draws by lane and step, so that it draws the same in truth and in a dream.
 * @returns float64 `[lanes]`, see `playReturns`.
 */
export async function playContestant(arena: Arena, contestant: Contestant): Promise<Float64Array> {
  const { env, seed } = arena;
  const { observationSpace, actionSpace, lanes } = env;
  const policy = await contestant.open({ observationSpace, actionSpace, lanes });
  const rngs = Array.from({ length: lanes }, (_, lane) => new Rng(seed, lane));
  const actions = allocate(actionSpace, lanes);
  policy.reset(seed);
  try {
    return await playReturns(arena, async (observation) => {
      copyValues(await policy.act(observation), actions);
      replaceAtRandom(actionSpace, actions, contestant.randomness ?? 0, rngs, (rng, row) => sampleInto(actionSpace, rng, row));
      return actions;
    });
  } finally {
    await policy.close?.();
  }
}

/** Starts as the task draws them. @param truth - any number of lanes; is reset. @returns float64 `[count, stateSize]` */
export async function drawStarts(truth: TaskEnv, count: number, rng: Rng): Promise<Float64Array> {
  const { lanes, spec } = truth;
  const starts = new Float64Array(count * spec.size);
  for (let first = 0; first < count; first += lanes) {
    await truth.reset({ mask: new Uint8Array(lanes).fill(1), seeds: Float64Array.from({ length: lanes }, () => rng.uint32()) });
    starts.set(truth.state.subarray(0, Math.min(lanes, count - first) * spec.size), first * spec.size);
  }
  return starts;
}
