import type { Transitions } from '../src/data/transitions.ts';
import { nodeRuntime } from '../src/onnx/index.ts';
import type { AnyTask } from '../src/task/task.ts';
import { fitEnsemble } from '../src/world-model/fit-ensemble.ts';
import { openModel } from '../src/world-model/model-folder.ts';
import { type TrainedModel, type TrainOptions, trainEnsemble } from '../src/world-model/train-ensemble.ts';
import type { WorldModel } from '../src/world-model/world-model.ts';

/** An ensemble trained in this process, open and as it was trained. Whoever asks closes it. */
export async function learnedModel(
  task: AnyTask,
  data: Transitions,
  options: Pick<TrainOptions, 'updates' | 'seed'>,
): Promise<{ model: WorldModel; trained: TrainedModel }> {
  const runtime = nodeRuntime();
  const trained = await trainEnsemble(task, data, {
    name: `${task.id} ensemble, seed ${options.seed}`,
    ...options,
    fit: (job, hooks) => fitEnsemble(runtime, job, hooks),
  });
  const { manifest, predict } = trained;
  return { model: await openModel(runtime, manifest.name, manifest, predict, task), trained };
}
