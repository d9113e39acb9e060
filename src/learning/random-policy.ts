import type { Policy } from '../core/policy.ts';
import { Rng } from '../math/rng.ts';
import { allocate, rowOf, type Space, sampleInto } from '../spaces/space.ts';

/**
 * Uniform random actions, each held for `hold` steps: held ones move a robot further than white noise, whose pushes cancel.
 * @param lanes - how many envs it acts in at once.
 */
export function randomPolicy(space: Space, lanes: number, hold = 1): Policy {
  const actions = allocate(space, lanes);
  const rng = new Rng(0);
  let step = 0;
  return {
    name: hold === 1 ? 'random' : `random, held ${hold} steps`,
    reset(seed) {
      rng.seed(seed);
      step = 0;
    },
    act() {
      if (step++ % hold === 0) for (let lane = 0; lane < lanes; lane++) sampleInto(space, rng, rowOf(space, actions, lane));
      return actions;
    },
  };
}
