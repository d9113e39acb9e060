import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import { layOut, type MutableStateView, type StateShape, viewsOver } from '../../src/core/state-spec.ts';
import { Rng } from '../../src/math/rng.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { allocate, type TypedArray } from '../../src/spaces/space.ts';
import type { Task } from '../../src/task/task.ts';

export type Policy = (observation: TypedArray, rng: Rng, action: TypedArray) => void;

export interface Episode {
  readonly return: number;
  readonly steps: number;
  readonly observations: number[][];
}

/** One view over its own row. */
export function stateOf<S extends StateShape>(task: Task<S>, values: Partial<Record<keyof S, number>> = {}): MutableStateView<S> {
  const view = viewsOver(task.state, new Float64Array(layOut(task.state).size), 1)[0]!;
  return Object.assign(view, values);
}

/** The task with one start. */
export function startingAt<S extends StateShape>(task: Task<S>, values: Partial<Record<keyof S, number>>, horizon = task.horizon): Task<S> {
  return { ...task, horizon, initial: (_rng, _params, state) => void Object.assign(state, values) };
}

/** The sum of weighted reward terms of one transition. */
export function rewardOf<S extends StateShape>(
  task: Task<S>,
  state: MutableStateView<S>,
  action: readonly number[],
  next: MutableStateView<S>,
): number {
  const command = new Float64Array(task.commands.length);
  task.actuate(state, action, next, command);
  let sum = 0;
  for (const { weight, value } of Object.values(task.reward)) sum += weight * value({ state, action, command, next, agent: 0 });
  return sum;
}

export async function makeWorld<S extends StateShape>(task: Task<S>): Promise<PhysicsWorld> {
  return (await rapierEngine()).createWorld(task.scene(task.params), task.engines.rapier);
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
    advance(task, world, state, action, next);
    sum += rewardOf(task, state, [...action], next);
    steps++;
    rows.copyWithin(0, size);
    look();
    if (task.terminated?.(state)) break;
  }
  return { return: sum, steps, observations };
}

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
  const substeps = Math.round(task.controlDt_s / task.engines.rapier.step_s);
  for (let i = 0; i < substeps; i++) world.step();
  task.read(world, next);
}
