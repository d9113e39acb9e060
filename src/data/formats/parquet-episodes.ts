/**
 * Our own layout: one Parquet file, one row an observation, one column a number, so that pandas, polars or DuckDB read it as it is.
 * The row after the last step has no action: null. Larger arrays (images) are one column of bytes. The footer says what the columns mean.
 */

import { bytesOf } from '../../core/sections.ts';
import { allocate, type Space, sizeOf, type TypedArray } from '../../spaces/space.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { type Episode, type EpisodeSet, type EpisodeSpec, elementNames, elementsOfEntries, leafColumns, leafOf } from '../episode.ts';
import { EpisodeStore } from '../episode-store.ts';
import type { EpisodeFormat, FormatOptions, ImportOptions } from './format.ts';
import { openParquet, type ParquetColumn, type ParquetTable, parquetBytes } from './parquet-file.ts';
import { specFromRecord, specRecord } from './spec-record.ts';
import { columnsWanted, episodesFromTable } from './table-episodes.ts';
import { bytesOfFile, type Refuse, refusing } from './untrusted-file.ts';

const layout = 'groundtwin-episodes.v1';
/** Leaves of more elements are kept as bytes. */
const mostColumns = 1024;

export const parquetEpisodes: EpisodeFormat = { place: 'file', write, read };

/** What stands in one group of columns: where its numbers are in an episode, and whether the row after the last step has any. */
interface Part {
  readonly names: readonly string[];
  readonly type: ParquetColumn['type'];
  readonly hasLast: boolean;
  of(episode: Episode): TypedArray;
}

function partsOf(spec: EpisodeSpec): Part[] {
  const ofSpace = (kind: 'observation' | 'action', space: Space): Part[] => {
    const names = elementNames(space);
    let at = 0;
    return leafColumns(space).map(({ path, space: leaf }) => {
      const size = sizeOf(leaf);
      const own = names.slice(at, at + size).map((name) => `${kind}.${name}`);
      at += size;
      const isWhole = size > mostColumns;
      const type = leaf.kind !== 'box' || leaf.dtype === 'uint8' ? 'INT32' : leaf.dtype === 'float32' ? 'FLOAT' : 'DOUBLE';
      return {
        names: isWhole ? [[kind, ...path].join('.')] : own,
        type: isWhole ? 'BYTE_ARRAY' : type,
        hasLast: kind === 'observation',
        of: (episode) => leafOf(episode[kind], path),
      };
    });
  };
  const rewards = spec.agents === 1 ? ['reward'] : Array.from({ length: spec.agents }, (_, agent) => `reward.${agent}`);
  const named = (kind: string, names: readonly string[]) => names.map((name) => `${kind}.${name}`);
  return [
    ...ofSpace('observation', spec.observationSpace),
    ...ofSpace('action', spec.actionSpace),
    { names: rewards, type: 'DOUBLE', hasLast: false, of: ({ reward }) => reward },
    { names: ['terminated'], type: 'BOOLEAN', hasLast: false, of: ({ terminated }) => terminated },
    { names: ['truncated'], type: 'BOOLEAN', hasLast: false, of: ({ truncated }) => truncated },
    ...(spec.stateEntries
      ? [
          {
            names: named('state', elementsOfEntries(spec.stateEntries)),
            type: 'DOUBLE' as const,
            hasLast: true,
            of: ({ state }: Episode) => state!,
          },
        ]
      : []),
    ...(spec.commands
      ? [{ names: named('command', spec.commands), type: 'DOUBLE' as const, hasLast: false, of: ({ command }: Episode) => command! }]
      : []),
  ];
}

async function write(path: string, set: EpisodeSet, { onProgress }: FormatOptions = {}): Promise<void> {
  const { spec, episodes } = set;
  const seeds = JSON.stringify(episodes.map(({ seed }) => seed ?? null));
  writeFileAtomically(path, await parquetBytes(episodeColumns(set), { [layout]: specRecord(spec), seeds }));
  onProgress?.(episodes.length, episodes.length);
}

/** Episodes as a table: a row an observation, a column a number, with the number of the episode and the step before them. */
export function episodeColumns({ spec, episodes }: EpisodeSet): ParquetColumn[] {
  const rows = episodes.reduce((sum, { steps }) => sum + steps + 1, 0);
  const [episode, step] = [new Int32Array(rows), new Int32Array(rows)];
  let row = 0;
  episodes.forEach(({ steps }, number) => {
    for (let i = 0; i <= steps; i++, row++) [episode[row], step[row]] = [number, i];
  });
  return [
    { name: 'episode', type: 'INT32', data: episode },
    { name: 'step', type: 'INT32', data: step },
    ...partsOf(spec).flatMap((part) => columnsOf(part, episodes, rows)),
  ];
}

function columnsOf(part: Part, episodes: readonly Episode[], rows: number): ParquetColumn[] {
  const data = part.names.map(() => new Array<unknown>(rows).fill(null));
  let row = 0;
  for (const episode of episodes) {
    const values = part.of(episode);
    const filled = episode.steps + Number(part.hasLast);
    const width = values.length / filled;
    for (let i = 0; i < filled; i++)
      for (let column = 0; column < data.length; column++) data[column]![row + i] = cellOf(part.type, values, i, width, column);
    row += episode.steps + 1;
  }
  return part.names.map((name, i) => ({ name, type: part.type, data: data[i]!, isNullable: !part.hasLast }));
}

function cellOf(type: ParquetColumn['type'], values: TypedArray, row: number, width: number, column: number): unknown {
  if (type === 'BYTE_ARRAY') return bytesOf(values.subarray(row * width, (row + 1) * width));
  const value = values[row * width + column]!;
  return type === 'BOOLEAN' ? value === 1 : value;
}

async function read(path: string, options: ImportOptions = {}): Promise<EpisodeSet> {
  const refuse = refusing(path);
  const table = await openParquet(bytesOfFile(path, refuse), refuse);
  const spec = specFromRecord(table.head.get(layout), refuse);
  if (!spec)
    return readForeign(table, options, refusing(path, `its footer has no ${layout}, so it is not of our layout; as a plain table `));
  const seeds = seedsFrom(table.head.get('seeds') ?? '[]');
  const parts = partsOf(spec);
  const wanted = ['episode', 'step', ...parts.flatMap(({ names }) => names)];
  const missing = wanted.find((name) => !table.names.includes(name));
  if (missing !== undefined) refuse(`it has no column ${missing.slice(0, 80)}`);
  if (new Set(wanted).size !== wanted.length) refuse('two of its columns have one name');
  const columns = await table.read(wanted);
  const numbers = columns.get('episode')!;
  const store = new EpisodeStore(spec, options);
  let from = 0;
  for (let row = 1; row <= table.rows; row++) {
    if (row < table.rows && numbers[row] === numbers[from]) continue;
    if (row - from < 2) refuse('an episode of it has no steps');
    const seed = seeds[store.episodes.length];
    store.add({ ...episodeFrom(spec, parts, columns, from, row, refuse), ...(seed === undefined ? {} : { seed }) });
    options.onProgress?.(row, table.rows);
    from = row;
  }
  return store;
}

/** A table of another writer, as pandas or polars make them. */
async function readForeign(file: ParquetTable, options: ImportOptions, refuse: Refuse): Promise<EpisodeSet> {
  const wanted = columnsWanted(file.names, options, refuse);
  const cells = await file.read([...new Set(wanted.columns)]);
  const numbers = new Map([...cells].map(([name, column]) => [name, Float64Array.from(column, numberOf)] as const));
  return episodesFromTable({ names: file.names, rows: file.rows, column: (name) => numbers.get(name)! }, wanted, options, refuse);
}

/** NaN for what is no number. */
function numberOf(cell: unknown): number {
  return typeof cell === 'number' || typeof cell === 'bigint' || typeof cell === 'boolean' ? Number(cell) : Number.NaN;
}

function seedsFrom(json: string): (number | undefined)[] {
  try {
    const seeds: unknown = JSON.parse(json);
    return Array.isArray(seeds) ? seeds.map((seed) => (Number.isSafeInteger(seed) && seed >= 0 ? (seed as number) : undefined)) : [];
  } catch {
    return [];
  }
}

function episodeFrom(
  spec: EpisodeSpec,
  parts: readonly Part[],
  columns: ReadonlyMap<string, ArrayLike<unknown>>,
  from: number,
  to: number,
  refuse: Refuse,
): Episode {
  const steps = to - from - 1;
  const size = spec.stateEntries && elementsOfEntries(spec.stateEntries).length;
  const episode: Episode = {
    steps,
    observation: allocate(spec.observationSpace, steps + 1),
    action: allocate(spec.actionSpace, steps),
    reward: new Float64Array(steps * spec.agents),
    terminated: new Uint8Array(steps),
    truncated: new Uint8Array(steps),
    ...(size === undefined ? {} : { state: new Float64Array((steps + 1) * size) }),
    ...(spec.commands ? { command: new Float64Array(steps * spec.commands.length) } : {}),
  };
  for (const part of parts) {
    const into = part.of(episode);
    const filled = steps + Number(part.hasLast);
    part.names.forEach((name, column) => {
      const cells = columns.get(name)!;
      for (let row = 0; row < filled; row++) fill(part.type, into, into.length / filled, row, column, cells[from + row], refuse);
    });
  }
  return episode;
}

function fill(
  type: ParquetColumn['type'],
  into: TypedArray,
  width: number,
  row: number,
  column: number,
  cell: unknown,
  refuse: Refuse,
): void {
  if (type === 'BYTE_ARRAY') {
    const bytes = bytesOf(into.subarray(row * width, (row + 1) * width));
    if (cell instanceof Uint8Array && cell.byteLength === bytes.byteLength) bytes.set(cell);
    else refuse('an array of it has the wrong size');
  } else if (typeof cell === 'number' || typeof cell === 'boolean') into[row * width + column] = Number(cell);
  else refuse('a number is missing in one of its columns');
}
