/** Small statistics on plain arrays. None of them changes its input. */
import { interpolate, quantileOfSorted } from '../math/quantile.ts';

export { quantileOfSorted };

/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Middle value, the mean of the two middle ones for an even count. */
export function median(values: ArrayLike<number>): number {
  return quantileOfSorted(Float64Array.from(values).sort(), 0.5);
}

/**
 * Mean of the middle half: as robust as the median, and uses more of the data.
 * Weights of the values cut by the quartiles are fractional, so that it is exact for any count.
 * @see Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice" (rliable).
 */
export function interquartileMean(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const from = sorted.length / 4;
  const to = sorted.length - from;
  let sum = 0;
  for (let i = 0; i < sorted.length; i++) sum += sorted[i]! * Math.max(0, Math.min(i + 1, to) - Math.max(i, from));
  return sum / (to - from);
}

/**
 * Quantile at position `level·(n + 1)` (Hyndman–Fan type 6, Weibull). A new draw from the same distribution falls below it with probability `level`
 * on average, however few the samples; type 7 would make every honest model look overconfident.
 */
export function exchangeableQuantile(sorted: ArrayLike<number>, level: number): number {
  return interpolate(sorted, level * (sorted.length + 1) - 1);
}

/** Pearson's correlation of paired values, 0 when either does not vary. */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const xMean = mean(x);
  const yMean = mean(y);
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let i = 0; i < x.length; i++) {
    const dx = x[i]! - xMean;
    const dy = y[i]! - yMean;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : 0;
}

/** Spearman's rank correlation; ties share their mean rank. */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): number {
  return pearson(ranks(x), ranks(y));
}

/** Ranks from 1, ties share their mean rank. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const result = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) result[order[i]!] = (from + 1 + to) / 2;
    from = to;
  }
  return result;
}
