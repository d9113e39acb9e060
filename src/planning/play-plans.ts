import { allocate, flatSizeOf, type TypedArray } from '../spaces/space.ts';
import type { TaskEnv } from '../task/task-env.ts';

/**
 * Executes a plan in each lane, from where the lane stands, to the plan's end or the episode's.
 * @param plans - float32 `[lanes, horizon, actionSize]`, actions inside the action space.
 * @param visit - after every step of a lane, the last one included; `step` counts from 0.
 * @returns uint8 `[lanes]`: lanes whose episode goes on.
 */
export async function playPlans(
  env: TaskEnv,
  plans: Float32Array,
  horizon: number,
  visit: (lane: number, step: number) => void,
): Promise<Uint8Array> {
  const actionSize = flatSizeOf(env.actionSpace);
  const actions = allocate(env.actionSpace, env.lanes) as TypedArray;
  const running = new Uint8Array(env.lanes).fill(1);
  for (let step = 0; step < horizon && running.includes(1); step++) {
    for (let lane = 0; lane < env.lanes; lane++)
      for (let i = 0; i < actionSize; i++) actions[lane * actionSize + i] = plans[(lane * horizon + step) * actionSize + i]!;
    const pending = env.step(actions, running);
    if (pending) await pending;
    for (let lane = 0; lane < env.lanes; lane++) {
      if (!running[lane]) continue;
      visit(lane, step);
      if (env.batch.terminated[lane] || env.batch.truncated[lane]) running[lane] = 0;
    }
  }
  return running;
}

/** The last step's reward of a lane, over all its agents. */
export function rewardOf({ agents, batch }: TaskEnv, lane: number): number {
  let sum = 0;
  for (let agent = 0; agent < agents; agent++) sum += batch.reward[lane * agents + agent]!;
  return sum;
}
