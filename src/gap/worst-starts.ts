/** The starts that went wrong most: what a reader should look at first. */
import { firstPassages, normalisedSquares, VALID_ERROR } from './error-over-horizon.ts';
import { type Figure, figure, picked, words } from './figures.ts';
import type { HeldOut } from './held-out.ts';
import { type Element, elementGap, elementsOf, type PairedRollouts, type Reals } from './paired-rollouts.ts';

/** What the rollouts were played from, so that single ones can be played again. */
export interface PlayedFrom {
  readonly heldOut: HeldOut;
  /** Of the subject's first draw; the others follow one by one. Truth draws with seed 0. */
  readonly seed: number;
}

/** One entry along a start, in its unit: `[horizon + 1]` each. */
export interface WorstEntry {
  readonly label: string;
  readonly name: string;
  readonly kind: string;
  readonly unit: string;
  /** Standard deviations off at the step that starts are ranked by. */
  readonly error: Figure;
  readonly truth: readonly Figure[];
  /** The subject's best guess: the mean of its draws. */
  readonly imagined: readonly Figure[];
  /** Its first draw, which is what can be played again. */
  readonly draw: readonly Figure[];
}

export interface WorstStart {
  /** Which of the report's starts, from 0. */
  readonly start: number;
  /** `E_i` at the step that starts are ranked by, standard deviations. */
  readonly error: Figure;
  /** First step at which `E_i` is above `VALID_ERROR`; null = never. */
  readonly exceedsAt: number | null;
  /** `E_i` by step, `[horizon + 1]`. */
  readonly errors: readonly Figure[];
  /** Those that went wrong most, the worst first. */
  readonly entries: readonly WorstEntry[];
  /** Absent where the caller does not say what was played. */
  readonly from?: {
    /** Held-out episode that the start is a moment of. */
    readonly episode: number;
    /** Of the subject's first draw. */
    readonly seed: number;
    /** `[stateSize]`: the whole state, in the units of its entries, every bit of it. */
    readonly state: readonly number[];
    /** `[horizon][actionSize]` */
    readonly actions: readonly (readonly number[])[];
  };
  /** Where files of it lie, relative to the report, and the commands that play them; absent where none were kept. */
  readonly kept?: {
    readonly files: readonly { readonly path: string; readonly what: string }[];
    readonly commands: readonly string[];
  };
}

export interface WorstStarts {
  /** Control steps ahead at which starts are ranked: the valid prediction time, within the horizon. */
  readonly step: number;
  /** The worst first. */
  readonly starts: readonly WorstStart[];
}

const MOST_STARTS = 5;
const MOST_ENTRIES = 3;

/**
 * @param squared - float64 `[starts, horizon + 1, size]`, see `squaredErrors`. @param validSteps - median steps that predictions are valid for.
 * @returns at most five, ranked by `E_i` at the valid prediction time; of equals the earlier start first.
 */
export function worstStarts(rollouts: PairedRollouts, squared: Float64Array, validSteps: number, from?: PlayedFrom): WorstStarts {
  const { horizon, starts } = rollouts;
  const step = Math.min(horizon, Math.max(1, Math.round(validSteps)));
  const errors = normalisedSquares(rollouts, squared).map(Math.sqrt);
  const passages = firstPassages(errors, horizon);
  const errorAt = (start: number) => errors[start * (horizon + 1) + step]!;
  const order = Array.from({ length: starts }, (_, start) => start).sort((a, b) => errorAt(b) - errorAt(a) || a - b);
  return {
    step,
    starts: order.slice(0, MOST_STARTS).map((start) => {
      const own = errors.subarray(start * (horizon + 1), (start + 1) * (horizon + 1));
      return {
        start,
        error: figure(errorAt(start)),
        exceedsAt: own[passages[start]!]! > VALID_ERROR ? passages[start]! : null,
        errors: Array.from(own, figure),
        entries: worstEntries(rollouts, start, step),
        ...(from && { from: playedFrom(from, start) }),
      };
    }),
  };
}

function worstEntries(rollouts: PairedRollouts, start: number, step: number): WorstEntry[] {
  const { entries, horizon, samples, scale, truth, imaginedMean, imaginedSamples } = rollouts;
  const elements = elementsOf(entries);
  const size = elements.length;
  const row = (start * (horizon + 1) + step) * size;
  const off = (element: Element) => {
    const gap = Math.abs(elementGap(element, imaginedMean, row, truth, row)) / scale[element.index]!;
    return Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap;
  };
  const path = (rows: Reals, index: number, rollout: number) => {
    const steps = Array.from({ length: horizon + 1 }, (_, at) => at);
    const first = rollout * (horizon + 1) * size;
    return picked(
      steps.map((at) => rows[first + at * size + index]!),
      steps,
    );
  };
  // Not by difference: two that are no numbers are equally far off.
  const order = [...elements].sort((a, b) => (off(a) === off(b) ? a.index - b.index : off(a) > off(b) ? -1 : 1));
  return order.slice(0, MOST_ENTRIES).map((element) => ({
    label: element.label,
    name: words(element.label),
    kind: element.kind,
    unit: element.unit,
    error: figure(off(element)),
    truth: path(truth, element.index, start),
    imagined: path(imaginedMean, element.index, start),
    draw: samples === 0 ? [] : path(imaginedSamples, element.index, start * samples),
  }));
}

function playedFrom({ heldOut, seed }: PlayedFrom, start: number): NonNullable<WorstStart['from']> {
  const { starts, horizon, state, action, episode } = heldOut;
  const [stateSize, actionSize] = [state.length / starts, action.length / starts / horizon];
  const rowOf = (values: Float64Array, row: number, size: number) => Array.from(values.subarray(row * size, (row + 1) * size));
  return {
    episode: episode[start]!,
    seed,
    state: rowOf(state, start, stateSize),
    actions: Array.from({ length: horizon }, (_, step) => rowOf(action, start * horizon + step, actionSize)),
  };
}
