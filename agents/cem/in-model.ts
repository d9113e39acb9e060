import type { Policy } from '../../src/core/policy.ts';
import { inModel, planningPolicy } from '../../src/planning/index.ts';
import type { AnyTask } from '../../src/task/task.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';
import { type CemConfig, cemDefaults } from './config.ts';
import { cem } from './recipe.ts';

/**
 * Acts by planning in the learned model, from nothing but observations.
 * @param lanes - how many envs it acts in at once.
 * @throws OPTION_INVALID for a task whose observation does not determine its state.
 */
export function cemInModel(task: AnyTask, model: WorldModel, lanes: number, config: CemConfig = cemDefaults): Policy {
  return planningPolicy(inModel(task, model, lanes, { limits: config.limits }), cem(config));
}
