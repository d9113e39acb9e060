import type { Transitions } from '../data/transitions.ts';
import type { OnnxRuntime } from '../onnx/index.ts';
import type { AnyTask } from '../task/task.ts';
import type { ModelManifest } from '../world-model/contract.ts';
import type { EnsembleConfig, Normalisation } from '../world-model/ensemble.ts';
import type { FitResult } from '../world-model/fit-ensemble.ts';
import { openModel } from '../world-model/model-folder.ts';
import { type TrainOptions, trainEnsemble } from '../world-model/train-ensemble.ts';
import type { WorldModel } from '../world-model/world-model.ts';

export interface ModelSettings {
  readonly ensemble: EnsembleConfig;
  /** Members that dream, those with the lowest error on held-out transitions. */
  readonly elites: number;
  /** At most, of a fit from fresh weights, and of one that goes on from those of the last. */
  readonly freshUpdates: number;
  readonly warmUpdates: number;
  /** Fits start from fresh weights, scaled anew, once there are so many times the transitions of the last that did; 1 = always. */
  readonly freshAt: number;
  /** Updates without a lower held-out error after which a fit ends. */
  readonly patience: number;
}

/** A trained ensemble, and what the next fit goes on from. */
export interface LearnedModel {
  readonly manifest: ModelManifest;
  readonly predict: Uint8Array;
  readonly everyMember: FitResult['weights'];
  readonly scaling: Normalisation;
  /** Transitions that the fit with fresh weights, which the scaling is of, was made from. */
  readonly scaledAt: number;
}

export interface FitFigures {
  /** Updates made, and the one whose weights were kept. */
  readonly updates: number;
  readonly keptUpdate: number;
  /** Of the kept weights on transitions held out, in standard deviations of the targets: 1 is as wrong as guessing their mean. */
  readonly heldOut: number | null;
  readonly isFresh: boolean;
}

/**
 * Learns an ensemble again and again from transitions that grow (Janner et al. 2019): with early stopping on held-out ones, and elites. It goes on from the weights it had,
 * until there are so many times the transitions (`freshAt`); then it starts afresh, scaled to what has been seen since.
 */
export class ModelLearner {
  private readonly runtime: OnnxRuntime;
  private readonly task: AnyTask;
  private readonly settings: ModelSettings;
  private readonly fit: TrainOptions['fit'];
  private known: LearnedModel | undefined;
  private open: WorldModel | undefined;

  /** @param fit - where fits run: in this process (`fitEnsemble`) or in a child (`fitInChild`). */
  constructor(runtime: OnnxRuntime, task: AnyTask, settings: ModelSettings, fit: TrainOptions['fit']) {
    this.runtime = runtime;
    this.task = task;
    this.settings = settings;
    this.fit = fit;
  }

  get learned(): LearnedModel | undefined {
    return this.known;
  }

  /** The ensemble of the last fit, open until the next. */
  get model(): WorldModel | undefined {
    return this.open;
  }

  /** float64 `[P]`: standard deviation of each predicted element's change in a step. */
  get scale(): Float64Array {
    return this.known!.scaling.targetScale;
  }

  /** @throws TRAINING_FAILED when there are too few transitions. */
  async learn(data: Transitions, seed: number): Promise<FitFigures> {
    const { ensemble, elites, freshUpdates, warmUpdates, freshAt, patience } = this.settings;
    const before = this.known && data.count < freshAt * this.known.scaledAt ? this.known : undefined;
    const trained = await trainEnsemble(this.task, data, {
      name: this.task.id,
      config: ensemble,
      updates: before ? warmUpdates : freshUpdates,
      patience,
      elites,
      seed,
      fit: this.fit,
      ...(before && { warmStart: before.everyMember, scaling: before.scaling }),
    });
    const { manifest, predict, everyMember, scaling, losses, keptUpdate } = trained;
    await this.take({ manifest, predict, everyMember, scaling, scaledAt: before?.scaledAt ?? data.count });
    const { heldOut = null } = losses.find(({ update }) => update === keptUpdate) ?? {};
    return { updates: losses.at(-1)?.update ?? 0, keptUpdate, heldOut, isFresh: !before };
  }

  /** Opens a model in place of the one before. */
  async take(learned: LearnedModel): Promise<void> {
    const { manifest, predict } = learned;
    const opened = await openModel(this.runtime, manifest.name, manifest, predict, this.task);
    await this.open?.close();
    this.open = opened;
    this.known = learned;
  }

  async close(): Promise<void> {
    await this.open?.close();
    this.open = undefined;
  }
}
