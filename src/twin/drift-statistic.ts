/** The arithmetic of drift alarms: what a step's errors say for a change, and how high the sum must be allowed to go. */

/** Errors after a change are looked for at this many times their usual size. */
const inflation = 10;
/** Degrees of freedom of Student's t: model errors have far heavier tails than a normal. */
const freedom = 2;

/** The most that one step can say for a change, nats. */
export const mostEvidence = freedom * Math.log(inflation);

/**
 * Log-likelihood ratio of one step's errors, nats: multivariate t with 2 degrees of freedom and ten times the scale against the same with its own scale.
 * It lies between −P log 10 and 2 log 10, so that no single wild error can raise an alarm.
 * @param squares - sum over elements of (error / calibrated deviation)². @param elements - P.
 */
export function evidenceOf(squares: number, elements: number): number {
  if (!Number.isFinite(squares)) return mostEvidence;
  const ratio = (1 + squares / freedom) / (1 + squares / (freedom * inflation ** 2));
  return ((freedom + elements) / 2) * Math.log(ratio) - elements * Math.log(inflation);
}

/** Page's cumulative sum: restarts at 0 as long as the evidence is for no change (Page 1954). */
export function cumulate(sum: number, evidence: number): number {
  return Math.max(0, sum + evidence);
}

/** Evidence of this many steps at least is asked for, however quiet the held-out ones were. */
const fewestSteps = 3;
/** Steps whose highest sum is one sample of the tail: neighbours within hardly count as more than one. */
export const blockSteps = 100;
/** Smallest tail that is fitted; then twice as many, and so on, up to a quarter of the blocks. */
const smallestTail = 10;
/** One-sided 95 %. */
const normal95 = 1.6448536269514722;

/**
 * Where the sum of undisturbed steps gets to at most so often: P(a block's maximum > h) ≤ p_u · exp(−θ (h − u)) beyond the (k + 1)th largest maximum u.
 * Sums of bounded steps with a negative mean have such a tail (Lundberg's inequality). p_u and θ are one-sided 95 % bounds from k exceedances (Poisson; exponential:
 * 2 k θ · mean excess is χ² with 2 k degrees of freedom). The largest of the thresholds by several k counts, so that a tail growing heavier outwards is met by the outer fits.
 *
 * @param maxima - of blocks of the undisturbed sum. @param steps - they stand for. @param rate - wanted: alarms a step, at most.
 * @returns the threshold, nats.
 */
export function tailThreshold(maxima: ArrayLike<number>, steps: number, rate: number): number {
  const sorted = Float64Array.from(maxima).sort().reverse();
  let threshold = fewestSteps * mostEvidence;
  for (let k = smallestTail; 4 * k <= sorted.length; k *= 2) {
    const { base, decay, often } = tailOf(sorted, steps, k);
    threshold = Math.max(threshold, base + Math.max(0, Math.log(often / rate)) * decay);
  }
  return threshold;
}

/** Highest rate a step, by the same bounds, at which the sum passes a threshold; the worst of the tails. */
export function tailRate(maxima: ArrayLike<number>, steps: number, threshold: number): number {
  const sorted = Float64Array.from(maxima).sort().reverse();
  let rate = poissonBound(sorted.filter((value) => value >= threshold).length) / steps;
  const tails: number[] = [];
  for (let k = smallestTail; 4 * k <= sorted.length; k *= 2) {
    const { base, decay, often } = tailOf(sorted, steps, k);
    if (threshold > base) tails.push(decay === 0 ? 0 : often * Math.exp(-(threshold - base) / decay));
  }
  if (tails.length > 0) rate = Math.min(rate, Math.max(...tails));
  return rate;
}

/** Upper 95 % bound of the expectation of a Poisson count. */
export function poissonBound(count: number): number {
  return count === 0 ? -Math.log(0.05) : chiSquareQuantile(2 * count + 2, normal95) / 2;
}

/** @param sorted - descending. @returns where the tail begins, its slowest decay (1 / θ), and how often a step gets there. */
function tailOf(sorted: Float64Array, steps: number, k: number) {
  const base = sorted[k]!;
  let excess = 0;
  for (let i = 0; i < k; i++) excess += (sorted[i]! - base) / k;
  return { base, decay: (excess * 2 * k) / chiSquareQuantile(2 * k, -normal95), often: poissonBound(k) / steps };
}

/** Wilson & Hilferty 1931: within 1 % from 4 degrees of freedom on. @param normal - the standard normal quantile of the level. */
function chiSquareQuantile(degrees: number, normal: number): number {
  const part = 2 / (9 * degrees);
  return degrees * (1 - part + normal * Math.sqrt(part)) ** 3;
}
