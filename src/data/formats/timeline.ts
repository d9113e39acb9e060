/**
 * Episodes as timed messages and back, whatever encodes them. Topics: `/episode` at each begin, `/observation`, `/action` and `/command` at the time of the
 * observation they answer, `/outcome` (reward, terminated, truncated) at the time of the observation after, `/state` beside each observation.
 */
import { flatSizeOf, type Space, unbounded, type Values } from '../../spaces/space.ts';
import { type Episode, type EpisodeSet, type EpisodeSpec, elementNames, elementsOfEntries } from '../episode.ts';
import { EpisodeStore } from '../episode-store.ts';
import { fittedTo, flattenedRows } from '../fitted-values.ts';
import type { ImportOptions } from './format.ts';
import type { NamedNumbers } from './ros-messages.ts';
import { specFromRecord } from './spec-record.ts';
import { maxValues, type Refuse, refusing, requireOneAgent } from './untrusted-file.ts';

/** Time begins here, because 0 means "unknown" to ROS. */
const begin_ns = 1_000_000_000n;
/** Between the last observation of an episode and the first of the next. */
const pause_ns = 1_000_000_000n;
/** Numbers of an observation or action. */
const maxWidth = 4096;

const topics = ['/episode', '/observation', '/action', '/outcome', '/state', '/command'] as const;
export type Topic = (typeof topics)[number];

/** What a topic of a file stands for, undefined for those that are not read. */
export function topicOf(name: string, { observationTopic = '/observation', actionTopic = '/action' }: ImportOptions): Topic | undefined {
  if (name === observationTopic) return '/observation';
  if (name === actionTopic) return '/action';
  return topics.find((topic) => topic === name && topic !== '/observation' && topic !== '/action');
}

export interface TimedNumbers {
  readonly topic: Topic;
  readonly time_ns: bigint;
  readonly values: ArrayLike<number>;
}

/** Names of the numbers on each topic that these episodes have. */
export function topicNames({ observationSpace, actionSpace, stateEntries, commands }: EpisodeSpec): ReadonlyMap<Topic, readonly string[]> {
  const names = new Map<Topic, readonly string[]>([
    ['/episode', ['episode', 'seed']],
    ['/observation', elementNames(observationSpace)],
    ['/action', elementNames(actionSpace)],
    ['/outcome', ['reward', 'terminated', 'truncated']],
  ]);
  if (stateEntries) names.set('/state', elementsOfEntries(stateEntries));
  if (commands) names.set('/command', commands);
  return names;
}

/** @throws DATA_INVALID for episodes that say nothing of time, or have too many numbers at a time. */
export function requireTimeline(spec: EpisodeSpec, format: string): number {
  requireOneAgent(spec, format);
  const refuse = refusing('the episodes');
  if (flatSizeOf(spec.observationSpace) > maxWidth)
    refuse(`their observations have more than ${maxWidth} numbers: ${format} is for states`);
  return spec.controlDt_s ?? refuse(`they do not say how long a step takes, which ${format} keeps as time`);
}

/** In the order of time. */
export function* messagesOf({ spec, episodes }: EpisodeSet, dt_s: number): Generator<TimedNumbers> {
  let start_ns = begin_ns;
  for (const [index, { steps, observation, action, reward, terminated, truncated, state, command, seed }] of episodes.entries()) {
    const seen = flattenedRows(spec.observationSpace, observation, steps + 1);
    const acted = flattenedRows(spec.actionSpace, action, steps);
    const at = (step: number) => start_ns + BigInt(Math.round(step * dt_s * 1e9));
    const row = (values: Float64Array, rows: number, step: number) =>
      values.subarray((step * values.length) / rows, ((step + 1) * values.length) / rows);
    yield { topic: '/episode', time_ns: start_ns, values: [index, seed ?? -1] };
    for (let step = 0; step <= steps; step++) {
      const time_ns = at(step);
      const values = [reward[step - 1]!, terminated[step - 1]!, truncated[step - 1]!];
      if (step > 0) yield { topic: '/outcome', time_ns, values };
      yield { topic: '/observation', time_ns, values: row(seen, steps + 1, step) };
      if (state) yield { topic: '/state', time_ns, values: row(state, steps + 1, step) };
      if (step === steps) break;
      yield { topic: '/action', time_ns, values: row(acted, steps, step) };
      if (command) yield { topic: '/command', time_ns, values: row(command, steps, step) };
    }
    start_ns = at(steps) + pause_ns;
  }
}

/** Messages of one topic as they are collected: equally long rows with a time each. */
export class Series {
  names: readonly string[] = [];
  readonly times_ns: bigint[] = [];
  readonly rows: ArrayLike<number>[] = [];

  add(time_ns: bigint, { names, values }: NamedNumbers, refuse: Refuse): void {
    if (this.rows.length === 0) this.names = names;
    if (values.length === 0 || values.length > maxWidth || values.length !== this.names.length)
      refuse(`a message on one topic has ${values.length} numbers, another ${this.names.length}`);
    this.times_ns.push(time_ns);
    this.rows.push(values);
  }

  /** In the order of time; messages of one time in the order of the file. */
  sorted(): Series {
    if (this.times_ns.every((time, i) => i === 0 || time >= this.times_ns[i - 1]!)) return this;
    const order = [...this.times_ns.keys()].sort((a, b) => Number(this.times_ns[a]! - this.times_ns[b]!) || a - b);
    const series = new Series();
    series.names = this.names;
    for (const i of order) {
      series.times_ns.push(this.times_ns[i]!);
      series.rows.push(this.rows[i]!);
    }
    return series;
  }

  /** Index of the first message at or after this time. */
  from(time_ns: bigint): number {
    let [low, high] = [0, this.times_ns.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times_ns[middle]! < time_ns) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first row from this time until before the other, if there is one. */
  within(from_ns: bigint, before_ns: bigint): ArrayLike<number> | undefined {
    const i = this.from(from_ns);
    return i < this.rows.length && this.times_ns[i]! < before_ns ? this.rows[i] : undefined;
  }
}

/** Adds a message to its topic. @throws DATA_INVALID when a log has too many numbers to hold. */
export function collect(series: Map<Topic, Series>, topic: Topic, time_ns: bigint, numbers: NamedNumbers, refuse: Refuse): void {
  const own = series.get(topic) ?? new Series();
  series.set(topic, own);
  own.add(time_ns, numbers, refuse);
  const held = [...series.values()].reduce((sum, { names, rows }) => sum + names.length * rows.length, 0);
  if (held > maxValues) refuse(`it holds more than ${maxValues} numbers`);
}

/**
 * A step lasts from one observation to the next. Its action is the first one in that time, which is what an agent that answers observations sent;
 * where there is none, the last one holds. Steps before the first action are left out; without `/episode`, all is one episode.
 * @param record - what `specRecord` wrote, if the file is one of ours.
 */
export function episodesFromMessages(
  series: ReadonlyMap<Topic, Series>,
  record: string | undefined,
  refuse: Refuse,
  options: ImportOptions = {},
): EpisodeSet {
  const sorted = new Map([...series].map(([topic, one]) => [topic, one.sorted()]));
  const own = specFromRecord(record, refuse);
  const [seen, acted] = (['/observation', '/action'] as const).map(
    (topic) => sorted.get(topic) ?? refuse(`it has no messages for ${topic}`),
  );
  const [observation, action] = [
    picked(seen!, own?.observationSpace, options.expected?.observationSpace),
    picked(acted!, own?.actionSpace, options.expected?.actionSpace),
  ];
  const hasStates = own?.stateEntries && own.commands && sorted.has('/state') && sorted.has('/command');
  const dt_s = own?.controlDt_s ?? medianStep_s(seen!.times_ns);
  const spec: EpisodeSpec = {
    env: own?.env ?? '',
    observationSpace: observation.space,
    actionSpace: action.space,
    agents: 1,
    ...(dt_s === undefined ? {} : { controlDt_s: dt_s }),
    ...(hasStates ? { stateEntries: own.stateEntries!, commands: own.commands! } : {}),
  };
  const store = new EpisodeStore(spec, options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes });
  const begins = sorted.get('/episode');
  const starts = begins?.times_ns ?? [seen!.times_ns[0]!];
  starts.forEach((start, i) => {
    const episode = episodeBetween(
      sorted,
      spec,
      observation,
      action,
      seen!.from(start),
      i + 1 < starts.length ? seen!.from(starts[i + 1]!) : seen!.rows.length,
      refuse,
    );
    const seed = begins?.rows[i]?.[1] ?? -1;
    if (episode) store.add({ ...episode, ...(Number.isSafeInteger(seed) && seed >= 0 ? { seed } : {}) });
    options.onProgress?.(i + 1, starts.length);
  });
  return store;
}

/** Which numbers of a topic's messages are wanted, and what they are. */
interface Picked {
  readonly space: Space;
  /** Positions in the message. */
  readonly order: readonly number[];
}

/** By name where all names of the space are there, in whatever order; else as they come, in a space of as many numbers; else in one without bounds. */
function picked({ names }: Series, ...spaces: readonly (Space | undefined)[]): Picked {
  const asTheyCome = names.map((_, i) => i);
  for (const space of spaces) {
    if (space === undefined) continue;
    const order = elementNames(space).map((name) => names.indexOf(name));
    if (!order.includes(-1)) return { space, order };
    if (flatSizeOf(space) === names.length) return { space, order: asTheyCome };
  }
  return { space: { ...unbounded(names), dtype: 'float64' }, order: asTheyCome };
}

function medianStep_s(times_ns: readonly bigint[]): number | undefined {
  const steps = times_ns.slice(1).map((time, i) => Number(time - times_ns[i]!));
  return steps.length === 0 ? undefined : steps.sort((a, b) => a - b)[steps.length >> 1]! / 1e9;
}

function episodeBetween(
  series: ReadonlyMap<Topic, Series>,
  spec: EpisodeSpec,
  observation: Picked,
  action: Picked,
  from: number,
  to: number,
  refuse: Refuse,
): Episode | undefined {
  const [seen, acted] = [series.get('/observation')!, series.get('/action')!];
  const times = seen.times_ns;
  let first = from;
  while (first + 1 < to && !acted.within(times[from]!, times[first + 1]!)) first++;
  const steps = to - first - 1;
  if (steps < 1) return undefined;
  const actions: ArrayLike<number>[] = [];
  for (let i = first; i + 1 < to; i++) actions.push(acted.within(times[i]!, times[i + 1]!) ?? actions.at(-1)!);
  const outcomes = Array.from({ length: steps }, (_, step) =>
    series.get('/outcome')?.within(times[first + step]! + 1n, times[first + step + 1]! + 1n),
  );
  const flags = (element: number) => Uint8Array.from(outcomes, (outcome) => Number(outcome?.[element] === 1));
  const [terminated, truncated] = [flags(1), flags(2)];
  if (!terminated[steps - 1]) truncated[steps - 1] = 1;
  const beside = (topic: Topic, rows: number) => {
    const own = series.get(topic)!;
    const aligned = Array.from(
      { length: rows },
      (_, i) => own.within(times[first + i]!, times[first + i]! + 1n) ?? refuse(`a message on ${topic} is missing`),
    );
    return rowsInto(
      aligned,
      own.names.map((_, i) => i),
    );
  };
  return {
    steps,
    observation: asValues(observation, seen.rows.slice(first, to), refuse),
    action: asValues(action, actions, refuse),
    reward: Float64Array.from(outcomes, (outcome) => outcome?.[0] ?? 0),
    terminated,
    truncated,
    ...(spec.stateEntries ? { state: beside('/state', steps + 1), command: beside('/command', steps) } : {}),
  };
}

function asValues({ space, order }: Picked, rows: readonly ArrayLike<number>[], refuse: Refuse): Values {
  const flat = { ...unbounded(order.map(String)), dtype: 'float64' } as const;
  return fittedTo(space, flat, rowsInto(rows, order), rows.length) ?? refuse('its numbers do not fit');
}

function rowsInto(rows: readonly ArrayLike<number>[], order: readonly number[]): Float64Array {
  const all = new Float64Array(rows.length * order.length);
  rows.forEach((row, i) => {
    for (let element = 0; element < order.length; element++) all[i * order.length + element] = row[order[element]!]!;
  });
  return all;
}
