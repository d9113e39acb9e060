/**
 * Cross-entropy planning over action sequences (Rubinstein 1999; as in PETS, Chua et al. 2018), for several starts at once, on any RolloutScorer.
 * Works in normalised actions: −1 … 1 over each action's range.
 */
import type { RolloutScorer } from '../../src/core/rollouts.ts';
import { GroundtwinError } from '../../src/errors.ts';
import type { Rng } from '../../src/math/rng.ts';
import { type Leaf, type Space, sizeOf } from '../../src/spaces/space.ts';
import type { CemConfig } from './config.ts';

export class CemPlanner {
  private readonly scorer: RolloutScorer;
  private readonly config: CemConfig;
  private readonly toAction: (normalised: number, element: number) => number;
  private readonly size: number;
  /** float64 `[starts, horizon, size]`: the plan so far, shifted on by every decision. */
  private readonly mean: Float64Array;
  private readonly deviation: Float64Array;
  private readonly candidates: Float64Array;
  private readonly plans: Float32Array;
  private readonly scores: Float64Array;

  constructor(scorer: RolloutScorer, actionSpace: Space, config: CemConfig) {
    this.scorer = scorer;
    this.config = config;
    this.toAction = actionMap(actionSpace);
    this.size = config.horizon * scorer.actionSize;
    this.mean = new Float64Array(scorer.starts * this.size);
    this.deviation = new Float64Array(this.mean.length);
    this.candidates = new Float64Array(scorer.starts * config.population * this.size);
    this.plans = new Float32Array(this.candidates.length);
    this.scores = new Float64Array(scorer.starts * config.population);
  }

  /** Forgets the warm start. */
  reset(): void {
    this.mean.fill(0);
  }

  /**
   * Plans from the scorer's present starts.
   * @param out - `[starts, actionSize]`: the first action of each plan.
   */
  async plan(rng: Rng, out: Float32Array): Promise<void> {
    const { iterations, initialDeviation, population, horizon } = this.config;
    this.deviation.fill(initialDeviation);
    for (let iteration = 0; iteration < iterations; iteration++) {
      this.draw(rng);
      await this.scorer.score(this.plans, population, horizon, this.scores);
      for (let start = 0; start < this.scorer.starts; start++) this.refit(start);
    }
    this.takeFirst(out);
    this.shift();
  }

  private draw(rng: Rng): void {
    const { population } = this.config;
    for (let start = 0; start < this.scorer.starts; start++)
      for (let candidate = 0; candidate < population; candidate++) {
        const at = (start * population + candidate) * this.size;
        // The mean itself competes, so a good warm start is never lost.
        if (candidate === 0) this.candidates.set(this.mean.subarray(start * this.size, (start + 1) * this.size), at);
        else this.drawOne(rng, start * this.size, at, this.reach(candidate));
        for (let i = 0; i < this.size; i++) this.plans[at + i] = this.toAction(this.candidates[at + i]!, i % this.scorer.actionSize);
      }
  }

  /** Candidates search at every scale, from the full deviation down to `finest` of it: wide ones find a swing, narrow ones hold a balance. */
  private reach(candidate: number): number {
    return this.config.finest ** (candidate / this.config.population);
  }

  /** Noise is an AR(1) process along the plan with unit variance. */
  private drawOne(rng: Rng, from: number, at: number, reach: number): void {
    const { noiseCorrelation } = this.config;
    const innovation = Math.sqrt(1 - noiseCorrelation ** 2);
    const { actionSize } = this.scorer;
    for (let element = 0; element < actionSize; element++) {
      let noise = rng.normal();
      for (let i = element; i < this.size; i += actionSize) {
        this.candidates[at + i] = clip(this.mean[from + i]! + reach * this.deviation[from + i]! * noise);
        noise = noiseCorrelation * noise + innovation * rng.normal();
      }
    }
  }

  private refit(start: number): void {
    const { population, elites, smoothing } = this.config;
    const base = start * population;
    const best = Array.from({ length: population }, (_, i) => i)
      .sort((a, b) => this.scores[base + b]! - this.scores[base + a]! || a - b)
      .slice(0, elites);
    for (let i = 0; i < this.size; i++) {
      let sum = 0;
      let squares = 0;
      for (const candidate of best) {
        const value = this.candidates[(base + candidate) * this.size + i]!;
        sum += value;
        squares += value * value;
      }
      const mean = sum / elites;
      const deviation = Math.sqrt(Math.max(0, squares / elites - mean * mean));
      const at = start * this.size + i;
      this.mean[at] = smoothing * this.mean[at]! + (1 - smoothing) * mean;
      this.deviation[at] = smoothing * this.deviation[at]! + (1 - smoothing) * deviation;
    }
  }

  private takeFirst(out: Float32Array): void {
    const { starts, actionSize } = this.scorer;
    for (let start = 0; start < starts; start++)
      for (let i = 0; i < actionSize; i++) out[start * actionSize + i] = this.toAction(this.mean[start * this.size + i]!, i);
  }

  /** The next decision starts from this plan, one step on; its new last action repeats the old. */
  private shift(): void {
    const { starts, actionSize } = this.scorer;
    for (let start = 0; start < starts; start++)
      this.mean.copyWithin(start * this.size, start * this.size + actionSize, (start + 1) * this.size);
  }
}

function clip(value: number): number {
  return Math.min(Math.max(value, -1), 1);
}

/** Normalised −1 … 1 to an action of the space. */
function actionMap(space: Space): (normalised: number, element: number) => number {
  if (space.kind === 'dict' || !isBounded(space))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'cem',
      option: 'env',
      value: space.kind,
      allowed: 'one whose actions are a bounded box or integers',
    });
  if (space.kind === 'box')
    return (normalised, i) => Math.fround(space.low[i]! + ((normalised + 1) / 2) * (space.high[i]! - space.low[i]!));
  const counts = space.kind === 'discrete' ? [space.n] : space.nvec;
  return (normalised, i) => Math.min(Math.floor(((normalised + 1) / 2) * counts[i]!), counts[i]! - 1);
}

function isBounded(space: Leaf): boolean {
  return space.kind !== 'box' || (sizeOf(space) > 0 && [...space.low, ...space.high].every(Number.isFinite));
}
