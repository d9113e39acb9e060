/** What every test of the agent axis plays in: truth and subject with as many lanes as it asks for, and common starts. */
import { layOut, viewsOver } from '../../core/state-spec.ts';
import type { Transitions } from '../../data/transitions.ts';
import type { Rng } from '../../math/rng.ts';
import { allocate, flatSizeOf, flattenInto } from '../../spaces/space.ts';
import { PhysicsDynamics } from '../../task/physics-dynamics.ts';
import type { AnyTask } from '../../task/task.ts';
import { TaskEnv } from '../../task/task-env.ts';
import type { AxisContext } from '../axis.ts';
import type { OpenEnv } from '../subject.ts';
import type { Lens } from './contestants.ts';
import { drawStarts } from './play-returns.ts';

export interface Grounds {
  readonly task: AnyTask;
  readonly truth: OpenEnv;
  readonly dream: OpenEnv;
  /** Control steps of an episode, at most. */
  readonly steps: number;
  /** float64 `[count, stateSize]`, as the task draws them, of the comparisons; searches draw from others. */
  readonly starts: Float64Array;
  readonly searchStarts: Float64Array;
  /** Episodes in truth and dream draw from the same. */
  readonly seed: number;
}

const SEARCH_STARTS = 64;

/** @param count - common starts. @param steps - of an episode; default and at most the task's horizon. */
export async function openGrounds(
  { truth, subject, engine, rng }: AxisContext,
  count: number,
  steps = truth.task.horizon,
): Promise<Grounds> {
  const { task } = truth;
  return {
    task,
    truth: async (lanes) => new TaskEnv(task, new PhysicsDynamics(task, engine), lanes),
    dream: (lanes) => subject.open(lanes),
    steps: Math.min(steps, task.horizon),
    starts: await drawStarts(truth, count, rng),
    searchStarts: await drawStarts(truth, SEARCH_STARTS, rng),
    seed: rng.integer(1 << 20) * 64,
  };
}

export async function withEnv<T>(open: OpenEnv, lanes: number, use: (env: TaskEnv) => Promise<T>): Promise<T> {
  const env = await open(lanes);
  try {
    return await use(env);
  } finally {
    await env.close();
  }
}

export function startCount({ task, starts }: Grounds): number {
  return starts.length / layOut(task.state).size;
}

const LENS_ROWS = 2000;
/** Of an element that hardly changes: what differs by less is not looked at more closely. */
const SMALLEST_DEVIATION = 1e-3;

/** Mean and deviation of what is observed in recorded states. */
export function lensOver(task: AnyTask, { state, count }: Transitions, rng: Rng): Lens {
  const width = flatSizeOf(task.observationSpace);
  const { size } = layOut(task.state);
  const row = new Float64Array(size);
  const view = viewsOver(task.state, row, 1)[0]!;
  const observation = allocate(task.observationSpace, 1);
  const seen = new Float64Array(width);
  const [sum, squares] = [new Float64Array(width), new Float64Array(width)];
  for (let i = 0; i < LENS_ROWS; i++) {
    const from = rng.integer(count) * size;
    row.set(state.subarray(from, from + size));
    task.observe(view, observation);
    flattenInto(observation, seen);
    seen.forEach((value, at) => {
      sum[at] = sum[at]! + value / LENS_ROWS;
      squares[at] = squares[at]! + value ** 2 / LENS_ROWS;
    });
  }
  return { mean: sum, deviation: sum.map((mean, i) => Math.max(Math.sqrt(Math.max(0, squares[i]! - mean ** 2)), SMALLEST_DEVIATION)) };
}
