import { cem } from '../../agents/cem/recipe.ts';
import type { PetsConfig } from '../../agents/pets/config.ts';
import { PetsTraining } from '../../agents/pets/train.ts';
import { randomPolicy } from '../../src/learning/random-policy.ts';
import type { OnnxRuntime } from '../../src/onnx/runtime.ts';
import { planningPolicy } from '../../src/planning/planning-policy.ts';
import { inModel } from '../../src/planning/views.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import type { TrainedModel } from '../../src/world-model/train-ensemble.ts';
import { type OpenPolicy, playTraining, type Training } from './play-training.ts';
import type { Played, Run } from './run.ts';

export function play(run: Run<PetsConfig>): Promise<Played> {
  return playTraining(run, async (env, task, runtime) => {
    const training = new PetsTraining(env, task, cem(), run.config, run.seed, runtime);
    return judgedByPlanning(training, task, runtime);
  });
}

/** Under way it is judged by planning in what it last fitted, which has not seen the last round's steps yet. */
function judgedByPlanning(training: PetsTraining, task: AnyTask, runtime: OnnxRuntime): Training {
  return {
    get isDone() {
      return training.isDone;
    },
    get steps() {
      return training.transitions.count;
    },
    iterate: () => training.iterate(),
    async policy(lanes) {
      const fitted = training.isDone ? await training.learn() : training.fitted;
      return fitted ? planning(task, runtime, fitted, lanes) : { ...randomPolicy(task.actionSpace, lanes), close: async () => {} };
    },
    close: async () => {},
  };
}

async function planning(task: AnyTask, runtime: OnnxRuntime, { manifest, predict }: TrainedModel, lanes: number): Promise<OpenPolicy> {
  const model = await openModel(runtime, manifest.name, manifest, predict, task);
  return { ...planningPolicy(inModel(task, model, lanes), cem()), close: () => model.close() };
}
