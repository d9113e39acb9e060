import type { VectorEnv } from '../core/vector-env.ts';
import { Rng } from '../math/rng.ts';
import type { OnnxRuntime } from '../onnx/index.ts';
import { flatSizeOf } from '../spaces/space.ts';
import { type AgentState, loadAgent, saveAgent } from './agent-checkpoint.ts';
import { refuseOption, requireCounts, requireWithin } from './config-checks.ts';
import { restoreLanes, snapshotsOf } from './lane-snapshots.ts';
import { ReplayCollector } from './replay-collector.ts';
import type { ReplayColumns } from './replay-tables.ts';
import { identityOf, runTraining, type TrainingOptions } from './run-training.ts';
import { checkSacSettings, type SacSettings } from './sac-settings.ts';
import { type SacFigures, SacLearner } from './soft-actor-critic.ts';
import { TRAINING_SEEDS } from './training-seeds.ts';

/** A learner, and how it is fed with what it plays; names in brackets are those of Stable-Baselines3. */
export interface OffPolicyConfig extends SacSettings {
  /** Env steps in all, over all lanes; rounded up to a step of all lanes. */
  readonly steps: number;
  /** Transitions kept, the newest [`buffer_size`]. */
  readonly capacity: number;
  /** Env steps with random actions, before anything is learned [`learning_starts`]. */
  readonly learningStarts: number;
  /** Steps of each lane from one learning to the next [`train_freq`]. */
  readonly trainEvery: number;
  /** Updates each time [`gradient_steps`]. */
  readonly updates: number;
  /** Steps of each lane in one iteration, after which progress is told, and the training may stop. */
  readonly reportEvery: number;
}

/** Of one iteration; a line of metrics. */
export interface OffPolicyProgress extends SacFigures {
  /** Iterations done, of `iterations`. */
  readonly iteration: number;
  readonly iterations: number;
  /** Env steps taken so far. */
  readonly steps: number;
  /** That ended in this iteration, and the means of their returns and lengths (null = none). */
  readonly episodes: number;
  readonly return: number | null;
  readonly length: number | null;
  /** Updates made in this iteration; what follows are means over them. */
  readonly updates: number;
}

export interface OffPolicyResult {
  /** The policy as ONNX, its likeliest actions; see `onnxPolicy`. */
  readonly policy: Uint8Array<ArrayBuffer>;
  readonly weights: Readonly<Record<string, Float32Array>>;
  /** Env steps taken. */
  readonly steps: number;
}

/** The runtime holds the thread for so many updates; calls of one or of many give the same bits. */
const updatesPerCall = 8;

/** @throws OPTION_INVALID */
export function checkOffPolicy(who: string, config: OffPolicyConfig): void {
  const { steps, capacity, trainEvery, updates, reportEvery, learningStarts } = config;
  checkSacSettings(who, config);
  requireCounts(who, { steps, capacity, trainEvery, updates, reportEvery });
  requireWithin(who, { learningStarts: [learningStarts, 0, Number.MAX_SAFE_INTEGER] });
  if (!Number.isInteger(learningStarts)) refuseOption(who, 'learningStarts', learningStarts, 'a whole number');
}

/** Soft actor-critic in an env, iteration by iteration. The same env, config and seed give the same bytes. */
export class OffPolicyTraining {
  readonly iterations: number;
  private readonly env: VectorEnv;
  private readonly config: OffPolicyConfig;
  private readonly learner: SacLearner;
  private readonly collector: ReplayCollector;
  private readonly rng: Rng;
  private readonly actions: Float32Array;
  private iteration = 0;
  /** Of each lane. */
  private played = 0;

  private constructor(env: VectorEnv, config: OffPolicyConfig, { learner, collector, rng }: OffPolicyParts) {
    this.env = env;
    this.config = config;
    this.learner = learner;
    this.collector = collector;
    this.rng = rng;
    this.iterations = Math.ceil(this.rounds / config.reportEvery);
    this.actions = new Float32Array(env.lanes * collector.actionSize);
  }

  /**
   * Begins an episode in every lane, or goes on where a saved training stopped; an env without snapshots begins anew there.
   *
   * @param who - how errors name the agent. @param env - local or remote; the caller closes it. @param saved - of the same env, config and seed.
   * @throws OPTION_INVALID for a config that does not fit, and for actions that are no bounded box of floats; DATA_TOO_LARGE; RUNTIME_MISSING.
   */
  static async open(
    who: string,
    env: VectorEnv,
    config: OffPolicyConfig,
    seed: number,
    runtime: OnnxRuntime,
    saved?: AgentState,
  ): Promise<OffPolicyTraining> {
    checkOffPolicy(who, config);
    const rng = new Rng(seed);
    const collector = new ReplayCollector(who, env, config.capacity);
    const shape = { observationSize: flatSizeOf(env.observationSpace), actionSize: collector.actionSize };
    const learner = await SacLearner.open(runtime, shape, config, rng);
    const training = new OffPolicyTraining(env, config, { learner, collector, rng });
    try {
      await training.begin(who, saved);
    } catch (error) {
      await training.close();
      throw error;
    }
    return training;
  }

  get isDone(): boolean {
    return this.played >= this.rounds;
  }

  /** Env steps taken. */
  get steps(): number {
    return this.played * this.env.lanes;
  }

  /** So many steps, and what they teach. After an error go on from a saved state. */
  async iterate(): Promise<OffPolicyProgress> {
    const { config, collector } = this;
    const end = Math.min(this.played + config.reportEvery, this.rounds);
    const all: SacFigures[] = [];
    let updates = 0;
    while (this.played < end) {
      await this.choose();
      await collector.step(this.actions);
      this.played++;
      if (this.steps <= config.learningStarts || this.played % config.trainEvery !== 0) continue;
      await this.learn(all);
      updates += config.updates;
    }
    this.iteration++;
    return {
      iteration: this.iteration,
      iterations: this.iterations,
      steps: this.steps,
      ...collector.episodes.take(),
      updates,
      ...meanFigures(all),
    };
  }

  /** A copy. */
  weights(): Readonly<Record<string, Float32Array>> {
    return this.learner.save().parameters;
  }

  /** The likeliest actions as ONNX, scaled to the action space. */
  policy(): Uint8Array<ArrayBuffer> {
    return this.learner.policy(this.env.observationSpace, this.env.actionSpace);
  }

  /** Everything to go on from; between iterations. Replayed transitions are views, to be written before the next iteration. */
  async save(): Promise<AgentState> {
    const { collector } = this;
    const { written, columns } = collector.ring.save();
    return {
      iteration: this.iteration,
      counts: { played: this.played, written },
      rng: this.rng.save(),
      training: this.learner.save(),
      arrays: { ...columns, ...this.memory() },
      snapshots: await snapshotsOf(this.env),
    };
  }

  /** Gives the memory of the graphs back. */
  close(): Promise<void> {
    return this.learner.close();
  }

  private get rounds(): number {
    return Math.ceil(this.config.steps / this.env.lanes);
  }

  /** What lanes show, and of the episodes under way. */
  private memory(): Readonly<Record<'shown' | 'returns' | 'lengths', Float32Array | Float64Array>> {
    const { observation, episodes } = this.collector;
    return { shown: observation, returns: episodes.returns, lengths: episodes.lengths };
  }

  private async choose(): Promise<void> {
    const { actions, rng, env, collector } = this;
    if (this.steps < this.config.learningStarts) for (let i = 0; i < actions.length; i++) actions[i] = rng.uniform(-1, 1);
    else await this.learner.act(collector.observation, env.lanes, actions, rng);
  }

  private async learn(all: SacFigures[]): Promise<void> {
    const { learner, collector, rng } = this;
    const { batch, updates } = this.config;
    const { ring } = collector;
    learner.setTables(ring.columns, ring.rows);
    for (let done = 0; done < updates; done += updatesPerCall)
      all.push(await learner.update(ring.draw(rng, Math.min(updatesPerCall, updates - done) * batch), rng));
  }

  private async begin(who: string, saved: AgentState | undefined): Promise<void> {
    const { env, collector, rng } = this;
    if (saved) this.load(who, saved);
    if (saved && (await restoreLanes(env, saved.snapshots))) return;
    collector.forgetEpisodes();
    await collector.begin(TRAINING_SEEDS + rng.integer(TRAINING_SEEDS - env.lanes));
  }

  private load(who: string, { iteration, counts, rng, training, arrays }: AgentState): void {
    this.iteration = iteration;
    this.played = counts.played ?? Number.NaN;
    if (!(this.played >= 0)) refuseOption(who, 'saved.played', this.played, 'a whole number');
    this.rng.load(rng);
    this.learner.load(training);
    this.collector.ring.load({ written: counts.written ?? Number.NaN, columns: arrays as unknown as ReplayColumns });
    for (const [name, own] of Object.entries(this.memory())) {
      if (arrays[name]?.length !== own.length)
        refuseOption(who, `saved.${name}`, `${arrays[name]?.length} numbers`, `${own.length}, as this env's`);
      own.set(arrays[name]);
    }
  }
}

interface OffPolicyParts {
  readonly learner: SacLearner;
  readonly collector: ReplayCollector;
  readonly rng: Rng;
}

function meanFigures(all: readonly SacFigures[]): SacFigures {
  const mean = (name: Exclude<keyof SacFigures, 'skipped'>) => {
    const known = all.map((figures) => figures[name]).filter((value) => value !== null);
    return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  };
  return {
    criticLoss: mean('criticLoss'),
    meanValue: mean('meanValue'),
    actorLoss: mean('actorLoss'),
    entropy: mean('entropy'),
    entropyWeight: mean('entropyWeight'),
    skipped: all.reduce((sum, { skipped }) => sum + skipped, 0),
  };
}

/**
 * Trains to the end, or goes on to it from a checkpoint.
 *
 * @param who - how errors and checkpoints name the agent.
 * @throws as `OffPolicyTraining.open`; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN.
 */
export function trainOffPolicy(
  who: string,
  env: VectorEnv,
  config: OffPolicyConfig,
  seed: number,
  runtime: OnnxRuntime,
  options: TrainingOptions<OffPolicyProgress> = {},
): Promise<OffPolicyResult> {
  const format = `groundtwin-${who}.v1`;
  const identity = identityOf(env, config, seed, options.checkpoint?.versions);
  return runTraining(
    who,
    options,
    {
      open: (saved: AgentState | undefined) => OffPolicyTraining.open(who, env, config, seed, runtime, saved),
      load: (path) => loadAgent(path, format, identity),
      store: (path, state) => saveAgent(path, format, identity, state),
    },
    (training) => ({ policy: training.policy(), weights: training.weights(), steps: training.steps }),
  );
}
