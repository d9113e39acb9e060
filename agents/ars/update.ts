/**
 * One update of Augmented Random Search with top-performing directions: Mania, Guy & Recht 2018, "Simple random search of static linear policies
 * is competitive for reinforcement learning", algorithm 2, lines 6 and 7 (V1-t and V2-t).
 *
 * @param weights - changed in place.
 * @param directions - each as long as the weights, standard normal.
 * @param returns - one pair a direction: of the candidate forward and of that backward.
 * @returns standard deviation of the returns of the directions that counted; 0 = they were all alike, and nothing was changed.
 */
export function update(
  weights: Float64Array,
  directions: readonly Float64Array[],
  returns: readonly (readonly [forward: number, backward: number])[],
  { elites, stepSize }: { readonly elites: number; readonly stepSize: number },
): number {
  const better = returns.map((pair) => Math.max(...pair));
  const best = directions
    .map((_, i) => i)
    .sort((a, b) => better[b]! - better[a]! || a - b)
    .slice(0, elites);
  const spread = deviation(best.flatMap((i) => returns[i]!));
  if (spread === 0) return 0;
  for (const i of best) {
    const [forward, backward] = returns[i]!;
    const length = (stepSize * (forward - backward)) / (best.length * spread);
    const direction = directions[i]!;
    for (let k = 0; k < weights.length; k++) weights[k]! += length * direction[k]!;
  }
  return spread;
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
