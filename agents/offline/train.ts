import { type Transitions, transitionsHash } from '../../src/data/transitions.ts';
import type { RolloutFigures } from '../../src/learning/branched-rollouts.ts';
import { ImaginedReplay, rewardScale } from '../../src/learning/imagined-replay.ts';
import { type FitFigures, type LearnedModel, ModelLearner } from '../../src/learning/model-learner.ts';
import { recordedTables } from '../../src/learning/recorded-replay.ts';
import type { ReplayTables } from '../../src/learning/replay-tables.ts';
import { runTraining, type TrainingOptions } from '../../src/learning/run-training.ts';
import { type SacFigures, SacLearner } from '../../src/learning/soft-actor-critic.ts';
import { Rng } from '../../src/math/rng.ts';
import type { OnnxRuntime } from '../../src/onnx/index.ts';
import { flatSizeOf } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import type { TrainOptions } from '../../src/world-model/train-ensemble.ts';
import { loadOffline, type OfflineState, saveOffline } from './checkpoint.ts';
import { checkConfig, type OfflineConfig } from './config.ts';

/** Of one iteration; a line of metrics. */
export interface OfflineProgress {
  readonly iteration: number;
  /** Updates of the policy made so far. */
  readonly steps: number;
  /** Of the model, in the first iteration. */
  readonly model: FitFigures | null;
  readonly rollouts: RolloutFigures;
  readonly policy: SacFigures;
}

export interface OfflineResult {
  /** The policy as ONNX; see `onnxPolicy`. */
  readonly policy: Uint8Array<ArrayBuffer>;
  /** The model that it was learned in. */
  readonly model: LearnedModel;
  /** Updates made. */
  readonly steps: number;
}

/** Checkpoints are written each iteration unless told otherwise. */
export interface OfflineOptions extends TrainingOptions<OfflineProgress> {
  /** Where the model is fitted. Default in this process. */
  readonly fit?: TrainOptions['fit'] | undefined;
}

/** Model-based offline policy optimization (Yu et al. 2020), iteration by iteration: nothing but recorded transitions is ever seen. The same data, config and seed give the same bytes. */
export class OfflineTraining {
  private readonly task: AnyTask;
  private readonly data: Transitions;
  private readonly tables: ReplayTables;
  private readonly config: OfflineConfig;
  private readonly imagined: ImaginedReplay;
  private readonly model: ModelLearner;
  private readonly learner: SacLearner;
  private readonly rng: Rng;
  private iteration = 0;

  private constructor(task: AnyTask, data: Transitions, config: OfflineConfig, learner: SacLearner, model: ModelLearner, rng: Rng) {
    this.task = task;
    this.data = data;
    this.tables = recordedTables(task, data);
    this.config = config;
    this.imagined = new ImaginedReplay(task, config);
    this.learner = learner;
    this.model = model;
    this.rng = rng;
  }

  /**
   * @param saved - of the same data, config and seed.
   * @throws OPTION_INVALID for a config or a task that does not fit; RUNTIME_MISSING.
   */
  static async open(
    task: AnyTask,
    data: Transitions,
    config: OfflineConfig,
    seed: number,
    runtime: OnnxRuntime,
    fit: TrainOptions['fit'] = (job, hooks) => fitEnsemble(runtime, job, hooks),
    saved?: OfflineState,
  ): Promise<OfflineTraining> {
    checkConfig(config);
    const rng = new Rng(seed);
    const shape = { observationSize: flatSizeOf(task.observationSpace), actionSize: flatSizeOf(task.actionSpace) };
    const learner = await SacLearner.open(runtime, shape, config.sac, rng);
    const training = new OfflineTraining(task, data, config, learner, new ModelLearner(runtime, task, config.model, fit), rng);
    try {
      if (saved) await training.load(saved);
    } catch (error) {
      await training.close();
      throw error;
    }
    return training;
  }

  /** Updates of the policy made. */
  get steps(): number {
    return this.iteration * this.config.updatesPerIteration;
  }

  get isDone(): boolean {
    return this.steps >= this.config.steps;
  }

  /** Of the model; undefined before the first iteration. */
  get learned(): LearnedModel | undefined {
    return this.model.learned;
  }

  /** One lot of dreams, and what they teach; before the first the model is fitted. */
  async iterate(): Promise<OfflineProgress> {
    const { config, data, tables, learner, rng } = this;
    const model = this.iteration === 0 ? await this.model.learn(data, rng.uint32()) : null;
    const scale = rewardScale(tables);
    const { rolloutLength: steps, penalty, halt } = config;
    const rollouts = await this.imagined.dream(
      this.model.model!,
      this.model.scale,
      { transitions: data, tables },
      (observation, rows, out) => learner.act(observation, rows, out, rng),
      { steps, penalty: penalty * scale, halt: halt && { above: halt.above, cost: halt.cost * scale } },
      rng,
    );
    const ring = this.imagined.ring!;
    learner.setTables(ring.columns, ring.rows);
    const policy = await learner.update(ring.draw(rng, config.updatesPerIteration * config.sac.batch), rng);
    this.iteration++;
    return { iteration: this.iteration, steps: this.steps, model, rollouts, policy };
  }

  /** The likeliest actions as ONNX. */
  policy(): Uint8Array<ArrayBuffer> {
    return this.learner.policy(this.task.observationSpace, this.task.actionSpace);
  }

  /** Views; after an iteration, and before the next. */
  async save(): Promise<OfflineState> {
    const { iteration, rng, learner, imagined, model } = this;
    return { iteration, rng: rng.save(), learner: learner.save(), imagined: imagined.save(), model: model.learned! };
  }

  /** Gives the memory of the graphs back. */
  async close(): Promise<void> {
    await this.model.close();
    await this.learner.close();
  }

  private async load({ iteration, rng, learner, imagined, model }: OfflineState): Promise<void> {
    this.learner.load(learner);
    this.imagined.load(imagined);
    await this.model.take(model);
    this.iteration = iteration;
    this.rng.load(rng);
  }
}

/**
 * Trains to the end on recorded transitions alone, or goes on to it from a checkpoint. Episodes of other tools become transitions by `transitionsOfEpisodes`.
 * @throws as `OfflineTraining.open`; TRAINING_FAILED; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN.
 */
export async function trainOffline(
  task: AnyTask,
  data: Transitions,
  config: OfflineConfig,
  seed: number,
  runtime: OnnxRuntime,
  options: OfflineOptions = {},
): Promise<OfflineResult> {
  const settings = { agent: 'offline', ...config, task: task.id, data: transitionsHash(data), seed, ...options.checkpoint?.versions };
  const identity = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, JSON.stringify(value)]));
  return runTraining(
    'offline',
    options,
    {
      every: 1,
      open: (saved: OfflineState | undefined) => OfflineTraining.open(task, data, config, seed, runtime, options.fit, saved),
      load: (path) => loadOffline(path, identity),
      store: (path, state) => saveOffline(path, identity, state),
    },
    (training) => ({ policy: training.policy(), model: training.learned!, steps: training.steps }),
  );
}
