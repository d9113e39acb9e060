import type { Rng } from '../../src/math/rng.ts';
import { type Search, softmaxWeights } from '../../src/planning/index.ts';
import type { TdMpc2Config } from './config.ts';

export type SearchSettings = Pick<TdMpc2Config, 'samples' | 'proposals' | 'elites' | 'temperature' | 'deviation' | 'lookahead'>;

/**
 * The search of TD-MPC2 in one lane: model predictive path integral control over elites, some candidates being what the policy would do (Hansen et al. 2022, 2024).
 * It keeps the plan for the next decision itself, so that it can be saved.
 */
export class LatentSearch implements Search {
  /** float64 `[lookahead, actionSize]`: where the next decision begins. */
  readonly plan: Float64Array;
  /** float32 `[proposals, lookahead, actionSize]`, normalised: to be set before each decision. */
  proposals: Float32Array = new Float32Array(0);
  /** Whether to act at random, as likely as the elites' weights and deviations make it; else by the plan's mean. */
  explores = false;
  private readonly settings: SearchSettings;
  private readonly actionSize: number;
  private readonly deviation: Float64Array;
  private rng: Rng | undefined;
  private elites: { readonly sequences: readonly Float64Array[]; readonly weights: Float64Array } | undefined;

  constructor(settings: SearchSettings, actionSize: number) {
    this.settings = settings;
    this.actionSize = actionSize;
    this.plan = new Float64Array(settings.lookahead * actionSize);
    this.deviation = new Float64Array(this.plan.length);
  }

  /** An episode begins: there is no plan. */
  reset(): void {
    this.plan.fill(0);
  }

  begin(rng: Rng, mean: Float64Array): void {
    this.rng = rng;
    this.elites = undefined;
    mean.set(this.plan);
    this.deviation.fill(this.settings.deviation.high);
  }

  draw(rng: Rng, _iteration: number, mean: Float64Array, candidates: Float64Array): void {
    candidates.set(this.proposals);
    const from = this.proposals.length;
    rng.normals(candidates, from, candidates.length - from);
    for (let i = from; i < candidates.length; i++) {
      const at = i % mean.length;
      candidates[i] = mean[at]! + this.deviation[at]! * candidates[i]!;
    }
  }

  learn(_iteration: number, mean: Float64Array, candidates: Float64Array, scores: Float64Array): void {
    const { elites, temperature } = this.settings;
    const size = mean.length;
    const order = Array.from(scores.keys()).sort((a, b) => descending(scores[a]!, scores[b]!) || a - b);
    const best = order.slice(0, elites);
    const weights = softmaxWeights(
      Float64Array.from(best, (candidate) => scores[candidate]!),
      1 / temperature,
    );
    if (!weights.some((weight) => weight > 0)) return;
    this.elites = { sequences: best.map((candidate) => candidates.slice(candidate * size, (candidate + 1) * size)), weights };
    this.refit(mean);
  }

  chosen(mean: Float64Array): Float64Array {
    const decided = this.explores && this.elites ? this.explored(this.elites) : mean.slice();
    this.plan.set(mean.subarray(this.actionSize));
    // Of the last step, nothing is known yet.
    this.plan.fill(0, mean.length - this.actionSize);
    return decided;
  }

  /** Mean and deviation of the elites by weight. */
  private refit(mean: Float64Array): void {
    const { sequences, weights } = this.elites!;
    const { low, high } = this.settings.deviation;
    for (let i = 0; i < mean.length; i++) {
      const centre = sequences.reduce((sum, sequence, elite) => sum + weights[elite]! * sequence[i]!, 0);
      const variance = sequences.reduce((sum, sequence, elite) => sum + weights[elite]! * (sequence[i]! - centre) ** 2, 0);
      mean[i] = centre;
      this.deviation[i] = Math.min(Math.max(Math.sqrt(variance), low), high);
    }
  }

  private explored({ sequences, weights }: { readonly sequences: readonly Float64Array[]; readonly weights: Float64Array }): Float64Array {
    const rng = this.rng!;
    const sequence = sequences[drawnBy(weights, rng.uniform())]!.slice();
    for (let i = 0; i < this.actionSize; i++) sequence[i] = Math.min(Math.max(sequence[i]! + this.deviation[i]! * rng.normal(), -1), 1);
    return sequence;
  }
}

/** Index of a weight as likely as it is large. @param weights - 1 in all; what rounding leaves over goes to the first. */
function drawnBy(weights: Float64Array, uniform: number): number {
  let sum = 0;
  const found = weights.findIndex((weight) => {
    sum += weight;
    return uniform < sum;
  });
  return Math.max(found, 0);
}

/** −Infinity minus itself is not a number. */
function descending(a: number, b: number): number {
  return a === b ? 0 : a < b ? 1 : -1;
}
