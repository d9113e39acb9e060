/** Returns of planning in truth itself, the bound for planning in the model. They take some 15 minutes, so they are kept. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EVALUATION_SEED, MAIN_TASK } from '../../src/cli/main-job.ts';
import { writeFileAtomically } from '../../src/data/atomic-file.ts';
import { type Machine, machine, root } from '../machine.ts';
import { type CodeHash, codeHash } from './code-hash.ts';
import { type PlayedStart, plannedTasks, playTruthPlanner } from './play-truth-planner.ts';

export interface TruthPlannerFile {
  readonly what: string;
  readonly task: string;
  readonly horizon: number;
  /** Wall-clock, mean over all decisions. */
  readonly decision_ms: number;
  readonly starts: readonly PlayedStart[];
  readonly machine: Machine;
  readonly code: CodeHash;
}

export interface RecordOptions {
  /** One of `plannedTasks`; default that of the main job. */
  readonly task?: string;
  readonly folder?: string;
  readonly starts?: number;
  /** Steps of an episode; fewer only in tests. */
  readonly maxSteps?: number;
}

const player = 'bench/verify/play-truth-planner.ts';
const kept = join(root, 'bench', 'results', 'truth-planner');
const startCount = 20;
const rerunHint = 'make it anew with npm run verify -- agents --only agents.cem_ratio --rerun';

/** @throws when the kept result is missing, incomplete or stale. */
export function keptTruthPlanner(options: RecordOptions = {}): TruthPlannerFile {
  const { path, task, starts, maxSteps } = filled(options);
  if (!existsSync(path)) throw new Error(`no kept result of the truth planner on ${task.id}; ${rerunHint}`);
  const file = read(path);
  const why = staleness(file, maxSteps);
  if (why) throw new Error(`stale: ${why}; ${rerunHint}`);
  if (file.starts.length < starts)
    throw new Error(`incomplete: ${file.starts.length} of ${starts} starts; go on with the same command: ${rerunHint}`);
  return file;
}

/** Plays start after start and keeps each as it ends; a recording of the same code that was cut off goes on. */
export async function recordTruthPlanner(log: (line: string) => void, options: RecordOptions = {}): Promise<TruthPlannerFile> {
  const { path, task, starts, maxSteps } = filled(options);
  const begun = existsSync(path) ? read(path) : undefined;
  const goesOn = begun !== undefined && begun.starts.length < starts && staleness(begun, maxSteps) === undefined;
  const played: PlayedStart[] = goesOn ? [...begun.starts] : [];
  for (let start = played.length; start < starts; start++) {
    played.push(await playTruthPlanner(task, EVALUATION_SEED + start, start + 1, maxSteps));
    write(path, task.id, played, maxSteps);
    log(
      `truth planner on ${task.id}, start ${start + 1} of ${starts}: return ${played[start]!.return.toFixed(1)} in ${played[start]!.seconds.toFixed(0)} s`,
    );
  }
  return read(path);
}

function filled({ task: id = MAIN_TASK, folder = kept, starts = startCount, maxSteps }: RecordOptions) {
  const task = plannedTasks[id]!;
  return { task, path: join(folder, `${id}.json`), starts, maxSteps: maxSteps ?? task.horizon };
}

function staleness({ code, starts, horizon }: TruthPlannerFile, maxSteps: number): string | undefined {
  if (code.sha256 !== codeHash(player).sha256) return 'the code it depends on has changed';
  if (horizon !== maxSteps) return 'its episodes have another length';
  return starts.every(({ seed }, i) => seed === EVALUATION_SEED + i) ? undefined : 'its starts are not those of the main job';
}

function read(path: string): TruthPlannerFile {
  return JSON.parse(readFileSync(path, 'utf8')) as TruthPlannerFile;
}

function write(path: string, task: string, starts: readonly PlayedStart[], horizon: number): void {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const file: TruthPlannerFile = {
    what: 'cross-entropy planning in truth itself, one start after the other',
    task,
    horizon,
    decision_ms: (1000 * sum(starts.map(({ seconds }) => seconds))) / sum(starts.map(({ steps }) => steps)),
    starts,
    machine: machine(),
    code: codeHash(player),
  };
  writeFileAtomically(path, `${JSON.stringify(file, null, 1)}\n`);
}
