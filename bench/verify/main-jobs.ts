/** Rows read off the main job: it runs once for each seed, in this process, however many rows ask. */
import { join } from 'node:path';
import { type MainJobResult, runMainJob } from '../../src/cli/main-job.ts';
import { type GapReport, mean } from '../../src/gap/index.ts';
import type { Context, Measured } from './row.ts';
import { meanInterval } from './statistics.ts';
import { keptTruthPlanner, recordTruthPlanner } from './truth-planner.ts';

export const seeds = [1, 2, 3] as const;

/** @throws what the job throws. */
export function mainJob(context: Context, seed: number): Promise<MainJobResult> {
  return context.once(`main job ${seed}`, async () => {
    let stage = '';
    const onProgress = (progress: { readonly stage: string; readonly note?: string; readonly done: number; readonly of: number }) => {
      if (progress.stage === stage && progress.done < progress.of) return;
      if (progress.stage !== stage) context.log(`seed ${seed}: ${progress.stage}`);
      stage = progress.stage;
    };
    const result = await runMainJob({ seed, out: runFolder(context, seed), onProgress });
    context.log(
      `seed ${seed}: mean return ${mean(result.trueReturns).toFixed(1)} after ${result.realSteps} real steps, ${result.seconds.toFixed(0)} s`,
    );
    return result;
  });
}

export function runFolder(context: Context, seed: number): string {
  return join(context.folder, `main-job-${seed}`);
}

async function mainJobs(context: Context): Promise<MainJobResult[]> {
  const results: MainJobResult[] = [];
  for (const seed of seeds) results.push(await mainJob(context, seed));
  return results;
}

/** Most steps of physics the main job may learn from. */
const mostRealSteps = 1250;

/** Lowest lower bound of the mean true return; a seed that used too many real steps does not count as measured. */
export async function lowestReturn(context: Context): Promise<Measured> {
  const jobs = await mainJobs(context);
  const raw = {
    interval: 'two-sided 95 %, Student t over the starts',
    seeds: jobs.map(({ seed, trueReturns, randomReturns, realSteps }) => ({
      seed,
      ...meanInterval(trueReturns),
      realSteps,
      randomAgent: mean(randomReturns),
      returns: trueReturns,
    })),
    truthPlanner: truthPlannerMean(),
  };
  const greedy = jobs.find(({ realSteps }) => realSteps > mostRealSteps);
  if (greedy) throw new Error(`seed ${greedy.seed} learned from ${greedy.realSteps} real steps; at most ${mostRealSteps} are claimed`);
  return { measured: Math.min(...raw.seeds.map(({ low }) => low)), raw };
}

function truthPlannerMean(): number | string {
  try {
    return mean(keptTruthPlanner().starts.map((start) => start.return));
  } catch (error) {
    return (error as Error).message;
  }
}

/** Which number of which rows of a gap report, over the seeds. */
export async function reportFigure(
  context: Context,
  id: string,
  horizons: readonly number[],
  extreme: (...values: number[]) => number,
): Promise<Measured> {
  const jobs = await mainJobs(context);
  const figures = jobs.flatMap(({ seed, report }) => horizons.map((horizon) => ({ seed, ...figureOf(report, id, horizon) })));
  const absent = figures.find(({ measured }) => measured === null);
  if (absent) throw new Error(`seed ${absent.seed}: ${id} at ${absent.horizon} steps has no value`);
  return { measured: extreme(...figures.map(({ measured }) => measured!)), raw: figures };
}

function figureOf(report: GapReport, id: string, horizon: number) {
  const row = report.rows.find((one) => one.id === id && one.horizon === horizon);
  if (!row) throw new Error(`the gap report has no row ${id} at ${horizon} steps`);
  const { measured, low, high, verdict } = row;
  return { horizon, measured, low, high, verdict };
}

/** Lowest over the seeds of mean return by planning in the model over that by planning in truth, on the same starts. */
export async function plannerRatio(context: Context): Promise<Measured> {
  if (context.rerun) await context.once('truth planner', () => recordTruthPlanner(context.log));
  const truth = keptTruthPlanner();
  const reference = mean(truth.starts.map((start) => start.return));
  const jobs = await mainJobs(context);
  const raw = {
    truthPlanner: { mean: reference, decision_ms: truth.decision_ms, machine: truth.machine },
    seeds: jobs.map(({ seed, trueReturns, decision_ms }) => ({
      seed,
      mean: mean(trueReturns),
      ratio: mean(trueReturns) / reference,
      decision_ms,
    })),
  };
  return { measured: Math.min(...raw.seeds.map(({ ratio }) => ratio)), raw };
}
