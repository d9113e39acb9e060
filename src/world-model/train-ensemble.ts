/** From recorded transitions of a task to a model folder's content. */
import { type Transitions, transitionsHash } from '../data/transitions.ts';
import { sha256Hex } from '../math/hash.ts';
import type { AnyTask } from '../task/task.ts';
import { contextEntries, type ModelManifest, manifestEntries, manifestFormat, predictedEntries, taskHash } from './contract.ts';
import {
  columnScale,
  compileEnsemblePredict,
  type EnsembleConfig,
  encodeInputs,
  encodeTargets,
  ensembleDefaults,
  layoutOf,
  type Normalisation,
  normalise,
} from './ensemble.ts';
import type { FitHooks, FitJob, FitProgress, FitResult } from './fit-ensemble.ts';

export interface TrainOptions extends FitHooks {
  readonly name: string;
  readonly updates: number;
  readonly seed: number;
  readonly config?: EnsembleConfig;
  readonly warmStart?: FitResult['weights'];
  /** Where the fit runs: in this process or in a child. */
  readonly fit: (job: FitJob, hooks: FitHooks) => Promise<FitResult>;
}

export interface TrainedModel {
  readonly manifest: ModelManifest;
  readonly predict: Uint8Array;
  readonly weights: FitResult['weights'];
  readonly losses: readonly FitProgress[];
}

export async function trainEnsemble(task: AnyTask, data: Transitions, options: TrainOptions): Promise<TrainedModel> {
  const config = options.config ?? ensembleDefaults;
  const layout = layoutOf(task);
  const inputs = encodeInputs(layout, data);
  const targets = encodeTargets(layout, data);
  const input = columnScale(inputs, layout.features);
  const target = columnScale(targets, layout.targets.length);
  const scaling: Normalisation = { inputMean: input.mean, inputScale: input.scale, targetMean: target.mean, targetScale: target.scale };
  const fitted = await options.fit(
    {
      input: normalise(inputs, input.mean, input.scale),
      target: normalise(targets, target.mean, target.scale),
      rows: data.count,
      features: layout.features,
      targets: layout.targets.length,
      config,
      updates: options.updates,
      seed: options.seed,
      ...(options.warmStart ? { weights: options.warmStart } : {}),
    },
    options,
  );
  const predict = compileEnsemblePredict(layout, config, fitted.weights, scaling, fitted.calibration);
  return { manifest: manifestOf(task, data, options, config, fitted, predict), predict, weights: fitted.weights, losses: fitted.losses };
}

function manifestOf(
  task: AnyTask,
  data: Transitions,
  options: TrainOptions,
  config: EnsembleConfig,
  fitted: FitResult,
  predict: Uint8Array,
): ModelManifest {
  const state = predictedEntries(task);
  return {
    format: manifestFormat,
    name: options.name,
    task: { id: task.id, hash: taskHash(task) },
    predicts: 'state',
    members: config.members,
    state: manifestEntries(state),
    action: task.commands.map(({ name, unit }) => ({ name, unit })),
    context: manifestEntries(contextEntries(task)),
    noise: { distribution: 'normal', size: state.reduce((sum, entry) => sum + entry.size, 0) },
    memorySize: 0,
    outputs: ['sample', 'mean', 'scale'],
    files: { predict: { path: 'predict.onnx', sha256: sha256Hex(predict) } },
    training: {
      ...config,
      updates: fitted.losses.at(-1)?.update ?? 0,
      seed: options.seed,
      transitions: data.count,
      dataHash: transitionsHash(data),
      finalLoss: fitted.losses.at(-1)?.loss ?? null,
      stopped: fitted.stopped,
    },
    calibration: {
      method: 'spread of the ensemble brought to hold 90 % of out-of-bag residuals, newest 60 % of rows',
      factor: Array.from(fitted.calibration),
    },
  };
}
