/** The library: environments on physics, on a learned model, or on both at once. */
import { randomInt } from 'node:crypto';
import { envs } from '../envs/index.ts';
import { type CheckOptions, checkEnv as checkEnvWith, type EnvReport, type MakeEnv } from './check/check-env.ts';
import { checkModel as checkModelWith, type ModelCheckOptions, type ModelRegistry, type ModelReport } from './check/check-model.ts';
import {
  type CheckedRegistry,
  checkRegistered as checkRegisteredWith,
  type RegisteredCheckOptions,
  type RegisteredReport,
} from './check/check-registered.ts';
import { packageJson } from './cli/run-description.ts';
import { type Client, type ConnectOptions, connect as connectWith } from './client/index.ts';
import type { VectorEnv } from './core/vector-env.ts';
import { type ReplayFacts, recordReplay as recordReplayWith } from './data/record-replay.ts';
import { nodeRuntime } from './onnx/index.ts';
import { mujocoEngine } from './physics/mujoco-engine.ts';
import { rapierEngine } from './physics/rapier-engine.ts';
import { Registry } from './registry/registry.ts';
import { rootBeside } from './roots.ts';
import { clockFrom } from './server/index.ts';
import {
  evaluateTransitions as evaluateTransitionsOf,
  type TransitionBatch,
  type TransitionJudgement,
} from './task/evaluate-transitions.ts';
import type { AnyTask } from './task/task.ts';
import { nodeWorkers } from './vector/node-workers.ts';
import type { ModelSource } from './world-model/model-folder.ts';
import type { WorldModel } from './world-model/world-model.ts';

/** The registry behind `make`: every env of the package, on Rapier and ONNX Runtime. */
export const registry = new Registry({
  tasks: envs,
  engines: { rapier: rapierEngine, mujoco: mujocoEngine },
  runtime: nodeRuntime(),
  entropy: () => randomInt(2 ** 32),
  clock: clockFrom(() => performance.now()),
  workers: nodeWorkers(rootBeside('env-worker')),
  modelWorker: rootBeside('model-worker'),
});

/** One environment by id; see `MakeOptions`. */
export const make: Registry['make'] = (id, options) => registry.make(id, options);
/** Several lanes of an environment stepped together. */
export const makeVector: Registry['makeVector'] = (id, options) => registry.makeVector(id, options);

/** A client of a groundtwin server; its envs are stepped as local ones are. @throws CONNECTION_*, CAPACITY, DRAINING. */
export const connect = (options: Omit<ConnectOptions, 'clock'>): Promise<Client> =>
  connectWith({ ...options, clock: clockFrom(() => performance.now()) });

const clock_s = () => performance.now() / 1000;

/** Holds an env of your own to the contract of a vector env, check by check. */
export const checkEnv = (make: MakeEnv, options: CheckOptions = {}): Promise<EnvReport> => checkEnvWith(make, { clock_s, ...options });

/** Holds a registered env to the contract. @throws ENV_UNKNOWN, OPTION_INVALID. */
export const checkRegistered = (of: CheckedRegistry, id: string, options: RegisteredCheckOptions = {}): Promise<RegisteredReport> =>
  checkRegisteredWith(of, id, { clock_s, ...options });

/** Holds a model, given as a folder, as bytes or loaded, to the contract on a task, or a registered one by its id. @throws ENV_UNKNOWN, OPTION_INVALID. */
export const checkModel = (
  of: ModelRegistry,
  id: string | AnyTask,
  source: ModelSource | WorldModel,
  options: ModelCheckOptions = {},
): Promise<ModelReport> => checkModelWith(of, id, source, { clock_s, ...options });

/** Loads an untrusted model of a registered task, from its folder or from bytes; see `Registry.loadModel`. The caller closes it. */
export const loadModel: Registry['loadModel'] = (id, source, guard) => registry.loadModel(id, source, guard);

/** The same of a model of observations, to plan in with `inMemory`. */
export const loadObservationModel: Registry['loadObservationModel'] = (id, source, guard) =>
  registry.loadObservationModel(id, source, guard);

/** Observation, reward term by term and end for states and actions of a task, or of a registered one by its id; without physics. @throws OPTION_INVALID, ENV_UNKNOWN. */
export const evaluateTransitions = (task: string | AnyTask, batch: TransitionBatch): TransitionJudgement =>
  evaluateTransitionsOf(typeof task === 'string' ? registry.task(task) : task, batch);

/** An env that writes a replay file while it is stepped; close it to end the file. @throws REPLAY_REFUSED from its methods. */
export const recordReplay = (env: VectorEnv, path: string, facts: Omit<ReplayFacts, 'version'> = {}): VectorEnv =>
  recordReplayWith(env, path, { ...facts, version: packageJson().version });

export type { CheckOptions, CheckResult, EnvReport, MakeEnv } from './check/check-env.ts';
export type { ModelCheckOptions, ModelReport } from './check/check-model.ts';
export type { RegisteredCheckOptions, RegisteredReport } from './check/check-registered.ts';
export { type Divergence, type ReplayReport, verifyReplay } from './check/verify-replay.ts';
export type { Client, RemoteVectorEnv } from './client/index.ts';
export type { Backend, InfoColumns } from './core/backend.ts';
export type { PhysicsWorld } from './core/physics-world.ts';
export type { Camera, Picture, PixelArray, RenderMode, RenderResults, ViewOptions } from './core/picture.ts';
export type { Policy } from './core/policy.ts';
export type { LimitCost, RolloutScorer, TerminalValue } from './core/rollouts.ts';
export type { SceneSpec } from './core/scene-spec.ts';
export type { StateShape, StateView } from './core/state-spec.ts';
export type { AutoresetMode, LaneStates, ResetOptions, VectorEnv, VectorResetResult, VectorStepResult } from './core/vector-env.ts';
export type { Wrapper, WrapperFactory } from './core/wrapper.ts';
export type { Episode, EpisodeSet, EpisodeSpec } from './data/episode.ts';
export { EpisodeStore } from './data/episode-store.ts';
export { episodesOf, specOf, transitionsOfEpisodes } from './data/episode-transitions.ts';
export { type Experience, experienceOf } from './data/experience.ts';
export { type EpisodeFormat, type FormatName, formats, type ImportOptions } from './data/formats/index.ts';
export { type Replay, readReplay } from './data/read-replay.ts';
export { recordEpisode } from './data/record.ts';
export { type RecordEpisodesOptions, recordEpisodes } from './data/record-episodes.ts';
export { ReplayBuffer, type ReplayBufferOptions, type SampledTransitions } from './data/replay-buffer.ts';
export type { SequenceBatch } from './data/sequence-batch.ts';
export { readTransitions, TransitionRecorder, type Transitions, writeTransitions } from './data/transitions.ts';
export { type ErrorCode, GroundtwinError, isGroundtwinError } from './errors.ts';
export {
  breakSubject,
  type GapReport,
  type ImaginedPlan,
  type ImagineOptions,
  imagine,
  interquartileMeanScore,
  type MeasureTrustOptions,
  meanScore,
  measureTrust,
  medianScore,
  modelSubject,
  optimalityGap,
  type PlanOutcome,
  performanceProfile,
  probabilityOfImprovement,
  runGap,
  type Scores,
  type StratifiedOptions,
  type Subject,
  stratifiedInterval,
} from './gap/index.ts';
export { Rng } from './math/rng.ts';
export { type GuardOptions, type ModelIsolation, type ModelLimits, nodeRuntime } from './onnx/index.ts';
export { type GoalEntry, parseGoal } from './planning/index.ts';
export type { MakeOptions, MakeVectorOptions } from './registry/registry.ts';
export { Registry } from './registry/registry.ts';
export { Renderer, type RenderOptions } from './render/index.ts';
export { renderReport } from './report/index.ts';
export { type RunningServer, type ServeOptions, serve } from './server/index.ts';
export * from './spaces/space.ts';
export { type ConditionOptions, conditionOn } from './task/condition.ts';
export type { TransitionBatch, TransitionJudgement } from './task/evaluate-transitions.ts';
export { hide } from './task/hide.ts';
export { anyTask, defineTask, type Task } from './task/task.ts';
export type { DriftColumns } from './twin/drift-monitor.ts';
export { DriftMonitor } from './twin/drift-monitor.ts';
export type { DriftOptions, Resync, TwinEnv, TwinOptions } from './twin/twin-env.ts';
export { type Branch, Env, type ResetResult, type StepResult } from './vector/env.ts';
export { type Evaluation, evaluate } from './vector/evaluate.ts';
export { SyncVectorEnv } from './vector/sync-vector-env.ts';
export type { WorkerFacts } from './vector/worker-backend.ts';
export { WorkerVectorEnv } from './vector/worker-vector-env.ts';
export { recalibrate } from './world-model/adjusted-model.ts';
export type { ModelManifest } from './world-model/contract.ts';
export { fitEnsemble } from './world-model/fit-ensemble.ts';
export { fitRecurrent } from './world-model/fit-recurrent.ts';
export { manifestTemplate } from './world-model/manifest-template.ts';
export type { ModelBytes, ModelSource } from './world-model/model-folder.ts';
export { trainObservationEnsemble } from './world-model/observation-ensemble.ts';
export { writeObservationModel } from './world-model/observation-folder.ts';
export type { ObservationModel } from './world-model/observation-model.ts';
export { trainEnsemble } from './world-model/train-ensemble.ts';
export { trainRecurrent } from './world-model/train-recurrent.ts';
export type { DriftCalibration, Familiarity, Trust, TrustHorizon } from './world-model/trust.ts';
export type { WorldModel } from './world-model/world-model.ts';
export { clipAction } from './wrappers/clip-action.ts';
export { delayAction } from './wrappers/delay-action.ts';
export { noisyObservation } from './wrappers/noisy-observation.ts';
export { recordEpisodeStatistics } from './wrappers/record-episode-statistics.ts';
export { rescaleAction } from './wrappers/rescale-action.ts';
export { timeLimit } from './wrappers/time-limit.ts';
