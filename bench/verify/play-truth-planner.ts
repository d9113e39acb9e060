/** The truth planner on one start. Kept apart so that the hash over what it imports is the hash over what its result depends on. */
import { cem } from '../../agents/cem/recipe.ts';
import { cartPoleSwingUp } from '../../envs/cart-pole-swing-up/task.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { reacher } from '../../envs/reacher/task.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { inTruth } from '../../src/planning/in-truth.ts';
import { planningPolicy } from '../../src/planning/planning-policy.ts';
import { PhysicsDynamics } from '../../src/task/physics-dynamics.ts';
import { type AnyTask, anyTask } from '../../src/task/task.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';

/** By id. */
export const plannedTasks: Readonly<Record<string, AnyTask>> = Object.fromEntries(
  [anyTask(cartPoleSwingUp), anyTask(pendulum), anyTask(reacher)].map((task) => [task.id, task]),
);

export interface PlayedStart {
  readonly seed: number;
  readonly policySeed: number;
  readonly return: number;
  readonly steps: number;
  readonly seconds: number;
}

/** @param maxSteps - fewer than the task's horizon only in tests. */
export async function playTruthPlanner(
  planned: AnyTask,
  seed: number,
  policySeed: number,
  maxSteps = planned.horizon,
): Promise<PlayedStart> {
  const engine = await rapierEngine();
  const source = new TaskEnv(planned, new PhysicsDynamics(planned, engine), 1);
  const scratch = new TaskEnv(planned, new PhysicsDynamics(planned, engine), 1);
  // A first reset, since plans are executed from snapshots alone.
  await scratch.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(0) });
  const env = new SyncVectorEnv(source, { wrappers: [timeLimit(planned.horizon)], autoreset: 'disabled', entropy: () => 0 });
  const started_ms = performance.now();
  const { returns, lengths } = await evaluate(env, planningPolicy(inTruth(source, scratch), cem()), { seed, policySeed, maxSteps });
  const seconds = (performance.now() - started_ms) / 1000;
  await env.close();
  await scratch.close();
  return { seed, policySeed, return: returns[0]!, steps: lengths[0]!, seconds };
}
