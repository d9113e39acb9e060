import type { Rng } from '../../src/math/rng.ts';
import { clipNormalised } from '../../src/planning/action-range.ts';
import type { Search } from '../../src/planning/search-planner.ts';
import type { CemConfig } from './config.ts';

/** Cross-entropy search for one start (Rubinstein 1999; as in PETS, Chua et al. 2018). */
export class CemSearch implements Search {
  private readonly config: CemConfig;
  private readonly actionSize: number;
  private readonly deviation: Float64Array;

  constructor(config: CemConfig, actionSize: number) {
    this.config = config;
    this.actionSize = actionSize;
    this.deviation = new Float64Array(config.horizon * actionSize);
  }

  reset(): void {}

  begin(): void {
    this.deviation.fill(this.config.initialDeviation);
  }

  /** The mean itself competes, so that a good warm start is never lost. */
  draw(rng: Rng, _iteration: number, mean: Float64Array, candidates: Float64Array): void {
    const { population, finest } = this.config;
    candidates.set(mean);
    // Candidates search at every scale, from the full deviation down to `finest` of it: wide ones find a swing, narrow ones hold a balance.
    for (let candidate = 1; candidate < population; candidate++)
      this.drawOne(rng, mean, candidates, candidate * mean.length, finest ** (candidate / population));
  }

  learn(_iteration: number, mean: Float64Array, candidates: Float64Array, scores: Float64Array): void {
    const { elites, smoothing } = this.config;
    const size = mean.length;
    const best = Array.from(scores.keys())
      .sort((a, b) => scores[b]! - scores[a]! || a - b)
      .slice(0, elites);
    for (let i = 0; i < size; i++) {
      let sum = 0;
      let squares = 0;
      for (const candidate of best) {
        const value = candidates[candidate * size + i]!;
        sum += value;
        squares += value * value;
      }
      const centre = sum / elites;
      const deviation = Math.sqrt(Math.max(0, squares / elites - centre * centre));
      mean[i] = smoothing * mean[i]! + (1 - smoothing) * centre;
      this.deviation[i] = smoothing * this.deviation[i]! + (1 - smoothing) * deviation;
    }
  }

  chosen(mean: Float64Array): Float64Array {
    return mean;
  }

  /** Noise is an AR(1) process along the plan with unit variance. */
  private drawOne(rng: Rng, mean: Float64Array, candidates: Float64Array, at: number, reach: number): void {
    const { noiseCorrelation } = this.config;
    const innovation = Math.sqrt(1 - noiseCorrelation ** 2);
    for (let element = 0; element < this.actionSize; element++) {
      let noise = rng.normal();
      for (let i = element; i < mean.length; i += this.actionSize) {
        candidates[at + i] = clipNormalised(mean[i]! + reach * this.deviation[i]! * noise);
        noise = noiseCorrelation * noise + innovation * rng.normal();
      }
    }
  }
}
