import type { VectorEnv } from '../../src/core/vector-env.ts';
import type { EpisodeSet } from '../../src/data/episode.ts';
import { type AgentState, loadAgent, saveAgent } from '../../src/learning/agent-checkpoint.ts';
import { refuseOption } from '../../src/learning/config-checks.ts';
import { runTraining, type TrainingOptions } from '../../src/learning/run-training.ts';
import { Rng } from '../../src/math/rng.ts';
import { mlpParameters, type OnnxRuntime, type ParameterSpec, releaseAll, TrainingProgram } from '../../src/onnx/index.ts';
import { flatSizeOf, type Leaf, type Space } from '../../src/spaces/space.ts';
import { type CloningConfig, checkConfig, who } from './config.ts';
import { demonstrationsOf, type SplitDemonstrations } from './demonstrations.ts';
import { type CloningNetwork, exportPolicy, networkOf } from './networks.ts';
import { compileUpdate, type Judge, openJudge } from './update.ts';

/** Of one iteration; a line of metrics. */
export interface CloningProgress {
  readonly iteration: number;
  /** Gradient steps made so far. */
  readonly steps: number;
  /** Mean over the iteration's batches, and over the rows held out; see `cloningLoss`. */
  readonly loss: number;
  readonly heldOut: number;
  /** Before clipping, mean. */
  readonly gradientNorm: number;
}

export interface CloningResult {
  /** The policy with the lowest held-out error as ONNX, normalisation inside; see `onnxPolicy`. */
  readonly policy: Uint8Array<ArrayBuffer>;
  readonly heldOut: number;
  /** Gradient steps made; those after which the policy was kept. */
  readonly steps: number;
  readonly keptStep: number;
}

/** The weights that judged best so far. */
interface Best {
  readonly iteration: number;
  readonly heldOut: number;
  readonly weights: Readonly<Record<string, Float32Array>>;
}

const checkpointFormat = 'groundtwin-cloning.v1';
/** Beside the best weights in a checkpoint, float64 `[1]`. */
const HELD_OUT = 'held-out error';

/** Where the policy is to act. */
export type CloningSpaces = Pick<VectorEnv, 'observationSpace' | 'actionSpace'>;

/** Behaviour cloning (Pomerleau 1989), iteration by iteration. The same data, config and seed give the same bytes. */
export class CloningTraining {
  private readonly config: CloningConfig;
  private readonly data: SplitDemonstrations;
  private readonly parts: CloningParts;
  private readonly rng: Rng;
  private readonly indices: Int32Array;
  private iteration = 0;
  private best: Best | null = null;

  private constructor(config: CloningConfig, data: SplitDemonstrations, rng: Rng, parts: CloningParts) {
    this.config = config;
    this.data = data;
    this.parts = parts;
    this.rng = rng;
    this.indices = new Int32Array(config.judgeEvery * config.batch);
    const { observation, action, rows } = data.training;
    parts.program.setTables({ observation, action }, rows);
  }

  /**
   * @param saved - of the same data, config and seed.
   * @throws OPTION_INVALID for a config or data that do not fit, and for named actions; RUNTIME_MISSING.
   */
  static async open(
    spaces: CloningSpaces,
    data: SplitDemonstrations,
    config: CloningConfig,
    seed: number,
    runtime: OnnxRuntime,
    saved?: AgentState,
  ): Promise<CloningTraining> {
    const rng = new Rng(seed);
    const network = networkOf(leafOf(spaces.actionSpace), flatSizeOf(spaces.observationSpace), config.hidden, config.gaussian);
    const parameters = mlpParameters(network.spec, rng);
    const program = await TrainingProgram.open(runtime, compileUpdate(network, config, parameters));
    const judge = await openJudge(runtime, network, parameters);
    const training = new CloningTraining(config, data, rng, { network, parameters, program, judge });
    if (saved) training.load(saved);
    return training;
  }

  /** Gradient steps made. */
  get steps(): number {
    return Math.min(this.config.steps, this.iteration * this.config.judgeEvery);
  }

  get isDone(): boolean {
    const { steps, patience } = this.config;
    return this.steps >= steps || (patience > 0 && this.iteration - (this.best?.iteration ?? 0) >= patience);
  }

  /** Learns from so many batches, drawn with replacement, and is judged. */
  async iterate(): Promise<CloningProgress> {
    const { program, judge } = this.parts;
    const { batch, judgeEvery, steps, learningRate } = this.config;
    const indices = this.indices.subarray(0, Math.min(judgeEvery, steps - this.steps) * batch);
    for (let i = 0; i < indices.length; i++) indices[i] = this.rng.integer(this.data.training.rows);
    const { loss, gradientNorm } = await program.run(indices, learningRate);
    const heldOut = await judge.run(program.parameters(), this.data.heldOut);
    this.iteration++;
    if (Number.isFinite(heldOut) && heldOut < (this.best?.heldOut ?? Number.POSITIVE_INFINITY))
      this.best = { iteration: this.iteration, heldOut, weights: program.state().parameters };
    return { iteration: this.iteration, steps: this.steps, loss: mean(loss), heldOut, gradientNorm: mean(gradientNorm) };
  }

  /** The best so far. @throws OPTION_INVALID where no iteration had a finite error. */
  result(observationSpace: Space): CloningResult {
    const best = this.best ?? refuseOption(who, 'data', 'no finite error', 'what is finite');
    const { network, parameters } = this.parts;
    return {
      policy: exportPolicy(network, observationSpace, parameters, best.weights, this.data.normaliser),
      heldOut: best.heldOut,
      steps: this.steps,
      keptStep: Math.min(this.config.steps, best.iteration * this.config.judgeEvery),
    };
  }

  /** A copy of everything to go on from. */
  async save(): Promise<AgentState> {
    const { iteration, best } = this;
    const arrays = best ? { ...best.weights, [HELD_OUT]: Float64Array.of(best.heldOut) } : {};
    const counts = { best: best?.iteration ?? 0 };
    return { iteration, counts, rng: this.rng.save(), training: this.parts.program.state(), arrays, snapshots: [] };
  }

  /** Gives the memory of the graphs back. */
  close(): Promise<void> {
    return releaseAll([this.parts.program, this.parts.judge]);
  }

  private load({ iteration, counts, rng, training, arrays }: AgentState): void {
    this.parts.program.load(training);
    this.iteration = iteration;
    this.rng.load(rng);
    const { [HELD_OUT]: heldOut, ...weights } = arrays;
    this.best = heldOut ? { iteration: counts.best!, heldOut: heldOut[0]!, weights: weights as Best['weights'] } : null;
  }
}

interface CloningParts {
  readonly network: CloningNetwork;
  readonly parameters: readonly ParameterSpec[];
  readonly program: TrainingProgram;
  readonly judge: Judge;
}

function leafOf(space: Space): Leaf {
  return space.kind === 'dict' || (space.kind === 'box' && space.dtype === 'uint8')
    ? refuseOption(
        who,
        'env',
        space.kind === 'dict' ? 'named actions' : 'actions that are bytes',
        'one whose actions are floats or integers',
      )
    : space;
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Trains to the end, or goes on to it from a checkpoint.
 *
 * @param spaces - of the env that the policy is to act in.
 * @param episodes - what to clone.
 * @throws as `CloningTraining.open`; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN.
 */
export async function trainCloning(
  spaces: CloningSpaces,
  episodes: EpisodeSet,
  config: CloningConfig,
  seed: number,
  runtime: OnnxRuntime,
  options: TrainingOptions<CloningProgress> = {},
): Promise<CloningResult> {
  checkConfig(config);
  const data = demonstrationsOf(episodes, spaces.observationSpace, leafOf(spaces.actionSpace), config.heldOut);
  const settings = { agent: who, ...config, data: data.sha256, seed, ...options.checkpoint?.versions };
  const identity = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, JSON.stringify(value)]));
  return runTraining(
    who,
    options,
    {
      open: (saved: AgentState | undefined) => CloningTraining.open(spaces, data, config, seed, runtime, saved),
      load: (path) => loadAgent(path, checkpointFormat, identity),
      store: (path, state) => saveAgent(path, checkpointFormat, identity, state),
    },
    (training) => training.result(spaces.observationSpace),
  );
}
