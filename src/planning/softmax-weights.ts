/**
 * How much each candidate counts in the mean: exp((score − best) / temperature), divided by their sum. Candidates that broke, of score −Infinity, count nothing.
 * @param scores - float64 `[candidates]`. @param temperature - above 0, in the unit of the scores: the lower, the more the best alone counts.
 * @returns float64 `[candidates]`; all 0 if every candidate broke.
 * @see Williams et al. 2017, "Information theoretic MPC for model-based reinforcement learning", algorithm 2.
 */
export function softmaxWeights(scores: Float64Array, temperature: number): Float64Array {
  const best = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  if (best === Number.NEGATIVE_INFINITY) return new Float64Array(scores.length);
  const weights = scores.map((score) => Math.exp((score - best) / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
