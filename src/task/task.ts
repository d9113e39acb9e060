/**
 * A task: data and pure functions, written once, run on any backend.
 * Because observation, reward and end are functions of the state, the same code serves truth, model, log and remote evaluation.
 */
import type { PhysicsWorld } from '../core/physics-world.ts';
import type { Ranges } from '../core/range.ts';
import type { MujocoSettings, RapierSettings, SceneSpec, ShapeSpec } from '../core/scene-spec.ts';
import type { MutableStateView, StateShape, StateView } from '../core/state-spec.ts';
import type { Rng } from '../math/rng.ts';
import type { Space, Values } from '../spaces/space.ts';

export type Params = Readonly<Record<string, number>>;

/** One element of the command: what an actuator gets, held for a control step. */
export interface CommandSpec {
  readonly name: string;
  readonly unit: string;
  readonly low: number;
  readonly high: number;
}

export interface RewardStep<S extends StateShape> {
  readonly state: StateView<S>;
  /** One row of the action space (a Discrete action is `action[0]`). */
  readonly action: ArrayLike<number>;
  readonly command: Float64Array;
  readonly next: StateView<S>;
  /** Index on the agent axis; 0 for a single agent. */
  readonly agent: number;
}

export interface RewardTerm<S extends StateShape> {
  readonly weight: number;
  value(step: RewardStep<S>): number;
}

/** Something to be seen where the state says, such as a goal: in pictures only, never in physics. */
export interface Marker<S extends StateShape> {
  readonly name: string;
  readonly shapes: readonly Pick<ShapeSpec, 'form' | 'pose' | 'colour'>[];
  /** Writes where it stands in the world. @param pose - float64 `[7]`: m, quaternion x, y, z, w; the origin unturned before. */
  place(state: StateView<S>, pose: Float64Array): void;
}

export interface Task<S extends StateShape = StateShape> {
  /** With version: `CartPoleSwingUp-v0`. */
  readonly id: string;
  readonly summary: string;
  /** Agents on the agent axis: rewards are `[lanes, agents]`; observation and action shapes carry the axis themselves. Default 1. */
  readonly agents?: number;
  readonly state: S;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  /** Observation elements, by name, that a short episode may leave as they are: what seldom touches anything. */
  readonly quiet?: readonly string[];
  readonly commands: readonly CommandSpec[];
  readonly controlDt_s: number;
  /** Control steps until truncation. */
  readonly horizon: number;
  /** Mean return at which the task counts as solved, if there is one. */
  readonly solvedAt?: number;
  /** Physical parameters with their defaults; `reset({ params })` overrides them. */
  readonly params: Params;
  /** What `randomize: true` draws anew for each episode: ranges of parameters, of `latency_steps` and of `sensorNoise`. */
  readonly randomize?: Ranges;
  /** Parameters that stand in the state under their own names: a state then says which physics it belongs to. Set by `conditionOn`. */
  readonly conditionedOn?: readonly string[];
  /** Settings of each engine the task runs on; `step_s` divides `controlDt_s`. */
  readonly engines: { readonly rapier: RapierSettings; readonly mujoco?: MujocoSettings };
  /** Bodies, joints, actuators for these parameters. */
  scene(params: Params): SceneSpec;
  /** Goals and the like, drawn beside the scene's bodies. */
  readonly markers?: readonly Marker<S>[];
  /** Draws a start: writes every entry that is not 0, all of them being 0 before. */
  initial(rng: Rng, params: Params, state: MutableStateView<S>): void;
  /** Puts the world into a state; only `dynamic` entries matter. */
  place(world: PhysicsWorld, state: StateView<S>): void;
  /** Reads `dynamic` entries after the last physics step. */
  read(world: PhysicsWorld, state: MutableStateView<S>): void;
  /** Called after each physics step to accumulate `signal` entries. `share` = 1 / physics steps in a control step; entries are zeroed before the first. */
  accumulate?(world: PhysicsWorld, state: MutableStateView<S>, share: number): void;
  /** Turns an action into commands; advances `memory` entries in `next`. Runs on every backend. */
  actuate(state: StateView<S>, action: ArrayLike<number>, next: MutableStateView<S>, command: Float64Array): void;
  /** What is not physics: goals, orders, spawns. */
  advance?(state: StateView<S>, action: ArrayLike<number>, next: MutableStateView<S>, rng: Rng): void;
  /** Writes one observation row. */
  observe(state: StateView<S>, observation: Values): void;
  /** The inverse of `observe`, where an observation determines the state: writes every entry. Absent for partly observed tasks. */
  infer?(observation: Values, state: MutableStateView<S>): void;
  /** Sensor noise, on the finished observation row. */
  sense?(observation: Values, rng: Rng): void;
  readonly reward: Readonly<Record<string, RewardTerm<S>>>;
  terminated?(next: StateView<S>): boolean;
}

/** Checks the literal against its own state shape; at run time the identity. */
export function defineTask<const S extends StateShape>(task: Task<S>): Task<S> {
  return Object.freeze(task);
}

/** A task whose state shape is not known statically, as registries and backends hold it. */
export type AnyTask = Task<StateShape>;

/** Forgets the static shape. */
export function anyTask<S extends StateShape>(task: Task<S>): AnyTask {
  return task as unknown as AnyTask;
}
