/** What an intervention changed, in standard deviations. */
import { boundedGap, type Element, elementGap, type Reals } from '../paired-rollouts.ts';

/** The same plan played by truth and by the subject; float64 `[starts, horizon + 1, size]`, predicted elements, of the subject the mean over its draws. */
export interface Branch {
  readonly truth: Float64Array;
  readonly imagined: Float64Array;
}

/** One variable of the start moved, everything else left alone; what that changed elsewhere, in standard deviations. */
export interface SourceEffects {
  readonly label: string;
  /** Places in the predicted row of what was moved: not among its effects. None for a context. */
  readonly own: readonly number[];
  /** float64 `[starts, size]` */
  readonly truth: Float64Array;
  readonly imagined: Float64Array;
}

/**
 * `branch − base` at one step, in standard deviations; angles the short way round, what is not a number as far off as can be.
 * @param branch - `[starts, horizon + 1, size]`, as `base`. @returns float64 `[starts, size]`.
 */
export function effectsAt(
  elements: readonly Element[],
  branch: Reals,
  base: Reals,
  scale: Reals,
  starts: number,
  step: number,
): Float64Array {
  const size = elements.length;
  const width = branch.length / starts;
  const out = new Float64Array(starts * size);
  for (let start = 0; start < starts; start++) {
    const row = start * width + step * size;
    for (const element of elements) {
      const deviation = scale[element.index]!;
      out[start * size + element.index] = boundedGap(elementGap(element, branch, row, base, row), deviation) / deviation;
    }
  }
  return out;
}

/** Sum of the squares of one row of effects, but for the places in `own`, and how many were summed. */
export function squaresBut(effects: Float64Array, start: number, size: number, own: readonly number[]): { sum: number; count: number } {
  let sum = 0;
  for (let i = 0; i < size; i++) if (!own.includes(i)) sum += effects[start * size + i]! ** 2;
  return { sum, count: size - own.length };
}

/** Between two rows `[starts, size]` at one start, in standard deviations squared; angles the short way round, what is not a number as far off as can be. */
export function squaredDistance(elements: readonly Element[], scale: Reals, from: Reals, to: Reals, start: number): number {
  const row = start * elements.length;
  let squares = 0;
  for (const element of elements) {
    const deviation = scale[element.index]!;
    squares += (boundedGap(elementGap(element, from, row, to, row), deviation) / deviation) ** 2;
  }
  return squares;
}
