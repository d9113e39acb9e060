import type { Policy } from '../../src/core/policy.ts';
import type { RolloutScorer } from '../../src/core/rollouts.ts';
import { layOut, viewsOver } from '../../src/core/state-spec.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, rowOf, type TypedArray, type Values } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { TruthScorer } from '../../src/task/truth-scorer.ts';
import { ModelScorer } from '../../src/world-model/model-scorer.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';
import { type CemConfig, cemDefaults } from './config.ts';
import { CemPlanner } from './planner.ts';

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

/**
 * The same planner executing its candidates in physics: it sees the real lanes themselves, and is the upper bound for the one above.
 * @param scratch - one lane on the same task and engine.
 */
export function cemInTruth(source: TaskEnv, scratch: TaskEnv, config: CemConfig = cemDefaults): Policy {
  const scorer = new TruthScorer(source, scratch, config.limits);
  return planning('cem in truth', source.task, scorer, config, () => scorer.begin());
}

function planning(
  name: string,
  task: AnyTask,
  scorer: RolloutScorer,
  config: CemConfig,
  look: (observation: Values, seed?: number) => void,
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
      look(observation, fresh);
      fresh = undefined;
      await planner.plan(rng, chosen);
      actions.set(chosen);
      return actions;
    },
  };
}
