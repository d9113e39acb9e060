import type { AnyTask } from '../task/task.ts';
import { contextEntries, type ModelManifest, manifestEntries, manifestFormat, predictedEntries, taskHash, widthOf } from './contract.ts';

/**
 * A manifest that fits a task, for a Gaussian model of one member without memory: for people who make their model elsewhere.
 * Name and sha256 are to be filled in; change members, noise, memorySize and outputs where the model differs.
 */
export function manifestTemplate(task: AnyTask): ModelManifest {
  const state = predictedEntries(task);
  return {
    format: manifestFormat,
    name: `a model of ${task.id}`,
    task: { id: task.id, hash: taskHash(task) },
    predicts: 'state',
    members: 1,
    state: manifestEntries(state),
    action: task.commands.map(({ name, unit }) => ({ name, unit })),
    context: manifestEntries(contextEntries(task)),
    noise: { distribution: 'normal', size: widthOf(state) },
    memorySize: 0,
    outputs: ['sample', 'mean', 'scale'],
    files: { predict: { path: 'predict.onnx', sha256: '' } },
  };
}
