/**
 * Minari's data sets (Farama): a folder `<name>-v0/data` with `metadata.json` and `main_data.hdf5`, a group an episode.
 * State rows and commands go into `infos`, where Minari keeps what comes with each observation.
 */
import { join } from 'node:path';
import { GroundtwinError } from '../../errors.ts';
import { allocate, type Leaf, type Space, sizeOf, type TypedArray, type Values } from '../../spaces/space.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { type Episode, type EpisodeSet, type EpisodeSpec, leafColumns, leafOf, sizeOfEntries } from '../episode.ts';
import { EpisodeStore } from '../episode-store.ts';
import type { EpisodeFormat, FormatOptions, ImportOptions } from './format.ts';
import { type Hdf5Sink, type Hdf5Source, hdf5Bytes, readHdf5 } from './hdf5-file.ts';
import { minariSpace, parsePythonJson, pythonJson, spaceFromMinari } from './minari-spaces.ts';
import { specFromRecord, specRecord } from './spec-record.ts';
import { bytesInside, isJsonObject, maxHeadBytes, type Refuse, refusing, requireOneAgent } from './untrusted-file.ts';

/** The version whose layout this is. */
const minariVersion = '0.5.4';
const dataFile = 'main_data.hdf5';

export const minari: EpisodeFormat = { place: 'folder', write, read };

async function write(path: string, { spec, episodes }: EpisodeSet, { onProgress }: FormatOptions = {}): Promise<void> {
  requireOneAgent(spec, 'minari');
  const id = path.split(/[\\/]/).filter(Boolean).at(-1) ?? '';
  if (!/^[-\w]+-v\d+$/.test(id))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'minari',
      option: 'path',
      value: `a folder ${id.slice(0, 80)}`,
      allowed: 'one named as Minari names data sets, as in pendulum-random-v0',
    });
  const data = await hdf5Bytes((sink) => {
    episodes.forEach((episode, number) => {
      const group = `episode_${number}`;
      const { steps, seed } = episode;
      sink.group(group, { id: number, total_steps: steps, ...(seed === undefined ? {} : { seed }) });
      writeValues(sink, `${group}/observations`, spec.observationSpace, episode.observation, steps + 1);
      writeValues(sink, `${group}/actions`, spec.actionSpace, episode.action, steps);
      sink.array(`${group}/rewards`, [steps], episode.reward);
      sink.array(`${group}/terminations`, [steps], episode.terminated);
      sink.array(`${group}/truncations`, [steps], episode.truncated);
      sink.group(`${group}/infos`, {});
      for (const [name, values] of infosOf(episode)) sink.array(`${group}/infos/${name}`, [steps + 1, values.length / (steps + 1)], values);
      onProgress?.(number + 1, episodes.length);
    });
  });
  const metadata = {
    total_episodes: episodes.length,
    total_steps: episodes.reduce((sum, { steps }) => sum + steps, 0),
    data_format: 'hdf5',
    jpeg_encoding: false,
    observation_space: pythonJson(minariSpace(spec.observationSpace)),
    action_space: pythonJson(minariSpace(spec.actionSpace)),
    dataset_id: id,
    minari_version: minariVersion,
    dataset_size: Math.round(data.byteLength / 1e5) / 10,
    groundtwin: specRecord(spec),
  };
  writeFileAtomically(join(path, 'data', dataFile), data);
  writeFileAtomically(join(path, 'data', 'metadata.json'), pythonJson(metadata));
}

/** A Dict is a group of its parts. */
function writeValues(sink: Hdf5Sink, path: string, space: Space, values: Values, rows: number): void {
  if (space.kind === 'dict') {
    sink.group(path, {});
    for (const [key, part] of Object.entries(space.spaces))
      writeValues(sink, `${path}/${key}`, part, (values as Record<string, Values>)[key]!, rows);
  } else sink.array(path, [rows, ...shapeOf(space)], values as TypedArray);
}

/** Infos have a row an observation: a command stands beside what it led to, after a row of zeros. */
function infosOf({ steps, state, command }: Episode): [name: string, values: Float64Array][] {
  if (command === undefined) return state ? [['state', state]] : [];
  const shifted = new Float64Array(command.length + command.length / steps);
  shifted.set(command, command.length / steps);
  return [...(state ? [['state', state] as [string, Float64Array]] : []), ['command', shifted]];
}

function shapeOf(leaf: Leaf): readonly number[] {
  return leaf.kind === 'box' ? leaf.shape : leaf.kind === 'discrete' ? [] : [leaf.nvec.length];
}

async function read(path: string, options: ImportOptions = {}): Promise<EpisodeSet> {
  const refuse = refusing(path);
  const text = new TextDecoder().decode(bytesInside(path, ['data', 'metadata.json'], refuse, maxHeadBytes));
  const metadata = parsePythonJson(text);
  if (!isJsonObject(metadata)) return refuse('its metadata.json is not readable');
  if (metadata.data_format !== undefined && metadata.data_format !== 'hdf5')
    refuse(`its data_format is ${String(metadata.data_format).slice(0, 40)}; write it anew with data_format="hdf5"`);
  const spec = specFrom(metadata, options.expected, refuse);
  return readHdf5(bytesInside(path, ['data', dataFile], refuse), refuse, (source) => {
    const store = new EpisodeStore(spec, options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes });
    const names = source.names('/').filter((name) => /^episode_\d{1,9}$/.test(name));
    names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    if (names.length !== metadata.total_episodes) refuse(`it holds ${names.length} episodes where its metadata says another number`);
    names.forEach((name, number) => {
      store.add(episodeFrom(source, name, spec, refuse));
      options.onProgress?.(number + 1, names.length);
    });
    return store;
  });
}

function specFrom(metadata: Readonly<Record<string, unknown>>, expected: EpisodeSpec | undefined, refuse: Refuse): EpisodeSpec {
  const own = specFromRecord(typeof metadata.groundtwin === 'string' ? metadata.groundtwin : undefined, refuse);
  if (own) return own;
  const space = (key: string, otherwise: Space | undefined) => {
    const json = metadata[key];
    if (typeof json === 'string') return spaceFromMinari(parsePythonJson(json), refuse);
    return otherwise ?? refuse(`its metadata has no ${key}; say which env it is for`);
  };
  return {
    env: '',
    observationSpace: space('observation_space', expected?.observationSpace),
    actionSpace: space('action_space', expected?.actionSpace),
    agents: 1,
  };
}

function episodeFrom(source: Hdf5Source, group: string, spec: EpisodeSpec, refuse: Refuse): Episode {
  const column = (name: string, size: number) => numbers(source, `${group}/${name}`, size, refuse);
  const reward = Float64Array.from(source.numbers(`${group}/rewards`) ?? refuse(`${group} has no rewards`));
  const steps = reward.length;
  const seed = source.attribute(group, 'seed');
  return {
    steps,
    observation: values(source, `${group}/observations`, spec.observationSpace, steps + 1, refuse),
    action: values(source, `${group}/actions`, spec.actionSpace, steps, refuse),
    reward,
    terminated: Uint8Array.from(column('terminations', steps)),
    truncated: Uint8Array.from(column('truncations', steps)),
    ...(spec.stateEntries ? { state: Float64Array.from(column('infos/state', (steps + 1) * sizeOfEntries(spec.stateEntries))) } : {}),
    ...(spec.commands
      ? { command: Float64Array.from(column('infos/command', (steps + 1) * spec.commands.length)).slice(spec.commands.length) }
      : {}),
    ...(typeof seed === 'number' && Number.isSafeInteger(seed) ? { seed } : {}),
  };
}

function values(source: Hdf5Source, path: string, space: Space, rows: number, refuse: Refuse): Values {
  const batch = allocate(space, rows);
  for (const { path: parts, space: leaf } of leafColumns(space))
    leafOf(batch, parts).set(numbers(source, [path, ...parts].join('/'), rows * sizeOf(leaf), refuse) as TypedArray);
  return batch;
}

function numbers(source: Hdf5Source, path: string, due: number, refuse: Refuse): ArrayLike<number> {
  return source.numbers(path, due) ?? refuse(`it has no numbers at ${path.slice(0, 120)}`);
}
