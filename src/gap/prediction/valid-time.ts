/** H2: for how long a prediction is good for anything, compared with what nobody can beat. */
import type { StateEntry } from '../../core/state-spec.ts';
import { type Interval, plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { boundedGap, elementGap, elementsOf, type Reals } from '../paired-rollouts.ts';
import { median } from '../statistics.ts';

/** Standard deviations off, root-mean-square over elements, from which a prediction no longer tells where truth is. */
export const VALID_ERROR = 0.4;

/** Rollouts of the same starts; rows as in `PairedRollouts`. */
export interface Compared {
  readonly entries: readonly StateEntry[];
  readonly starts: number;
  readonly horizon: number;
  /** `[starts, horizon + 1, size]` */
  readonly truth: Reals;
  /** `[size]` */
  readonly scale: Reals;
}

/**
 * `E_i(t)`: root-mean-square over elements of the error in standard deviations, of every start and step.
 * @param predicted - `[starts, horizon + 1, size]`; what is not finite counts as `DIVERGED_SCALES` off.
 * @returns float64 `[starts, horizon + 1]`, no unit.
 */
export function errorsOfStarts({ entries, truth, scale }: Pick<Compared, 'entries' | 'truth' | 'scale'>, predicted: Reals): Float64Array {
  const elements = elementsOf(entries);
  const errors = new Float64Array(truth.length / elements.length);
  for (let row = 0; row < truth.length; row += elements.length) {
    let sum = 0;
    for (const element of elements) {
      const sigma = scale[element.index]!;
      sum += (boundedGap(elementGap(element, predicted, row, truth, row), sigma) / sigma) ** 2;
    }
    errors[row / elements.length] = Math.sqrt(sum / elements.length);
  }
  return errors;
}

/**
 * First step at which the error of each start passes the limit; the horizon for one that never does.
 * @param errors - `[starts, horizon + 1]`.
 */
export function firstPassages(errors: Float64Array, horizon: number, limit = VALID_ERROR): Float64Array {
  const steps = horizon + 1;
  return Float64Array.from({ length: errors.length / steps }, (_, start) => {
    const first = errors.subarray(start * steps, (start + 1) * steps).findIndex((error) => error > limit);
    return first < 0 ? horizon : first;
  });
}

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
