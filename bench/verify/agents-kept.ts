/** Recorded trainings as rows read them. */

import { mean } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { randomPolicy } from '../../src/learning/random-policy.ts';
import { playEpisodes } from '../../src/vector/evaluate.ts';
import { makeRuns } from '../agents/queue.ts';
import { recordedRuns } from '../agents/results.ts';
import { FIRST_START, nameOf, type Recorded, type Run } from '../agents/run.ts';
import type { Context } from './row.ts';

/** @throws when one is missing or stale; with `--rerun` all are made anew, each once. */
export async function kept(runs: readonly Run[], { rerun, log, once }: Pick<Context, 'rerun' | 'log' | 'once'>): Promise<Recorded[]> {
  if (rerun) for (const run of runs) await once(`training ${nameOf(run)}`, () => makeRuns([run], { jobs: 1, log, rerun }));
  return recordedRuns(runs);
}

/** Judgements at the end of a training that its return is the mean of: one of 10 starts is noisy. */
const LAST = 3;

export function finalReturn({ curve }: Pick<Recorded, 'curve'>): number {
  return mean(curve.slice(-LAST).map((point) => point.return));
}

/** The last alone. */
export function finalJudgement({ curve }: Pick<Recorded, 'curve'>): Recorded['curve'][number] {
  return curve.at(-1)!;
}

const RANDOM_STARTS = 40;

/** Mean return of uniformly random actions, played live. */
export async function randomReturn(id: string, starts = RANDOM_STARTS): Promise<number> {
  const env = await registry.makeVector(id, { lanes: starts, copy: false });
  try {
    const options = { seed: FIRST_START, policySeed: 1, maxSteps: registry.task(id).horizon };
    const { returns } = await playEpisodes(env, randomPolicy(env.actionSpace, starts), options);
    return mean(returns);
  } finally {
    await env.close();
  }
}
