/**
 * Tables of numbers, a row a moment, into episodes: which column is what, by name or as told; where an episode ends, by its number or by time.
 * Ours are named `observation.<name>`, `action.<name>`, `state.<name>`, `command.<name>`; the bare name does for all but commands.
 */
import { flatSizeOf, type Space, unbounded, type Values } from '../../spaces/space.ts';
import { type Episode, type EpisodeSet, type EpisodeSpec, elementNames, elementsOfEntries } from '../episode.ts';
import { EpisodeStore } from '../episode-store.ts';
import { fittedTo } from '../fitted-values.ts';
import type { ImportOptions, MappedColumn } from './format.ts';
import { maxValues, type Refuse } from './untrusted-file.ts';

export interface NumberTable {
  readonly names: readonly string[];
  readonly rows: number;
  /** float64 `[rows]`, NaN where there is no number. */
  column(name: string): Float64Array;
}

type Kind = 'observation' | 'action' | 'state' | 'command';

/** Which columns are read, and what for. */
export interface WantedColumns {
  readonly spec: EpisodeSpec;
  readonly groups: Readonly<Partial<Record<Kind, readonly MappedColumn[]>>>;
  /** Of each agent. */
  readonly rewards: readonly (MappedColumn | undefined)[];
  readonly single: Readonly<Record<'episode' | 'time' | 'terminated' | 'truncated', MappedColumn | undefined>>;
  /** All of them, some maybe twice. */
  readonly columns: readonly string[];
}

/** In seconds; others are mapped. */
const timeNames = ['time_s', 'time', 't'];
/** Of the median step: a step that differs by more is a gap, and another episode begins behind it. */
const jitter = 0.5;
/** Names listed in a refusal. */
const mostNamed = 24;

/**
 * Finds the columns of the env that the table is for.
 * @throws DATA_INVALID where actions, or both states and observations, are not all there.
 */
export function columnsWanted(names: readonly string[], { expected, columns: mapped }: ImportOptions, refuse: Refuse): WantedColumns {
  if (!expected) return refuse('it does not say what its columns mean: say which env it is for');
  const known = new Set(names);
  const used = new Set<string>();
  const find = (...called: readonly string[]): MappedColumn | undefined => {
    for (const name of called) {
      const told = mapped?.get(name);
      if (told) used.add(name);
      if (told && !known.has(told.column)) refuse(`it has no column '${told.column.slice(0, 80)}'; it has ${listed(names)}`);
      if (told || known.has(name)) return told ?? { column: name, factor: 1 };
    }
    return undefined;
  };
  const groupOf = (kind: Kind, own: readonly string[] = []) => {
    const found = own.map((name) => find(`${kind}.${name}`, ...(kind === 'command' ? [] : [name])));
    return { lacking: own.filter((_, i) => !found[i]).map((name) => `${kind}.${name}`), found: found.filter((one) => one !== undefined) };
  };
  const groups = {
    observation: groupOf('observation', elementNames(expected.observationSpace)),
    action: groupOf('action', elementNames(expected.actionSpace)),
    state: groupOf('state', elementsOfEntries(expected.stateEntries ?? [])),
    command: groupOf('command', expected.commands),
  };
  const rewards = Array.from({ length: expected.agents }, (_, agent) => find(expected.agents === 1 ? 'reward' : `reward.${agent}`));
  const single = { episode: find('episode'), time: find(...timeNames), terminated: find('terminated'), truncated: find('truncated') };
  for (const name of mapped?.keys() ?? [])
    if (!used.has(name))
      refuse(
        `'${name.slice(0, 80)}' is no name of what ${expected.env} has: ${listed(Object.values(groups).flatMap(({ found: _, lacking }) => lacking))}`,
      );
  const isWhole = (kind: Kind) => groups[kind].lacking.length === 0 && groups[kind].found.length > 0;
  const hasStates = isWhole('state');
  requireEnough(groups, expected, names, refuse);
  const kept = (['observation', 'action', 'state', 'command'] as const).filter(
    (kind) => isWhole(kind) && (kind !== 'command' || hasStates),
  );
  const found = Object.fromEntries(kept.map((kind) => [kind, groups[kind].found])) as WantedColumns['groups'];
  return {
    spec: specOf(expected, found),
    groups: found,
    rewards,
    single,
    columns: [...Object.values(found).flat(), ...rewards, ...Object.values(single)].flatMap((one) => (one ? [one.column] : [])),
  };
}

function requireEnough(
  groups: Readonly<Record<Kind, { readonly lacking: readonly string[] }>>,
  expected: EpisodeSpec,
  names: readonly string[],
  refuse: Refuse,
): void {
  const { action, state, observation } = groups;
  const lacking = [
    ...(action.lacking.length > 0 ? [listed(action.lacking)] : []),
    ...(state.lacking.length > 0 && observation.lacking.length > 0
      ? [`${listed(state.lacking)} for states or ${listed(observation.lacking)} for observations`]
      : []),
  ];
  if (lacking.length === 0) return;
  refuse(
    `it lacks columns of ${expected.env}: ${lacking.join(', and ')}. It has ${listed(names)}: name them so, or say which is which (--columns state.x=theirs)`,
  );
}

/** What was seen is the state itself where there are no observations. */
function specOf(expected: EpisodeSpec, { observation, state, command }: WantedColumns['groups']): EpisodeSpec {
  const { actionSpace, agents, stateEntries = [], commands = [] } = expected;
  return {
    env: '',
    observationSpace: observation ? expected.observationSpace : plain(elementsOfEntries(stateEntries)),
    actionSpace,
    agents,
    ...(state ? { stateEntries } : {}),
    ...(command ? { commands } : {}),
  };
}

function plain(names: readonly string[]): Space {
  return { ...unbounded(names), dtype: 'float64' };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, mostNamed).map((name) => name.slice(0, 80));
  return [...shown, ...(names.length > mostNamed ? [`${names.length - mostNamed} more`] : [])].join(', ');
}

/** @throws DATA_INVALID where a number is missing, DATA_TOO_LARGE. */
export function episodesFromTable(table: NumberTable, wanted: WantedColumns, options: ImportOptions, refuse: Refuse): EpisodeSet {
  if (table.rows * wanted.columns.length > maxValues) refuse(`the columns to read hold more than ${maxValues} values`);
  const times = wanted.single.time && scaled(table, wanted.single.time);
  const dt_s = times && medianStep(times);
  const spec = { ...wanted.spec, ...(dt_s === undefined ? {} : { controlDt_s: dt_s }) };
  const numbers = wanted.single.episode && scaled(table, wanted.single.episode);
  const store = new EpisodeStore(spec, options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes });
  const read = readerOf(table, refuse);
  let from = 0;
  for (let row = 1; row <= table.rows; row++) {
    if (row < table.rows && !isCut(row, numbers, times, dt_s)) continue;
    if (row - from > 1) store.add(episodeBetween(read, spec, wanted, from, row));
    from = row;
    options.onProgress?.(row, table.rows);
  }
  if (store.episodes.length === 0) refuse('no two of its rows follow each other within an episode');
  return store;
}

/** Whether another episode begins with this row. */
function isCut(row: number, numbers: Float64Array | undefined, times: Float64Array | undefined, dt_s: number | undefined): boolean {
  if (numbers && !Object.is(numbers[row], numbers[row - 1])) return true;
  return times !== undefined && dt_s !== undefined && !(Math.abs(times[row]! - times[row - 1]! - dt_s) <= jitter * dt_s);
}

function medianStep(times: Float64Array): number | undefined {
  const steps = times
    .subarray(1)
    .map((time, i) => time - times[i]!)
    .filter((step) => step > 0);
  return steps.length === 0 ? undefined : steps.sort()[steps.length >> 1]!;
}

function scaled(table: NumberTable, { column, factor }: MappedColumn): Float64Array {
  const values = table.column(column);
  return factor === 1 ? values : values.map((value) => value * factor);
}

type Reader = (columns: readonly MappedColumn[], from: number, rows: number) => Float64Array;

/** Rows of some columns, row-major; each column is taken from the table once. */
function readerOf(table: NumberTable, refuse: Refuse): Reader {
  const held = new Map<string, Float64Array>();
  return (columns, from, rows) => {
    const out = new Float64Array(rows * columns.length);
    columns.forEach(({ column, factor }, at) => {
      const values = held.get(column) ?? table.column(column);
      held.set(column, values);
      for (let row = 0; row < rows; row++) {
        const value = values[from + row]!;
        if (Number.isNaN(value))
          refuse(
            `row ${from + row + 1} has no number in column ${column.slice(0, 80)}: leave such rows out, the log is cut where time jumps`,
          );
        out[row * columns.length + at] = value * factor;
      }
    });
    return out;
  };
}

/** Rows `from` up to `to`: the last one only says where it ended. */
function episodeBetween(read: Reader, spec: EpisodeSpec, { groups, rewards, single }: WantedColumns, from: number, to: number): Episode {
  const steps = to - from - 1;
  const seen = read(groups.observation ?? groups.state!, from, steps + 1);
  const reward = new Float64Array(steps * rewards.length);
  rewards.forEach((column, agent) => {
    const values = column && read([column], from, steps);
    for (let step = 0; step < steps; step++) reward[step * rewards.length + agent] = values?.[step] ?? 0;
  });
  const flags = (column: MappedColumn | undefined) =>
    column ? Uint8Array.from(read([column], from, steps), (value) => Number(value === 1)) : new Uint8Array(steps);
  const [terminated, truncated] = [flags(single.terminated), flags(single.truncated)];
  if (!terminated[steps - 1]) truncated[steps - 1] = 1;
  return {
    steps,
    observation: valuesOf(spec.observationSpace, seen, steps + 1),
    action: valuesOf(spec.actionSpace, read(groups.action!, from, steps), steps),
    reward,
    terminated,
    truncated,
    ...(groups.state ? { state: read(groups.state, from, steps + 1) } : {}),
    ...(groups.command ? { command: read(groups.command, from, steps) } : {}),
  };
}

function valuesOf(space: Space, flat: Float64Array, rows: number): Values {
  const names = Array.from({ length: flatSizeOf(space) }, (_, i) => String(i));
  return fittedTo(space, plain(names), flat, rows)!;
}
