/** The figure of data that go between us and other tools: how many of the checks on every format fail. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { randomPolicy } from '../../agents/index.ts';
import { elementNames } from '../../src/data/episode.ts';
import { type Episode, type EpisodeSet, type FormatName, formats, makeVector, recordEpisodes, registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { box, dict, discrete, sample, type TypedArray, type Values } from '../../src/spaces/space.ts';
import { formatsPeer, type Peer } from '../peers/python-peer.ts';
import type { Context, Measured, Row } from './row.ts';
import { groundtwin } from './run-node.ts';

/** Of each recording and of what other tools write. */
const episodesEach = 3;
const stepsEach = 12;

interface Check {
  readonly name: string;
  run(): Promise<void>;
}

function require(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function requireSame(ours: unknown, theirs: unknown, what: string): void {
  require(isDeepStrictEqual(
    ours,
    theirs,
  ), `${what} differ: ${JSON.stringify(ours)?.slice(0, 120)} against ${JSON.stringify(theirs)?.slice(0, 120)}`);
}

async function recorded(id: string): Promise<EpisodeSet> {
  const env = await makeVector(id, { lanes: episodesEach, autoreset: 'disabled' });
  const policy = randomPolicy(env.actionSpace, episodesEach, 3);
  try {
    return await recordEpisodes(env, policy, { episodes: episodesEach, seed: 5, maxSteps: stepsEach });
  } finally {
    await env.close();
  }
}

/** Named parts, an image and whole-numbered actions: what no env of the list has together. */
function pictures(): EpisodeSet {
  const rng = new Rng(2);
  const camera = box({ low: 0, high: 255, shape: [20, 24, 3], dtype: 'uint8' });
  const joints = box({ low: -1, high: 1, shape: [2], dtype: 'float64' });
  const spec = { env: 'Pictures-v0', observationSpace: dict({ camera, joints }), actionSpace: discrete(4), agents: 1, controlDt_s: 0.1 };
  const episodes = Array.from({ length: episodesEach }, (_, i): Episode => {
    const steps = 4 + i;
    return {
      steps,
      observation: sample(spec.observationSpace, rng, steps + 1),
      action: sample(spec.actionSpace, rng, steps),
      reward: Float64Array.from({ length: steps }, () => rng.normal()),
      terminated: Uint8Array.from({ length: steps }, (_, step) => Number(step === steps - 1)),
      truncated: new Uint8Array(steps),
    };
  });
  return { spec, episodes };
}

function placeOf(context: Context, format: FormatName, name: string): string {
  return join(context.folder, 'formats', formats[format].place === 'file' ? `${name}.${format}` : `${format}-${name.toLowerCase()}-v0`);
}

/** What LeRobot's layout has no room for: precision of rewards, states, seeds. */
function asLerobotKeeps({ steps, observation, action, reward, terminated, truncated }: Episode) {
  return { steps, observation, action, reward: Float64Array.from(reward, Math.fround), terminated, truncated };
}

function roundTrip(context: Context, format: FormatName, name: string, set: EpisodeSet): Check {
  const run = async () => {
    const path = placeOf(context, format, name);
    await formats[format].write(path, set);
    const back = await formats[format].read(path, { expected: set.spec });
    const kept = format === 'lerobot' ? set.episodes.map(asLerobotKeeps) : set.episodes;
    requireSame(back.episodes, kept, 'episodes');
    if (format !== 'lerobot') requireSame(back.spec, set.spec, 'descriptions');
  };
  return { name: `${format}: ${name} comes back bit for bit`, run };
}

type Plain = Readonly<Record<string, unknown>>;

/** As JSON has a batch: rows in lists. */
function listed(values: Values, shape: readonly number[], rows: number): unknown {
  const flat = Array.from(values as TypedArray);
  const nest = (from: number, lengths: readonly number[]): unknown => {
    const [length, ...rest] = lengths;
    if (length === undefined) return flat[from];
    const width = rest.reduce((product, one) => product * one, 1);
    return Array.from({ length }, (_, i) => nest(from + i * width, rest));
  };
  return nest(0, [rows, ...shape]);
}

function observationList(set: EpisodeSet, { observation, steps }: Episode): unknown {
  const { observationSpace: space } = set.spec;
  if (space.kind !== 'dict') return listed(observation, [(observation as TypedArray).length / (steps + 1)], steps + 1);
  const parts = Object.entries(space.spaces).map(([key, part]) => {
    return [key, listed((observation as Record<string, Values>)[key]!, part.kind === 'box' ? part.shape : [], steps + 1)];
  });
  return Object.fromEntries(parts);
}

function actionList({ spec }: EpisodeSet, { action, steps }: Episode): unknown {
  return listed(action, spec.actionSpace.kind === 'discrete' ? [] : [(action as TypedArray).length / steps], steps);
}

async function minariReads(peer: Peer, path: string, set: EpisodeSet): Promise<void> {
  const found = await peer.ask<{ episodes: Plain[]; totalEpisodes: number; totalSteps: number }>({ op: 'read', format: 'minari', path });
  require(found.totalEpisodes === set.episodes.length, `${found.totalEpisodes} episodes`);
  requireSame(
    found.totalSteps,
    set.episodes.reduce((sum, { steps }) => sum + steps, 0),
    'steps',
  );
  set.episodes.forEach((episode, i) => {
    const theirs = found.episodes[i]!;
    requireSame(theirs.observation, observationList(set, episode), 'observations');
    requireSame(theirs.action, actionList(set, episode), 'actions');
    for (const name of ['reward', 'terminated', 'truncated'] as const) requireSame(theirs[name], Array.from(episode[name]), name);
    const { state, steps } = episode;
    if (state) requireSame(theirs.state, listed(state, [state.length / (steps + 1)], steps + 1), 'states');
    requireSame(theirs.seed, episode.seed ?? null, 'seeds');
    const { action } = theirs.columns as { action: { dtype: string } };
    requireSame(action.dtype, set.spec.actionSpace.kind === 'discrete' ? 'int64' : 'float32', 'types of actions');
  });
}

interface LerobotFound {
  readonly info: Plain & { readonly features: Readonly<Record<string, { dtype: string; shape: number[] }>> };
  readonly stats: Readonly<Record<string, { min: number[]; max: number[]; count: number[] }>>;
  readonly types: Readonly<Record<string, string>>;
  readonly columns: Readonly<Record<string, unknown[]>>;
  readonly episodes: readonly Plain[];
  readonly tasks: Readonly<Record<string, number>>;
}

/** Arrow's names of the types that LeRobot's features have. */
const arrowTypes: Readonly<Record<string, string>> = { float32: 'float', float64: 'double', int64: 'int64', bool: 'bool' };
/** Features that every data set of LeRobot has. */
const lerobotFeatures = { timestamp: 'float32', frame_index: 'int64', episode_index: 'int64', index: 'int64', task_index: 'int64' };

async function pyarrowReadsLerobot(peer: Peer, path: string, set: EpisodeSet): Promise<void> {
  const { info, stats, types, columns, episodes, tasks } = await peer.ask<LerobotFound>({ op: 'read', format: 'lerobot', path });
  const steps = set.episodes.map((episode) => episode.steps);
  const total = steps.reduce((sum, one) => sum + one, 0);
  requireSame(info.codebase_version, 'v3.0', 'versions');
  requireSame([info.total_episodes, info.total_frames], [steps.length, total], 'totals');
  requireSame(Object.keys(types).sort(), Object.keys(info.features).sort(), 'columns and features');
  for (const [name, dtype] of Object.entries(lerobotFeatures)) requireSame(info.features[name], { dtype, shape: [1], names: null }, name);
  for (const [name, { dtype, shape }] of Object.entries(info.features)) {
    const value = arrowTypes[dtype]!;
    requireSame(types[name], shape[0] === 1 ? value : `list<element: ${value}>`, `types of ${name}`);
    requireSame(stats[name]!.count, [total], `counts of ${name}`);
  }
  const seen = set.episodes.flatMap((episode) => (observationList(set, episode) as unknown[]).slice(0, -1));
  requireSame(columns['observation.state'], seen, 'observations');
  requireSame(
    columns['next.reward'],
    set.episodes.flatMap(({ reward }) => Array.from(reward, Math.fround)),
    'rewards',
  );
  requireSame(
    columns.index,
    Array.from({ length: total }, (_, i) => i),
    'index',
  );
  requireSame(
    columns.frame_index,
    steps.flatMap((one) => Array.from({ length: one }, (_, i) => i)),
    'frame_index',
  );
  requireSame(
    episodes.map(({ length }) => length),
    steps,
    'lengths',
  );
  requireSame(episodes.at(-1)!.dataset_to_index, total, 'dataset_to_index');
  requireSame(tasks, { [set.spec.env]: 0 }, 'tasks');
}

interface LoggedMessage {
  readonly topic: string;
  readonly time_ns: number;
  readonly stamp_ns?: number;
  readonly schema?: string;
  readonly value?: Readonly<Record<string, number>>;
  readonly names?: readonly string[];
  readonly values?: readonly number[];
}

/** The observations in a log, by episode, against ours; times are steps of the task apart. */
function requireLogged(messages: readonly LoggedMessage[], set: EpisodeSet): void {
  const names = elementNames(set.spec.observationSpace);
  const seen = messages.filter(({ topic }) => topic === '/observation');
  const theirs = seen.map(({ value, values }) => values ?? Object.values(value!));
  requireSame(
    theirs,
    set.episodes.flatMap((episode) => observationList(set, episode) as unknown[]),
    'observations',
  );
  for (const message of seen) requireSame(message.names ?? Object.keys(message.value!), names, 'names');
  for (const { time_ns, stamp_ns } of messages) requireSame(stamp_ns ?? time_ns, time_ns, 'stamps');
  requireSame((seen[1]!.time_ns - seen[0]!.time_ns) / 1e9, set.spec.controlDt_s, 'time steps');
  const outcomes = messages.filter(({ topic }) => topic === '/outcome').map(({ value, values }) => values?.[0] ?? value!.reward);
  requireSame(
    outcomes,
    set.episodes.flatMap(({ reward }) => Array.from(reward)),
    'rewards',
  );
}

async function mcapReads(peer: Peer, path: string, set: EpisodeSet): Promise<void> {
  const { messages, schemas } = await peer.ask<{ messages: LoggedMessage[]; schemas: Plain }>({ op: 'read', format: 'mcap', path });
  require(messages.every(({ schema }) => schema === 'jsonschema'), 'a channel has no JSON Schema');
  const { required } = schemas['groundtwin.observation'] as { required: string[] };
  requireSame(required, elementNames(set.spec.observationSpace), 'names in the schema');
  requireLogged(messages, set);
}

async function rosbagsReads(peer: Peer, path: string, set: EpisodeSet): Promise<void> {
  const found = await peer.ask<{ messages: LoggedMessage[]; count: number; types: Plain }>({ op: 'read', format: 'rosbag', path });
  requireSame(found.count, found.messages.length, 'counts in metadata.yaml');
  require(Object.values(found.types).every((type) => type === 'sensor_msgs/msg/JointState'), 'a topic has another type');
  requireLogged(found.messages, set);
}

async function pyarrowReadsOurs(peer: Peer, path: string, set: EpisodeSet): Promise<void> {
  const { columns } = await peer.ask<{ columns: Readonly<Record<string, unknown[]>> }>({ op: 'read', format: 'parquet', path });
  elementNames(set.spec.observationSpace).forEach((name, i) => {
    const ours = set.episodes.flatMap((episode) => (observationList(set, episode) as number[][]).map((row) => row[i]));
    requireSame(columns[`observation.${name}`], ours, name);
  });
  requireSame(
    columns.reward,
    set.episodes.flatMap(({ reward }) => [...reward, null]),
    'rewards',
  );
}

interface Made {
  readonly episodes: readonly {
    observation: number[][];
    action: number[][];
    reward: number[];
    terminated: boolean[];
    truncated: boolean[];
  }[];
}

const topics = { observationTopic: '/robot/state', actionTopic: '/robot/command' };

/** What the tool's own writer made of Gymnasium's Pendulum, read by us for ours. */
async function readTheirs(peer: Peer, context: Context, format: 'minari' | 'lerobot' | 'mcap' | 'rosbag'): Promise<void> {
  const path = placeOf(context, format, 'theirs');
  const made = await peer.ask<Made>({ op: 'make', format, path, episodes: episodesEach, steps: stepsEach });
  const { spec } = await recorded('Pendulum-v0');
  const { episodes } = await formats[format].read(path, { expected: spec, ...(format === 'minari' || format === 'lerobot' ? {} : topics) });
  require(episodes.length === made.episodes.length, `${episodes.length} episodes`);
  episodes.forEach((episode, i) => {
    const theirs = made.episodes[i]!;
    // A row of LeRobot's does not say what came after it.
    const steps = format === 'lerobot' ? stepsEach - 1 : stepsEach;
    requireSame(episode.steps, steps, 'steps');
    requireSame(Array.from(episode.observation as TypedArray), theirs.observation.slice(0, steps + 1).flat(), 'observations');
    requireSame(Array.from(episode.action as TypedArray), theirs.action.slice(0, steps).flat(), 'actions');
    if (format === 'minari') {
      requireSame(Array.from(episode.reward), theirs.reward, 'rewards');
      requireSame(Array.from(episode.truncated, Boolean), theirs.truncated, 'truncations');
    }
  });
}

/** A data set that Minari wrote becomes transitions, and a model learns from them. */
async function trainsFromMinari(context: Context): Promise<void> {
  const [data, model] = [join(context.folder, 'formats', 'theirs.bin'), join(context.folder, 'formats', 'model')];
  const env = ['--env', 'Pendulum-v0'];
  const read = await groundtwin('import', placeOf(context, 'minari', 'theirs'), '--format', 'minari', ...env, '--out', data);
  requireSame([read.episodes, read.steps, read.states], [episodesEach, episodesEach * stepsEach, 'inferred'], 'imports');
  const trained = await groundtwin('train-model', ...env, '--data', data, '--out', model, '--updates', '20', '--members', '2');
  requireSame([trained.transitions, trained.updates], [episodesEach * stepsEach, 20], 'trainings');
  require(Number.isFinite(trained.loss), 'the loss is not finite');
  await registry.loadModel('Pendulum-v0', model);
}

/** Recorded transitions go out and come back as the very same file: states and commands are kept. */
async function commandsRoundTrip(context: Context, id: string): Promise<void> {
  const data = join(context.folder, 'formats', `${id}.bin`);
  await groundtwin('record', '--env', id, '--episodes', '2', '--out', data);
  for (const format of ['parquet', 'csv', 'minari', 'mcap', 'rosbag'] as const) {
    const [there, back] = [placeOf(context, format, `cli-${id}`), join(context.folder, 'formats', `${id}-${format}.bin`)];
    await groundtwin('export', '--env', id, '--data', data, '--format', format, '--out', there);
    const { states } = await groundtwin('import', there, '--env', id, '--format', format, '--out', back);
    requireSame(states, 'recorded', 'states');
    require(readFileSync(data).equals(readFileSync(back)), `${format} changed the transitions`);
  }
}

async function checksOf(context: Context, peer: Peer): Promise<Check[]> {
  const [pendulum, cartPole, camera] = [await recorded('Pendulum-v0'), await recorded('CartPole-v0'), pictures()];
  const sets = { Pendulum: pendulum, CartPole: cartPole };
  /** A table as text says nothing of itself: what goes out comes back below. */
  const names = (Object.keys(formats) as FormatName[]).filter((name) => name !== 'csv');
  const reads = { minari: minariReads, lerobot: pyarrowReadsLerobot, mcap: mcapReads, rosbag: rosbagsReads, parquet: pyarrowReadsOurs };
  const readers = { minari: 'minari.load_dataset', lerobot: 'pyarrow', mcap: "Python's mcap", rosbag: 'rosbags', parquet: 'pyarrow' };
  const ofOurs = (format: Exclude<FormatName, 'csv'>, name: string, set: EpisodeSet): Check => {
    const run = () => reads[format](peer, placeOf(context, format, name), set);
    return { name: `${format}: ${readers[format]} reads our ${name}`, run };
  };
  const foreign = (['minari', 'lerobot', 'mcap', 'rosbag'] as const).map(
    (format): Check => ({ name: `${format}: ours reads theirs`, run: () => readTheirs(peer, context, format) }),
  );
  return [
    ...Object.entries(sets).flatMap(([name, set]) => names.map((format) => roundTrip(context, format, name, set))),
    ...(['parquet', 'minari'] as const).map((format) => roundTrip(context, format, 'Pictures', camera)),
    ...Object.entries(sets).flatMap(([name, set]) => names.map((format) => ofOurs(format, name, set))),
    ofOurs('minari', 'Pictures', camera),
    ...foreign,
    { name: 'minari: ours trains from theirs', run: () => trainsFromMinari(context) },
    { name: 'export and import give back the same file of transitions', run: () => commandsRoundTrip(context, 'Hopper-v0') },
  ];
}

async function failures(context: Context): Promise<Measured> {
  const peer = formatsPeer(context.log);
  try {
    const raw: { check: string; failed?: string }[] = [];
    for (const { name, run } of await checksOf(context, peer)) {
      const failed = await run().then(
        () => undefined,
        (error: unknown) => String(error instanceof Error ? error.message : error),
      );
      if (failed !== undefined) context.log(`${name}: ${failed}`);
      raw.push({ check: name, ...(failed === undefined ? {} : { failed }) });
    }
    return { measured: raw.filter(({ failed }) => failed !== undefined).length, raw };
  } finally {
    peer.close();
  }
}

export const formatRows: readonly Row[] = [
  {
    id: 'model.formats',
    what: 'checks that fail, of Parquet, Minari, LeRobot, MCAP and ROS 2 bags: read by their own tools, theirs by ours, there and back bit for bit, trained from',
    operator: '=',
    goal: 0,
    unit: '',
    budget_s: 240,
    measure: failures,
  },
];
