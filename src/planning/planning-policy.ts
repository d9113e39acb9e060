import type { Policy } from '../core/policy.ts';
import { Rng } from '../math/rng.ts';
import { allocate, type TypedArray } from '../spaces/space.ts';
import type { PlannerRecipe } from './planner.ts';
import type { PlanningView } from './planning-view.ts';

/** A policy that plans from where it looks, decision after decision: any planner in any view. @throws OPTION_INVALID. */
export function planningPolicy(view: PlanningView, recipe: PlannerRecipe): Policy {
  const { scorer } = view;
  const planner = recipe.make(scorer, view.actionSpace);
  const chosen = new Float32Array(scorer.starts * scorer.actionSize);
  const actions = allocate(view.actionSpace, scorer.starts) as TypedArray;
  const rng = new Rng(0);
  let fresh: number | undefined = 0;
  return {
    name: `${recipe.name} ${view.where}`,
    reset(seed) {
      rng.seed(seed);
      fresh = seed;
      planner.reset();
    },
    async act(observation) {
      await view.look(observation, fresh);
      fresh = undefined;
      await planner.plan(rng, chosen);
      actions.set(chosen);
      view.acted?.(actions);
      return actions;
    },
  };
}
