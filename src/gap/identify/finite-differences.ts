import type { Jacobian } from './normal-equations.ts';

/** Residuals of a problem at x, `[m]`, the same m for every x. May be reused by the next call. */
export type Residuals = (x: Float64Array) => Float64Array | Promise<Float64Array>;

export interface Bounds {
  /** `[n]` */
  readonly low: Float64Array;
  /** `[n]`, above `low`. */
  readonly high: Float64Array;
}

/** Each coordinate put where the box ends, if it is beyond. */
export function clampInto(x: Float64Array, { low, high }: Bounds): Float64Array {
  return x.map((value, i) => Math.max(low[i]!, Math.min(high[i]!, value)));
}

/**
 * Central differences, one-sided where the box ends.
 * @param steps - `[n]`, how far to either side: wide enough that the rounding of what is differenced does not matter.
 */
export async function differences(residuals: Residuals, x: Float64Array, box: Bounds, steps: Float64Array): Promise<Jacobian> {
  const columns: Float64Array[] = [];
  for (let i = 0; i < x.length; i++) {
    const at = async (value: number) => {
      const moved = x.slice();
      moved[i] = value;
      return (await residuals(moved)).slice();
    };
    const [from, to] = [Math.max(box.low[i]!, x[i]! - steps[i]!), Math.min(box.high[i]!, x[i]! + steps[i]!)];
    const [before, after] = [await at(from), await at(to)];
    columns.push(after.map((value, k) => (value - before[k]!) / (to - from)));
  }
  return columns;
}
