import type { Policy } from '../../src/core/policy.ts';
import type { RolloutScorer } from '../../src/core/rollouts.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, type TypedArray, type Values } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';
import type { CemConfig } from './config.ts';
import { CemPlanner } from './planner.ts';

/** A policy that plans from where it looks, decision after decision. @param look - takes the starts; told a seed at the first decision after a reset. */
export function planning(
  name: string,
  task: Pick<AnyTask, 'actionSpace'>,
  scorer: RolloutScorer,
  config: CemConfig,
  look: (observation: Values, seed?: number) => void | Promise<void>,
): Policy {
  const planner = new CemPlanner(scorer, task.actionSpace, config);
  const chosen = new Float32Array(scorer.starts * scorer.actionSize);
  const actions = allocate(task.actionSpace, scorer.starts) as TypedArray;
  const rng = new Rng(0);
  let fresh: number | undefined = 0;
  return {
    name,
    reset(seed) {
      rng.seed(seed);
      fresh = seed;
      planner.reset();
    },
    async act(observation) {
      await look(observation, fresh);
      fresh = undefined;
      await planner.plan(rng, chosen);
      actions.set(chosen);
      return actions;
    },
  };
}
