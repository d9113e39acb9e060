import type { VectorEnv } from '../../src/core/vector-env.ts';
import { requireBoundedBox } from '../../src/learning/action-scale.ts';
import { type AgentState, loadAgent, type NamedArrays, saveAgent } from '../../src/learning/agent-checkpoint.ts';
import { refuseOption } from '../../src/learning/config-checks.ts';
import { restoreLanes, snapshotsOf } from '../../src/learning/lane-snapshots.ts';
import { identityOf, runTraining, type TrainingOptions } from '../../src/learning/run-training.ts';
import { TRAINING_SEEDS } from '../../src/learning/training-seeds.ts';
import { Rng } from '../../src/math/rng.ts';
import { type OnnxRuntime, releaseAll, type TrainingChunk, TrainingProgram } from '../../src/onnx/index.ts';
import { drawBatches } from './batches.ts';
import { checkConfig, type TdMpc2Config } from './config.ts';
import type { Weights } from './forward.ts';
import { initialParameters, networksOf, type TdMpc2Networks } from './networks.ts';
import { LatentPlanner } from './planner.ts';
import { Player } from './play.ts';
import { exportPolicy } from './policy.ts';
import { compileUpdate, VALUE_SPREAD } from './update.ts';

/** Of one iteration; a line of metrics. */
export interface TdMpc2Progress {
  /** Iterations done, of `iterations`. */
  readonly iteration: number;
  readonly iterations: number;
  /** Env steps taken so far. */
  readonly steps: number;
  /** That ended in this iteration, and the means of their returns and lengths (null = none). */
  readonly episodes: number;
  readonly return: number | null;
  readonly length: number | null;
  /** Gradient steps made in this iteration. */
  readonly updates: number;
  /** Gradient steps left out since something was not finite. */
  readonly skipped: number;
  /** Means over those steps; null where none was made. Squared error of latent states; cross-entropies; see `Losses`. */
  readonly consistencyLoss: number | null;
  readonly rewardLoss: number | null;
  readonly valueLoss: number | null;
  readonly continueLoss: number | null;
  readonly policyLoss: number | null;
  readonly entropy: number | null;
  readonly meanValue: number | null;
  /** Before clipping. */
  readonly gradientNorm: number | null;
}

export interface TdMpc2Result {
  /** What the policy does without planning, as ONNX; see `onnxPolicy`. */
  readonly policy: Uint8Array<ArrayBuffer>;
  /** Of all networks, for `tdMpc2Policy`, which plans. */
  readonly weights: Weights;
  /** Env steps taken. */
  readonly steps: number;
}

const who = 'tdmpc2';
/** Of checkpoints. */
const FORMAT = 'groundtwin-tdmpc2.v1';

/** Gradient steps of one call of the graph, which holds the thread. */
const UPDATES_PER_RUN = 10;

/** TD-MPC2 (Hansen et al. 2024), iteration by iteration. The same env, config and seed give the same bytes. */
export class TdMpc2Training {
  readonly iterations: number;
  private readonly env: VectorEnv;
  private readonly config: TdMpc2Config;
  private readonly networks: TdMpc2Networks;
  private readonly rng: Rng;
  private readonly player: Player;
  private readonly program: TrainingProgram;
  private readonly planner: LatentPlanner;
  private readonly actions: Float32Array;
  private iteration = 0;

  private constructor(env: VectorEnv, config: TdMpc2Config, parts: Parts) {
    this.env = env;
    this.config = config;
    this.iterations = Math.ceil(config.steps / (config.playSteps * env.lanes));
    this.networks = parts.networks;
    this.rng = parts.rng;
    this.player = parts.player;
    this.program = parts.program;
    this.planner = parts.planner;
    this.actions = new Float32Array(env.lanes * parts.player.actionSize);
  }

  /**
   * Begins an episode in every lane, or goes on where a saved training stopped; an env without snapshots begins anew there.
   *
   * @param env - local or remote; the caller closes it.
   * @param saved - of the same env, config and seed.
   * @throws OPTION_INVALID for a config that does not fit, and for actions that are no bounded box of floats; DATA_TOO_LARGE; RUNTIME_MISSING.
   */
  static async open(env: VectorEnv, config: TdMpc2Config, seed: number, runtime: OnnxRuntime, saved?: AgentState): Promise<TdMpc2Training> {
    checkConfig(config);
    const rng = new Rng(seed);
    const player = new Player(env, config.capacity);
    const networks = networksOf(player.observationSize, player.actionSize, config);
    const parameters = initialParameters(networks, rng);
    const program = await TrainingProgram.open(runtime, compileUpdate(networks, config, parameters));
    const planner = await LatentPlanner.open(runtime, networks, config, env.lanes, parameters);
    const training = new TdMpc2Training(env, config, { networks, rng, player, program, planner });
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
    return this.stepsAfter(this.iteration);
  }

  /** Plays some steps, and learns from all that was played. After an error go on from a saved state. */
  async iterate(): Promise<TdMpc2Progress> {
    for (let step = 0; step < this.config.playSteps; step++) await this.play(this.steps + step * this.env.lanes);
    const updates = this.updatesAfter(this.iteration + 1) - this.updatesAfter(this.iteration);
    const chunks = await this.learn(updates);
    this.iteration++;
    return {
      iteration: this.iteration,
      iterations: this.iterations,
      steps: this.steps,
      ...this.player.episodes.take(),
      updates,
      skipped: chunks.reduce((sum, { finite }) => finite.reduce((count, one) => count + 1 - one, sum), 0),
      ...figuresOf(chunks),
    };
  }

  /** A copy. */
  weights(): Weights {
    return this.program.state().parameters;
  }

  /** What the policy does without planning, as ONNX. */
  policy(): Uint8Array<ArrayBuffer> {
    const { observationSpace, actionSpace } = this.env;
    return exportPolicy(this.networks, observationSpace, requireBoundedBox(who, actionSpace), this.program.parameters());
  }

  /** A copy of everything to go on from; between iterations. */
  async save(): Promise<AgentState> {
    const { carried, ...training } = this.program.state();
    const arrays = Object.fromEntries(Object.entries(this.memory()).map(([name, values]) => [name, values.slice()]));
    const replay = this.player.replay.columns().map((values, i) => [`replay.${i}`, Float64Array.from(values)] as const);
    return {
      iteration: this.iteration,
      counts: {},
      rng: this.rng.save(),
      training,
      arrays: { ...arrays, ...Object.fromEntries(replay), [VALUE_SPREAD]: carried![VALUE_SPREAD] as Float32Array },
      snapshots: await snapshotsOf(this.env),
    };
  }

  /** Gives the memory of the graphs back. */
  close(): Promise<void> {
    return releaseAll([this.program, this.planner]);
  }

  private stepsAfter(iterations: number): number {
    return iterations * this.config.playSteps * this.env.lanes;
  }

  /** None while actions are still random, then those for all steps so far. */
  private updatesAfter(iterations: number): number {
    const steps = this.stepsAfter(iterations);
    return steps < Math.max(this.config.randomSteps, this.config.horizon) ? 0 : Math.floor(steps * this.config.updatesPerStep);
  }

  private async play(steps: number): Promise<void> {
    const { actions, rng, planner, player } = this;
    if (steps < this.config.randomSteps) for (let i = 0; i < actions.length; i++) actions[i] = rng.uniform(-1, 1);
    else await planner.decide(this.program.parameters(), player.observation, true, rng, actions);
    const ended = await player.step(actions);
    planner.searches.forEach((search, lane) => void (ended[lane] && search.reset()));
  }

  private async learn(updates: number): Promise<TrainingChunk[]> {
    const { networks, config, rng, player, program } = this;
    const chunks: TrainingChunk[] = [];
    for (let left = updates; left > 0; left -= UPDATES_PER_RUN) {
      const count = Math.min(left, UPDATES_PER_RUN);
      const streams = drawBatches(player.replay, networks, config, count, rng);
      chunks.push(await program.run(new Int32Array(count), config.learningRate, streams));
    }
    return chunks;
  }

  /** All that playing depends on, but for the generator, the replay and what the env's snapshots hold; views. */
  private memory(): NamedArrays {
    const { observation, episodes } = this.player;
    const plans = this.planner.searches.map(({ plan }, lane) => [`plan.${lane}`, plan] as const);
    return { shown: observation, returns: episodes.returns, lengths: episodes.lengths, ...Object.fromEntries(plans) };
  }

  private async begin(saved: AgentState | undefined): Promise<void> {
    if (saved) this.load(saved);
    if (saved && (await restoreLanes(this.env, saved.snapshots))) return;
    // Episodes under way will not be gone on with.
    for (const values of Object.values(this.memory())) values.fill(0);
    await this.player.begin(TRAINING_SEEDS + this.rng.integer(TRAINING_SEEDS - this.env.lanes));
  }

  private load({ iteration, rng, training, arrays }: AgentState): void {
    for (const [name, own] of Object.entries(this.memory())) {
      if (arrays[name]?.length !== own.length)
        refuseOption(who, `saved.${name}`, `${arrays[name]?.length} numbers`, `${own.length}, as this env's`);
      own.set(arrays[name]);
    }
    const { replay } = this.player;
    replay.load(replay.columns().map((_, i) => arrays[`replay.${i}`] ?? []));
    this.program.load({ ...training, carried: { [VALUE_SPREAD]: arrays[VALUE_SPREAD] as Float32Array } });
    this.iteration = iteration;
    this.rng.load(rng);
  }
}

interface Parts {
  readonly networks: TdMpc2Networks;
  readonly rng: Rng;
  readonly player: Player;
  readonly program: TrainingProgram;
  readonly planner: LatentPlanner;
}

function figuresOf(chunks: readonly TrainingChunk[]) {
  const mean = (valuesOf: (chunk: TrainingChunk) => Float32Array) => {
    const all = chunks.flatMap((chunk) => [...valuesOf(chunk)]);
    const value = all.reduce((sum, one) => sum + one, 0) / all.length;
    return Number.isFinite(value) ? value : null;
  };
  const metric = (name: string) => mean(({ metrics }) => metrics[name]!);
  return {
    consistencyLoss: metric('consistency'),
    rewardLoss: metric('reward'),
    valueLoss: metric('value'),
    continueLoss: metric('continues'),
    policyLoss: metric('policy'),
    entropy: metric('entropy'),
    meanValue: metric('mean_value'),
    gradientNorm: mean(({ gradientNorm }) => gradientNorm),
  };
}

/**
 * Trains to the end, or goes on to it from a checkpoint.
 *
 * @throws as `TdMpc2Training.open`; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN.
 */
export function trainTdMpc2(
  env: VectorEnv,
  config: TdMpc2Config,
  seed: number,
  runtime: OnnxRuntime,
  options: TrainingOptions<TdMpc2Progress> = {},
): Promise<TdMpc2Result> {
  const identity = identityOf(env, config, seed, options.checkpoint?.versions);
  return runTraining(
    who,
    options,
    {
      open: (saved: AgentState | undefined) => TdMpc2Training.open(env, config, seed, runtime, saved),
      load: (path) => loadAgent(path, FORMAT, identity),
      store: (path, state) => saveAgent(path, FORMAT, identity, state),
    },
    (training) => ({ policy: training.policy(), weights: training.weights(), steps: training.steps }),
  );
}
