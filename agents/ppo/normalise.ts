import { MOST_DEVIATIONS } from '../../src/learning/normalised.ts';
import { Moments } from '../../src/math/moments.ts';
import type { PpoWeights } from './networks.ts';

/** Observations less their mean, over their standard deviation, of all that was seen so far, and clipped (Huang et al. 2022, continuous details 6 and 7). */
export class ObservationNormaliser {
  readonly seen: Moments;
  private readonly isOn: boolean;

  constructor(size: number, isOn: boolean) {
    this.seen = new Moments(size);
    this.isOn = isOn;
  }

  /** What it subtracts and divides by now; null where it does neither. */
  now(): PpoWeights['normaliser'] {
    return this.isOn ? { mean: this.seen.mean.slice(), deviation: this.seen.deviation() } : null;
  }

  see(row: Float64Array): void {
    if (this.isOn) this.seen.add(row);
  }

  /** @param into - gets the normalised row from `at` on. */
  write(row: Float64Array, into: Float32Array, at: number): void {
    const { seen, isOn } = this;
    for (let i = 0; i < row.length; i++) into[at + i] = isOn ? clip((row[i]! - seen.mean[i]!) / seen.deviationOf(i)) : row[i]!;
  }
}

/** Rewards over the standard deviation of the discounted return so far, and clipped (continuous details 8 and 9). */
export class RewardScale {
  readonly seen = new Moments(1);
  /** `[lanes]`, discounted sums of the rewards of the episodes under way, the latest step's undiscounted. */
  readonly running: Float64Array;
  private readonly discount: number;
  private readonly isOn: boolean;
  private readonly row = new Float64Array(1);

  constructor(lanes: number, discount: number, isOn: boolean) {
    this.running = new Float64Array(lanes);
    this.discount = discount;
    this.isOn = isOn;
  }

  /** Takes a step's reward in. @returns what training sees of it. */
  scale(lane: number, reward: number, ended: boolean): number {
    if (!this.isOn) return reward;
    this.row[0] = this.discount * this.running[lane]! + reward;
    this.seen.add(this.row);
    this.running[lane] = ended ? 0 : this.row[0];
    return clip(reward / this.seen.deviationOf(0));
  }
}

function clip(value: number): number {
  return Math.min(Math.max(value, -MOST_DEVIATIONS), MOST_DEVIATIONS);
}
