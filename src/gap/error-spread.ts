/** How errors spread over starts: what a mean over them hides. */
import { type Contender, normalisedSquares, type SquaredErrors } from './error-over-horizon.ts';
import { type Figure, picked } from './figures.ts';
import type { PairedRollouts } from './paired-rollouts.ts';
import { quantileOfSorted } from './statistics.ts';

/** Quantiles over starts of `E_i(h)`, in standard deviations. Each as long as `steps`. */
export interface ErrorSpread {
  /** Control steps ahead. */
  readonly steps: readonly number[];
  /** Half of the starts err less. */
  readonly median: readonly Figure[];
  /** Half of the starts lie between these. */
  readonly half: { readonly low: readonly Figure[]; readonly high: readonly Figure[] };
  /** Nine in ten do. */
  readonly most: { readonly low: readonly Figure[]; readonly high: readonly Figure[] };
  /** Medians of what the subject is compared with. */
  readonly floor: readonly Figure[];
  readonly persistence: readonly Figure[];
  readonly linear: readonly Figure[];
}

/** @param steps - those drawn, from 0 to the horizon. */
export function errorSpread(rollouts: PairedRollouts, errors: SquaredErrors, steps: readonly number[]): ErrorSpread {
  const sorted = (contender: Contender) => sortedBySteps(normalisedSquares(rollouts, errors[contender]), rollouts.horizon + 1);
  const model = sorted('model');
  const at = (columns: readonly Float64Array[], level: number) =>
    picked(
      columns.map((column) => quantileOfSorted(column, level)),
      steps,
    );
  return {
    steps,
    median: at(model, 0.5),
    half: { low: at(model, 0.25), high: at(model, 0.75) },
    most: { low: at(model, 0.05), high: at(model, 0.95) },
    floor: at(sorted('floor'), 0.5),
    persistence: at(sorted('persistence'), 0.5),
    linear: at(sorted('linear'), 0.5),
  };
}

/** Roots of squares `[starts, steps]`, of each step in ascending order: `[steps][starts]`. */
function sortedBySteps(squares: Float64Array, steps: number): Float64Array[] {
  return Array.from({ length: steps }, (_, step) =>
    Float64Array.from({ length: squares.length / steps }, (_start, start) => Math.sqrt(squares[start * steps + step]!)).sort(),
  );
}
