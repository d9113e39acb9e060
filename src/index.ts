/** The library: environments on physics, on a learned model, or on both at once. */
import { randomInt } from 'node:crypto';
import { envs } from '../envs/index.ts';
import { type Client, type ConnectOptions, connect as connectWith } from './client/index.ts';
import { nodeRuntime } from './onnx/index.ts';
import { mujocoEngine } from './physics/mujoco-engine.ts';
import { rapierEngine } from './physics/rapier-engine.ts';
import { Registry } from './registry/registry.ts';
import { clockFrom } from './server/index.ts';

/** The registry behind `make`: every env of the package, on Rapier and onnxruntime-node. */
export const registry = new Registry({
  tasks: envs,
  engines: { rapier: rapierEngine, mujoco: mujocoEngine },
  runtime: nodeRuntime(),
  entropy: () => randomInt(2 ** 32),
});

/** One environment by id; see `MakeOptions`. */
export const make: Registry['make'] = (id, options) => registry.make(id, options);
/** Several lanes of an environment stepped together. */
export const makeVector: Registry['makeVector'] = (id, options) => registry.makeVector(id, options);

/** A client of a groundtwin server; its envs are stepped as local ones are. @throws CONNECTION_*, CAPACITY, DRAINING. */
export const connect = (options: Omit<ConnectOptions, 'clock'>): Promise<Client> =>
  connectWith({ ...options, clock: clockFrom(() => performance.now()) });

export type { Client, RemoteVectorEnv } from './client/index.ts';
export type { Backend, InfoColumns } from './core/backend.ts';
export type { PhysicsWorld } from './core/physics-world.ts';
export type { Policy } from './core/policy.ts';
export type { SceneSpec } from './core/scene-spec.ts';
export type { StateShape, StateView } from './core/state-spec.ts';
export type { AutoresetMode, ResetOptions, VectorEnv, VectorResetResult, VectorStepResult } from './core/vector-env.ts';
export type { Wrapper, WrapperFactory } from './core/wrapper.ts';
export { recordEpisode } from './data/record.ts';
export { readTransitions, TransitionRecorder, type Transitions, writeTransitions } from './data/transitions.ts';
export { type ErrorCode, GroundtwinError, isGroundtwinError } from './errors.ts';
export { breakModel, type GapReport, runGap } from './gap/index.ts';
export { Rng } from './math/rng.ts';
export { nodeRuntime } from './onnx/index.ts';
export type { MakeOptions, MakeVectorOptions } from './registry/registry.ts';
export { Registry } from './registry/registry.ts';
export { renderReport } from './report/index.ts';
export { type RunningServer, type ServeOptions, serve } from './server/index.ts';
export * from './spaces/space.ts';
export { anyTask, defineTask, type Task } from './task/task.ts';
export type { Resync, TwinOptions } from './twin/twin-env.ts';
export { type Branch, Env, type ResetResult, type StepResult } from './vector/env.ts';
export { type Evaluation, evaluate } from './vector/evaluate.ts';
export { fitEnsemble } from './world-model/fit-ensemble.ts';
export { trainEnsemble } from './world-model/train-ensemble.ts';
export type { WorldModel } from './world-model/world-model.ts';
export { clipAction } from './wrappers/clip-action.ts';
export { recordEpisodeStatistics } from './wrappers/record-episode-statistics.ts';
export { rescaleAction } from './wrappers/rescale-action.ts';
export { timeLimit } from './wrappers/time-limit.ts';
