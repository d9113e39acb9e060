/**
 * Scores of trainings, over runs and tasks: Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice"; tested against its library, rliable.
 * Scores of several tasks are made comparable before, for example (return − random) / (reference − random).
 */
import { Rng } from '../math/rng.ts';
import { DEFAULT_LEVEL, DEFAULT_RESAMPLES, type Interval, percentileInterval } from './bootstrap.ts';
import { interquartileMean, mean, median } from './statistics.ts';

/** One row a task: the score of each run (seed). Tasks may have different numbers of runs. */
export type Scores = readonly ArrayLike<number>[];

/** Mean over tasks of their mean scores. */
export function meanScore(scores: Scores): number {
  return mean(scores.map(mean));
}

/** Median over tasks of their mean scores. */
export function medianScore(scores: Scores): number {
  return median(scores.map(mean));
}

/**
 * Mean of the middle half of all runs of all tasks: what the paper recommends to report.
 * Where their number is no multiple of 4 the runs cut by the quartiles count in part; rliable keeps them whole.
 */
export function interquartileMeanScore(scores: Scores): number {
  return interquartileMean(scores.flatMap((task) => Array.from(task)));
}

/** By how much runs fall short of `target`, on average; beyond it no run counts. */
export function optimalityGap(scores: Scores, target = 1): number {
  const short = scores.flatMap((task) => Array.from(task, (score) => Math.max(0, target - score)));
  return mean(short);
}

/** Probability that a run of x scores higher than one of y on the same task, mean over tasks; a tie counts half (Mann & Whitney's U). */
export function probabilityOfImprovement(x: Scores, y: Scores): number {
  return mean(x.map((task, i) => shareAbove(task, y[i]!)));
}

function shareAbove(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let above = 0;
  for (let i = 0; i < x.length; i++) for (let j = 0; j < y.length; j++) above += x[i]! > y[j]! ? 1 : x[i] === y[j] ? 0.5 : 0;
  return above / (x.length * y.length);
}

/** Share of all runs that score above each threshold: the run-score distribution. */
export function performanceProfile(scores: Scores, thresholds: readonly number[]): number[] {
  const all = scores.flatMap((task) => Array.from(task));
  return thresholds.map((threshold) => all.filter((score) => score > threshold).length / all.length);
}

export interface StratifiedOptions {
  /** Of the resampling. Default 0. */
  readonly seed?: number;
  readonly resamples?: number;
  readonly level?: number;
}

/**
 * A statistic of one or several agents with its percentile bootstrap interval. Runs are drawn anew within each task (stratum), of each agent on its own: the
 * interval says what other seeds might have given on the same tasks.
 *
 * @param agents - scores of each.
 * @param statistic - of resampled scores, which are reused by the next call.
 */
export function stratifiedInterval(
  agents: readonly Scores[],
  statistic: (...agents: Scores[]) => number,
  { seed = 0, resamples = DEFAULT_RESAMPLES, level = DEFAULT_LEVEL }: StratifiedOptions = {},
): Interval {
  const rng = new Rng(seed);
  const drawn = agents.map((scores) => scores.map((task) => new Float64Array(task.length)));
  const resampled = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    for (const [agent, tasks] of drawn.entries()) for (const [task, into] of tasks.entries()) draw(agents[agent]![task]!, into, rng);
    resampled[resample] = statistic(...drawn);
  }
  return percentileInterval(statistic(...agents), resampled, level);
}

function draw(from: ArrayLike<number>, into: Float64Array, rng: Rng): void {
  for (let i = 0; i < into.length; i++) into[i] = from[rng.integer(from.length)]!;
}
