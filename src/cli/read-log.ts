/** Logs of robots as the command line names them: one way of reading and of mapping for every command that takes one. */
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type EpisodeSet, elementNames, elementsOfEntries } from '../data/episode.ts';
import { episodesOf, holdsStatesOf, specOf, transitionsOfEpisodes } from '../data/episode-transitions.ts';
import { type ColumnMap, type FormatName, formatNames, formats } from '../data/formats/index.ts';
import { readTransitions, type Transitions } from '../data/transitions.ts';
import { GroundtwinError } from '../errors.ts';
import type { AnyTask } from '../task/task.ts';
import type { Terminal } from './terminal.ts';

/** What `groundtwin record` writes, beside what others do. */
type LogFormat = FormatName | 'transitions';

export interface LogOptions {
  readonly format?: LogFormat;
  readonly columns?: ColumnMap;
  readonly observationTopic?: string;
  readonly actionTopic?: string;
}

const hasColumns: readonly LogFormat[] = ['csv', 'parquet'];
const hasTopics: readonly LogFormat[] = ['mcap', 'rosbag'];

/** Of the commands that take a log. */
export function withLogOptions(command: Command): Command {
  return withMappingOptions(
    command.addOption(
      new Option('--format <name>', 'what the log is (default: what it looks like)').choices([...formatNames, 'transitions']),
    ),
  );
}

/** How the numbers of a log are told apart. */
export function withMappingOptions(command: Command): Command {
  return command
    .option(
      '--columns <pairs...>',
      'columns of csv or parquet that are not named as ours are, as in state.angle_rad=theta_deg*0.0174533 time_s=stamp',
      mapped,
    )
    .option('--observation-topic <name>', 'topic of the observations in mcap and rosbag (default: /observation)')
    .option('--action-topic <name>', 'topic of the actions in mcap and rosbag (default: /action)');
}

/** `ours=theirs` or `ours=theirs*factor`; each call adds one. */
function mapped(text: string, before: ColumnMap = new Map()): ColumnMap {
  const [, ours, theirs, factor = '1'] = /^\s*([^=]+?)\s*=\s*(.+?)\s*(?:\*\s*([-+.\deE]+))?\s*$/.exec(text) ?? [];
  if (ours === undefined || !Number.isFinite(Number(factor)) || Number(factor) === 0)
    throw new InvalidArgumentError('It must be ours=theirs, or ours=theirs*factor.');
  if (before.has(ours)) throw new InvalidArgumentError(`${ours} is named twice.`);
  return new Map([...before, [ours, { column: theirs!, factor: Number(factor) }]]);
}

/** As given, for the command that is kept: maps do not print. */
export function logOptionsGiven<T extends LogOptions>({ columns, ...given }: T): Omit<T, 'columns'> & { columns?: string[] } {
  if (!columns) return given;
  return { ...given, columns: [...columns].map(([ours, { column, factor }]) => `${ours}=${column}${factor === 1 ? '' : `*${factor}`}`) };
}

/** What a file gives its format to read by. */
export function importOptionsOf(task: AnyTask, { columns, observationTopic, actionTopic }: LogOptions, screen: Terminal, format: string) {
  return {
    expected: specOf(task),
    ...(columns === undefined ? {} : { columns }),
    ...(observationTopic === undefined ? {} : { observationTopic }),
    ...(actionTopic === undefined ? {} : { actionTopic }),
    onProgress: (done: number, of: number) => screen.progress({ stage: `reading ${format}`, done, of }),
  };
}

export interface Log {
  readonly path: string;
  /** For a reader. */
  readonly name: string;
  /** Whether whole states can be told, from what it holds or from its observations. */
  readonly hasStates: boolean;
  /** @throws OPTION_INVALID where there are none, DATA_INVALID for other than the task's. */
  transitions(): Transitions;
  /** What was seen and done. */
  episodes(): EpisodeSet;
}

/** @throws DATA_INVALID for what is no log, or not of this task; OPTION_INVALID for options that its format has no use for. */
export async function readLog(task: AnyTask, file: string, options: LogOptions, screen: Terminal): Promise<Log> {
  const path = resolve(file);
  const format = options.format ?? formatAt(path);
  requireUsed(format, options);
  const about = { path, name: basename(path) };
  if (format === 'transitions') {
    const data = readTransitions(path, task);
    return { ...about, hasStates: true, transitions: () => data, episodes: () => episodesOf(task, data) };
  }
  const set = await formats[format].read(path, importOptionsOf(task, options, screen, format));
  screen.settle();
  const hasStates = holdsStatesOf(task, set) || task.infer !== undefined;
  const transitions = () => transitionsOfEpisodes(task, set, path);
  return { ...about, hasStates, transitions, episodes: () => (sawOnlyStates(set) ? episodesOf(task, transitions()) : set) };
}

/** A table of states and actions without what was seen of them. */
function sawOnlyStates({ spec }: EpisodeSet): boolean {
  return spec.stateEntries !== undefined && String(elementNames(spec.observationSpace)) === String(elementsOfEntries(spec.stateEntries));
}

/** Whole states alone. */
export async function readLogTransitions(task: AnyTask, file: string, options: LogOptions, screen: Terminal): Promise<Transitions> {
  const log = await readLog(task, file, options, screen);
  return log.transitions();
}

/** @throws OPTION_INVALID for a mapping that a format has no use for. */
export function requireUsed(format: LogFormat, { columns, observationTopic, actionTopic }: LogOptions): void {
  const refuse = (option: string, kept: readonly string[]): never => {
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'groundtwin',
      option,
      value: `given for ${format}`,
      allowed: `given for ${kept.join(' and ')} alone`,
    });
  };
  if (columns && !hasColumns.includes(format)) refuse('--columns', hasColumns);
  for (const [option, topic] of [['--observation-topic', observationTopic] as const, ['--action-topic', actionTopic] as const])
    if (topic !== undefined && !hasTopics.includes(format)) refuse(option, hasTopics);
}

const mcapMagic = '\u0089MCAP0\r\n';

/** What a file or folder looks like. */
function formatAt(path: string): LogFormat {
  const found = statSync(path, { throwIfNoEntry: false });
  const refuse = (problem: string): never => {
    throw new GroundtwinError('DATA_INVALID', { path, problem });
  };
  if (!found) return refuse('there is nothing of that name');
  if (found.isDirectory())
    return folderFormat(path) ?? refuse('a folder that is no Minari, LeRobot or ROS 2 bag: say what it is (--format)');
  if (!found.isFile()) return refuse('it is no file');
  const head = headOf(path);
  if (head.startsWith('PAR1')) return 'parquet';
  if (head.startsWith(mcapMagic)) return 'mcap';
  if (head.slice(4).startsWith('{"head":')) return 'transitions';
  if (!/[^\t\n\r\u0020-\u00ff]/.test(head) && head !== '') return 'csv';
  return refuse(`it is no log that is read: ${[...formatNames, 'transitions'].join(', ')} are (--format)`);
}

function folderFormat(path: string): LogFormat | undefined {
  if (existsSync(join(path, 'data', 'main_data.hdf5'))) return 'minari';
  if (existsSync(join(path, 'meta', 'info.json'))) return 'lerobot';
  if (existsSync(join(path, 'metadata.yaml')) || readdirSync(path).some((name) => name.endsWith('.mcap'))) return 'rosbag';
  return undefined;
}

/** The first bytes, one character each. */
function headOf(path: string): string {
  const start = new Uint8Array(64);
  const file = openSync(path, 'r');
  try {
    return String.fromCharCode(...start.subarray(0, readSync(file, start)));
  } finally {
    closeSync(file);
  }
}
