import type { VectorEnv } from '../../src/core/vector-env.ts';
import { type AgentState, loadAgent, type NamedArrays, saveAgent } from '../../src/learning/agent-checkpoint.ts';
import { refuseOption } from '../../src/learning/config-checks.ts';
import { restoreLanes, snapshotsOf } from '../../src/learning/lane-snapshots.ts';
import { identityOf, runTraining, type TrainingOptions } from '../../src/learning/run-training.ts';
import { TRAINING_SEEDS } from '../../src/learning/training-seeds.ts';
import { Rng } from '../../src/math/rng.ts';
import { type OnnxRuntime, releaseAll, TrainingProgram } from '../../src/onnx/index.ts';
import { checkConfig, type DreamerConfig } from './config.ts';
import { distributionOf } from './distribution.ts';
import { Dreams, type Dreamt } from './dreams.ts';
import { type Columns, columnNames, joined } from './experience-log.ts';
import { exportPolicy } from './export.ts';
import { DreamModel, fittedArrays, fittedOf } from './model.ts';
import { type DreamerNetworks, type Forward, initialParameters, networksOf, openForward, type Weights } from './networks.ts';
import { Player } from './play.ts';
import { compileUpdate } from './update.ts';

/** Of one iteration; a line of metrics. */
export interface DreamerProgress {
  /** Iterations done, of `iterations`. */
  readonly iteration: number;
  readonly iterations: number;
  /** Env steps taken so far. */
  readonly steps: number;
  /** That ended in this iteration, and the means of their returns and lengths (null = none). */
  readonly episodes: number;
  readonly return: number | null;
  readonly length: number | null;
  /** Of the model, after the round; null where nothing was learned yet, as all that follow. */
  readonly modelLoss: number | null;
  /** Means over the round's gradient steps. */
  readonly actorLoss: number | null;
  readonly criticLoss: number | null;
  readonly entropy: number | null;
  /** Mean λ-return of dreams, and what advantages are divided by. */
  readonly dreamtReturn: number | null;
  readonly returnRange: number | null;
  /** Gradient steps left out since something was not finite. */
  readonly skipped: number;
}

export interface DreamerResult {
  /** Model and actor as ONNX, a policy with memory; see `onnxPolicy`. Null where the training ended before there was a model. */
  readonly policy: Uint8Array<ArrayBuffer> | null;
  /** Of actor and critic. */
  readonly weights: Weights;
  /** Env steps taken. */
  readonly steps: number;
}

const who = 'dreamer';
/** Of checkpoints. */
const FORMAT = 'groundtwin-dreamer.v1';

/** Learning in dreams (Hafner et al. 2023, smaller), iteration by iteration. The same env, config and seed give the same bytes. */
export class DreamerTraining {
  readonly iterations: number;
  private readonly env: VectorEnv;
  private readonly config: DreamerConfig;
  private readonly rng: Rng;
  private readonly networks: DreamerNetworks;
  private readonly model: DreamModel;
  private readonly player: Player;
  private readonly program: TrainingProgram;
  private readonly actor: Forward;
  private readonly critic: Forward;
  private iteration = 0;
  /** Moving average of the range of returns. */
  private range = 0;

  private constructor(env: VectorEnv, config: DreamerConfig, { rng, networks, model, program, actor, critic }: Parts) {
    this.env = env;
    this.config = config;
    this.iterations = Math.ceil(config.steps / (config.playSteps * env.lanes));
    this.rng = rng;
    this.networks = networks;
    this.model = model;
    this.program = program;
    this.actor = actor;
    this.critic = critic;
    this.player = new Player(env, networks.distribution);
  }

  /**
   * Begins an episode in every lane, or goes on where a saved training stopped; an env without snapshots begins anew there.
   *
   * @param env - local or remote; the caller closes it.
   * @param saved - of the same env, config and seed.
   * @throws OPTION_INVALID for a config that does not fit, and for actions that are neither a bounded box of floats nor integers; RUNTIME_MISSING.
   */
  static async open(
    env: VectorEnv,
    config: DreamerConfig,
    seed: number,
    runtime: OnnxRuntime,
    saved?: AgentState,
  ): Promise<DreamerTraining> {
    checkConfig(config);
    const rng = new Rng(seed);
    const distribution = distributionOf(env.actionSpace);
    const model = new DreamModel(runtime, env, config.model);
    const networks = networksOf(distribution, model.memorySize, config.hidden);
    const parameters = initialParameters(networks, rng);
    const program = await TrainingProgram.open(runtime, compileUpdate(networks, config, parameters));
    const actor = await openForward(runtime, networks, 'actor', parameters);
    const critic = await openForward(runtime, networks, 'critic', parameters);
    const training = new DreamerTraining(env, config, { rng, networks, model, program, actor, critic });
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
    return this.iteration * this.config.playSteps * this.env.lanes;
  }

  /** Plays some steps, fits the model to all that was played, and learns in its dreams. After an error go on from a saved state. */
  async iterate(): Promise<DreamerProgress> {
    const { config, player, rng, model } = this;
    for (let step = 0; step < config.playSteps; step++) await player.step(this.acting(), rng);
    this.iteration++;
    const learned =
      this.steps < config.randomSteps ? nothingLearned : await this.learn(model.fitted ? config.modelUpdates : config.firstModelUpdates);
    return { iteration: this.iteration, iterations: this.iterations, steps: this.steps, ...player.episodes.take(), ...learned };
  }

  /** A copy. */
  weights(): Weights {
    return this.program.state().parameters;
  }

  /** Model and actor as ONNX; null before there is a model. */
  policy(): Uint8Array<ArrayBuffer> | null {
    if (!this.model.fitted) return null;
    return exportPolicy(this.networks, this.env.observationSpace, this.model.parts(), this.program.parameters());
  }

  /** A copy of everything to go on from; between iterations. */
  async save(): Promise<AgentState> {
    const { player, model } = this;
    const logs = player.logs.flatMap((log, lane) => columnNames.map((name) => [`log.${lane}.${name}`, log.rows()[name]] as const));
    const arrays: NamedArrays = {
      ...this.memory(),
      ...Object.fromEntries(logs),
      memory: player.memory,
      range: Float64Array.of(this.range),
      ...(model.fitted ? fittedArrays(model.fitted) : {}),
    };
    return {
      iteration: this.iteration,
      counts: {},
      rng: this.rng.save(),
      training: this.program.state(),
      arrays: Object.fromEntries(Object.entries(arrays).map(([name, values]) => [name, values.slice()])),
      snapshots: await snapshotsOf(this.env),
    };
  }

  /** Gives the memory of the graphs back. */
  close(): Promise<void> {
    return releaseAll([this.program, this.actor, this.critic, this.model]);
  }

  private acting() {
    const model = this.model.now;
    return model && { model, forward: this.actor, weights: this.program.parameters() };
  }

  private async learn(modelUpdates: number): Promise<Learned> {
    const { config, model, player, networks, actor, critic, rng, program } = this;
    const data = joined(player.logs);
    const modelLoss = await model.learn(data, modelUpdates, rng);
    await player.remember(model.now!);
    const dreams = new Dreams(model.now!, networks, config, actor, critic);
    const sums = { actorLoss: 0, criticLoss: 0, entropy: 0, dreamtReturn: 0 };
    let skipped = 0;
    for (let update = 0; update < config.behaviourUpdates; update++) {
      const dreamt = await dreams.dream(data, program.parameters(), rng);
      const { metrics, finite } = await this.improve(dreamt);
      sums.actorLoss += metrics.actor![0]! / config.behaviourUpdates;
      sums.criticLoss += metrics.critic![0]! / config.behaviourUpdates;
      sums.entropy += metrics.entropy![0]! / config.behaviourUpdates;
      sums.dreamtReturn += dreamt.meanReturn / config.behaviourUpdates;
      skipped += 1 - finite[0]!;
    }
    return { modelLoss, ...sums, returnRange: Math.max(this.range, 1), skipped };
  }

  /** One gradient step on one set of dreams. Returns that hardly differ are not blown up: their range counts as 1 at least. */
  private improve({ memory, action, advantage, target, weight, range }: Dreamt) {
    this.range = this.range === 0 ? range : this.range + this.config.rangeShare * (range - this.range);
    const unit = Math.max(this.range, 1);
    const rows = target.length;
    this.program.setTables({ memory, action, advantage: advantage.map((one) => one / unit), target, weight }, rows);
    return this.program.run(
      Int32Array.from({ length: rows }, (_, row) => row),
      this.config.learningRate,
    );
  }

  /** All that playing depends on, but for the generator, the logs, the model and what the env's snapshots hold; views. */
  private memory(): NamedArrays {
    const { observation, done, fresh, episodes } = this.player;
    return { shown: observation, done, fresh, returns: episodes.returns, lengths: episodes.lengths };
  }

  private async begin(saved: AgentState | undefined): Promise<void> {
    if (saved) await this.load(saved);
    if (saved && (await restoreLanes(this.env, saved.snapshots))) return;
    // Episodes under way will not be gone on with.
    for (const values of Object.values(this.memory())) values.fill(0);
    await this.player.begin(TRAINING_SEEDS + this.rng.integer(TRAINING_SEEDS - this.env.lanes));
  }

  private async load({ iteration, rng, training, arrays }: AgentState): Promise<void> {
    for (const [name, own] of Object.entries(this.memory())) {
      if (arrays[name]?.length !== own.length)
        refuseOption(who, `saved.${name}`, `${arrays[name]?.length} numbers`, `${own.length}, as this env's`);
      own.set(arrays[name]);
    }
    this.program.load(training);
    this.player.logs.forEach((log, lane) => {
      const columns = columnNames.map((name) => [name, arrays[`log.${lane}.${name}`] ?? new Float32Array(0)]);
      log.load(Object.fromEntries(columns) as unknown as Columns);
    });
    const fitted = fittedOf(arrays);
    if (fitted) {
      await this.model.load(fitted, joined(this.player.logs));
      await this.player.remember(this.model.now!, arrays.memory as Float32Array);
    }
    this.range = arrays.range?.[0] ?? 0;
    this.iteration = iteration;
    this.rng.load(rng);
  }
}

interface Parts {
  readonly rng: Rng;
  readonly networks: DreamerNetworks;
  readonly model: DreamModel;
  readonly program: TrainingProgram;
  readonly actor: Forward;
  readonly critic: Forward;
}

type Learned = Pick<DreamerProgress, 'modelLoss' | 'actorLoss' | 'criticLoss' | 'entropy' | 'dreamtReturn' | 'returnRange' | 'skipped'>;

const nothingLearned: Learned = {
  modelLoss: null,
  actorLoss: null,
  criticLoss: null,
  entropy: null,
  dreamtReturn: null,
  returnRange: null,
  skipped: 0,
};

/**
 * Trains to the end, or goes on to it from a checkpoint.
 *
 * @throws as `DreamerTraining.open`; TRAINING_FAILED; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN.
 */
export function trainDreamer(
  env: VectorEnv,
  config: DreamerConfig,
  seed: number,
  runtime: OnnxRuntime,
  options: TrainingOptions<DreamerProgress> = {},
): Promise<DreamerResult> {
  const identity = identityOf(env, config, seed, options.checkpoint?.versions);
  return runTraining(
    who,
    options,
    {
      open: (saved: AgentState | undefined) => DreamerTraining.open(env, config, seed, runtime, saved),
      load: (path) => loadAgent(path, FORMAT, identity),
      store: (path, state) => saveAgent(path, FORMAT, identity, state),
    },
    (training) => ({ policy: training.policy(), weights: training.weights(), steps: training.steps }),
  );
}
