/** Agents' trainings that are killed again and again must end with the very files of one that never was. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rng } from '../../src/math/rng.ts';
import { resumedAgents } from '../agents/resumed-agents.ts';
import { root } from '../machine.ts';
import type { Context, Measured } from './row.ts';

export const KILLS = 20;
const STEPS = 40_000;
const compared = ['policy.onnx', 'metrics.jsonl', 'checkpoint.bin'];
/** A training that comes to its end before all kills are spent is followed by another. */
const MOST_TRAININGS = 10;

interface Killed {
  readonly agent: string;
  readonly kills: number;
  readonly trainings: number;
  /** Kills that found a checkpoint. */
  readonly resumed: number;
  readonly bytesDifferent: number;
}

/** Bytes that differ, over all agents. */
export async function resumedBytes(
  { folder, log }: Pick<Context, 'folder' | 'log'>,
  agents: readonly string[] = resumedAgents,
  kills = KILLS,
  steps = STEPS,
): Promise<Measured> {
  const raw: Killed[] = [];
  for (const agent of agents) {
    raw.push(await killedAgain(agent, join(folder, `resume-${agent}`), kills, steps));
    log(`${agent}: ${JSON.stringify(raw.at(-1))}`);
  }
  return { measured: raw.reduce((sum, { bytesDifferent }) => sum + bytesDifferent, 0), raw };
}

async function killedAgain(agent: string, place: string, kills: number, steps: number): Promise<Killed> {
  const rng = new Rng(1);
  const untouched = join(place, 'untouched');
  const began_ms = performance.now();
  await attempt(agent, untouched, steps);
  const longest_ms = performance.now() - began_ms;
  let [spent, resumed, bytesDifferent, trainings] = [0, 0, 0, 0];
  while (spent < kills) {
    if (++trainings > MOST_TRAININGS) throw new Error(`${agent}: only ${spent} of ${kills} kills hit in ${MOST_TRAININGS} trainings`);
    const cwd = join(place, `killed-${trainings}`);
    for (;;) {
      const isOver = await attempt(agent, cwd, steps, spent < kills ? rng.uniform(0, longest_ms / 2) : undefined);
      if (isOver) break;
      spent++;
      if (existsSync(join(cwd, 'checkpoint.bin'))) resumed++;
    }
    for (const file of compared) bytesDifferent += differing(readFileSync(join(untouched, file)), readFileSync(join(cwd, file)));
  }
  return { agent, kills: spent, trainings, resumed, bytesDifferent };
}

/** @param kill_ms - after so long, absent = never. @returns whether it came to its end. @throws when it fails by itself. */
async function attempt(agent: string, cwd: string, steps: number, kill_ms?: number): Promise<boolean> {
  mkdirSync(cwd, { recursive: true });
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'bench', 'agents', 'resumed.ts'), agent, cwd, `${steps}`], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-1000);
  });
  const gone = once(child, 'close');
  if (kill_ms !== undefined && !(await Promise.race([gone.then(() => true), sleep(kill_ms, false)]))) child.kill('SIGKILL');
  await gone;
  if (child.exitCode === 0) return true;
  if (child.signalCode !== 'SIGKILL') throw new Error(`a training of ${agent} ended with ${child.exitCode}: ${complaints}`);
  return false;
}

function differing(a: Uint8Array, b: Uint8Array): number {
  let count = Math.abs(a.length - b.length);
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) count++;
  return count;
}
