import { episodeSpans, type Transitions } from '../data/transitions.ts';
import { GroundtwinError } from '../errors.ts';
import type { AnyTask } from '../task/task.ts';
import { FamiliarityMeter } from '../world-model/familiarity.ts';
import type { OneStep } from '../world-model/one-step.ts';
import type { DriftCalibration, Familiarity } from '../world-model/trust.ts';
import { blockSteps, cumulate, evidenceOf, tailThreshold } from './drift-statistic.ts';

export interface DriftCalibrationOptions {
  /** Probability of a false alarm in an hour of simulated time, at most; in (0, 1). Default .01. */
  readonly falseAlarmsPerHour?: number;
}

/** A tail cannot be seen in less. */
export const fewestDriftSteps = 40 * blockSteps;
/** Strangest tenth of the held-out steps: what the model admits not to know well is no evidence against truth. */
const gate = 0.9;
/** Quantile of |N(0, 1)| that the central 90 % reaches. */
const normal90 = 1.6448536269514722;

/**
 * Calibrates a drift monitor on undisturbed episodes that the model never saw, acted in as it will be acted in later: the rate of false alarms holds for steps like these.
 * Each element's deviation is widened or narrowed to hold 90 % of the held-out errors; the threshold is the one of `tailThreshold`.
 *
 * @param said - what the model says of `heldOut`, see `predictOneStep`.
 * @throws DATA_INVALID when there are under 4,000 steps, OPTION_INVALID for a probability that is none.
 */
export function calibrateDrift(
  task: AnyTask,
  familiarity: Familiarity,
  heldOut: Transitions,
  said: OneStep,
  { falseAlarmsPerHour = 0.01 }: DriftCalibrationOptions = {},
): DriftCalibration {
  if (!(falseAlarmsPerHour > 0 && falseAlarmsPerHour < 1))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'calibrateDrift',
      option: 'falseAlarmsPerHour',
      value: String(falseAlarmsPerHour),
      allowed: 'a probability between 0 and 1',
    });
  if (heldOut.count < fewestDriftSteps)
    throw new GroundtwinError('DATA_INVALID', {
      path: 'held-out episodes',
      problem: `their ${heldOut.count} steps are too few to find an alarm threshold on, ${fewestDriftSteps} are needed`,
    });
  const strange = strangenessOf(task, familiarity, heldOut, said);
  const factor = factorsOf(said, familiarity, strange);
  const draft = { factor, gate };
  const maxima = undisturbedMaxima(heldOut, said, familiarity, draft, strange);
  const rate = (-Math.log(1 - falseAlarmsPerHour) * task.controlDt_s) / 3600;
  const threshold = tailThreshold(maxima, heldOut.count, rate);
  return {
    ...draft,
    threshold: Number(threshold.toPrecision(6)),
    falseAlarmsPerHour,
    steps: heldOut.count,
    extrapolation: Number((3 / (rate * heldOut.count)).toPrecision(3)),
  };
}

/** Share of held-out steps less strange, of each recorded step. */
export function strangenessOf(task: AnyTask, familiarity: Familiarity, data: Transitions, said: OneStep): Float64Array {
  const meter = new FamiliarityMeter(task, familiarity, data.count);
  meter.measure(data.state, data.command, said.disagreement, new Uint8Array(data.count).fill(1));
  return meter.columns.outOfDistribution;
}

/** Highest value of the monitor's sum in each block of recorded steps; it starts anew with each episode. */
export function undisturbedMaxima(
  data: Transitions,
  said: OneStep,
  familiarity: Familiarity,
  calibration: Pick<DriftCalibration, 'factor' | 'gate'>,
  strange: Float64Array,
): number[] {
  const elements = calibration.factor.length;
  return episodeSpans(data).flatMap(({ from, end }) => {
    const maxima: number[] = [];
    let sum = 0;
    for (let row = from; row < end; row++) {
      const squares = squaresOf(said.error, said.deviation, familiarity.spread, calibration.factor, row);
      if (strange[row]! <= calibration.gate) sum = cumulate(sum, evidenceOf(squares, elements));
      if ((row - from) % blockSteps === 0) maxima.push(0);
      maxima[maxima.length - 1] = Math.max(maxima.at(-1)!, sum);
    }
    return maxima;
  });
}

/** A deviation that the model does not state, or states as nothing, is this share of the step's usual change; the factor makes up for it. */
const unstated = 1e-3;

/** Sum over elements of (error / (deviation · factor))². @param row - of arrays `[…, P]`. */
export function squaresOf(
  error: ArrayLike<number>,
  deviation: Float64Array,
  spread: readonly number[],
  factor: readonly number[],
  row: number,
): number {
  let squares = 0;
  for (let i = 0; i < spread.length; i++) {
    const at = row * spread.length + i;
    squares += (error[at]! / (statedDeviation(deviation[at]!, spread[i]!) * factor[i]!)) ** 2;
  }
  return squares;
}

function statedDeviation(deviation: number, spread: number): number {
  return deviation > 1e-9 * spread ? deviation : unstated * spread;
}

/** By element, over the steps that count as evidence. */
function factorsOf(said: OneStep, { spread }: Familiarity, strange: Float64Array): number[] {
  return spread.map((usual, i) => {
    const ratios: number[] = [];
    for (let row = 0; row < strange.length; row++) {
      const at = row * spread.length + i;
      if (strange[row]! <= gate) ratios.push(Math.abs(said.error[at]!) / statedDeviation(said.deviation[at]!, usual));
    }
    ratios.sort((a, b) => a - b);
    const quantile = ratios[Math.floor(0.9 * ratios.length)]! / normal90;
    // An element that never moves is predicted without error: any it makes later says enough.
    return quantile > 1e-6 && Number.isFinite(quantile) ? Number(quantile.toPrecision(6)) : 1e-6;
  });
}
