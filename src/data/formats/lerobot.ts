/**
 * LeRobot's data sets (Hugging Face), version 3 without images: a folder with `meta/` and Parquet files, a row a step.
 * A row has no place for what was observed after the last action; we keep it as the feature `next.observation.state`, which LeRobot's policies leave alone.
 */
import { join } from 'node:path';
import { box, flatSizeOf, type Space, unbounded } from '../../spaces/space.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { type Episode, type EpisodeSet, type EpisodeSpec, elementNames, leafColumns } from '../episode.ts';
import { EpisodeStore } from '../episode-store.ts';
import { fittedTo, flattenedRows } from '../fitted-values.ts';
import type { EpisodeFormat, FormatOptions, ImportOptions } from './format.ts';
import { columnStatistics } from './lerobot-statistics.ts';
import { openParquet, type ParquetColumn, parquetBytes } from './parquet-file.ts';
import {
  bytesInside,
  entriesOf,
  isJsonObject,
  maxHeadBytes,
  maxNames,
  maxRows,
  type Refuse,
  refusing,
  requireOneAgent,
} from './untrusted-file.ts';

/** Longest row of numbers that counts as state. */
const maxStateSize = 4096;
const dataFile = 'chunk-000/file-000.parquet';

export const lerobot: EpisodeFormat = { place: 'folder', write, read };

type Dtype = 'float32' | 'float64' | 'int64' | 'bool';
const parquetTypes = { float32: 'FLOAT', float64: 'DOUBLE', int64: 'INT64', bool: 'BOOLEAN' } as const;

/** One feature over all steps. */
interface Feature {
  readonly name: string;
  readonly dtype: Dtype;
  readonly size: number;
  readonly names: readonly string[] | null;
  /** `[rows, size]` */
  readonly values: Float64Array;
}

async function write(path: string, set: EpisodeSet, { onProgress }: FormatOptions = {}): Promise<void> {
  const { spec, episodes } = set;
  const refuse = refusing('the episodes');
  requireOneAgent(spec, 'lerobot');
  const dt_s = spec.controlDt_s ?? refuse('they do not say how long a step takes, which lerobot keeps as fps');
  for (const { space } of leafColumns(spec.observationSpace))
    if (space.kind === 'box' && space.shape.length > 1)
      refuse('they hold images or other grids; lerobot keeps those as video, which is not written');
  const features = featuresOf(set, dt_s);
  const rows = features[0]!.values.length / features[0]!.size;
  const fps = Math.round(1e6 / dt_s) / 1e6;
  const info = {
    codebase_version: 'v3.0',
    robot_type: spec.env || 'unknown',
    total_episodes: episodes.length,
    total_frames: rows,
    total_tasks: 1,
    chunks_size: 1000,
    data_files_size_in_mb: 100,
    video_files_size_in_mb: 200,
    fps,
    splits: { train: `0:${episodes.length}` },
    data_path: 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
    video_path: null,
    features: Object.fromEntries(features.map(({ name, dtype, size, names }) => [name, { dtype, shape: [size], names }])),
  };
  const statistics = Object.fromEntries(features.map(({ name, values, size }) => [name, columnStatistics(values, size)]));
  writeFileAtomically(join(path, 'data', dataFile), await parquetBytes(features.map(columnOf)));
  writeFileAtomically(join(path, 'meta/episodes', dataFile), await parquetBytes(episodeColumns(set)));
  writeFileAtomically(join(path, 'meta/tasks.parquet'), await tasksFile(taskOf(spec)));
  writeFileAtomically(join(path, 'meta/stats.json'), `${JSON.stringify(statistics, null, 1)}\n`);
  writeFileAtomically(join(path, 'meta/info.json'), `${JSON.stringify(info, null, 1)}\n`);
  onProgress?.(episodes.length, episodes.length);
}

function taskOf(spec: EpisodeSpec): string {
  return spec.env || 'unknown';
}

function featuresOf({ spec, episodes }: EpisodeSet, dt_s: number): Feature[] {
  const stacked = (size: number, of: (episode: Episode, number: number) => ArrayLike<number>) => {
    const all = new Float64Array(episodes.reduce((sum, { steps }) => sum + steps, 0) * size);
    let at = 0;
    episodes.forEach((episode, number) => {
      all.set(Array.from(of(episode, number)).slice(0, episode.steps * size), at);
      at += episode.steps * size;
    });
    return all;
  };
  const one = (name: string, dtype: Dtype, of: (episode: Episode, number: number) => ArrayLike<number>): Feature => {
    return { name, dtype, size: 1, names: null, values: stacked(1, of) };
  };
  const seen = (name: string, skipped: number): Feature => {
    const space = spec.observationSpace;
    const size = flatSizeOf(space);
    const rows = (episode: Episode) => flattenedRows(space, episode.observation, episode.steps + 1).subarray(skipped * size);
    return { name, dtype: dtypeOf(space), size, names: elementNames(space), values: stacked(size, rows) };
  };
  const { actionSpace } = spec;
  const width = flatSizeOf(actionSpace);
  const acted = stacked(width, ({ action, steps }) => flattenedRows(actionSpace, action, steps));
  const counted = ({ steps }: Episode) => Array.from({ length: steps }, (_, i) => i);
  const index = one('index', 'int64', counted);
  index.values.set(index.values.map((_, row) => row));
  return [
    seen('observation.state', 0),
    { name: 'action', dtype: dtypeOf(actionSpace), size: width, names: elementNames(actionSpace), values: acted },
    one('next.reward', 'float32', ({ reward }) => reward),
    one('next.done', 'bool', ({ terminated, truncated }) => terminated.map((end, i) => end | truncated[i]!)),
    one('next.terminated', 'bool', ({ terminated }) => terminated),
    one('next.truncated', 'bool', ({ truncated }) => truncated),
    seen('next.observation.state', 1),
    one('timestamp', 'float32', (episode) => counted(episode).map((i) => i * dt_s)),
    one('frame_index', 'int64', counted),
    one('episode_index', 'int64', ({ steps }, number) => new Float64Array(steps).fill(number)),
    index,
    one('task_index', 'int64', ({ steps }) => new Float64Array(steps)),
  ];
}

function dtypeOf(space: Space): Dtype {
  const leaves = leafColumns(space).map(({ space: leaf }) => leaf);
  if (leaves.every((leaf) => leaf.kind !== 'box' || leaf.dtype === 'uint8')) return 'int64';
  return leaves.every((leaf) => leaf.kind === 'box' && leaf.dtype === 'float32') ? 'float32' : 'float64';
}

/** A feature of one number is a plain column, as LeRobot has it. */
function columnOf({ name, dtype, size, values }: Feature): ParquetColumn {
  const cell = (value: number) => (dtype === 'int64' ? BigInt(value) : dtype === 'bool' ? value === 1 : value);
  const rows = values.length / size;
  const type = parquetTypes[dtype];
  if (size === 1) return { name, type, data: Array.from(values, cell) };
  return {
    name,
    type,
    isList: true,
    data: Array.from({ length: rows }, (_, row) => Array.from(values.subarray(row * size, (row + 1) * size), cell)),
  };
}

function episodeColumns({ spec, episodes }: EpisodeSet): ParquetColumn[] {
  const integers = (name: string, data: readonly number[]): ParquetColumn => ({ name, type: 'INT64', data: data.map(BigInt) });
  const zeros = episodes.map(() => 0);
  let to = 0;
  const ends = episodes.map(({ steps }) => (to += steps));
  return [
    integers('episode_index', [...episodes.keys()]),
    { name: 'tasks', type: 'STRING', isList: true, data: episodes.map(() => [taskOf(spec)]) },
    integers(
      'length',
      episodes.map(({ steps }) => steps),
    ),
    ...['data/chunk_index', 'data/file_index'].map((name) => integers(name, zeros)),
    integers(
      'dataset_from_index',
      ends.map((end, i) => end - episodes[i]!.steps),
    ),
    integers('dataset_to_index', ends),
    ...['meta/episodes/chunk_index', 'meta/episodes/file_index'].map((name) => integers(name, zeros)),
  ];
}

/** A table of pandas, with the task as its index: LeRobot looks tasks up by that. */
function tasksFile(task: string): Promise<Uint8Array> {
  const indexName = '__index_level_0__';
  const column = (name: string | null, field: string, pandas: string, numpy: string) => {
    return { name, field_name: field, pandas_type: pandas, numpy_type: numpy, metadata: null };
  };
  const pandas = {
    index_columns: [indexName],
    column_indexes: [{ name: null, field_name: null, pandas_type: 'unicode', numpy_type: 'object', metadata: { encoding: 'UTF-8' } }],
    columns: [column('task_index', 'task_index', 'int64', 'int64'), column(null, indexName, 'unicode', 'object')],
    creator: { library: 'groundtwin', version: '1' },
    pandas_version: '2.2.3',
  };
  const columns: ParquetColumn[] = [
    { name: 'task_index', type: 'INT64', data: [0n] },
    { name: indexName, type: 'STRING', data: [task] },
  ];
  return parquetBytes(columns, { pandas: JSON.stringify(pandas) });
}

/** What info.json says of the columns that are read. */
interface Layout {
  readonly dt_s: number;
  readonly env: string;
  /** Parts of the observation, by name after `observation.`. */
  readonly seen: readonly Vector[];
  readonly action: Vector;
  readonly optional: ReadonlySet<string>;
}

interface Vector {
  readonly name: string;
  readonly size: number;
  readonly space: Space;
}

async function read(path: string, options: ImportOptions = {}): Promise<EpisodeSet> {
  const refuse = refusing(path);
  const layout = layoutOf(path, refuse);
  const columns = await readData(path, layout, refuse);
  const [first] = layout.seen;
  const seen =
    layout.seen.length === 1
      ? first!.space
      : { kind: 'dict' as const, spaces: Object.fromEntries(layout.seen.map(({ name, space }) => [name.slice(12), space])) };
  const { expected } = options;
  const fitted = (space: Space | undefined, own: Space) => (space && flatSizeOf(space) === flatSizeOf(own) ? space : own);
  const spec: EpisodeSpec = {
    env: layout.env,
    observationSpace: fitted(expected?.observationSpace, seen),
    actionSpace: fitted(expected?.actionSpace, layout.action.space),
    agents: 1,
    controlDt_s: layout.dt_s,
  };
  const store = new EpisodeStore(spec, options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes });
  const episodes = columns.get('episode_index')!;
  const rows = episodes.length;
  let from = 0;
  for (let row = 1; row <= rows; row++) {
    if (row < rows && episodes[row] === episodes[from]) continue;
    const episode = episodeFrom(columns, layout, spec, from, row, refuse);
    if (episode) store.add(episode);
    from = row;
    options.onProgress?.(row, rows);
  }
  return store;
}

function layoutOf(path: string, refuse: Refuse): Layout {
  let info: unknown;
  try {
    info = JSON.parse(new TextDecoder().decode(bytesInside(path, ['meta', 'info.json'], refuse, maxHeadBytes)));
  } catch (error) {
    if (error instanceof SyntaxError) refuse('its meta/info.json is not readable');
    throw error;
  }
  if (!isJsonObject(info) || !/^v[23]\./.test(String(info.codebase_version))) return refuse('its meta/info.json is not of version 2 or 3');
  const { fps, features } = info;
  if (typeof fps !== 'number' || !(fps > 0)) return refuse('its meta/info.json has no fps');
  if (!isJsonObject(features) || Object.keys(features).length > maxNames) return refuse('its meta/info.json has no features');
  const vectors = Object.entries(features).flatMap(([name, feature]) => vectorOf(name, feature));
  const seen = vectors.filter(({ name }) => name.startsWith('observation.'));
  const action = vectors.find(({ name }) => name === 'action');
  if (seen.length === 0 || !action) return refuse('it has no observation.* and action of numbers; images alone are not read');
  const optional = new Set(Object.keys(features).filter((name) => name.startsWith('next.')));
  const robot = typeof info.robot_type === 'string' && info.robot_type !== 'unknown' ? info.robot_type : '';
  return { dt_s: 1 / fps, env: robot, seen, action, optional };
}

function vectorOf(name: string, feature: unknown): Vector[] {
  if (!isJsonObject(feature) || !Array.isArray(feature.shape) || feature.shape.length !== 1) return [];
  const size: unknown = feature.shape[0];
  const isNumber = typeof feature.dtype === 'string' && /^(float|int|uint|bool)/.test(feature.dtype);
  if (!isNumber || typeof size !== 'number' || !Number.isInteger(size) || size < 1 || size > maxStateSize) return [];
  const names = Array.isArray(feature.names) && feature.names.length === size && feature.names.every((one) => typeof one === 'string');
  const own = names ? (feature.names as string[]) : Array.from({ length: size }, (_, i) => String(i));
  const { low, high } = unbounded(own);
  return [{ name, size, space: box({ low, high, names: own, dtype: feature.dtype === 'float32' ? 'float32' : 'float64' }) }];
}

/** The path in info.json is a template from somebody else: only files of the usual names are looked for. */
async function readData(path: string, layout: Layout, refuse: Refuse): Promise<ReadonlyMap<string, ArrayLike<unknown>>> {
  const data = join(path, 'data');
  const files = entriesOf(data, /^chunk-\d{3,6}$/, refuse).flatMap((chunk) =>
    entriesOf(join(data, chunk), /^(file-|episode_)\d{3,9}\.parquet$/, refuse).map((name) => ['data', chunk, name]),
  );
  if (files.length === 0) refuse('there is no data/chunk-000/file-000.parquet');
  const required = ['episode_index', 'action', ...layout.seen.map(({ name }) => name)];
  const optional = ['next.reward', 'next.terminated', 'next.truncated', 'next.observation.state'].filter((name) =>
    layout.optional.has(name),
  );
  const all = new Map<string, unknown[]>([...required, ...optional].map((name) => [name, []]));
  for (const file of files) {
    const table = await openParquet(bytesInside(path, file, refuse), refuse);
    const missing = [...all.keys()].find((name) => !table.names.includes(name));
    if (missing !== undefined) refuse(`its data have no column ${missing.slice(0, 80)}`);
    if (all.get('action')!.length + table.rows > maxRows) refuse(`it has more than ${maxRows} rows`);
    const columns = await table.read([...all.keys()]);
    for (const [name, cells] of all) for (const cell of Array.from(columns.get(name)!)) cells.push(cell);
  }
  return all;
}

/** Undefined for an episode of a single row that does not say what came after it. */
function episodeFrom(
  columns: ReadonlyMap<string, ArrayLike<unknown>>,
  layout: Layout,
  spec: EpisodeSpec,
  from: number,
  to: number,
  refuse: Refuse,
): Episode | undefined {
  const last = columns.get('next.observation.state');
  const isWhole = last !== undefined && layout.seen.length === 1;
  const steps = to - from - Number(!isWhole);
  if (steps === 0) return undefined;
  const size = layout.seen.reduce((sum, part) => sum + part.size, 0);
  const observation = new Float64Array((steps + 1) * size);
  let offset = 0;
  for (const part of layout.seen) {
    const cells = columns.get(part.name)!;
    for (let row = from; row < to; row++) numbersInto(cells[row], part.size, observation, (row - from) * size + offset, refuse);
    offset += part.size;
  }
  if (isWhole) numbersInto(last[to - 1], size, observation, steps * size, refuse);
  const action = new Float64Array(steps * layout.action.size);
  for (let step = 0; step < steps; step++)
    numbersInto(columns.get('action')![from + step], layout.action.size, action, step * layout.action.size, refuse);
  const one = (name: string) => {
    const cells = columns.get(name);
    return Float64Array.from({ length: steps }, (_, step) => Number(cells?.[from + step] ?? 0));
  };
  const terminated = Uint8Array.from(one('next.terminated'));
  const truncated = Uint8Array.from(one('next.truncated'));
  if (!terminated[steps - 1]) truncated[steps - 1] = 1;
  const flat = (width: number) => unbounded(Array.from({ length: width }, (_, i) => String(i)));
  return {
    steps,
    observation:
      fittedTo(spec.observationSpace, { ...flat(size), dtype: 'float64' }, observation, steps + 1) ?? refuse('its observations do not fit'),
    action:
      fittedTo(spec.actionSpace, { ...flat(layout.action.size), dtype: 'float64' }, action, steps) ?? refuse('its actions do not fit'),
    reward: one('next.reward'),
    terminated,
    truncated,
  };
}

function numbersInto(cell: unknown, size: number, into: Float64Array, at: number, refuse: Refuse): void {
  const row: unknown = size === 1 && !Array.isArray(cell) ? [cell] : cell;
  const numbers = isRow(row, size) ? row : refuse('a row of it has another length than its info.json says');
  for (let i = 0; i < size; i++) {
    const value = numbers[i];
    if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') refuse('a number is missing in it');
    into[at + i] = Number(value);
  }
}

function isRow(row: unknown, size: number): row is readonly unknown[] {
  return Array.isArray(row) && row.length === size;
}
