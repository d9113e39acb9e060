import { type Interval, plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { DIVERGED_SCALES, type Reals } from '../paired-rollouts.ts';

/** Two plans that are the same up to step k, played with the same noise. */
export interface ForkedPlans {
  readonly starts: number;
  /** Draws of each start. */
  readonly copies: number;
  readonly horizon: number;
  /** Actions of the steps from here on differ; they lead to states after it. */
  readonly fork: number;
  /** `[starts, copies, horizon + 1, size]` */
  readonly base: Reals;
  readonly forked: Reals;
  /** `[size]` */
  readonly scale: Reals;
}

/**
 * C6: how much states up to step k change with the actions after k. An effect before its cause is a leak of the future, however small, so only 0 passes.
 * Values are compared bit for bit, not the short way round; what is a number in one plan only counts as `DIVERGED_SCALES`.
 *
 * @param plan - resamples of the starts.
 * @returns largest change over starts, draws, steps up to k and elements, standard deviations.
 * @see gap suite C6
 */
export function arrowOfTime(data: ForkedPlans, plan: ResamplePlan): Interval {
  const size = data.scale.length;
  const width = (data.horizon + 1) * size;
  const worst = new Float64Array(data.starts);
  for (let start = 0; start < data.starts; start++)
    for (let copy = 0; copy < data.copies; copy++) {
      const first = (start * data.copies + copy) * width;
      for (let at = first; at < first + (data.fork + 1) * size; at++) {
        const change = changeOf(data.base[at]!, data.forked[at]!, data.scale[(at - first) % size]!);
        if (change > worst[start]!) worst[start] = change;
      }
    }
  return plannedInterval([worst], ([values]) => values!.reduce((most, value) => Math.max(most, value), 0), plan);
}

function changeOf(before: number, after: number, scale: number): number {
  if (Object.is(before, after) || before === after) return 0;
  const change = Math.abs(after - before) / scale;
  return Number.isNaN(change) ? DIVERGED_SCALES : Math.min(change, DIVERGED_SCALES);
}
