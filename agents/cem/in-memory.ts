import type { Policy } from '../../src/core/policy.ts';
import { inMemory, planningPolicy } from '../../src/planning/index.ts';
import type { AnyTask } from '../../src/task/task.ts';
import type { ObservationModel } from '../../src/world-model/observation-model.ts';
import { type CemConfig, cemDefaults } from './config.ts';
import { cem } from './recipe.ts';

/**
 * Acts by planning in a model of observations. What it saw and did in the episode so far goes into a memory, from which plans are imagined.
 * @param lanes - how many envs it acts in at once.
 * @param samples - dreams of each candidate by each member.
 */
export function cemInMemory(
  task: Pick<AnyTask, 'observationSpace' | 'actionSpace' | 'state'>,
  model: ObservationModel,
  lanes: number,
  { config = cemDefaults, samples = 1 }: { readonly config?: CemConfig; readonly samples?: number } = {},
): Policy {
  return planningPolicy(inMemory(task, model, lanes, { limits: config.limits, samples }), cem(config));
}
