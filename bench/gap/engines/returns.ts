/** What the same policies earn on both engines, from the same starts. */
import type { Policy } from '../../../src/core/policy.ts';
import { type Interval, plannedInterval, type ResamplePlan } from '../../../src/gap/bootstrap.ts';
import { mean } from '../../../src/gap/statistics.ts';
import type { TaskEnv } from '../../../src/task/task-env.ts';

export interface ReturnGap {
  readonly policy: string;
  readonly rapier: number;
  readonly mujoco: number;
  /** MuJoCo less Rapier, mean over starts. */
  readonly difference: Interval;
}

/** Control steps of an episode that are played, at most. */
export const EPISODE_steps = 400;

/** @param rapier, mujoco - an env each, as many lanes as `plan` counts. */
export async function returnGap(rapier: TaskEnv, mujoco: TaskEnv, policy: Policy, plan: ResamplePlan): Promise<ReturnGap> {
  const [here, there] = [await returnsOf(rapier, policy), await returnsOf(mujoco, policy)];
  return {
    policy: policy.name,
    rapier: mean(here),
    mujoco: mean(there),
    difference: plannedInterval([here, there], ([from, to]) => mean(to!) - mean(from!), plan),
  };
}

/** One episode in every lane, begun with the lane's number as its seed. @returns float64 `[lanes]` */
async function returnsOf(env: TaskEnv, policy: Policy): Promise<Float64Array> {
  const { lanes, batch } = env;
  const returns = new Float64Array(lanes);
  const active = new Uint8Array(lanes).fill(1);
  await env.reset({ mask: active, seeds: Float64Array.from({ length: lanes }, (_, lane) => lane) });
  policy.reset(0);
  for (let step = 0; step < Math.min(env.task.horizon, EPISODE_steps) && active.includes(1); step++) {
    await env.step(await policy.act(batch.observation), active);
    for (let lane = 0; lane < lanes; lane++) {
      if (!active[lane]) continue;
      returns[lane]! += batch.reward[lane]!;
      if (batch.terminated[lane] || batch.problems[lane]) active[lane] = 0;
    }
  }
  return returns;
}
