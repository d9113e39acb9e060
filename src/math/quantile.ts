/** Quantile of ascending values by linear interpolation between the order statistics (Hyndman–Fan type 7, numpy's default). */
export function quantileOfSorted(sorted: ArrayLike<number>, level: number): number {
  return interpolate(sorted, level * (sorted.length - 1));
}

/** Between ascending values. @param position - from 0 to n − 1; held inside. */
export function interpolate(sorted: ArrayLike<number>, position: number): number {
  const bounded = Math.max(0, Math.min(sorted.length - 1, position));
  const below = Math.floor(bounded);
  const share = bounded - below;
  return share === 0 ? sorted[below]! : sorted[below]! * (1 - share) + sorted[below + 1]! * share;
}
