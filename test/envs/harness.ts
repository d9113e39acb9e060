import { expect } from 'chai';
import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import type { EngineName } from '../../src/core/scene-spec.ts';
import { layOut, type MutableStateView, type StateShape, type StateView, viewsOver } from '../../src/core/state-spec.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, type TypedArray } from '../../src/spaces/space.ts';
import { settingsOf } from '../../src/task/physics-dynamics.ts';
import { type AnyTask, anyTask, type Task } from '../../src/task/task.ts';

export type Policy = (observation: TypedArray, rng: Rng, action: TypedArray) => void;

export interface Episode {
  readonly return: number;
  readonly steps: number;
  readonly observations: number[][];
}

/** Of some entries: numbers of scalars, as many numbers as there are elements of vectors. */
export type Entries<S extends StateShape> = {
  readonly [K in keyof S]?: S[K] extends { readonly size: number } ? ArrayLike<number> : number;
};

/** One view over its own row, 0 where nothing is given. */
export function stateOf<S extends StateShape>(task: Task<S>, values: Entries<S> = {}): MutableStateView<S> {
  const view = viewsOver(task.state, new Float64Array(layOut(task.state).size), 1)[0]!;
  write(task.state, values, view);
  return view;
}

function write<S extends StateShape>(shape: S, values: Entries<S>, view: MutableStateView<S>): void {
  const into = view as Record<string, number | Float64Array>;
  for (const [name, value] of Object.entries(values as Record<string, number | ArrayLike<number>>)) {
    const size = shape[name]?.size;
    if (typeof value === 'number') into[name] = value;
    else if (value.length === size) (into[name] as Float64Array).set(value);
    else throw new Error(`${name} has ${size} elements, not ${value.length}`);
  }
}

/** The elements of an entry, a scalar's too. */
export function elementsOf(view: StateView, name: string): number[] {
  const value = view[name]!;
  return typeof value === 'number' ? [value] : [...value];
}

/** The task with one start. */
export function startingAt<S extends StateShape>(task: Task<S>, values: Entries<S>, horizon = task.horizon): Task<S> {
  return { ...task, horizon, initial: (_rng, _params, state) => write(task.state, values, state) };
}

/** Names of the entries with one of these roles. */
export function namesWithRole(task: AnyTask, ...roles: readonly string[]): string[] {
  return Object.keys(task.state).filter((name) => roles.includes(task.state[name]!.role));
}

/** The weighted reward terms of one transition. */
export function termsOf<S extends StateShape>(
  task: Task<S>,
  state: MutableStateView<S>,
  action: readonly number[],
  next: MutableStateView<S>,
): Record<string, number> {
  const command = new Float64Array(task.commands.length);
  task.actuate(state, action, next, command);
  const step = { state, action, command, next, agent: 0 };
  return Object.fromEntries(Object.entries(task.reward).map(([name, { weight, value }]) => [name, weight * value(step)]));
}

/** Their sum. */
export function rewardOf<S extends StateShape>(
  task: Task<S>,
  state: MutableStateView<S>,
  action: readonly number[],
  next: MutableStateView<S>,
): number {
  return Object.values(termsOf(task, state, action, next)).reduce((sum, term) => sum + term, 0);
}

export async function makeWorld<S extends StateShape>(task: Task<S>, engine: EngineName = 'rapier'): Promise<PhysicsWorld> {
  const chosen = await registry.engine(engine);
  return chosen.createWorld(task.scene(task.params), settingsOf(anyTask(task), chosen));
}

/** Runs a task on physics with as little as it takes. @param world - of this task; reset here. */
export function runEpisode<S extends StateShape>(task: Task<S>, world: PhysicsWorld, seed: number, policy: Policy): Episode {
  const rng = new Rng(seed);
  const size = layOut(task.state).size;
  const rows = new Float64Array(2 * size);
  const [state, next] = viewsOver(task.state, rows, 2) as [MutableStateView<S>, MutableStateView<S>];
  const action = allocate(task.actionSpace, 1) as TypedArray;
  const observation = allocate(task.observationSpace, 1) as TypedArray;
  const observations: number[][] = [];
  const look = (): void => {
    task.observe(state, observation);
    observations.push([...observation]);
  };
  task.initial(rng, task.params, state);
  task.place(world, state);
  task.read(world, state);
  look();
  let sum = 0;
  let steps = 0;
  while (steps < task.horizon) {
    policy(observation, rng, action);
    rows.copyWithin(size, 0, size);
    advance(task, world, state, action, next);
    sum += rewardOf(task, state, [...action], next);
    steps++;
    rows.copyWithin(0, size);
    look();
    if (task.terminated?.(state)) break;
  }
  return { return: sum, steps, observations };
}

/** @param next - the same as `state` before. */
function advance<S extends StateShape>(
  task: Task<S>,
  world: PhysicsWorld,
  state: MutableStateView<S>,
  action: TypedArray,
  next: MutableStateView<S>,
): void {
  const command = new Float64Array(task.commands.length);
  task.actuate(state, action, next, command);
  for (const [i, { name }] of task.commands.entries()) world.setControl(world.actuatorIndex(name), command[i]!);
  const substeps = Math.round(task.controlDt_s / settingsOf(anyTask(task), world.engine).step_s);
  if (task.accumulate) {
    const zero: Record<string, number | number[]> = {};
    for (const name of namesWithRole(anyTask(task), 'signal')) {
      const { size } = task.state[name]!;
      zero[name] = size === undefined ? 0 : Array(size).fill(0);
    }
    write(task.state, zero as Entries<S>, next);
  }
  for (let i = 0; i < substeps; i++) {
    world.step();
    task.accumulate?.(world, next, 1 / substeps);
  }
  task.read(world, next);
}

/** Lowest and highest value of each element of an entry over many starts. */
export function startsOf<S extends StateShape>(task: Task<S>, name: keyof S & string): { low: number; high: number; deviation: number }[] {
  const starts = Array.from({ length: 500 }, (_, seed) => {
    const state = stateOf(task);
    task.initial(new Rng(seed), task.params, state);
    return elementsOf(state as StateView, name);
  });
  return starts[0]!.map((_, i) => {
    const values = starts.map((start) => start[i]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return { low: Math.min(...values), high: Math.max(...values), deviation: Math.sqrt(variance) };
  });
}

/** Holds each element's starts to a uniform range; 500 draws come close to both of its ends. */
export function expectUniform<S extends StateShape>(task: Task<S>, name: keyof S & string, low: number, high: number): void {
  const slack = 0.03 * (high - low);
  for (const start of startsOf(task, name)) {
    expect(start.low, name).to.be.within(low, low + slack);
    expect(start.high, name).to.be.within(high - slack, high);
  }
}

/** Holds each element's starts to a normal distribution about 0. */
export function expectNormal<S extends StateShape>(task: Task<S>, name: keyof S & string, deviation: number): void {
  for (const start of startsOf(task, name)) {
    expect(start.deviation, name).to.be.closeTo(deviation, 0.12 * deviation);
    expect(Math.max(-start.low, start.high), name).to.be.above(2.2 * deviation);
  }
}
