import type { Transitions } from '../data/transitions.ts';
import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import type { AnyTask } from '../task/task.ts';
import { coverageFactor } from './calibrate-ensemble.ts';
import type { Adjustment, ModelManifest } from './contract.ts';
import { predictOneStep } from './one-step.ts';
import type { Prediction, PredictionInput, WorldModel } from './world-model.ts';

/** A model whose predictions are shifted and whose deviations are multiplied, as its manifest says under `adjustment`: what recalibration changes without touching the graph. */
export class AdjustedModel implements WorldModel {
  readonly manifest: ModelManifest;
  readonly fingerprint: string;
  readonly takesShares: boolean;
  /** The model as it was made. */
  readonly base: WorldModel;
  private readonly adjustment: Adjustment;

  /** @param base - closed with this one. @param manifest - of this one. */
  constructor(base: WorldModel, manifest: ModelManifest & { readonly adjustment: Adjustment }) {
    const { adjustment } = manifest;
    this.base = base;
    this.takesShares = base.takesShares ?? false;
    this.adjustment = adjustment;
    this.manifest = manifest;
    this.fingerprint = sha256Hex(JSON.stringify([base.fingerprint, adjustment]));
  }

  async predict(input: PredictionInput, spread?: boolean): Promise<Prediction> {
    const { bias, factor } = this.adjustment;
    // A factor on a sample needs its mean.
    const prediction = await this.base.predict(input, spread !== false || factor !== 1);
    const { sample, mean, scale } = prediction;
    for (let i = 0; i < sample.length; i++) {
      const shift = bias[i % bias.length]!;
      sample[i] = mean ? mean[i]! + factor * (sample[i]! - mean[i]!) + shift : sample[i]! + shift;
      if (mean) mean[i] = mean[i]! + shift;
      if (scale) scale[i] = scale[i]! * factor;
    }
    return prediction;
  }

  close(): Promise<void> {
    return this.base.close();
  }
}

/** Fewer steps tell chance from bias no more. */
const fewestSteps = 50;

/**
 * Refits what a model expects on average and how sure it is of it to the last steps of a truth that has changed: a stopgap that needs no training.
 * The bias is the mean error of each element; the factor of the deviations is the one with which they, with the members' disagreement, hold 90 % of what errors remain.
 * Its `trust` is dropped: it was measured on another truth.
 *
 * @param recent - of the running truth, such as `TwinEnv.recent()`.
 * @returns a model of its own over the same graph: close one of the two. To keep it, write its manifest beside the graph.
 * @throws DATA_INVALID when there are fewer than 50 steps.
 */
export async function recalibrate(task: AnyTask, model: WorldModel, recent: Transitions): Promise<WorldModel> {
  if (recent.count < fewestSteps)
    throw new GroundtwinError('DATA_INVALID', {
      path: 'recent steps',
      problem: `${recent.count} are too few to recalibrate on, ${fewestSteps} are needed`,
    });
  const { error, deviation, disagreement } = await predictOneStep(task, model, recent);
  const size = error.length / recent.count;
  const bias = new Float64Array(size);
  for (let i = 0; i < error.length; i++) bias[i % size] = bias[i % size]! + error[i]! / recent.count;
  const residuals = Array.from(error, (value, i) => {
    const apart = Number.isFinite(disagreement[i]) ? disagreement[i]! ** 2 : 0;
    return { error: value - bias[i % size]!, variance: Math.max(0, deviation[i]! ** 2 - apart), disagreement: apart };
  });
  const told = residuals.filter(({ variance }) => variance > 0);
  const base = model instanceof AdjustedModel ? model.base : model;
  const { trust: _, adjustment: before, ...manifest } = model.manifest;
  const adjustment: Adjustment = {
    bias: Array.from(bias, (value, i) => value + (before?.bias[i] ?? 0)),
    factor: (before?.factor ?? 1) * (told.length > 0 ? coverageFactor(told) : 1),
    steps: recent.count,
  };
  return new AdjustedModel(base, { ...manifest, adjustment });
}
