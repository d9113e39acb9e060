import { columnMeans, type Interval, percentileInterval, plannedInterval, type ResamplePlan, resampledMeans } from './bootstrap.ts';
import { persistencePrediction } from './linear-reference.ts';
import { boundedGap, elementGap, elementsOf, type PairedRollouts, type Reals } from './paired-rollouts.ts';
import { median } from './statistics.ts';

/** A value for each step from 0 to the horizon, with a bootstrap band over starts. All `[horizon + 1]`. */
export interface Fan {
  readonly measured: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Everything a rollout can be compared with truth by. */
export type Contender = 'model' | 'floor' | 'persistence' | 'linear';
export const CONTENDERS: readonly Contender[] = ['model', 'floor', 'persistence', 'linear'];

/** float64 `[starts, horizon + 1, size]` for each contender: squared errors in unit². */
export type SquaredErrors = Readonly<Record<Contender, Float64Array>>;

/**
 * Squared error of a prediction against truth, element by element; angles the short way round.
 * @param predicted - `[starts, horizon + 1, size]`; what is not finite counts as `DIVERGED_SCALES` scales off.
 * @returns float64 of the same shape, in the elements' units squared.
 */
export function squaredErrors(rollouts: Pick<PairedRollouts, 'entries' | 'truth' | 'scale'>, predicted: Reals): Float64Array {
  const elements = elementsOf(rollouts.entries);
  const squared = new Float64Array(predicted.length);
  for (let row = 0; row < predicted.length; row += elements.length) {
    for (const element of elements) {
      const gap = elementGap(element, predicted, row, rollouts.truth, row);
      squared[row + element.index] = boundedGap(gap, rollouts.scale[element.index]!) ** 2;
    }
  }
  return squared;
}

/** Squared errors of the model and of everything it is compared with. */
export function allSquaredErrors(rollouts: PairedRollouts): SquaredErrors {
  const persistence = persistencePrediction(rollouts.truth, rollouts.horizon, elementsOf(rollouts.entries).length);
  return {
    model: squaredErrors(rollouts, rollouts.imaginedMean),
    floor: squaredErrors(rollouts, rollouts.perturbed),
    persistence: squaredErrors(rollouts, persistence),
    linear: squaredErrors(rollouts, rollouts.linear),
  };
}

/**
 * How far an imagined rollout has drifted from the true one at each step ahead, in the entry's own unit.
 * Both start from one state and take the same actions.
 *
 * @param squared - float64 `[starts, horizon + 1, size]`, see `squaredErrors`.
 * @param element - index in the packed row.
 * @returns root-mean-square over starts, in the element's unit, with a 95 % bootstrap band over starts.
 * @see Chua et al. 2018 for k-step error as a model test.
 */
export function errorOverHorizon(rollouts: PairedRollouts, squared: Float64Array, element: number, plan: ResamplePlan): Fan {
  return rootMeanSquareFan(elementSquares(rollouts, squared, element), rollouts.horizon + 1, plan);
}

/** Squared errors of one element: float64 `[starts, horizon + 1]`, in its unit squared. */
export function elementSquares(rollouts: PairedRollouts, squared: Float64Array, element: number): Float64Array {
  const size = rollouts.scale.length;
  return Float64Array.from({ length: squared.length / size }, (_, i) => squared[i * size + element]!);
}

/**
 * `E_i(h)²` of every start: mean over elements of ((x̂ − x)/σ)².
 * @returns float64 `[starts, horizon + 1]`, no unit; 1 means "as wrong as one standard deviation".
 */
export function normalisedSquares(rollouts: Pick<PairedRollouts, 'scale'>, squared: Float64Array): Float64Array {
  const size = rollouts.scale.length;
  const out = new Float64Array(squared.length / size);
  for (let i = 0; i < squared.length; i++) out[Math.floor(i / size)]! += squared[i]! / (size * rollouts.scale[i % size]! ** 2);
  return out;
}

/** `E(h)`: root-mean-square over starts and elements of the error in standard deviations, with a 95 % bootstrap band over starts. */
export function normalisedError(rollouts: PairedRollouts, squared: Float64Array, plan: ResamplePlan): Fan {
  return rootMeanSquareFan(normalisedSquares(rollouts, squared), rollouts.horizon + 1, plan);
}

/** How much of the way from the best trivial prediction to the noise floor the model goes, at one horizon. */
export interface Skill extends Interval {
  readonly horizon: number;
  /** Which reference is the better one here. */
  readonly reference: 'persistence' | 'linear';
  /** E_r − E_f: what there is to gain, in standard deviations. */
  readonly room: Interval;
  /** Whether the room is at least three of its own interval widths: otherwise skill is a ratio of noise. */
  readonly conclusive: boolean;
}

/** The room must be this many times as wide as its interval. */
export const ROOM_IN_WIDTHS = 3;

/**
 * `Skill(h) = (E_r − E)/(E_r − E_f)` for h from 1 to the horizon: 1 at the noise floor, 0 when no better than the better of persistence and linear, negative when worse.
 * @returns `[horizon]`, item i is horizon i + 1. Where there is no room at all the values are NaN and `conclusive` is false.
 */
export function skillOverHorizon(rollouts: PairedRollouts, squared: SquaredErrors, plan: ResamplePlan): Skill[] {
  const steps = rollouts.horizon + 1;
  const normalised = CONTENDERS.map((contender) => normalisedSquares(rollouts, squared[contender]));
  const measured = normalised.map((values) => columnMeans(values, steps));
  const resampled = normalised.map((values) => resampledMeans(values, steps, plan));
  return Array.from({ length: rollouts.horizon }, (_, i) => skillAt(i + 1, steps, measured, resampled, plan.resamples));
}

/**
 * `E_i(h)`: root-mean-square over elements of the error in standard deviations, of every start and step.
 * @param predicted - `[starts, horizon + 1, size]`; what is not finite counts as `DIVERGED_SCALES` off.
 * @returns float64 `[starts, horizon + 1]`, no unit.
 */
export function errorsOfStarts(rollouts: Pick<PairedRollouts, 'entries' | 'truth' | 'scale'>, predicted: Reals): Float64Array {
  return normalisedSquares(rollouts, squaredErrors(rollouts, predicted)).map(Math.sqrt);
}

/** Standard deviations off, root-mean-square over elements, from which a prediction no longer tells where truth is. */
export const VALID_ERROR = 0.4;

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

/**
 * Steps until the error first passes `VALID_ERROR`, median over starts; a rollout that never does counts as the horizon.
 * @returns steps; `share` is the share of starts that outlast the horizon.
 * @see gap suite H2.
 */
export function validPrediction(
  { scale, starts, horizon }: PairedRollouts,
  squared: Float64Array,
  plan: ResamplePlan,
): Interval & { readonly share: number } {
  const errors = normalisedSquares({ scale }, squared).map(Math.sqrt);
  const first = firstPassages(errors, horizon);
  // One that passes at the very last step has not outlasted it.
  const outlasting = first.filter((step, start) => step === horizon && !(errors[start * (horizon + 1) + horizon]! > VALID_ERROR)).length;
  return { ...plannedInterval([first], ([sample]) => median(sample!), plan), share: outlasting / starts };
}

/** Order of contenders: see `CONTENDERS`. */
function skillAt(
  horizon: number,
  steps: number,
  measured: readonly Float64Array[],
  resampled: readonly Float64Array[],
  resamples: number,
): Skill {
  const skills = new Float64Array(resamples);
  const rooms = new Float64Array(resamples);
  for (let i = 0; i < resamples; i++) {
    const { skill, room } = skillOf(resampled, i * steps + horizon);
    skills[i] = skill;
    rooms[i] = room;
  }
  const { skill, room } = skillOf(measured, horizon);
  const roomInterval = percentileInterval(room, rooms);
  const reference = measured[2]![horizon]! <= measured[3]![horizon]! ? 'persistence' : 'linear';
  const conclusive = room > 0 && room >= ROOM_IN_WIDTHS * (roomInterval.high - roomInterval.low);
  return { ...percentileInterval(skill, skills), horizon, reference, room: roomInterval, conclusive };
}

function skillOf(meanSquares: readonly Float64Array[], at: number): { skill: number; room: number } {
  const [model, floor, persistence, linear] = meanSquares.map((values) => Math.sqrt(values[at]!)) as [number, number, number, number];
  const reference = Math.min(persistence, linear);
  const room = reference - floor;
  return { room, skill: room > 0 ? (reference - model) / room : Number.NaN };
}

/** Roots of the means over starts of squares `[starts, steps]`, with their band. */
export function rootMeanSquareFan(squares: Float64Array, steps: number, plan: ResamplePlan): Fan {
  const measured = columnMeans(squares, steps).map(Math.sqrt);
  const resampled = resampledMeans(squares, steps, plan);
  const low = new Float64Array(steps);
  const high = new Float64Array(steps);
  for (let step = 0; step < steps; step++) {
    const column = Float64Array.from({ length: plan.resamples }, (_, i) => Math.sqrt(resampled[i * steps + step]!));
    const interval = percentileInterval(measured[step]!, column);
    low[step] = interval.low;
    high[step] = interval.high;
  }
  return { measured, low, high };
}
