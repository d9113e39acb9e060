/** The library: environments on physics, on a learned model, or on both at once. */
import { randomInt } from 'node:crypto';
import { envs } from '../envs/index.ts';
import { nodeRuntime } from './onnx/index.ts';
import { rapierEngine } from './physics/rapier-engine.ts';
import { Registry } from './registry/registry.ts';

/** The registry behind `make`: every env of the package, on Rapier and onnxruntime-node. */
export const registry = new Registry({ tasks: envs, engine: rapierEngine, runtime: nodeRuntime(), entropy: () => randomInt(2 ** 32) });

/** One environment by id; see `MakeOptions`. */
export const make: Registry['make'] = (id, options) => registry.make(id, options);
/** Several lanes of an environment stepped together. */
export const makeVector: Registry['makeVector'] = (id, options) => registry.makeVector(id, options);

export type { Backend, InfoColumns } from './core/backend.ts';
export type { PhysicsWorld } from './core/physics-world.ts';
export type { Policy } from './core/policy.ts';
export type { SceneSpec } from './core/scene-spec.ts';
export type { StateShape, StateView } from './core/state-spec.ts';
export type { AutoresetMode, ResetOptions, VectorEnv, VectorResetResult, VectorStepResult } from './core/vector-env.ts';
export type { Wrapper, WrapperFactory } from './core/wrapper.ts';
export { type ErrorCode, GroundtwinError, isGroundtwinError } from './errors.ts';
export { Rng } from './math/rng.ts';
export type { MakeOptions, MakeVectorOptions } from './registry/registry.ts';
export { Registry } from './registry/registry.ts';
export * from './spaces/space.ts';
export { defineTask, type Task } from './task/task.ts';
export type { Resync, TwinOptions } from './twin/twin-env.ts';
export { type Branch, Env, type ResetResult, type StepResult } from './vector/env.ts';
export { type Evaluation, evaluate } from './vector/evaluate.ts';
export type { WorldModel } from './world-model/world-model.ts';
export { clipAction } from './wrappers/clip-action.ts';
export { recordEpisodeStatistics } from './wrappers/record-episode-statistics.ts';
export { rescaleAction } from './wrappers/rescale-action.ts';
export { timeLimit } from './wrappers/time-limit.ts';
