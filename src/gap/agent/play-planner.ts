import { Rng } from '../../math/rng.ts';
import type { PlannerRecipe } from '../../planning/planner.ts';
import { allocate, type TypedArray } from '../../spaces/space.ts';
import type { OpenEnv } from '../subject.ts';
import { EnvScorer } from './env-scorer.ts';
import { type Grounds, withEnv } from './grounds.ts';
import { playReturns } from './play-returns.ts';

/**
 * Acts in truth by planning anew at every step, from the true state.
 * @param imagine - opens where plans are tried: truth or the dream. The planner and what it draws are the same.
 * @returns float64 `[starts]`, true returns.
 */
export function playPlanner(
  { truth, starts: rows, seed, steps, task }: Grounds,
  starts: number,
  imagine: OpenEnv,
  recipe: PlannerRecipe,
): Promise<Float64Array> {
  return withEnv(truth, starts, async (env) => {
    const scorer = new EnvScorer(imagine, task.actionSpace, starts);
    const rng = new Rng(seed);
    const planner = recipe.make(scorer, task.actionSpace);
    planner.reset();
    const chosen = new Float32Array(starts * scorer.actionSize);
    const actions = allocate(task.actionSpace, starts) as TypedArray;
    try {
      return await playReturns({ env, starts: rows, seed, steps }, async () => {
        scorer.begin(env.state.slice(), rng.integer(1 << 20) * 64);
        await planner.plan(rng, chosen);
        actions.set(chosen);
        return actions;
      });
    } finally {
      await scorer.close();
    }
  });
}
