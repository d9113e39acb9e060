import type { Rng } from '../../src/math/rng.ts';
import { ColouredNoise, type Search } from '../../src/planning/index.ts';
import type { IcemConfig } from './config.ts';

/** Candidates of an iteration, kept elites included. */
export function populationOf({ population, decay, elites }: IcemConfig, iteration: number): number {
  return Math.max(Math.round(population * decay ** -iteration), 2 * elites);
}

/** iCEM for one start: cross-entropy search with coloured noise, elites that stay, and the best candidate executed. */
export class IcemSearch implements Search {
  private readonly config: IcemConfig;
  private readonly actionSize: number;
  private readonly noise: ColouredNoise;
  private readonly deviation: Float64Array;
  /** Best first. */
  private elites: Float64Array[] = [];
  private best: { readonly score: number; readonly sequence: Float64Array } | undefined;

  constructor(config: IcemConfig, actionSize: number) {
    this.config = config;
    this.actionSize = actionSize;
    this.noise = new ColouredNoise(config.horizon, config.noiseExponent);
    this.deviation = new Float64Array(config.horizon * actionSize);
  }

  reset(): void {
    this.elites = [];
  }

  begin(rng: Rng, mean: Float64Array): void {
    this.best = undefined;
    this.deviation.fill(this.config.initialDeviation);
    this.elites = this.kept().map((elite) => this.movedOn(rng, elite, mean));
  }

  draw(rng: Rng, iteration: number, mean: Float64Array, candidates: Float64Array): void {
    const size = mean.length;
    const kept = this.kept();
    kept.forEach((elite, i) => void candidates.set(elite, i * size));
    // In the last iteration the mean itself competes.
    const isLast = iteration === this.config.iterations - 1;
    if (isLast) candidates.set(mean, kept.length * size);
    for (let at = (kept.length + (isLast ? 1 : 0)) * size; at < candidates.length; at += size) {
      for (let element = 0; element < this.actionSize; element++) this.noise.draw(rng, candidates, at + element, this.actionSize);
      for (let i = 0; i < size; i++) candidates[at + i] = mean[i]! + this.deviation[i]! * candidates[at + i]!;
    }
  }

  learn(_iteration: number, mean: Float64Array, candidates: Float64Array, scores: Float64Array): void {
    const size = mean.length;
    const order = Array.from(scores.keys()).sort((a, b) => descending(scores[a]!, scores[b]!) || a - b);
    const sequenceOf = (candidate: number) => candidates.slice(candidate * size, (candidate + 1) * size);
    this.elites = order.slice(0, this.config.elites).map(sequenceOf);
    const score = scores[order[0]!]!;
    if (!this.best || score > this.best.score) this.best = { score, sequence: this.elites[0]! };
    this.refit(mean);
  }

  chosen(mean: Float64Array): Float64Array {
    return this.best?.sequence ?? mean;
  }

  private kept(): Float64Array[] {
    return this.elites.slice(0, Math.round(this.config.keptShare * this.config.elites));
  }

  /** One step on; the action that comes in is drawn around the mean's. */
  private movedOn(rng: Rng, elite: Float64Array, mean: Float64Array): Float64Array {
    const moved = elite.slice();
    const last = moved.length - this.actionSize;
    moved.copyWithin(0, this.actionSize);
    for (let i = last; i < moved.length; i++) moved[i] = mean[i]! + this.config.initialDeviation * rng.normal();
    return moved;
  }

  private refit(mean: Float64Array): void {
    const { smoothing } = this.config;
    const count = this.elites.length;
    for (let i = 0; i < mean.length; i++) {
      const centre = this.elites.reduce((sum, elite) => sum + elite[i]!, 0) / count;
      const variance = this.elites.reduce((sum, elite) => sum + (elite[i]! - centre) ** 2, 0) / count;
      mean[i] = smoothing * mean[i]! + (1 - smoothing) * centre;
      this.deviation[i] = smoothing * this.deviation[i]! + (1 - smoothing) * Math.sqrt(variance);
    }
  }
}

/** −Infinity minus itself is not a number. */
function descending(a: number, b: number): number {
  return a === b ? 0 : a < b ? 1 : -1;
}
