/**
 * Episodes: what an agent saw, did and got, step by step. The one shape that recording, buffers and every file format share;
 * transitions of whole states are made from them and turned into them (`episode-transitions.ts`).
 */
import { GroundtwinError } from '../errors.ts';
import { flatSizeOf, type Leaf, type Space, type TypedArray, type Values } from '../spaces/space.ts';

/** What the columns of a set of episodes mean. */
export interface EpisodeSpec {
  /** Id of the env, '' where a file does not say. */
  readonly env: string;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  /** Rewards a step. */
  readonly agents: number;
  /** Time from one observation to the next; absent where a file does not say. */
  readonly controlDt_s?: number;
  /** Entries of the state rows, as `name[size]`; absent where episodes have none. */
  readonly stateEntries?: readonly string[];
  /** Names of the commands; absent where episodes have none. */
  readonly commands?: readonly string[];
}

/** Row-major columns of one episode of `steps` steps; nothing in it is changed once it is made. */
export interface Episode {
  readonly steps: number;
  /** `[steps + 1, ...]` in the observation space: before each action, and after the last one. */
  readonly observation: Values;
  /** `[steps, ...]` in the action space. */
  readonly action: Values;
  /** float64 `[steps, agents]` */
  readonly reward: Float64Array;
  /** `[steps]`, 0 or 1: whether the episode ended, or was cut off, with this step. */
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** float64 `[steps + 1, stateSize]`, where an env of ours was recorded. */
  readonly state?: Float64Array;
  /** float64 `[steps, commands]`: what the actuators got. */
  readonly command?: Float64Array;
  /** It began with `reset({ seed })`. */
  readonly seed?: number;
}

export interface EpisodeSet {
  readonly spec: EpisodeSpec;
  readonly episodes: readonly Episode[];
}

/** One part of a space that is one array, and where it stands. */
export interface LeafColumn {
  /** Keys from the outermost Dict inwards; none for a space that is a leaf itself. */
  readonly path: readonly string[];
  readonly space: Leaf;
}

/** The arrays a value of this space is made of, in order. */
export function leafColumns(space: Space, path: readonly string[] = []): LeafColumn[] {
  if (space.kind !== 'dict') return [{ path, space }];
  return Object.entries(space.spaces).flatMap(([key, part]) => leafColumns(part, [...path, key]));
}

/** The array of one leaf. */
export function leafOf(values: Values, path: readonly string[]): TypedArray {
  return path.reduce<Values>((part, key) => (part as Record<string, Values>)[key]!, values) as TypedArray;
}

/** A name for each element of a flattened value, each once: the space's own names where it has them, else `part.index`. */
export function elementNames(space: Space): string[] {
  const names = leafColumns(space).flatMap(({ path, space: leaf }) => {
    const own = leaf.kind === 'box' ? leaf.names : undefined;
    const size = flatSizeOf(leaf);
    return Array.from({ length: size }, (_, i) => [...path, own?.[i] ?? String(i)].join('.'));
  });
  return new Set(names).size === names.length ? names : names.map((_, i) => String(i));
}

/** Rows `from` up to `to` of a batch, without copying. */
export function rowsOf(space: Space, values: Values, from: number, to: number): Values {
  if (space.kind === 'dict') return mapParts(space.spaces, (part, key) => rowsOf(part, (values as Record<string, Values>)[key]!, from, to));
  const size = flatSizeOf(space);
  return (values as TypedArray).subarray(from * size, to * size);
}

function mapParts<T>(parts: Readonly<Record<string, Space>>, map: (part: Space, key: string) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(parts).map(([key, part]) => [key, map(part, key)]));
}

/** Memory that the columns of an episode take. */
export function bytesOfEpisode({ observation, action, reward, terminated, truncated, state, command }: Episode): number {
  const columns = [observation, action, reward, terminated, truncated, ...(state ? [state] : []), ...(command ? [command] : [])];
  return columns.reduce((sum, column) => sum + byteLengthOf(column), 0);
}

function byteLengthOf(values: Values): number {
  if (ArrayBuffer.isView(values)) return values.byteLength;
  return Object.values(values).reduce<number>((sum, part) => sum + byteLengthOf(part), 0);
}

/** @throws DATA_INVALID when a column of an episode has another length than its spec asks for, or one ends before its last step. */
export function requireWhole(spec: EpisodeSpec, episode: Episode, path: string): void {
  const { steps } = episode;
  const refuse = (what: string): never => {
    throw new GroundtwinError('DATA_INVALID', { path, problem: `an episode of ${steps} steps has ${what} of another length` });
  };
  if (!Number.isInteger(steps) || steps < 1) throw new GroundtwinError('DATA_INVALID', { path, problem: `an episode has ${steps} steps` });
  if (!fits(spec.observationSpace, episode.observation, steps + 1)) refuse('observations');
  if (!fits(spec.actionSpace, episode.action, steps)) refuse('actions');
  if (episode.reward.length !== steps * spec.agents) refuse('rewards');
  if (episode.terminated.length !== steps || episode.truncated.length !== steps) refuse('ends');
  for (const ends of [episode.terminated, episode.truncated]) {
    const at = ends.indexOf(1);
    if (at >= 0 && at < steps - 1)
      throw new GroundtwinError('DATA_INVALID', {
        path,
        problem: `an episode of ${steps} steps goes on after its end at step ${at}: another begins there`,
      });
  }
  const { state, command } = episode;
  if (spec.stateEntries === undefined ? state : state?.length !== (steps + 1) * sizeOfEntries(spec.stateEntries)) refuse('states');
  if (spec.commands === undefined ? command : command?.length !== steps * spec.commands.length) refuse('commands');
}

function fits(space: Space, values: Values, rows: number): boolean {
  return leafColumns(space).every(({ path, space: leaf }) => leafOf(values, path)?.length === rows * flatSizeOf(leaf));
}

/** Numbers in a row of these entries, each written as `name[size]`. */
export function sizeOfEntries(entries: readonly string[]): number {
  return elementsOfEntries(entries).length;
}

/** A name for each number in a row of these entries: `name`, or `name.index` where there are several. */
export function elementsOfEntries(entries: readonly string[]): string[] {
  return entries.flatMap((entry) => {
    const [, name, size] = /^(.*)\[(\d{1,6})\]$/.exec(entry) ?? [];
    if (name === undefined) return [entry];
    return Number(size) === 1 ? [name] : Array.from({ length: Number(size) }, (_, i) => `${name}.${i}`);
  });
}
