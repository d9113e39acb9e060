/** Planning in learned models against planning in truth itself. */
import { type Interval, mean, stratifiedInterval } from '../../src/gap/index.ts';
import { runsOf } from '../agents/table.ts';
import { finalJudgement, kept, randomReturn } from './agents-kept.ts';
import { plannedTasks } from './play-truth-planner.ts';
import type { Context, Measured } from './row.ts';
import { keptTruthPlanner, recordTruthPlanner } from './truth-planner.ts';

export interface PlanningRatio {
  /** (in the model − random) / (in truth − random), mean over models with its 95 % interval. */
  readonly ratio: Interval;
  /** Mean return of each model's planner, and the real steps that it was learned from. */
  readonly inModel: readonly { readonly return: number; readonly steps: number }[];
  readonly inTruth: number;
  readonly random: number;
}

export function planningRatioOf(inModel: PlanningRatio['inModel'], inTruth: number, random: number): PlanningRatio {
  const returns = inModel.map((one) => one.return);
  const ratio = stratifiedInterval([[returns]], (found) => (mean(found[0]!) - random) / (inTruth - random));
  return { ratio, inModel, inTruth, random };
}

/** The worst mean over the tasks. */
export async function planningRatio(context: Context): Promise<Measured> {
  const raw: (PlanningRatio & { readonly env: string })[] = [];
  for (const env of Object.keys(plannedTasks)) {
    if (context.rerun) await context.once(`truth planner ${env}`, () => recordTruthPlanner(context.log, { task: env }));
    const { starts } = keptTruthPlanner({ task: env });
    const inModel = (await kept(runsOf('pets', env), context)).map(finalJudgement);
    raw.push({ env, ...planningRatioOf(inModel, mean(starts.map((start) => start.return)), await randomReturn(env)) });
  }
  return { measured: Math.min(...raw.map(({ ratio }) => ratio.measured)), raw };
}
