import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import type { CompiledTraining } from './compile-training.ts';
import type { OnnxRuntime } from './runtime.ts';
import { type TrainingChunk, TrainingProgram, type TrainingState } from './training-program.ts';
import type { TensorData } from './types.ts';

/** Weights by name. */
export type Weights = Readonly<Record<string, Float32Array>>;

/** What a stage is trained on; see `TrainingProgram.setTables` and `setFixed`. */
export interface StageData {
  readonly tables: Readonly<Record<string, TensorData>>;
  readonly rows: number;
  readonly fixed?: Readonly<Record<string, TensorData>>;
}

/** What the next steps are fed; see `TrainingProgram.run`. */
export interface StageFeed {
  readonly indices: Int32Array;
  readonly learningRate: number | Float32Array;
  readonly streams?: Readonly<Record<string, TensorData>>;
}

export interface StageRequest {
  /** Steps of this stage made before these. */
  readonly step: number;
  /** How many to feed. */
  readonly steps: number;
  readonly rng: Rng;
  /** What hooks have written down. */
  readonly memory: Readonly<Record<string, number>>;
}

export interface HookCall {
  readonly stage: string;
  /** Steps of this stage made so far. */
  readonly step: number;
  /** Of the program, a copy. */
  readonly state: TrainingState;
  readonly rng: Rng;
  /** Numbers to write down for later hooks and feeds, such as a learning rate that falls when the loss no longer does; saved with the state. */
  readonly memory: Record<string, number>;
}

/** Something done on the host between two steps. */
export interface TrainingHook {
  /** Called after every so many steps of its stage. */
  readonly every: number;
  /** Returns the state to go on from, or nothing when it only looked. It must draw from `rng` and remember in `memory` only, or a resumed run differs. */
  readonly act: (call: HookCall) => TrainingState | undefined | Promise<TrainingState | undefined>;
}

/** One graph and how long it is trained. */
export interface TrainingStage {
  readonly name: string;
  readonly compiled: CompiledTraining;
  readonly steps: number;
  /** Steps of one run at most, between which progress is told and a stop is heard. Default 50. */
  readonly stepsPerRun?: number;
  /**
   * Called when the stage begins, and again when it is resumed: it must depend on nothing but its arguments.
   *
   * @param weights - of the stages before. Parameters of this stage that have such a name start from them, or stay there when frozen.
   */
  readonly data: (weights: Weights, rng: Rng) => StageData | Promise<StageData>;
  readonly feed: (request: StageRequest) => StageFeed;
  readonly hooks?: readonly TrainingHook[];
  /** What later stages get of trained parameters: their last values, or their averages. Default weights. */
  readonly handsOn?: 'weights' | 'averages';
}

export interface StageProgress {
  readonly stage: string;
  /** Steps of this stage made so far, of `steps`. */
  readonly step: number;
  readonly steps: number;
  readonly chunk: TrainingChunk;
}

/** All that a run of several stages goes on from. */
export interface StagedState {
  /** Which stage is under way; their number once all are done. */
  readonly stage: number;
  readonly step: number;
  readonly rng: readonly number[];
  readonly memory: Readonly<Record<string, number>>;
  /** Of the stages before. */
  readonly weights: Weights;
  /** Of the stage under way; absent before its first step. */
  readonly training?: TrainingState;
}

/**
 * Trains several graphs one after the other, with hooks on the host: a VAE and then the dynamics of its codes, a codebook whose dead codes are restarted.
 * The same stages and seed give the same bits, also when the run is stopped between two calls of `advance` and resumed from its state. Calls must not overlap.
 */
export class StagedTraining {
  readonly #runtime: OnnxRuntime;
  readonly #stages: readonly TrainingStage[];
  readonly #seed: number;
  readonly #rng: Rng;
  #stage = 0;
  #step = 0;
  #memory: Record<string, number> = {};
  #weights: Record<string, Float32Array> = {};
  #resumed: TrainingState | undefined;
  #advancing = false;
  #program: TrainingProgram | undefined;

  /** @throws OPTION_INVALID when a number of steps is no whole number of at least 1, or a stage hands on averages that it does not keep. */
  constructor(runtime: OnnxRuntime, stages: readonly TrainingStage[], seed: number) {
    for (const { name, steps, stepsPerRun = 1, hooks = [], handsOn, compiled } of stages) {
      if (handsOn === 'averages' && !compiled.averaged) refuse(`${name}.handsOn`, handsOn, 'weights, since no averages are kept');
      for (const [option, value] of [
        ['steps', steps],
        ['stepsPerRun', stepsPerRun],
        ...hooks.map(({ every }) => ['every', every]),
      ] as const)
        if (!(Number.isSafeInteger(value) && Number(value) >= 1)) refuse(`${name}.${option}`, `${value}`, 'a whole number of at least 1');
    }
    this.#runtime = runtime;
    this.#stages = stages;
    this.#seed = seed;
    this.#rng = new Rng(seed);
  }

  /**
   * Makes the next steps, up to the next hook, and calls it. After an error go on from a saved state.
   *
   * @returns undefined when all stages are done.
   * @throws OPTION_INVALID when called before the last call was done, and what a stage's functions and `TrainingProgram` throw.
   */
  async advance(): Promise<StageProgress | undefined> {
    if (this.#advancing) refuse('advance', 'called again before the last call was done', 'awaited');
    this.#advancing = true;
    try {
      const stage = this.#stages[this.#stage];
      return stage && (await this.#advance(stage));
    } finally {
      this.#advancing = false;
    }
  }

  async #advance(stage: TrainingStage): Promise<StageProgress> {
    const program = this.#program ?? (await this.#open(stage));
    const steps = stepsToBoundary(stage, this.#step);
    const { indices, learningRate, streams } = stage.feed({ step: this.#step, steps, rng: this.#rng, memory: this.#memory });
    const chunk = await program.run(indices, learningRate, streams);
    if (chunk.loss.length !== steps) refuse(`${stage.name}.feed`, `${chunk.loss.length} steps`, `the ${steps} asked for`);
    this.#step += steps;
    await this.#callHooks(stage, program);
    const progress = { stage: stage.name, step: this.#step, steps: stage.steps, chunk };
    if (this.#step === stage.steps) await this.#finish(stage, program);
    return progress;
  }

  /** The latest weights of all stages so far, copied. A name that several stages use is the last one's. */
  weights(): Record<string, Float32Array> {
    const current = this.#program?.state().parameters ?? this.#resumed?.parameters ?? {};
    return { ...copyOf(this.#weights), ...copyOf(current) };
  }

  /** A copy of all that the run goes on from. */
  state(): StagedState {
    const training = this.#program?.state() ?? this.#resumed;
    return {
      stage: this.#stage,
      step: this.#step,
      rng: this.#rng.save(),
      memory: { ...this.#memory },
      weights: copyOf(this.#weights),
      ...(training ? { training } : {}),
    };
  }

  /** Goes on from a saved state, at the next `advance`. @throws OPTION_INVALID when it is of other stages. */
  async load(state: StagedState): Promise<void> {
    const { stage, step, rng, memory, weights, training } = state;
    const count = this.#stages.length;
    const inRange = (value: number, high: number) => Number.isSafeInteger(value) && value >= 0 && value <= high;
    if (!inRange(stage, count)) refuse('state.stage', `${stage}`, `0 to ${count}`);
    const last = (this.#stages[stage]?.steps ?? 1) - 1;
    if (!inRange(step, last)) refuse('state.step', `${step}`, `0 to ${last}`);
    if (!Array.isArray(rng) || rng.length !== this.#rng.save().length || !rng.every(Number.isFinite))
      refuse('state.rng', `${rng}`, 'what a generator saved');
    for (const [name, values] of Object.entries(weights))
      if (!(values instanceof Float32Array)) refuse(`state.weights.${name}`, typeof values, 'a Float32Array');
    for (const [name, value] of Object.entries(memory))
      if (typeof value !== 'number') refuse(`state.memory.${name}`, typeof value, 'a number');
    await this.release();
    this.#stage = stage;
    this.#step = step;
    this.#memory = { ...memory };
    this.#weights = copyOf(weights);
    this.#resumed = training;
    this.#rng.load(rng);
  }

  /** Gives the session's memory back; `advance` opens it again. */
  async release(): Promise<void> {
    const program = this.#program;
    if (!program) return;
    this.#resumed = program.state();
    this.#program = undefined;
    await program.release();
  }

  async #open(stage: TrainingStage): Promise<TrainingProgram> {
    const program = await TrainingProgram.open(this.#runtime, stage.compiled);
    try {
      program.start(this.#weights);
      if (this.#resumed) program.load(this.#resumed);
      const data = await stage.data(copyOf(this.#weights), new Rng(this.#seed, 1 + this.#stage));
      program.setTables(data.tables, data.rows);
      if (data.fixed) program.setFixed(data.fixed);
    } catch (error) {
      await program.release();
      throw error;
    }
    this.#resumed = undefined;
    this.#program = program;
    return program;
  }

  async #callHooks({ name, hooks = [] }: TrainingStage, program: TrainingProgram): Promise<void> {
    for (const { every, act } of hooks) {
      if (this.#step % every !== 0) continue;
      const changed = await act({ stage: name, step: this.#step, state: program.state(), rng: this.#rng, memory: this.#memory });
      if (changed) program.load(changed);
    }
  }

  async #finish({ handsOn }: TrainingStage, program: TrainingProgram): Promise<void> {
    const { parameters, averages } = program.state();
    this.#weights = { ...this.#weights, ...parameters, ...(handsOn === 'averages' ? averages : {}) };
    this.#stage++;
    this.#step = 0;
    this.#program = undefined;
    await program.release();
  }
}

/** Steps until the next hook, the end of the stage or of a run. */
function stepsToBoundary({ steps, stepsPerRun = 50, hooks = [] }: TrainingStage, step: number): number {
  return Math.min(steps - step, stepsPerRun - (step % stepsPerRun), ...hooks.map(({ every }) => every - (step % every)));
}

function copyOf(weights: Weights): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.slice()]));
}

function refuse(option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'StagedTraining', option, value, allowed });
}
