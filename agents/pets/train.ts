import type { Policy } from '../../src/core/policy.ts';
import { layOut } from '../../src/core/state-spec.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { TransitionRecorder, type Transitions } from '../../src/data/transitions.ts';
import { transitionsOf } from '../../src/gap/held-out.ts';
import { mean } from '../../src/gap/statistics.ts';
import { randomPolicy } from '../../src/learning/random-policy.ts';
import { runTraining, type TrainingOptions } from '../../src/learning/run-training.ts';
import { TRAINING_SEEDS } from '../../src/learning/training-seeds.ts';
import { Rng } from '../../src/math/rng.ts';
import type { OnnxRuntime } from '../../src/onnx/index.ts';
import { inModel, type PlannerRecipe, planningPolicy } from '../../src/planning/index.ts';
import { flatSizeOf } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { type TrainedModel, type TrainOptions, trainEnsemble } from '../../src/world-model/train-ensemble.ts';
import { identityOf, loadPets, type PetsState, savePets } from './checkpoint.ts';
import { checkConfig, type PetsConfig } from './config.ts';

/** Of one round; a line of metrics. */
export interface PetsProgress {
  readonly iteration: number;
  /** Rounds done, of `rounds`; 0 = exploration. */
  readonly round: number;
  readonly rounds: number;
  /** Env steps taken so far: all that anything was learned from. */
  readonly steps: number;
  /** Of the round's episodes, means over them. */
  readonly episodes: number;
  readonly return: number;
  readonly length: number;
  /** Wall-clock time of one decision for all lanes, ms. Not written down: metrics are the same however often the training was interrupted. */
  readonly decision_ms: number;
  /** Of the fit that the round planned in; null in exploration. */
  readonly loss: number | null;
}

/** What is going on inside a round. */
export interface PetsStage {
  readonly stage: string;
  readonly done: number;
  readonly of: number;
  readonly note?: string;
}

export interface PetsResult {
  /** To be planned in. */
  readonly model: TrainedModel;
  /** All that was seen. */
  readonly transitions: Transitions;
  readonly steps: number;
}

export interface PetsHooks {
  readonly onStage?: (stage: PetsStage) => void;
  /** Where fits run; default in this process. */
  readonly fit?: TrainOptions['fit'];
  /** For `decision_ms` alone; without it that is 0. */
  readonly clock_ms?: () => number;
}

/** Checkpoints are written each round unless told otherwise. `isStopped` is asked in the last fit too, which then ends: `model.stopped` says so. */
export interface PetsOptions extends PetsHooks, TrainingOptions<PetsProgress> {}

/**
 * Learning by planning (PETS, Chua et al. 2018): explore a little, then in turns learn the world and act by planning in what was learned. The same env, settings and seed give the same bytes.
 */
export class PetsTraining {
  readonly config: PetsConfig;
  private readonly env: VectorEnv;
  private readonly task: AnyTask;
  private readonly planner: PlannerRecipe;
  private readonly runtime: OnnxRuntime;
  private readonly hooks: PetsHooks;
  private readonly seed: number;
  private readonly rng: Rng;
  private readonly recorder: TransitionRecorder;
  /** What the last round planned in. */
  fitted: TrainedModel | undefined;
  private round = 0;
  private episodes = 0;

  /**
   * @param env - truth, a twin, or either behind a socket; every episode is seeded and reset here, the caller closes it.
   * @param task - of the env; its observation must determine its state.
   * @param planner - plans in the model.
   * @param saved - of the same env, settings and seed.
   * @throws OPTION_INVALID
   */
  constructor(
    env: VectorEnv,
    task: AnyTask,
    planner: PlannerRecipe,
    config: PetsConfig,
    seed: number,
    runtime: OnnxRuntime,
    hooks: PetsHooks = {},
    saved?: PetsState,
  ) {
    checkConfig(config);
    this.config = config;
    this.env = env;
    this.task = task;
    this.planner = planner;
    this.runtime = runtime;
    this.hooks = hooks;
    this.seed = seed;
    this.rng = new Rng(seed);
    this.recorder = new TransitionRecorder(task);
    if (saved) this.load(saved);
  }

  /** Whether all has been collected. */
  get isDone(): boolean {
    return this.round > this.config.rounds;
  }

  /** All that was seen so far; a view, valid until the next round. */
  get transitions(): Transitions {
    return this.recorder.transitions();
  }

  /** Explores the first time, then learns and acts. */
  async iterate(): Promise<PetsProgress> {
    const { config, round } = this;
    if (round === 0) {
      const played = await this.collect(
        randomPolicy(this.task.actionSpace, this.env.lanes, config.explorationHold),
        1,
        config.explorationSteps,
      );
      return this.progress(played, null);
    }
    this.fitted = await this.fit(config.updates, `learning, round ${round} of ${config.rounds}`);
    const { manifest, predict, losses } = this.fitted;
    const model = await openModel(this.runtime, manifest.name, manifest, predict, this.task);
    try {
      const policy = planningPolicy(inModel(this.task, model, this.env.lanes), this.planner);
      return this.progress(await this.collect(policy, config.episodesPerRound, config.episodeSteps), losses.at(-1)?.loss ?? null);
    } finally {
      await model.close();
    }
  }

  /** Learns once more, longer. @param shouldStop - asked now and then; true ends it there. */
  learn(shouldStop?: () => boolean): Promise<TrainedModel> {
    return this.fit(this.config.finalUpdates, 'learning the world', shouldStop);
  }

  /** A copy of everything to go on from; between rounds. */
  async save(): Promise<PetsState> {
    const { count, state, action, command, next, episode } = this.transitions;
    const transitions = {
      count,
      state: state.slice(),
      action: action.slice(),
      command: command.slice(),
      next: next.slice(),
      episode: episode.slice(),
    };
    return { iteration: this.round, episodes: this.episodes, rng: this.rng.save(), transitions };
  }

  /** Between rounds there is nothing to give back. */
  async close(): Promise<void> {}

  private load({ iteration, episodes, rng, transitions }: PetsState): void {
    this.round = iteration;
    this.episodes = episodes;
    this.rng.load(rng);
    this.record(transitions, 0);
  }

  private progress(played: Played, loss: number | null): PetsProgress {
    const { steps, seconds, ...means } = played;
    return {
      iteration: this.round + 1,
      round: this.round++,
      rounds: this.config.rounds,
      steps: this.transitions.count,
      ...means,
      decision_ms: (1000 * seconds) / steps,
      loss,
    };
  }

  /** Episodes of every lane. */
  private async collect(policy: Policy, episodes: number, maxSteps: number): Promise<Played> {
    const { clock_ms = () => 0, onStage } = this.hooks;
    const [returns, lengths]: [number[], number[]] = [[], []];
    const began_ms = clock_ms();
    let steps = 0;
    for (let i = 0; i < episodes; i++) {
      const seed = this.rng.integer(TRAINING_SEEDS - this.env.lanes);
      const stage = `episode ${this.episodes + 1} of ${(1 + this.config.rounds * this.config.episodesPerRound) * this.env.lanes}, ${policy.name}`;
      const onStep = (done: number) => onStage?.({ stage, done, of: maxSteps });
      const played = await evaluate(this.env, policy, { seed: TRAINING_SEEDS + seed, policySeed: seed, maxSteps, onStep });
      this.record(transitionsOf(this.task, played), this.episodes);
      this.episodes += this.env.lanes;
      returns.push(...played.returns);
      lengths.push(...played.lengths);
      steps += played.actions.length;
      onStage?.({
        stage,
        done: maxSteps,
        of: maxSteps,
        note: `return ${mean(played.returns).toFixed(1)} in ${mean(played.lengths)} steps`,
      });
    }
    return { episodes: returns.length, return: mean(returns), length: mean(lengths), steps, seconds: (clock_ms() - began_ms) / 1000 };
  }

  /** @param first - number of its first episode. */
  private record({ count, state, action, command, next, episode }: Transitions, first: number): void {
    const size = layOut(this.task.state).size;
    const [actions, commands] = [flatSizeOf(this.task.actionSpace), this.task.commands.length];
    const row = (values: Float64Array, at: number, width: number) => values.subarray(at * width, (at + 1) * width);
    for (let at = 0; at < count; at++)
      this.recorder.add(
        row(state, at, size),
        row(action, at, actions),
        row(command, at, commands),
        row(next, at, size),
        first + episode[at]!,
      );
  }

  private fit(updates: number, stage: string, shouldStop?: () => boolean): Promise<TrainedModel> {
    const { fit = (job, hooks) => fitEnsemble(this.runtime, job, hooks), onStage } = this.hooks;
    return trainEnsemble(this.task, this.transitions, {
      name: `${this.task.id} ensemble, seed ${this.seed}`,
      updates,
      seed: this.rng.uint32(),
      calibrationShare: this.config.calibrationShare,
      config: this.config.ensemble,
      fit,
      ...(shouldStop && { shouldStop }),
      onProgress: ({ update, updates, loss }) => onStage?.({ stage, done: update, of: updates, note: `loss ${loss.toFixed(2)}` }),
    });
  }
}

/** Means over episodes, and the time that all took. */
interface Played {
  readonly episodes: number;
  readonly return: number;
  readonly length: number;
  readonly steps: number;
  readonly seconds: number;
}

/**
 * Trains to the end, or goes on to it from a checkpoint.
 *
 * @throws as `PetsTraining`; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN, TRAINING_FAILED.
 */
export async function trainPets(
  env: VectorEnv,
  task: AnyTask,
  planner: PlannerRecipe,
  config: PetsConfig,
  seed: number,
  runtime: OnnxRuntime,
  options: PetsOptions = {},
): Promise<PetsResult> {
  const identity = identityOf(env, planner, config, seed, options.checkpoint?.versions);
  return runTraining(
    'pets',
    options,
    {
      every: 1,
      open: async (saved: PetsState | undefined) => new PetsTraining(env, task, planner, config, seed, runtime, options, saved),
      load: (path) => loadPets(path, task, identity),
      store: (path, state) => savePets(path, identity, state),
      lineOf: ({ decision_ms: _, ...line }) => line,
    },
    async (training) => ({
      model: await training.learn(options.isStopped),
      transitions: training.transitions,
      steps: training.transitions.count,
    }),
  );
}
