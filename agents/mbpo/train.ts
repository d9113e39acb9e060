import type { VectorEnv } from '../../src/core/vector-env.ts';
import { type Audit, playAudit } from '../../src/gap/audit.ts';
import { type AuditDecision, auditRules, decide } from '../../src/gap/audit-rules.ts';
import type { BatchPolicy, RolloutFigures } from '../../src/learning/branched-rollouts.ts';
import { EpisodeCount } from '../../src/learning/episode-count.ts';
import { ImaginedReplay } from '../../src/learning/imagined-replay.ts';
import { type FitFigures, ModelLearner } from '../../src/learning/model-learner.ts';
import { RealReplay } from '../../src/learning/real-replay.ts';
import { type RealRows, RealSteps } from '../../src/learning/real-steps.ts';
import { identityOf, runTraining, type TrainingOptions } from '../../src/learning/run-training.ts';
import { type SacFigures, SacLearner } from '../../src/learning/soft-actor-critic.ts';
import { TRAINING_SEEDS } from '../../src/learning/training-seeds.ts';
import { Rng } from '../../src/math/rng.ts';
import type { OnnxRuntime } from '../../src/onnx/index.ts';
import { flatSizeOf } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import type { TrainOptions } from '../../src/world-model/train-ensemble.ts';
import { type AuditedPolicy, loadMbpo, type MbpoState, saveMbpo } from './checkpoint.ts';
import { checkConfig, type MbpoConfig, rolloutLengthAt } from './config.ts';

/** An audit, and what followed from it. */
export interface MbpoAudit extends Audit, AuditDecision {
  /** Updates and real steps when it ended. */
  readonly updates: number;
  readonly realSteps: number;
}

/** Of one iteration; a line of metrics. */
export interface MbpoProgress {
  readonly iteration: number;
  /** Real steps taken so far, those of audits too. */
  readonly steps: number;
  /** Of the policy. */
  readonly updates: number;
  /** Real episodes that ended in this iteration, and the means of their returns and lengths (null = none). One begun in its midst counts with what was left of it. */
  readonly episodes: number;
  readonly return: number | null;
  readonly length: number | null;
  readonly model: FitFigures;
  readonly rollouts: RolloutFigures & { readonly steps: number; readonly penalty: number };
  readonly policy: SacFigures;
  readonly audit: MbpoAudit | null;
}

export interface MbpoResult {
  /** The policy as ONNX; see `onnxPolicy`. Where audits stopped the training, the one that did best in truth in any of them. */
  readonly policy: Uint8Array<ArrayBuffer>;
  /** Real steps taken. */
  readonly steps: number;
  /** Why the training was stopped by its audits; null = it was not. */
  readonly stopped: MbpoAudit | null;
}

/** What may be put in place of the task's own parts. */
export interface MbpoParts {
  /** Whose reward and end dreams have, such as learned ones; same state and actions. Default the task. */
  readonly imagined?: AnyTask;
  /** Where models are fitted. Default in this process. */
  readonly fit?: TrainOptions['fit'];
}

/** Checkpoints are written each iteration unless told otherwise. */
export interface MbpoOptions extends MbpoParts, TrainingOptions<MbpoProgress> {}

/** Model-Based Policy Optimization (Janner et al. 2019), iteration by iteration. The same env, config and seed give the same bytes. */
export class MbpoTraining {
  private readonly config: MbpoConfig;
  private readonly real: RealSteps;
  private readonly data: RealReplay;
  private readonly imagined: ImaginedReplay;
  private readonly model: ModelLearner;
  private readonly learner: SacLearner;
  private readonly rng: Rng;
  private readonly episodes: EpisodeCount;
  private readonly parts: MbpoParts;
  private readonly action: Float32Array;
  private readonly audits: MbpoAudit[] = [];
  private best: AuditedPolicy | undefined;
  private iteration = 0;
  private realSteps = 0;
  private updates = 0;

  private constructor(real: RealSteps, config: MbpoConfig, parts: MbpoParts, runtime: OnnxRuntime, learner: SacLearner, rng: Rng) {
    const { env, task } = real;
    this.config = config;
    this.real = real;
    this.parts = parts;
    this.learner = learner;
    this.rng = rng;
    this.data = new RealReplay(task, env.lanes, capacityOf(config, env.lanes));
    this.imagined = new ImaginedReplay(parts.imagined ?? task, { ...config, rollouts: config.rolloutsPerStep * config.modelEvery });
    this.model = new ModelLearner(runtime, task, config.model, parts.fit ?? ((job, hooks) => fitEnsemble(runtime, job, hooks)));
    this.episodes = new EpisodeCount(env.lanes);
    this.action = new Float32Array(env.lanes * flatSizeOf(task.actionSpace));
  }

  /**
   * Begins an episode in every lane, or goes on where a saved training stopped; an env without snapshots begins anew there.
   *
   * @param env - truth that shows its states, local or remote; the caller closes it. @param task - of the env.
   * @param saved - of the same env, config and seed.
   * @throws OPTION_INVALID for a config or an env that does not fit; RUNTIME_MISSING.
   */
  static async open(
    env: VectorEnv,
    task: AnyTask,
    config: MbpoConfig,
    seed: number,
    runtime: OnnxRuntime,
    parts: MbpoParts = {},
    saved?: MbpoState,
  ): Promise<MbpoTraining> {
    checkConfig(config);
    const real = new RealSteps(env, task);
    const rng = new Rng(seed);
    const shape = { observationSize: flatSizeOf(task.observationSpace), actionSize: flatSizeOf(task.actionSpace) };
    const learner = await SacLearner.open(runtime, shape, config.sac, rng);
    const training = new MbpoTraining(real, config, parts, runtime, learner, rng);
    try {
      if (saved) await training.load(saved);
      else await real.begin(training.nextSeed());
    } catch (error) {
      await training.close();
      throw error;
    }
    return training;
  }

  get isDone(): boolean {
    return this.realSteps >= this.config.steps || this.stopped !== null;
  }

  /** Real steps taken. */
  get steps(): number {
    return this.realSteps;
  }

  /** The audit that ended the training; null = none did. */
  get stopped(): MbpoAudit | null {
    const last = this.audits.at(-1);
    return last?.stop ? last : null;
  }

  /** Collects real steps, fits the model to all of them, dreams, and learns from the dreams. After an error go on from a saved state. */
  async iterate(): Promise<MbpoProgress> {
    await (this.iteration === 0 ? this.explore() : this.collect());
    const model = await this.model.learn(this.data.transitions, this.rng.uint32());
    const rollouts = await this.dream();
    const policy = await this.learn();
    const audit = await this.auditIfDue();
    this.iteration++;
    const { steps, updates, iteration } = this;
    return { iteration, steps, updates, ...this.episodes.take(), model, rollouts, policy, audit };
  }

  /** The likeliest actions as ONNX. Where audits stopped the training, of the policy that did best in truth in any of them. */
  policy(): Uint8Array<ArrayBuffer> {
    return this.stopped && this.best ? this.best.policy : this.present();
  }

  /** Views; between iterations. */
  async save(): Promise<MbpoState> {
    const { iteration, realSteps: steps, updates, audits, best } = this;
    return {
      iteration,
      steps,
      updates,
      audits,
      best,
      rng: this.rng.save(),
      learner: this.learner.save(),
      real: this.data.save(),
      imagined: this.imagined.save(),
      model: this.model.learned!,
      episodes: [this.episodes.returns, this.episodes.lengths],
      snapshots: await this.real.snapshots(),
    };
  }

  /** Gives the memory of the graphs back. */
  async close(): Promise<void> {
    await this.model.close();
    await this.learner.close();
  }

  private async load(saved: MbpoState): Promise<void> {
    const { env } = this.real;
    this.iteration = saved.iteration;
    this.realSteps = saved.steps;
    this.updates = saved.updates;
    this.audits.push(...saved.audits);
    this.best = saved.best;
    this.rng.load(saved.rng);
    this.learner.load(saved.learner);
    this.data.load(saved.real);
    this.imagined.load(saved.imagined);
    await this.model.take(saved.model);
    this.episodes.returns.set(saved.episodes[0]);
    this.episodes.lengths.set(saved.episodes[1]);
    if (saved.snapshots.length === env.lanes) return this.real.restore(saved.snapshots);
    this.cut();
    await this.real.begin(this.nextSeed());
  }

  private async explore(): Promise<void> {
    const { explorationSteps, explorationHold, explorationScale } = this.config;
    for (let step = 0; step * this.real.env.lanes < explorationSteps; step++) {
      if (step % explorationHold === 0) for (const i of this.action.keys()) this.action[i] = explorationScale * this.rng.uniform(-1, 1);
      await this.real.step(this.action, this.take);
    }
  }

  private async collect(): Promise<void> {
    const { env } = this.real;
    for (let step = 0; step < this.config.modelEvery; step += env.lanes) {
      await this.learner.act(this.real.observation, env.lanes, this.action, this.rng);
      await this.real.step(this.action, this.take);
    }
  }

  private async dream(): Promise<MbpoProgress['rollouts']> {
    const { rolloutLength, halt } = this.config;
    const { shorten, penalty: added } = decide(this.audits, this.config.audit?.rules ?? auditRules);
    const steps = Math.max(1, Math.floor(rolloutLengthAt(rolloutLength, this.realSteps) / shorten));
    const { rewardScale } = this.data;
    const penalty = (this.config.penalty + added) * rewardScale;
    const settings = { steps, penalty, halt: halt && { above: halt.above, cost: halt.cost * rewardScale } };
    const figures = await this.imagined.dream(this.model.model!, this.model.scale, this.data, this.acting(this.rng), settings, this.rng);
    return { ...figures, steps, penalty };
  }

  /** What there is to learn from is the same until the next dreams, so that nothing is gained by collecting meanwhile, and by a policy that has learned no less. */
  private async learn(): Promise<SacFigures> {
    const { modelEvery, updatesPerStep, updatesPerCall, sac } = this.config;
    const ring = this.imagined.ring!;
    this.learner.setTables(ring.columns, ring.rows);
    const figures: SacFigures[] = [];
    for (let owed = modelEvery * updatesPerStep; owed > 0; owed -= updatesPerCall) {
      const updates = Math.min(owed, updatesPerCall);
      figures.push(await this.learner.update(ring.draw(this.rng, updates * sac.batch), this.rng));
      this.updates += updates;
    }
    return meanFigures(figures);
  }

  private async auditIfDue(): Promise<MbpoAudit | null> {
    const { audit } = this.config;
    if (!audit || this.updates - (this.audits.at(-1)?.updates ?? 0) < audit.every) return null;
    const { audit: found, snapshot } = await playAudit(
      {
        truth: this.real,
        model: this.model.model!,
        scale: this.model.scale,
        ...(this.parts.imagined && { imagined: this.parts.imagined }),
        policy: this.acting(null),
        rewardScale: this.data.rewardScale,
        seed: () => {
          this.cut();
          return this.nextSeed();
        },
        take: this.take,
      },
      audit,
      this.rng,
    );
    const line = { ...found, ...decide([...this.audits, found], audit.rules), updates: this.updates, realSteps: this.realSteps };
    this.audits.push(line);
    const { truth } = found.return;
    if (!(truth <= (this.best?.truth ?? Number.NEGATIVE_INFINITY))) this.best = { truth, policy: this.present() };
    // What was dreamed is not to be learned from any more.
    if (!line.holds) this.imagined.clear();
    if (line.collect && snapshot) await this.goOnFrom(snapshot);
    return line;
  }

  /** Collects on from where the model promised most beyond truth. */
  private async goOnFrom(snapshot: Uint8Array): Promise<void> {
    this.cut();
    await this.real.restore(Array.from({ length: this.real.env.lanes }, () => snapshot));
  }

  private acting(rng: Rng | null): BatchPolicy {
    return (observation, rows, out) => this.learner.act(observation, rows, out, rng);
  }

  private present(): Uint8Array<ArrayBuffer> {
    const { observationSpace, actionSpace } = this.real.task;
    return this.learner.policy(observationSpace, actionSpace);
  }

  private readonly take = (rows: RealRows): void => {
    this.data.add(rows);
    this.realSteps += rows.lanes;
    for (let lane = 0; lane < rows.lanes; lane++) this.episodes.count(lane, rows.reward[lane]!, rows.ended[lane] === 1);
  };

  /** Episodes under way are not gone on with. */
  private cut(): void {
    this.data.cut();
    this.episodes.returns.fill(0);
    this.episodes.lengths.fill(0);
  }

  private nextSeed(): number {
    return TRAINING_SEEDS + this.rng.integer(TRAINING_SEEDS - this.real.env.lanes);
  }
}

/** Real steps that are kept: all. */
function capacityOf({ steps, explorationSteps, modelEvery, audit }: MbpoConfig, lanes: number): number {
  const audited = audit ? audit.episodes * audit.steps * lanes : 0;
  return steps + explorationSteps + modelEvery + audited + 2 * lanes;
}

function meanFigures(figures: readonly SacFigures[]): SacFigures {
  const mean = (values: readonly (number | null)[]) => {
    const known = values.filter((value): value is number => value !== null);
    return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  };
  return {
    criticLoss: mean(figures.map(({ criticLoss }) => criticLoss))!,
    meanValue: mean(figures.map(({ meanValue }) => meanValue))!,
    actorLoss: mean(figures.map(({ actorLoss }) => actorLoss)),
    entropy: mean(figures.map(({ entropy }) => entropy)),
    entropyWeight: mean(figures.map(({ entropyWeight }) => entropyWeight)),
    skipped: figures.reduce((sum, { skipped }) => sum + skipped, 0),
  };
}

/**
 * Trains to the end, or until its audits stop it, or goes on to that from a checkpoint.
 *
 * @throws as `MbpoTraining.open`; TRAINING_FAILED; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN.
 */
export async function trainMbpo(
  env: VectorEnv,
  task: AnyTask,
  config: MbpoConfig,
  seed: number,
  runtime: OnnxRuntime,
  options: MbpoOptions = {},
): Promise<MbpoResult> {
  const identity = identityOf(env, config, seed, options.checkpoint?.versions);
  return runTraining(
    'mbpo',
    options,
    {
      every: 1,
      open: (saved: MbpoState | undefined) => MbpoTraining.open(env, task, config, seed, runtime, options, saved),
      load: (path) => loadMbpo(path, identity),
      store: (path, state) => void saveMbpo(path, identity, state),
    },
    (training) => ({ policy: training.policy(), steps: training.steps, stopped: training.stopped }),
  );
}
