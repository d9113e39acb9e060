import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { envFolders } from '../../scripts/env-docs.ts';
import { referencesOf } from '../../scripts/references.ts';
import { mean } from '../../src/gap/index.ts';
import { root } from '../machine.ts';
import { intervalOf, keptReference, playReference, recordReference, referenceStarts } from './references.ts';
import { referencePlans } from './references-plan.ts';
import type { Context, Measured, Row } from './row.ts';

interface Played {
  readonly env: string;
  /** Of this run, and as the README has it. */
  readonly return: number;
  readonly kept: number;
  readonly low: number;
  readonly high: number;
  readonly solvedAt: number | null;
  /** Whether the README says what is kept, and this run agrees with it. */
  readonly holds: boolean;
  readonly why: string;
}

/** Returns that differ by less than this share are the same on a processor that rounds otherwise. */
const alike = 0.01;

export async function checkReference(id: string, { rerun, log }: Pick<Context, 'rerun' | 'log'>): Promise<Played | undefined> {
  if (rerun) await recordReference(id);
  const found = keptReference(id);
  if (!found) {
    log(`${id}: there is no reference; make it with npm run references -- ${id}`);
    return undefined;
  }
  const { kept, policy } = found;
  const interval = intervalOf(kept.evaluation.returns);
  const measured = mean(await playReference(id, policy));
  const reach = Math.max(interval.high - interval.measured, interval.measured - interval.low, alike * Math.abs(interval.measured));
  const agrees = Math.abs(measured - interval.measured) <= reach;
  const folder = folderOf(id);
  const isWritten = readFileSync(join(root, 'envs', folder, 'README.md'), 'utf8').includes(referencesOf(folder));
  const holds = agrees && isWritten;
  const why = holds ? '' : agrees ? 'its README says something else' : `it returned ${measured.toFixed(1)}`;
  log(
    `${id}: ${measured.toFixed(1)}, kept ${interval.measured.toFixed(1)} [${interval.low.toFixed(1)}, ${interval.high.toFixed(1)}]${why && `: ${why}`}`,
  );
  const solvedAt = kept.plan.solved?.return ?? null;
  return { env: id, return: measured, kept: interval.measured, low: interval.low, high: interval.high, solvedAt, holds, why };
}

function folderOf(id: string): string {
  return [...envFolders].find(([, tasks]) => tasks.some((task) => task.id === id))![0];
}

/** Plays all references once for both rows. */
async function playAll(context: Context): Promise<Played[]> {
  return context.once('references', async () => {
    const all: Played[] = [];
    for (const id of Object.keys(referencePlans)) {
      const played = await checkReference(id, context);
      if (played) all.push(played);
    }
    return all;
  });
}

async function counted(context: Context, counts: (played: Played) => boolean): Promise<Measured> {
  const all = await playAll(context);
  return { measured: all.filter(counts).length, raw: all };
}

export const referencesRows: readonly Row[] = [
  {
    id: 'agents.references',
    what: `envs of the suite whose README gives the return of a trained agent, its 95 % interval and the commands that train and play it, and whose agent returns that when played on the ${referenceStarts} starts now`,
    operator: '=',
    goal: Object.keys(referencePlans).length,
    unit: 'envs',
    budget_s: 600,
    measure: (context) => counted(context, ({ holds }) => holds),
  },
  {
    id: 'agents.solved',
    what: 'of them, those where that return is at the threshold of the task or at 80 % of what others are listed with, see bench/verify/references-plan.ts',
    operator: '>=',
    goal: 12,
    unit: 'envs',
    budget_s: 600,
    measure: (context) => counted(context, ({ holds, return: measured, solvedAt }) => holds && solvedAt !== null && measured >= solvedAt),
  },
];
