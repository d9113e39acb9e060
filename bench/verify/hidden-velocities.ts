/**
 * CartPoleSwingUp with its velocities hidden: what planning in a model that remembers returns, and planning in one that does not, both from the same data.
 * The data: a log of an agent that does see velocities (they are not in the log), then episodes of both planners in turn.
 */
import { type CemConfig, cem, cemDefaults, inMemory, inModel, planningPolicy, randomPolicy } from '../../agents/index.ts';
import { EVALUATION_SEED, MAIN_TASK } from '../../src/cli/main-job.ts';
import type { Policy } from '../../src/core/policy.ts';
import { episodesOf } from '../../src/data/episode-transitions.ts';
import { experienceOf } from '../../src/data/experience.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { TransitionRecorder } from '../../src/data/transitions.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { hide } from '../../src/task/hide.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { fitRecurrent } from '../../src/world-model/fit-recurrent.ts';
import type { TrainedObservationModel } from '../../src/world-model/observation-contract.ts';
import { trainObservationEnsemble } from '../../src/world-model/observation-ensemble.ts';
import { openObservationModel } from '../../src/world-model/observation-folder.ts';
import type { ObservationModel } from '../../src/world-model/observation-model.ts';
import { trainRecurrent } from '../../src/world-model/train-recurrent.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';
import { learnedModel } from '../learned-model.ts';

const wholeTask = registry.task(MAIN_TASK);
export const hiddenTask = hide(wholeTask, ['cartVelocity_mps', 'poleVelocity_radps'], 'CartPoleSwingUpHidden-v0');

/** How much is collected and learned. */
export interface HiddenSize {
  /** The log: episodes at random, each action held for some steps, then episodes planned in a model of the whole state, fitted to those. */
  readonly randomEpisodes: number;
  readonly hold: number;
  readonly plannedEpisodes: number;
  readonly logUpdates: number;
  /** Then, so many times: both models learn, and each planner adds an episode. */
  readonly rounds: number;
  /** Of every episode up to here. */
  readonly episodeSteps: number;
  readonly updates: Updates;
  readonly finalUpdates: Updates;
  /** Fresh starts on which the planners are judged, whole episodes. */
  readonly starts: number;
  readonly maxSteps: number;
  readonly planner: CemConfig;
}

type Learner = 'recurrent' | 'ensemble';
type Updates = Readonly<Record<Learner, number>>;

export const hiddenSize: HiddenSize = {
  randomEpisodes: 4,
  hold: 5,
  plannedEpisodes: 3,
  logUpdates: 1500,
  rounds: 2,
  episodeSteps: 125,
  updates: { recurrent: 1500, ensemble: 1500 },
  finalUpdates: { recurrent: 2500, ensemble: 2500 },
  starts: 3,
  maxSteps: hiddenTask.horizon,
  planner: cemDefaults,
};

export interface HiddenResult {
  readonly seed: number;
  /** Of physics, that both models learned from. */
  readonly realSteps: number;
  /** Returns of the log's planned episodes. */
  readonly logged: readonly number[];
  /** Returns while data was collected, by round. */
  readonly collected: Readonly<Record<Learner, readonly number[]>>;
  /** On physics, one a start. */
  readonly returns: Readonly<Record<Learner, readonly number[]>>;
  readonly seconds: number;
}

const learners: readonly Learner[] = ['recurrent', 'ensemble'];

export async function playHidden(seed: number, log: (line: string) => void, size: HiddenSize = hiddenSize): Promise<HiddenResult> {
  const began_ms = performance.now();
  const say = (line: string) => log(`hidden velocities, seed ${seed}: ${line}`);
  const rng = new Rng(seed);
  const recorder = new TransitionRecorder(hiddenTask);
  const logged = await recordLog(recorder, rng, size);
  say(`the log has ${recorder.transitions().count} steps, its planned episodes return ${text(logged)}`);
  const env = await registry.truth(hiddenTask, 1);
  const collected: Record<Learner, number[]> = { recurrent: [], ensemble: [] };
  for (let round = 0; round < size.rounds; round++)
    for (const learner of learners)
      await withModel(learner, recorder, size.updates[learner], rng.uint32(), async (model) => {
        const policy = planningPolicy(inMemory(hiddenTask, model, 1), cem(size.planner));
        collected[learner].push(await record(env, policy, recorder, rng, size));
        say(`round ${round + 1} of ${size.rounds}, ${learner}: ${text(collected[learner].slice(-1))} in ${size.episodeSteps} steps`);
      });
  await env.close();
  const returns: Record<Learner, number[]> = { recurrent: [], ensemble: [] };
  for (const learner of learners)
    await withModel(learner, recorder, size.finalUpdates[learner], rng.uint32(), async (model) => {
      returns[learner] = await judged(model, seed, size);
      say(`${learner}: ${text(returns[learner])} in ${size.maxSteps} steps`);
    });
  const seconds = (performance.now() - began_ms) / 1000;
  return { seed, realSteps: recorder.transitions().count, logged, collected, returns, seconds };
}

/** What an agent that sees the whole state leaves behind. @returns the returns of its planned episodes. */
async function recordLog(recorder: TransitionRecorder, rng: Rng, size: HiddenSize): Promise<number[]> {
  const env = await registry.truth(wholeTask, 1);
  for (let i = 0; i < size.randomEpisodes; i++) await record(env, randomPolicy(wholeTask.actionSpace, 1, size.hold), recorder, rng, size);
  const { model } = await learnedModel(wholeTask, recorder.transitions(), { updates: size.logUpdates, seed: rng.uint32() });
  const returns: number[] = [];
  for (let i = 0; i < size.plannedEpisodes; i++)
    returns.push(await record(env, planningPolicy(inModel(wholeTask, model, 1), cem(size.planner)), recorder, rng, size));
  await model.close();
  await env.close();
  return returns;
}

async function record(env: TaskEnv, policy: Policy, recorder: TransitionRecorder, rng: Rng, size: HiddenSize): Promise<number> {
  const { count, episode } = recorder.transitions();
  const next = count === 0 ? 0 : episode[count - 1]! + 1;
  const { episodeReturn } = await recordEpisode(env, policy, recorder, { seed: rng.uint32(), maxSteps: size.episodeSteps, episode: next });
  return episodeReturn;
}

function text(returns: readonly number[]): string {
  return returns.map((value) => value.toFixed(1)).join(', ');
}

/** Trains a model on what was recorded so far, and closes it after use. */
async function withModel(
  learner: Learner,
  recorder: TransitionRecorder,
  updates: number,
  seed: number,
  use: (model: ObservationModel) => Promise<void>,
): Promise<void> {
  const { manifest, graphs } = await train(learner, recorder, updates, seed);
  const model = await openObservationModel(nodeRuntime(), learner, manifest, graphs);
  await use(model);
  await model.close();
}

function train(learner: Learner, recorder: TransitionRecorder, updates: number, seed: number): Promise<TrainedObservationModel> {
  const data = experienceOf(episodesOf(hiddenTask, recorder.transitions()));
  const options = { name: `${hiddenTask.id} ${learner}`, updates, seed };
  return learner === 'recurrent'
    ? trainRecurrent(hiddenTask, data, { ...options, fit: (job, hooks) => fitRecurrent(nodeRuntime(), job, hooks) })
    : trainObservationEnsemble(hiddenTask, data, { ...options, fit: (job, hooks) => fitEnsemble(nodeRuntime(), job, hooks) });
}

/** Whole episodes on physics from fresh starts, the same for every model. */
async function judged(model: ObservationModel, seed: number, { starts, maxSteps, planner }: HiddenSize): Promise<number[]> {
  const env = new SyncVectorEnv(await registry.truth(hiddenTask, starts), { wrappers: [timeLimit(maxSteps)], entropy: () => 0 });
  const { returns } = await evaluate(env, planningPolicy(inMemory(hiddenTask, model, starts), cem(planner)), {
    seed: EVALUATION_SEED,
    policySeed: seed,
    maxSteps,
  });
  await env.close();
  return [...returns];
}
