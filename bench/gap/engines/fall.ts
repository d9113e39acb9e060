/** How much of a gap goes when its cause does. */
import { columnMeans, type Interval, percentileInterval, type ResamplePlan, resampledMeans } from '../../../src/gap/bootstrap.ts';

/** Of every start, at one step ahead; squares in σ². */
export interface Apart {
  /** `[starts]`: how far MuJoCo is from Rapier, mean over the quantities. */
  readonly error: ArrayLike<number>;
  /** `[starts]`: how far Rapier has moved from the start. */
  readonly motion: ArrayLike<number>;
}

export interface Fall {
  /** Of E: 1 = nothing is left, 0 = all of it, negative = it grew. */
  readonly error: Interval;
  /** The same of E over how far things move: what less motion alone does not bring. */
  readonly perMotion: Interval;
}

/** What has to go: half of it, and a third by the lower end of the interval; of the error, and of the error over the motion. */
export const EXPLAINED = { fall: 1 / 2, low: 1 / 3 } as const;

/** @param plan - of the starts, which `whole` and `removed` share. */
export function fallOf(whole: Apart, removed: Apart, plan: ResamplePlan): Fall {
  const columns = [whole.error, whole.motion, removed.error, removed.motion];
  const values = Float64Array.from(
    { length: plan.count * columns.length },
    (_, i) => columns[i % columns.length]![Math.floor(i / columns.length)]!,
  );
  const measured = columnMeans(values, columns.length);
  const resampled = resampledMeans(values, columns.length, plan);
  const interval = (of: (means: Float64Array) => number) =>
    percentileInterval(
      of(measured),
      Float64Array.from({ length: plan.resamples }, (_, i) => of(resampled.subarray(i * columns.length, (i + 1) * columns.length))),
    );
  return {
    error: interval(([before, , after]) => 1 - Math.sqrt(after! / before!)),
    perMotion: interval(([before, moved, after, movedThen]) => 1 - Math.sqrt(after! / movedThen! / (before! / moved!))),
  };
}

export function explains({ error, perMotion }: Fall): boolean {
  return [error, perMotion].every(({ measured, low }) => measured >= EXPLAINED.fall && low >= EXPLAINED.low);
}
