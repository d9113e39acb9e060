import type { Rng } from '../../math/rng.ts';
import { type Bounds, clampInto, type Residuals } from './finite-differences.ts';
import { dot } from './normal-equations.ts';

/** A search without gradients, ask and tell, for the highest value: CMA-ES (`agents/cma-es`) is one. */
export interface BlackBoxSearch {
  /** Candidates, `[n]` each. */
  ask(rng: Rng): Float64Array[];
  /** @param values - of the candidates, in their order. */
  tell(values: readonly number[]): void;
}

export interface SearchOptions {
  /** @param mean - `[n]`, where it begins. @param sigma - standard deviation of the first candidates. */
  readonly open: (mean: Float64Array, sigma: number) => BlackBoxSearch;
  readonly rng: Rng;
  /** Candidates tried in all; the last generation is finished. */
  readonly evaluations: number;
}

/** Of a box of width 1. */
const FIRST_SPREAD = 0.2;
/** What lies outside the box is worth what its nearest inside is, less this share of it for each squared width outside. */
const OUTSIDE = 1;

/**
 * Looks in a box for the smallest sum of squares, where residuals jump and slopes mean nothing.
 * @returns `[n]`: the best candidate, or the start if none was better.
 */
export async function searchBox(residuals: Residuals, start: Float64Array, box: Bounds, options: SearchOptions): Promise<Float64Array> {
  const width = box.high.map((high, i) => high - box.low[i]!);
  const unfold = (share: Float64Array) => share.map((value, i) => box.low[i]! + value * width[i]!);
  const cost = async (x: Float64Array) => {
    const found = await residuals(x);
    return dot(found, found);
  };
  const search = options.open(
    start.map((value, i) => (value - box.low[i]!) / width[i]!),
    FIRST_SPREAD,
  );
  let best = { x: start, cost: await cost(start) };
  for (let tried = 0; tried < options.evaluations; ) {
    const candidates = search.ask(options.rng);
    const values: number[] = [];
    for (const share of candidates) {
      const x = clampInto(unfold(share), box);
      const found = await cost(x);
      if (found < best.cost) best = { x, cost: found };
      values.push(-found * (1 + OUTSIDE * outside(share)));
    }
    search.tell(values);
    tried += candidates.length;
  }
  return best.x;
}

/** Squared distance from the unit box. */
function outside(share: Float64Array): number {
  return share.reduce((sum, value) => sum + Math.max(0, -value, value - 1) ** 2, 0);
}
