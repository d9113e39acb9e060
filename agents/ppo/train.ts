import type { VectorEnv } from '../../src/core/vector-env.ts';
import { restoreLanes, snapshotsOf } from '../../src/learning/lane-snapshots.ts';
import { identityOf, runTraining, type TrainingOptions } from '../../src/learning/run-training.ts';
import { TRAINING_SEEDS } from '../../src/learning/training-seeds.ts';
import { Rng } from '../../src/math/rng.ts';
import { type OnnxRuntime, type ParameterSpec, releaseAll, type TrainingChunk, TrainingProgram } from '../../src/onnx/index.ts';
import { flatSizeOf } from '../../src/spaces/space.ts';
import { explainedVariance } from './advantages.ts';
import { loadPpo, type PpoState, savePpo } from './checkpoint.ts';
import { checkConfig, iterationsOf, type PpoConfig } from './config.ts';
import { distributionOf } from './distribution.ts';
import { type Forward, openForward } from './forward.ts';
import { exportPolicy, initialParameters, networksOf, type PpoNetworks, type PpoWeights } from './networks.ts';
import { Collector, type Rollout } from './rollouts.ts';
import { compileUpdate } from './update.ts';

/** Of one iteration; a line of metrics. */
export interface PpoProgress {
  /** Iterations done, of `iterations`. */
  readonly iteration: number;
  readonly iterations: number;
  /** Env steps taken so far. */
  readonly steps: number;
  /** That ended in this iteration, and the means of their returns and lengths (null = none). */
  readonly episodes: number;
  readonly return: number | null;
  readonly length: number | null;
  readonly learningRate: number;
  /** Epochs made: fewer than asked for where the policy went too far. */
  readonly epochs: number;
  /** Gradient steps left out since something was not finite. */
  readonly skipped: number;
  /** Means over the last epoch (Huang et al. 2022, core detail 12). */
  readonly policyLoss: number;
  readonly valueLoss: number;
  readonly entropy: number;
  readonly approximateKl: number;
  readonly clipFraction: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  /** Of the rollout, by the values before the update; null where returns did not vary. */
  readonly explainedVariance: number | null;
}

export interface PpoResult {
  /** The policy as ONNX, normalisation inside; see `onnxPolicy`. */
  readonly policy: Uint8Array<ArrayBuffer>;
  readonly weights: PpoWeights;
  /** Env steps taken. */
  readonly steps: number;
}

export type PpoOptions = TrainingOptions<PpoProgress>;

/** Proximal Policy Optimization (Schulman et al. 2017), iteration by iteration. The same env, config and seed give the same bytes. */
export class PpoTraining {
  readonly iterations: number;
  private readonly env: VectorEnv;
  private readonly config: PpoConfig;
  private readonly networks: PpoNetworks;
  private readonly rng: Rng;
  private readonly collector: Collector;
  private readonly program: TrainingProgram;
  private readonly forwards: Readonly<Record<'actor' | 'critic', Forward>>;
  private readonly order: Int32Array;
  private iteration = 0;

  private constructor(env: VectorEnv, config: PpoConfig, parts: PpoParts) {
    this.env = env;
    this.config = config;
    this.iterations = iterationsOf(config, env.lanes);
    this.networks = parts.networks;
    this.rng = parts.rng;
    this.program = parts.program;
    this.forwards = parts.forwards;
    this.collector = new Collector(env, parts.networks, config, parts.rng);
    this.order = new Int32Array(this.collector.rows);
  }

  /**
   * Begins an episode in every lane, or goes on where a saved training stopped; an env without snapshots begins anew there.
   *
   * @param env - local or remote; the caller closes it.
   * @param saved - of the same env, config and seed.
   * @throws OPTION_INVALID for a config that does not fit, and for actions that are neither a box of floats nor integers; RUNTIME_MISSING.
   */
  static async open(env: VectorEnv, config: PpoConfig, seed: number, runtime: OnnxRuntime, saved?: PpoState): Promise<PpoTraining> {
    checkConfig(config, env.lanes);
    const rng = new Rng(seed);
    const networks = networksOf(distributionOf(env.actionSpace), flatSizeOf(env.observationSpace), config.hidden);
    const parameters = initialParameters(networks, config.logDeviation, rng);
    const training = new PpoTraining(env, config, { networks, rng, ...(await openGraphs(runtime, networks, config, parameters)) });
    try {
      await training.begin(saved);
    } catch (error) {
      await training.close();
      throw error;
    }
    return training;
  }

  get isDone(): boolean {
    return this.iteration >= this.iterations;
  }

  /** Env steps taken. */
  get steps(): number {
    return this.iteration * this.collector.rows;
  }

  /** One rollout, and what it teaches. After an error go on from a saved state. */
  async iterate(): Promise<PpoProgress> {
    const { actor, critic } = this.forwards;
    const rollout = await this.collector.collect(actor, critic, this.program.parameters());
    const learningRate = this.config.annealRate
      ? this.config.learningRate * (1 - this.iteration / this.iterations)
      : this.config.learningRate;
    const update = await this.update(rollout, learningRate);
    this.iteration++;
    return {
      iteration: this.iteration,
      iterations: this.iterations,
      steps: this.steps,
      ...this.collector.episodes.take(),
      learningRate,
      ...update,
      explainedVariance: finiteOrNull(explainedVariance(rollout.value, rollout.return)),
    };
  }

  /** A copy. */
  weights(): PpoWeights {
    return { parameters: this.program.state().parameters, normaliser: this.collector.normaliser.now() };
  }

  /** The likeliest actions as ONNX, normalisation inside. */
  policy(): Uint8Array<ArrayBuffer> {
    return exportPolicy(this.networks, this.env.observationSpace, this.weights());
  }

  /** A copy of everything to go on from; between iterations. */
  async save(): Promise<PpoState> {
    const { collector } = this;
    return {
      iteration: this.iteration,
      rng: this.rng.save(),
      training: this.program.state(),
      counts: [collector.normaliser.seen.count, collector.rewards.seen.count],
      observation: collector.last.slice(),
      memory: collector.memory().map((values) => values.slice()),
      snapshots: await snapshotsOf(this.env),
    };
  }

  /** Gives the memory of the graphs back. */
  close(): Promise<void> {
    return releaseAll([this.program, ...Object.values(this.forwards)]);
  }

  private async begin(saved: PpoState | undefined): Promise<void> {
    if (saved) this.load(saved);
    if (saved && (await restoreLanes(this.env, saved.snapshots))) return;
    this.collector.forgetEpisodes();
    await this.collector.begin(TRAINING_SEEDS + this.rng.integer(TRAINING_SEEDS - this.env.lanes));
  }

  private load({ iteration, rng, training, counts, observation, memory }: PpoState): void {
    this.iteration = iteration;
    this.rng.load(rng);
    this.program.load(training);
    this.collector.load(counts, observation, memory);
  }

  private async update(rollout: Rollout, learningRate: number) {
    const { observation, action, logProbability, value, advantage, return: target, rows } = rollout;
    this.program.setTables({ observation, action, log_probability: logProbability, value, advantage, return: target }, rows);
    const { epochs, targetKl } = this.config;
    let skipped = 0;
    // From the same order each time: what an update does must not depend on those before it.
    for (let row = 0; row < rows; row++) this.order[row] = row;
    for (let epoch = 1; ; epoch++) {
      // Every row once an epoch, in minibatches (core detail 6).
      this.rng.shuffle(this.order);
      const chunk = await this.program.run(this.order, learningRate);
      skipped += chunk.finite.reduce((sum, finite) => sum + 1 - finite, 0);
      const figures = figuresOf(chunk);
      if (epoch === epochs || (targetKl !== null && figures.approximateKl > targetKl)) return { epochs: epoch, skipped, ...figures };
    }
  }
}

interface PpoParts {
  readonly networks: PpoNetworks;
  readonly rng: Rng;
  readonly program: TrainingProgram;
  readonly forwards: Readonly<Record<'actor' | 'critic', Forward>>;
}

async function openGraphs(
  runtime: OnnxRuntime,
  networks: PpoNetworks,
  config: PpoConfig,
  parameters: readonly ParameterSpec[],
): Promise<Pick<PpoParts, 'program' | 'forwards'>> {
  const program = await TrainingProgram.open(runtime, compileUpdate(networks, config, parameters));
  const forwards = {
    actor: await openForward(runtime, networks, 'actor', parameters),
    critic: await openForward(runtime, networks, 'critic', parameters),
  };
  return { program, forwards };
}

function figuresOf({ metrics, gradientNorm }: TrainingChunk) {
  return {
    policyLoss: mean(metrics.policy_loss!),
    valueLoss: mean(metrics.value_loss!),
    entropy: mean(metrics.entropy!),
    approximateKl: mean(metrics.approximate_kl!),
    clipFraction: mean(metrics.clip_fraction!),
    gradientNorm: mean(gradientNorm),
  };
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/**
 * Trains to the end, or goes on to it from a checkpoint.
 *
 * @throws as `PpoTraining.open`; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN.
 */
export function trainPpo(
  env: VectorEnv,
  config: PpoConfig,
  seed: number,
  runtime: OnnxRuntime,
  options: PpoOptions = {},
): Promise<PpoResult> {
  const identity = identityOf(env, config, seed, options.checkpoint?.versions);
  return runTraining(
    'ppo',
    options,
    {
      open: (saved: PpoState | undefined) => PpoTraining.open(env, config, seed, runtime, saved),
      load: (path) => loadPpo(path, identity),
      store: (path, state) => savePpo(path, identity, state),
    },
    (training) => ({ policy: training.policy(), weights: training.weights(), steps: training.steps }),
  );
}
