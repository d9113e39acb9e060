/** What the truth does under load: restores amid contacts, hostile input, long runs, and what all of its care costs. */
import { join } from 'node:path';
import { engineNames } from '../../src/core/scene-spec.ts';
import type { BenchSize } from '../bench.ts';
import type { Overhead } from '../speed/truth-overhead.ts';
import type { Row } from './row.ts';
import { runNode } from './run-node.ts';
import { type GrowthFigures, type GrowthSize, growthSize } from './storm-growth.ts';
import { addFigures, faultsIn, type HostileFigures, harmEnvs, noFigures } from './storm-hostile.ts';
import { harmByActions } from './storm-refusals.ts';
import { restoreStorm } from './storm-restore.ts';
import { harmWorlds } from './storm-worlds.ts';

type Log = (line: string) => void;

export interface HostileReport {
  readonly total: HostileFigures;
  readonly publicStep: HostileFigures;
  readonly worlds: HostileFigures;
  readonly envs: HostileFigures;
}

/** @param episodes - in all: 15 % through the public step, 15 % straight to worlds, the rest to envs. */
export async function hostileStorm(episodes: number, log: Log = () => {}, ids?: readonly string[]): Promise<HostileReport> {
  const some = Math.ceil(0.15 * episodes);
  const publicStep = await harmByActions({ episodes: some, log, ...(ids && { ids }) });
  const worlds = await harmWorlds({ episodes: some, log });
  const envs = await harmEnvs({ episodes: episodes - 2 * some, log, ...(ids && { ids }) });
  const total = noFigures();
  for (const part of [publicStep, worlds, envs]) addFigures(total, part);
  return { total, publicStep, worlds, envs };
}

/** In a process of its own, so that nothing else grows in it. */
export async function growthAlone({ warmUp, steps, samples }: GrowthSize): Promise<GrowthFigures> {
  return scriptResult<GrowthFigures>(join('bench', 'verify', 'storm-growth.ts'), [warmUp, steps, samples]);
}

/** Each in a process of its own: V8 compiles hot code for all that ran before. */
export async function overheadAlone(id: string, engine: string, { warmUp_s, pairs }: BenchSize): Promise<Overhead> {
  return scriptResult<Overhead>(join('bench', 'speed', 'truth-overhead.ts'), [id, engine, warmUp_s, pairs]);
}

async function scriptResult<T>(script: string, args: readonly (string | number)[]): Promise<T> {
  const { code, out, err } = await runNode(['--import', 'tsx', script, ...args.map(String)]);
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}: ${err.slice(-500)}`);
  return JSON.parse(out) as T;
}

const robots = ['Hopper-v0', 'HalfCheetah-v0', 'Walker2d-v0', 'Ant-v0'] as const;
/** Their physics takes so little time that the env layer shows: reported, not claimed. */
const light = ['CartPole-v0', 'Pendulum-v0', 'CartPoleSwingUp-v0'] as const;

async function overheads(log: Log): Promise<{ robots: Overhead[]; light: Overhead[] }> {
  const measured = { robots: [] as Overhead[], light: [] as Overhead[] };
  for (const engine of engineNames)
    for (const id of [...robots, ...light]) {
      const isLight = (light as readonly string[]).includes(id);
      const figures = await overheadAlone(id, engine, isLight ? { warmUp_s: 3, pairs: 20 } : { warmUp_s: 4, pairs: 40 });
      log(`${id} on ${engine}: ${figures.ratio.toFixed(3)} [${figures.low.toFixed(3)}, ${figures.high.toFixed(3)}]`);
      measured[isLight ? 'light' : 'robots'].push(figures);
    }
  return measured;
}

export const stormRows: readonly Row[] = [
  {
    id: 'truth.restore_diverged',
    what: 'of 10,000 restores of snapshots taken while robots or boxes touch something, futures of 25 steps that differ in a bit from the run that went on; in place, elsewhere, in a fresh env; both engines',
    operator: '=',
    goal: 0,
    unit: 'restores',
    budget_s: 900,
    measure: async ({ log }) => {
      const raw = await restoreStorm({ log });
      return { measured: raw.reduce((sum, { diverged }) => sum + diverged, 0), raw };
    },
  },
  {
    id: 'truth.nan_late',
    what: 'of 100,000 hostile episodes (NaN, Inf, huge, bodies in each other, masses out of proportion), those not noticed by the very step, felt by a neighbour, or from which a reset does not recover bit for bit',
    operator: '=',
    goal: 0,
    unit: 'episodes',
    budget_s: 900,
    measure: async ({ log }) => {
      const raw = await hostileStorm(100_000, log);
      return { measured: faultsIn(raw.total), raw };
    },
  },
  {
    id: 'truth.growth_mb',
    what: 'growth of resident memory over 1,000,000 env steps with resets and restores, Rapier and MuJoCo; worlds left after closing count as 1,000 each',
    operator: '<=',
    goal: 5,
    unit: 'MB',
    budget_s: 450,
    measure: async () => {
      const raw = await growthAlone(growthSize);
      return { measured: raw.growth_MB + 1000 * raw.worldsLeft, raw };
    },
  },
  {
    id: 'truth.overhead',
    what: 'Env.step over a bare loop of the engine that does the same physics, CPU time, in turns, median ratio; the worst of the robots on both engines',
    operator: '<=',
    goal: 1.05,
    unit: '×',
    budget_s: 450,
    measure: async ({ log }) => {
      const raw = await overheads(log);
      return { measured: Math.max(...raw.robots.map(({ ratio }) => ratio)), raw };
    },
  },
];
