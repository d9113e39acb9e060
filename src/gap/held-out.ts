/** From episodes seen on truth to held-out starts with the actions that followed them. */
import { elementsWithRole, layOut } from '../core/state-spec.ts';
import { InferredTransitions } from '../data/inferred-transitions.ts';
import type { Transitions } from '../data/transitions.ts';
import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import { rowOf, type TypedArray } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import type { Evaluation } from '../vector/evaluate.ts';

/** float64, row-major. */
export interface HeldOut {
  readonly starts: number;
  readonly horizon: number;
  /** `[starts, stateSize]` */
  readonly state: Float64Array;
  /** `[starts, horizon, actionSize]` */
  readonly action: Float64Array;
  /** `[starts, horizon, commandSize]` */
  readonly command: Float64Array;
  /** `[starts, horizon, stateSize]`: what followed. */
  readonly following: Float64Array;
  /** int32 `[starts]`: which episode a start is from. */
  readonly episode: Int32Array;
}

/** Rows that a whole horizon of their episode follows. */
export function momentsOf({ count, episode }: Transitions, horizon: number): number[] {
  const moments: number[] = [];
  for (let row = 0; row + horizon <= count; row++) if (episode[row] === episode[row + horizon - 1]) moments.push(row);
  return moments;
}

/** The same, where there are enough. @param what - the data are called in the error. @throws DATA_INVALID */
export function requireMoments(data: Transitions, starts: number, horizon: number, what = 'held-out episodes'): number[] {
  const moments = momentsOf(data, horizon);
  if (moments.length >= starts) return moments;
  throw new GroundtwinError('DATA_INVALID', {
    path: what,
    problem: `${moments.length} moments are followed by ${horizon} steps of the same episode, ${starts} are needed`,
  });
}

/**
 * Draws starts evenly over all moments that the next `horizon` actions follow, without repeating one.
 * @throws DATA_INVALID when there are too few such moments.
 */
export function drawHeldOut(task: AnyTask, data: Transitions, starts: number, horizon: number, rng: Rng): HeldOut {
  const moments = requireMoments(data, starts, horizon);
  rng.shuffle(moments);
  const chosen = moments.slice(0, starts).sort((a, b) => a - b);
  const size = layOut(task.state).size;
  return {
    starts,
    horizon,
    state: gather(data.state, chosen, size, 1),
    action: gather(data.action, chosen, data.action.length / data.count, horizon),
    command: gather(data.command, chosen, task.commands.length, horizon),
    following: gather(data.next, chosen, size, horizon),
    episode: Int32Array.from(chosen, (row) => data.episode[row]!),
  };
}

/** Some rows of each start: `[starts, rows, width]` → `[starts, count, width]`. */
export function rowsOfStarts(values: Float64Array, starts: number, rows: number, first: number, count: number): Float64Array {
  const width = values.length / starts / rows;
  const out = new Float64Array(starts * count * width);
  for (let start = 0; start < starts; start++) {
    const from = (start * rows + first) * width;
    out.set(values.subarray(from, from + count * width), start * count * width);
  }
  return out;
}

/** Some steps of a plan; its states still are those that the whole plan begins at. */
export function stepsOfPlan(plan: HeldOut, first: number, steps: number): HeldOut {
  const cut = (values: Float64Array) => rowsOfStarts(values, plan.starts, plan.horizon, first, steps);
  return { ...plan, horizon: steps, action: cut(plan.action), command: cut(plan.command), following: cut(plan.following) };
}

function gather(values: Float64Array, rows: readonly number[], width: number, count: number): Float64Array {
  const out = new Float64Array(rows.length * width * count);
  rows.forEach((row, i) => void out.set(values.subarray(row * width, (row + count) * width), i * width * count));
  return out;
}

/**
 * Transitions of an evaluation, whose observations determine the states: what a remote check leaves behind.
 * @throws OPTION_INVALID for a task whose observations do not.
 */
export function transitionsOf(task: AnyTask, evaluation: Evaluation): Transitions {
  const inferred = new InferredTransitions(task);
  const { observationSpace: space, actionSpace } = task;
  const { observations, actions } = evaluation;
  evaluation.lengths.forEach((length, lane) => {
    for (let step = 0; step < length; step++) {
      const [before, after] = [rowOf(space, observations[step]!, lane), rowOf(space, observations[step + 1]!, lane)];
      inferred.add(before, rowOf(actionSpace, actions[step]!, lane) as TypedArray, after, lane);
    }
  });
  return inferred.transitions();
}

/** Standard deviation of each predicted element over the data; 1 for one that never changes. Angles: circular, in rad. */
export function predictedScale(task: AnyTask, data: Transitions): Float64Array {
  const spec = layOut(task.state);
  const angle = new Uint8Array(spec.size);
  for (const entry of spec.entries) if (entry.kind === 'angle') angle.fill(1, entry.offset, entry.offset + entry.size);
  return Float64Array.from(elementsWithRole(spec, 'dynamic', 'signal'), (element) => {
    const column = Float64Array.from({ length: data.count }, (_, row) => data.state[row * spec.size + element]!);
    // Rounding alone makes an angle that never changes look spread by some 1e-8 rad.
    const [deviation, none] = angle[element] ? [circularDeviation(column), 1e-6] : [linearDeviation(column), 1e-9];
    return deviation > none ? deviation : 1;
  });
}

export function linearDeviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** Circular standard deviation √(−2 ln R), rad (Mardia & Jupp 2000). */
function circularDeviation(values: Float64Array): number {
  const sine = values.reduce((sum, value) => sum + Math.sin(value), 0) / values.length;
  const cosine = values.reduce((sum, value) => sum + Math.cos(value), 0) / values.length;
  return Math.sqrt(Math.max(0, -2 * Math.log(Math.max(Math.hypot(sine, cosine), 1e-12))));
}
