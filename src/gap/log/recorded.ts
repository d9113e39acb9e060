/** A log as truth: what was measured, in the elements that a subject predicts. */
import { layOut, type StateEntry } from '../../core/state-spec.ts';
import { type EpisodeSet, elementNames } from '../../data/episode.ts';
import { isSameStep } from '../../data/episode-transitions.ts';
import { flattenedRows } from '../../data/fitted-values.ts';
import { episodeSpans, type Transitions } from '../../data/transitions.ts';
import { GroundtwinError } from '../../errors.ts';
import { concatenated } from '../../math/concatenate.ts';
import { flatSizeOf } from '../../spaces/space.ts';
import type { AnyTask } from '../../task/task.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import { thinned } from '../figures.ts';
import { linearDeviation, predictedScale } from '../held-out.ts';
import { startsWithin } from '../identify/segments.ts';
import { predictedRows } from '../prediction/whole-states.ts';

/** float64, row-major, a row a step. */
export interface Recorded {
  readonly entries: readonly StateEntry[];
  readonly count: number;
  /** `[count, size]`: before each step. */
  readonly now: Float64Array;
  /** `[count, size]`: after it. */
  readonly next: Float64Array;
  /** `[count, inputs]`: what was done, for the linear reference. */
  readonly input: Float64Array;
  /** `[size]`: standard deviation of each element, above 0. */
  readonly scale: Float64Array;
  /** Rows of each episode: from the first to before `end`. */
  readonly spans: readonly Span[];
}

export interface Span {
  readonly from: number;
  readonly end: number;
}

/** Numbers of an observation that are compared one by one. */
const maxSeen = 4096;

/** Whole states: what physics and models of states are held against. */
export function recordedStates(task: AnyTask, data: Transitions): Recorded {
  const spec = layOut(task.state);
  return {
    entries: predictedEntries(task),
    count: data.count,
    now: predictedRows(spec, data.state),
    next: predictedRows(spec, data.next),
    input: data.command,
    scale: predictedScale(task, data),
    spans: episodeSpans(data),
  };
}

/** What was seen, which is all that a model of observations is held against. @throws DATA_INVALID for what was seen of another task, and for pictures. */
export function recordedObservations(task: AnyTask, { spec, episodes }: EpisodeSet, path: string): Recorded {
  const { observationSpace, actionSpace, controlDt_s = task.controlDt_s } = spec;
  const size = flatSizeOf(observationSpace);
  const refuse = (problem: string): never => {
    throw new GroundtwinError('DATA_INVALID', { path, problem });
  };
  if (episodes.length === 0) refuse('it holds no episodes');
  if (size !== flatSizeOf(task.observationSpace))
    refuse(`its observations have ${size} numbers, those of ${task.id} ${flatSizeOf(task.observationSpace)}`);
  if (flatSizeOf(actionSpace) !== flatSizeOf(task.actionSpace))
    refuse(`its actions have ${flatSizeOf(actionSpace)} numbers, those of ${task.id} ${flatSizeOf(task.actionSpace)}`);
  if (!isSameStep(controlDt_s, task.controlDt_s)) refuse(`its steps take ${controlDt_s} s, those of ${task.id} ${task.controlDt_s} s`);
  if (size > maxSeen) refuse(`its observations have ${size} numbers; up to ${maxSeen} are compared one by one`);
  const seen = episodes.map(({ observation, steps }) => flattenedRows(observationSpace, observation, steps + 1));
  const now = concatenated(
    Float64Array,
    seen.map((rows) => rows.subarray(0, rows.length - size)),
  );
  const next = concatenated(
    Float64Array,
    seen.map((rows) => rows.subarray(size)),
  );
  const input = concatenated(
    Float64Array,
    episodes.map(({ action, steps }) => flattenedRows(actionSpace, action, steps)),
  );
  if (!now.every(Number.isFinite) || !next.every(Number.isFinite) || !input.every(Number.isFinite))
    refuse('it holds numbers that are not finite');
  const spans: Span[] = [];
  for (const { steps } of episodes) {
    const from = spans.at(-1)?.end ?? 0;
    spans.push({ from, end: from + steps });
  }
  return {
    entries: seenEntries(elementNames(observationSpace)),
    count: now.length / size,
    now,
    next,
    input,
    scale: seenScale(now, size),
    spans,
  };
}

/** Units are what the names end with. */
function seenEntries(names: readonly string[]): StateEntry[] {
  return names.map((name, offset) => ({
    name,
    role: 'dynamic',
    kind: 'scalar',
    unit: /_([A-Za-z0-9]+)$/.exec(name)?.[1] ?? '1',
    size: 1,
    offset,
  }));
}

function seenScale(rows: Float64Array, size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, element) => {
    const deviation = linearDeviation(rows.filter((_, i) => i % size === element));
    return deviation > 1e-9 ? deviation : 1;
  });
}

/** Steps from the start of a segment to the next: they overlap where they are longer. */
const STRIDE_steps = 10;

/** Segments of a log. */
export interface LogSegments {
  /** Rows where they begin. */
  readonly starts: readonly number[];
  /** Most neighbours that overlap, itself among them: 1 where none do. */
  readonly block: number;
  /** How many there are that share no measurement. */
  readonly apart: number;
}

/** Every so many steps, spread evenly where there are more than `most`. @param lead - steps of the episode before each. */
export function segmentsOf({ spans }: Recorded, steps: number, lead: number, most: number): LogSegments {
  const every = (stride: number) => spans.flatMap(({ from, end }) => startsWithin(from, end, steps, lead, stride));
  const stride = Math.min(STRIDE_steps, steps);
  const all = every(stride);
  const starts = thinned(all.length, most).map((i) => all[i]!);
  return { starts, block: overlapOf(starts, steps), apart: every(steps + 1).length };
}

/** Most segments in a row of which the last begins before the first has ended. */
function overlapOf(starts: readonly number[], steps: number): number {
  let [most, first] = [1, 0];
  starts.forEach((row, i) => {
    while (starts[first]! + steps <= row) first++;
    most = Math.max(most, i - first + 1);
  });
  return most;
}

/** What was measured from each start on: float64 `[starts, steps + 1, size]`. */
export function recordedRollouts({ now, next, count }: Recorded, starts: readonly number[], steps: number): Float64Array {
  const size = now.length / count;
  const out = new Float64Array(starts.length * (steps + 1) * size);
  starts.forEach((row, i) => {
    const at = i * (steps + 1) * size;
    out.set(now.subarray(row * size, (row + 1) * size), at);
    out.set(next.subarray(row * size, (row + steps) * size), at + size);
  });
  return out;
}

/** Rows of some starts, `steps` each: float64 `[starts, steps, width]`. */
export function rowsFrom(values: Float64Array, width: number, starts: readonly number[], steps: number): Float64Array {
  const out = new Float64Array(starts.length * steps * width);
  starts.forEach((row, i) => void out.set(values.subarray(row * width, (row + steps) * width), i * steps * width));
  return out;
}
