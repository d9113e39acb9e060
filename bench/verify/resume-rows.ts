/** Training that is killed again and again must end with the very files of training that was never touched. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rng } from '../../src/math/rng.ts';
import { root } from '../machine.ts';
import { aliveAmong, idsOfTree } from './process-tree.ts';
import type { Context, Measured, Row } from './row.ts';
import type { Ended } from './run-node.ts';

const kills = 20;
/** A folder of each training, its name and not its path in the command, so that the same is written in all. */
const recording = ['record', '--env', 'CartPoleSwingUp-v0', '--episodes', '2', '--seed', '3', '--out', 'training.bin'];
/** Early stopping and elites too: what they keep has to survive as well. A checkpoint every chunk, so that many a kill falls into its writing. */
const training = ['train-model', '--env', 'CartPoleSwingUp-v0', '--data', join('..', 'training.bin'), '--out', 'run', '--json'].concat(
  ...[
    ['--updates', '4000'],
    ['--patience', '1500'],
    ['--members', '5'],
    ['--elites', '3'],
    ['--checkpoint-every', '50'],
  ],
);

/** Which processes are killed: the command, one of the processes it started, or its whole group at once. */
type Target = 'command' | 'child' | 'group';
const targets: readonly Target[] = ['command', 'child', 'group'];

interface Attempt {
  readonly target: Target;
  /** From its start. */
  readonly killed_ms: number;
  /** The last update that was saved by then, in this attempt or before. */
  readonly saved: number | null;
}

interface Trained {
  readonly attempts: readonly Attempt[];
  /** Where the one that came to its end went on from. */
  readonly resumedFrom: number | null;
  readonly bytesDifferent: number;
}

/** The CLI as a user starts it, in a process group of its own. */
function start(args: readonly string[], cwd: string): Running {
  const child = spawn(process.execPath, [join(root, 'bin', 'groundtwin.mjs'), ...args], {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout!.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr!.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended };
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

async function toItsEnd(args: readonly string[], cwd: string): Promise<{ readonly out: string; readonly ms: number }> {
  const started_ms = performance.now();
  const { code, out, err } = await start(args, cwd).ended;
  if (code !== 0) throw new Error(`groundtwin ${args[0]} ended with ${code}: ${err.slice(-500)}`);
  return { out, ms: performance.now() - started_ms };
}

/** Kills one of a command's processes, or all, by their ids. @returns the ids that it had, and whether the signal found somebody. */
function kill({ pid: command }: ChildProcess, target: Target, rng: Rng): { ids: number[]; hit: boolean } {
  const ids = idsOfTree(command!);
  const children = ids.filter((id) => id !== command);
  const chosen = { command: command!, child: children[rng.integer(children.length || 1)] ?? command!, group: -command! }[target];
  try {
    return { ids, hit: process.kill(chosen, 'SIGKILL') };
  } catch {
    // It ended by itself a moment ago.
    return { ids, hit: false };
  }
}

/**
 * Starts a training in `cwd` again and again, killing it at a random moment each time, until it comes to its end by itself or all kills are spent; then it is left alone.
 * @param started - takes the ids of all processes.
 */
async function harassed(
  cwd: string,
  most: number,
  longest_ms: number,
  rng: Rng,
  started: Set<number>,
): Promise<Omit<Trained, 'bytesDifferent'>> {
  const attempts: Attempt[] = [];
  for (;;) {
    const { child, ended } = start(training, cwd);
    const gone = once(child, 'exit');
    const killed_ms = attempts.length < most ? rng.uniform(0, longest_ms) : Number.POSITIVE_INFINITY;
    const isOver = killed_ms === Number.POSITIVE_INFINITY || (await Promise.race([gone.then(() => true), sleep(killed_ms, false)]));
    if (!isOver) {
      const target = targets[rng.integer(targets.length)]!;
      const { ids, hit } = kill(child, target, rng);
      for (const id of ids) started.add(id);
      if (hit) attempts.push({ target, killed_ms: Math.round(killed_ms), saved: lastUpdate(cwd) });
    }
    // Not until its pipes are closed: a process that outlives the command for a moment holds them, and the next command need not wait for it.
    await gone;
    if (child.exitCode === 0)
      return { attempts, resumedFrom: (JSON.parse((await ended).out) as { resumedFrom: number | null }).resumedFrom };
    if (isOver) throw new Error(`training left alone ended with ${child.exitCode}: ${(await ended).err.slice(-500)}`);
  }
}

/** Of the metrics so far, written with each checkpoint. */
function lastUpdate(cwd: string): number | null {
  const path = join(cwd, 'run', 'metrics.jsonl');
  if (!existsSync(path)) return null;
  return (JSON.parse(readFileSync(path, 'utf8').trim().split('\n').at(-1)!) as { update: number }).update;
}

async function resumeBytes({ folder, log }: Context): Promise<Measured> {
  const place = join(folder, 'resume');
  const untouched = join(place, 'untouched');
  mkdirSync(untouched, { recursive: true });
  await toItsEnd(recording, place);
  const { ms } = await toItsEnd(training, untouched);
  log(`an uninterrupted training takes ${(ms / 1000).toFixed(1)} s`);
  const rng = new Rng(1);
  const started = new Set<number>();
  const trainings: Trained[] = [];
  let longest_ms = ms;
  for (let left = kills; left > 0; ) {
    const cwd = join(place, `killed-${trainings.length}`);
    mkdirSync(cwd);
    const trained = await harassed(cwd, left, longest_ms, rng, started);
    left -= trained.attempts.length;
    // It came to its end before its moment: the machine is less busy now.
    if (trained.attempts.length === 0) longest_ms *= 0.7;
    trainings.push({ ...trained, bytesDifferent: bytesDifferent(join(untouched, 'run'), join(cwd, 'run')) });
    log(
      `${trained.attempts.length} kills, the last resumed from update ${trained.resumedFrom}: ${trainings.at(-1)!.bytesDifferent} bytes differ`,
    );
  }
  await allGone(started);
  return { measured: trainings.reduce((sum, trained) => sum + trained.bytesDifferent, 0), raw: { uninterrupted_ms: ms, trainings } };
}

/** @throws when a process that was started is still there after a while. */
async function allGone(ids: ReadonlySet<number>): Promise<void> {
  for (let tries = 0; tries < 100 && aliveAmong(ids).length > 0; tries++) await sleep(100);
  const left = aliveAmong(ids);
  if (left.length > 0) throw new Error(`${left.length} processes outlive the command that started them`);
}

/** Bytes that differ between two folders: of files that only one holds, all. A date in config.json does not count. */
export function bytesDifferent(one: string, other: string): number {
  const names = new Set([...readdirSync(one), ...readdirSync(other)]);
  return [...names].reduce((sum, name) => sum + differing(contentOf(join(one, name)), contentOf(join(other, name))), 0);
}

function contentOf(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path);
    return path.endsWith('config.json') ? new TextEncoder().encode(undated(bytes.toString())) : bytes;
  } catch {
    return new Uint8Array(0);
  }
}

function undated(text: string): string {
  const { date: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify(rest);
}

function differing(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  let count = Math.max(a.length, b.length) - common;
  for (let i = 0; i < common; i++) if (a[i] !== b[i]) count++;
  return count;
}

export const resumeRows: readonly Row[] = [
  {
    id: 'model.resume_bytes',
    what: `bytes of model folder and metrics that differ from uninterrupted training after ${kills} kill -9 at random moments: of the command, a child, or all`,
    operator: '=',
    goal: 0,
    unit: 'bytes',
    budget_s: 300,
    measure: resumeBytes,
  },
];
