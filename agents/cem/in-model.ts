import type { Policy } from '../../src/core/policy.ts';
import { layOut, viewsOver } from '../../src/core/state-spec.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { rowOf } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { ModelScorer } from '../../src/world-model/model-scorer.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';
import { type CemConfig, cemDefaults } from './config.ts';
import { planning } from './planning.ts';

/**
 * Acts by planning in the learned model, from nothing but observations.
 * @param lanes - how many envs it acts in at once.
 * @throws OPTION_INVALID for a task whose observation does not determine its state.
 */
export function cemInModel(task: AnyTask, model: WorldModel, lanes: number, config: CemConfig = cemDefaults): Policy {
  const { infer } = task;
  if (!infer)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'cem',
      option: 'env',
      value: task.id,
      allowed: 'a task whose observation determines its state',
    });
  const size = layOut(task.state).size;
  const rows = new Float64Array(lanes * size);
  const views = viewsOver(task.state, rows, lanes);
  const scorer = new ModelScorer(task, model, lanes, config.limits);
  return planning('cem in the model', task, scorer, config, (observation, seed) => {
    if (seed !== undefined) scorer.seed(seed);
    for (let lane = 0; lane < lanes; lane++) infer(rowOf(task.observationSpace, observation, lane), views[lane]!);
    scorer.begin(rows);
  });
}
