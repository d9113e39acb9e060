import { Rng } from '../src/math/rng.ts';
import { mlpParameters } from '../src/onnx/index.ts';
import type { AnyTask } from '../src/task/task.ts';
import { filesOf, type ModelManifest } from '../src/world-model/contract.ts';
import { type EnsembleConfig, ensembleDefaults, layoutOf, networkSpec } from '../src/world-model/ensemble.ts';
import { compileEnsemblePredict } from '../src/world-model/ensemble-predict.ts';
import { manifestTemplate } from '../src/world-model/manifest-template.ts';

/** Standard deviation of an imagined change, in each entry's unit: small, so that long rollouts stay finite. */
const changeScale = 0.01;

/** An ensemble with random weights: predicts nonsense, in the same time and by the same code as a trained one. */
export function untrainedModel(
  task: AnyTask,
  config: Partial<EnsembleConfig> = {},
  seed = 1,
): { manifest: ModelManifest; predict: Uint8Array } {
  const settings = { ...ensembleDefaults, ...config };
  const layout = layoutOf(task);
  const targets = layout.targets.length;
  const parameters = mlpParameters(networkSpec(layout.features, targets, settings), new Rng(seed));
  const values = Object.fromEntries(parameters.map(({ name, initial }) => [name, initial as Float32Array]));
  const filled = (length: number, value: number) => new Float64Array(length).fill(value);
  const scaling = {
    inputMean: filled(layout.features, 0),
    inputScale: filled(layout.features, 1),
    targetMean: filled(targets, 0),
    targetScale: filled(targets, changeScale),
  };
  const ensemble = { layout, config: settings, values, scaling, calibration: 1 };
  const predict = compileEnsemblePredict(ensemble);
  const manifest: ModelManifest = {
    ...manifestTemplate(task),
    name: `untrained ${task.id}`,
    members: settings.members,
    files: filesOf(predict),
  };
  return { manifest, predict };
}
