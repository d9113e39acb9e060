/** How soon an agent comes to a return: in real steps, or in seconds. */
import { type Interval, mean, median, stratifiedInterval } from '../../src/gap/index.ts';
import type { AgentName, Point, Recorded } from '../agents/run.ts';
import { runsOf } from '../agents/table.ts';
import { finalReturn, kept, randomReturn } from './agents-kept.ts';
import type { Context, Measured } from './row.ts';

export type Cost = Exclude<keyof Point, 'return'>;

/** What the first judgement at or above the return had cost; `unless` where none was. */
export function costTo(threshold: number, { curve }: Pick<Recorded, 'curve'>, cost: Cost, unless: number): number {
  return curve.find((point) => point.return >= threshold)?.[cost] ?? unless;
}

/** One entry a seed. */
type Costs = Readonly<Record<string, readonly number[]>>;

export interface Saving {
  /** Least median cost of the others over that of ours, with its 95 % interval over seeds. */
  readonly ratio: Interval;
  readonly threshold: number;
  readonly others: Costs;
  readonly ours: Costs;
}

/**
 * A run of the others that never came there counts with all that it spent, which favours them; one of ours as if it never ended.
 * @param others, ours - runs by agent.
 */
export function savingOf(
  threshold: number,
  cost: Cost,
  others: Readonly<Record<string, readonly Recorded[]>>,
  ours: Readonly<Record<string, readonly Recorded[]>>,
): Saving {
  const costs = (agents: typeof ours, unless: (run: Recorded) => number): Costs =>
    Object.fromEntries(
      Object.entries(agents).map(([agent, runs]) => [agent, runs.map((run) => costTo(threshold, run, cost, unless(run)))]),
    );
  const theirs = costs(others, ({ curve }) => curve.at(-1)![cost]);
  const own = costs(ours, () => Number.POSITIVE_INFINITY);
  const least = (agents: readonly ArrayLike<number>[]) => Math.min(...agents.map(median));
  const ratio = stratifiedInterval([Object.values(theirs), Object.values(own)], (a, b) => least(a) / least(b));
  return { ratio, threshold, others: theirs, ours: own };
}

/** Runs by agent, on one task. */
async function keptOf(
  agents: readonly AgentName[],
  env: string,
  context: Context,
  engine?: 'mujoco',
): Promise<Record<string, readonly Recorded[]>> {
  const all: Record<string, readonly Recorded[]> = {};
  for (const agent of agents) all[agent] = await kept(runsOf(agent, env, engine ? { engine } : {}), context);
  return all;
}

/**
 * Real steps of the best of SAC, REDQ and SB3's SAC over those of the best agent that learns in a model.
 * @param threshold - the return that both must come to; absent = 90 % of the way from random to the lower of the two families' best final returns.
 */
export async function stepsSaved(env: string, inModel: readonly AgentName[], context: Context, threshold?: number): Promise<Measured> {
  const others = await keptOf(['sac', 'redq', 'sb3-sac'], env, context);
  const ours = await keptOf(inModel, env, context);
  const best = (family: typeof ours) => Math.max(...Object.values(family).map((runs) => mean(runs.map(finalReturn))));
  const between = async () => {
    const random = await randomReturn(env);
    return random + 0.9 * (Math.min(best(others), best(ours)) - random);
  };
  const raw = savingOf(threshold ?? (await between()), 'steps', others, ours);
  return { measured: raw.ratio.measured, raw };
}

/** Seconds of SB3's SAC on MuJoCo over those of the best of ours on Rapier: of CPU time, all processes of a training together. They take turns on one core, so it is their wall-clock on a quiet machine, and on a busy one still is. */
export async function secondsSaved(env: string, agents: readonly AgentName[], threshold: number, context: Context): Promise<Measured> {
  const raw = savingOf(threshold, 'cpu_s', await keptOf(['sb3-sac'], env, context, 'mujoco'), await keptOf(agents, env, context));
  return { measured: raw.ratio.measured, raw };
}
