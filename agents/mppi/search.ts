import type { Rng } from '../../src/math/rng.ts';
import { ColouredNoise, type Search, softmaxWeights } from '../../src/planning/index.ts';
import type { MppiConfig } from './config.ts';

/** MPPI for one start: the plan moves to the mean of all candidates, each weighted by the exponential of its score. */
export class MppiSearch implements Search {
  private readonly config: MppiConfig;
  private readonly actionSize: number;
  private readonly noise: ColouredNoise;

  constructor(config: MppiConfig, actionSize: number) {
    this.config = config;
    this.actionSize = actionSize;
    this.noise = new ColouredNoise(config.horizon, config.noiseExponent);
  }

  reset(): void {}

  begin(): void {}

  /** The plan itself competes, so that a good warm start is never lost. */
  draw(rng: Rng, _iteration: number, mean: Float64Array, candidates: Float64Array): void {
    const size = mean.length;
    candidates.set(mean);
    for (let at = size; at < candidates.length; at += size) {
      for (let element = 0; element < this.actionSize; element++) this.noise.draw(rng, candidates, at + element, this.actionSize);
      for (let i = 0; i < size; i++) candidates[at + i] = mean[i]! + this.config.deviation * candidates[at + i]!;
    }
  }

  learn(_iteration: number, mean: Float64Array, candidates: Float64Array, scores: Float64Array): void {
    const { temperature, temperatureUnit } = this.config;
    const unit = temperatureUnit === 'reward' ? 1 : deviationOf(scores);
    // Where all score alike, nothing is learned about where to go.
    if (unit === 0) return;
    const weights = softmaxWeights(scores, temperature * unit);
    if (weights.every((weight) => weight === 0)) return;
    const size = mean.length;
    mean.fill(0);
    weights.forEach((weight, candidate) => {
      if (weight > 0) for (let i = 0; i < size; i++) mean[i] = mean[i]! + weight * candidates[candidate * size + i]!;
    });
  }

  chosen(mean: Float64Array): Float64Array {
    return mean;
  }
}

/** Standard deviation of those that did not break. */
function deviationOf(scores: Float64Array): number {
  const whole = scores.filter(Number.isFinite);
  if (whole.length === 0) return 0;
  const mean = whole.reduce((sum, score) => sum + score, 0) / whole.length;
  return Math.sqrt(whole.reduce((sum, score) => sum + (score - mean) ** 2, 0) / whole.length);
}
