/** H3: what happens in a rollout: touching and letting go, meeting a stop, the end of an episode. */
import { layOut, type StateEntry, viewsOver } from '../../core/state-spec.ts';
import type { AnyTask } from '../../task/task.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import type { Interval, ResamplePlan } from '../bootstrap.ts';
import { plannedInterval } from '../bootstrap.ts';
import type { Reals } from '../paired-rollouts.ts';
import { withPredicted } from './whole-states.ts';

/** Something that is so or not at a moment; that it becomes so, or ceases to be, is an event. */
export interface EventChannel {
  readonly name: string;
  readonly kind: 'contact' | 'stop' | 'end';
  /** @param row - predicted elements. @param state - the whole state they belong to. */
  readonly isOn: (row: ArrayLike<number>, state: Float64Array) => boolean;
}

/** A contact is on from this share of its root-mean-square over data. */
const CONTACT_SHARE = 0.1;
/** Share of its range within which a joint is at its stop. */
const STOP_SHARE = 0.01;
/** Elements of a wrench: force, then torque. */
const WRENCH = 6;

/**
 * Events that a task's state tells: forces and wrenches that arise within a step, entries with hard stops, and the end of an episode.
 * @param rows - of truth, `[count, size]`: what is a contact's usual force. A contact that never occurs there has no channel.
 */
export function eventChannels(task: AnyTask, rows: Reals): EventChannel[] {
  const entries = predictedEntries(task);
  const channels: EventChannel[] = [];
  let at = 0;
  for (const entry of entries) {
    if (entry.role === 'signal' && (entry.kind === 'force' || entry.kind === 'wrench'))
      channels.push(...contactsOf(entry, at, rows, sizeOf(entries)));
    if (entry.limits) channels.push(...stopsOf(entry, at));
    at += entry.size;
  }
  const { terminated } = task;
  if (terminated) {
    const whole = new Float64Array(layOut(task.state).size);
    const view = viewsOver(task.state, whole, 1)[0]!;
    const isOn = (_row: ArrayLike<number>, state: Float64Array) => {
      whole.set(state);
      return terminated(view);
    };
    channels.push({ name: 'end', kind: 'end', isOn });
  }
  return channels;
}

function sizeOf(entries: readonly StateEntry[]): number {
  return entries.reduce((sum, { size }) => sum + size, 0);
}

/** One for each body of a wrench, for each element of a force. */
function contactsOf({ kind, name, size }: StateEntry, at: number, rows: Reals, width: number): EventChannel[] {
  const [each, used] = kind === 'wrench' && size % WRENCH === 0 ? [WRENCH, WRENCH / 2] : [1, 1];
  return Array.from({ length: size / each }, (_, i) => {
    const forceOf = (row: ArrayLike<number>, from = 0) => {
      let squares = 0;
      for (let axis = 0; axis < used; axis++) squares += row[from + at + i * each + axis]! ** 2;
      return Math.sqrt(squares);
    };
    let squares = 0;
    for (let row = 0; row < rows.length; row += width) squares += forceOf(rows, row) ** 2;
    const threshold = CONTACT_SHARE * Math.sqrt(squares / (rows.length / width));
    return {
      name: size === each ? name : `${name}[${i}]`,
      kind: 'contact' as const,
      threshold,
      isOn: (row: ArrayLike<number>) => forceOf(row) > threshold,
    };
  }).filter(({ threshold }) => threshold > 0);
}

function stopsOf({ name, size, limits }: StateEntry, at: number): EventChannel[] {
  const [low, high] = limits!;
  const reach = STOP_SHARE * (high - low);
  return Array.from({ length: size }, (_, i) => ({
    name: size === 1 ? name : `${name}[${i}]`,
    kind: 'stop' as const,
    isOn: (row: ArrayLike<number>) => row[at + i]! <= low + reach || row[at + i]! >= high - reach,
  }));
}

/**
 * Whether each channel is on, by vote of the copies; the first one of a tie is off. What is not a number is off.
 * @param states - float64 `[starts, stateSize]`. @param rows - `[starts, copies, steps, size]`. @returns uint8 `[starts, channels, steps]`.
 */
export function flagsOf(
  task: AnyTask,
  channels: readonly EventChannel[],
  states: Float64Array,
  rows: Float64Array,
  copies: number,
  steps: number,
): Uint8Array {
  const whole = layOut(task.state).size;
  const starts = states.length / whole;
  const size = rows.length / starts / copies / steps;
  const flags = new Uint8Array(starts * channels.length * steps);
  for (let start = 0; start < starts; start++) {
    const state = states.subarray(start * whole, (start + 1) * whole);
    for (let step = 0; step < steps; step++) {
      const votes = new Uint16Array(channels.length);
      for (let copy = 0; copy < copies; copy++) {
        const row = rows.subarray(((start * copies + copy) * steps + step) * size).subarray(0, size);
        const full = withPredicted(task, state, row);
        channels.forEach(({ isOn }, c) => {
          if (isOn(row, full)) votes[c]!++;
        });
      }
      votes.forEach((count, c) => {
        flags[(start * channels.length + c) * steps + step] = 2 * count > copies ? 1 : 0;
      });
    }
  }
  return flags;
}

/** Of one start. */
export interface EventCounts {
  /** Moments at which a channel is on and said to be, on and not said to be, said to be and not on; the start, which both are given, is none. */
  readonly found: number;
  readonly missed: number;
  readonly invented: number;
  /** Events of truth: that a channel comes on, or goes off. */
  readonly events: number;
  /** Events that are paired with a predicted one, and how many steps they are apart in sum. */
  readonly pairs: number;
  readonly apart_steps: number;
}

/** Steps at which a flag changes, and to what. */
function changesOf(flags: Uint8Array): Change[] {
  const changes: Change[] = [];
  for (let step = 1; step < flags.length; step++) if (flags[step] !== flags[step - 1]) changes.push({ step, to: flags[step]! });
  return changes;
}

/**
 * Compares moments one by one, and pairs each event of truth with the nearest unpaired predicted one of the same channel and direction.
 * @param truth - uint8 `[channels, steps]`, 1 where a channel is on; likewise `predicted`.
 */
export function compareEvents(truth: Uint8Array, predicted: Uint8Array, channels: number): EventCounts {
  const steps = truth.length / channels;
  const counts = { found: 0, missed: 0, invented: 0, events: 0, pairs: 0, apart_steps: 0 };
  for (let channel = 0; channel < channels; channel++) {
    const [real, said] = [truth, predicted].map((flags) => flags.subarray(channel * steps, (channel + 1) * steps));
    for (let step = 1; step < steps; step++) {
      if (real![step]) counts[said![step] ? 'found' : 'missed']++;
      else if (said![step]) counts.invented++;
    }
    const changes = changesOf(real!);
    const gaps = pairsOf(changes, changesOf(said!));
    counts.events += changes.length;
    counts.pairs += gaps.length;
    counts.apart_steps += gaps.reduce((sum, gap) => sum + gap, 0);
  }
  return counts;
}

interface Change {
  readonly step: number;
  readonly to: number;
}

/** How far apart pairs are. */
function pairsOf(real: readonly Change[], said: readonly Change[]): number[] {
  const possible = real.flatMap((a, i) => said.flatMap((b, j) => (a.to === b.to ? [{ i, j, gap: Math.abs(a.step - b.step) }] : [])));
  possible.sort((a, b) => a.gap - b.gap);
  const [usedReal, usedSaid] = [new Set<number>(), new Set<number>()];
  return possible.flatMap(({ i, j, gap }) => {
    if (usedReal.has(i) || usedSaid.has(j)) return [];
    usedReal.add(i);
    usedSaid.add(j);
    return [gap];
  });
}

/** Harmonic mean of precision and recall; 1 where nothing happened and nothing was said to. */
export function eventF1(found: number, missed: number, invented: number): number {
  const all = 2 * found + missed + invented;
  return all === 0 ? 1 : (2 * found) / all;
}

export interface EventScores {
  /** F1 of the model over that of the twin. */
  readonly ratio: Interval;
  readonly model: Interval;
  readonly twin: Interval;
  /** Mean over pairs of events; NaN where there is none. */
  readonly timing_ms: Interval;
  /** Of truth. */
  readonly events: number;
}

/** @param model - of each start. @param twin - likewise. */
export function eventScores(
  model: readonly EventCounts[],
  twin: readonly EventCounts[],
  controlDt_s: number,
  plan: ResamplePlan,
): EventScores {
  const columns = (counts: readonly EventCounts[]) =>
    (['found', 'missed', 'invented'] as const).map((part) => counts.map((each) => each[part]));
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  const f1 = (samples: readonly Float64Array[]) => eventF1(sum(samples[0]!), sum(samples[1]!), sum(samples[2]!));
  const [own, ceiling] = [columns(model), columns(twin)];
  const timing = [model.map(({ apart_steps }) => apart_steps), model.map(({ pairs }) => pairs)];
  return {
    ratio: plannedInterval([...own, ...ceiling], (samples) => f1(samples.slice(0, 3)) / f1(samples.slice(3)), plan),
    model: plannedInterval(own, f1, plan),
    twin: plannedInterval(ceiling, f1, plan),
    timing_ms: plannedInterval(timing, ([apart, pairs]) => (1000 * controlDt_s * sum(apart!)) / sum(pairs!), plan),
    events: twin.reduce((total, { events }) => total + events, 0),
  };
}
