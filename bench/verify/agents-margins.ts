/** Our PPO and SAC against Stable-Baselines3's at equal steps and settings, both on our envs. */
import { type Interval, mean, probabilityOfImprovement, stratifiedInterval } from '../../src/gap/index.ts';
import type { AgentName } from '../agents/run.ts';
import { runsOf } from '../agents/table.ts';
import { finalReturn, kept, randomReturn } from './agents-kept.ts';
import type { Context, Measured } from './row.ts';

export interface Margin {
  /** (ours − theirs) / (their mean − random) with its 95 % interval over seeds. */
  readonly margin: Interval;
  /** That a run of ours returns more than one of theirs. */
  readonly improvement: Interval;
  readonly random: number;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

/** @param ours - final return of each seed. @param theirs - alike; their mean must be above random. */
export function marginOf(ours: readonly number[], theirs: readonly number[], random: number): Margin {
  const range = mean(theirs) - random;
  if (!(range > 0)) throw new Error(`the other's mean return is ${mean(theirs)}, no better than random (${random}): there is no range`);
  const margin = stratifiedInterval([[ours], [theirs]], ([a], [b]) => (mean(a!) - mean(b!)) / range);
  return { margin, improvement: stratifiedInterval([[ours], [theirs]], probabilityOfImprovement), random, ours, theirs };
}

/** The worst lower bound over the tasks. */
export async function worstMargin(ours: AgentName, theirs: AgentName, tasks: readonly string[], context: Context): Promise<Measured> {
  const margins: (Margin & { readonly env: string })[] = [];
  for (const env of tasks) {
    const [own, other] = [await kept(runsOf(ours, env), context), await kept(runsOf(theirs, env), context)];
    margins.push({ env, ...marginOf(own.map(finalReturn), other.map(finalReturn), await randomReturn(env)) });
  }
  return { measured: Math.min(...margins.map(({ margin }) => margin.low)), raw: margins };
}
