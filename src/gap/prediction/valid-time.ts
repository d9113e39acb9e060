/** H2: for how long a prediction is good for anything, compared with what nobody can beat. */
import { type Interval, plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { median } from '../statistics.ts';

export interface ValidTime {
  /** Median of the model's steps over the median of the twin's, with its interval over starts. */
  readonly fraction: Interval;
  /** Steps, medians. */
  readonly model: Interval;
  readonly twin: Interval;
  /** Whether the twin's median start outlasts what was played: the fraction then is of that, not of its true time. */
  readonly isCensored: boolean;
}

/**
 * Valid prediction time as a fraction of the one that truth has, started as far off as a sensor errs.
 * @param model - steps of each start. @param twin - likewise, of the same starts. @param horizon - steps played.
 */
export function validTime(model: Float64Array, twin: Float64Array, horizon: number, plan: ResamplePlan): ValidTime {
  const alone = (steps: Float64Array) => plannedInterval([steps], ([sample]) => median(sample!), plan);
  return {
    fraction: plannedInterval([model, twin], ([a, b]) => median(a!) / median(b!), plan),
    model: alone(model),
    twin: alone(twin),
    isCensored: median(twin) >= horizon,
  };
}
