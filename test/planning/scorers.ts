import type { RolloutScorer } from '../../src/core/rollouts.ts';

/** Scores a plan by its distance from a target sequence, each start its own; keeps what it was asked. */
export class Quadratic implements RolloutScorer {
  readonly starts: number;
  readonly actionSize: number;
  readonly seen: number[] = [];
  /** Of each call. */
  readonly populations: number[] = [];
  readonly plans: Float32Array[] = [];
  private readonly targets: readonly (readonly number[])[];

  constructor(targets: readonly (readonly number[])[], actionSize: number) {
    this.starts = targets.length;
    this.actionSize = actionSize;
    this.targets = targets;
  }

  async score(plans: Float32Array, candidates: number, horizon: number, out: Float64Array): Promise<void> {
    const size = horizon * this.actionSize;
    this.seen.push(...plans);
    this.populations.push(candidates);
    this.plans.push(plans.slice());
    for (let plan = 0; plan < out.length; plan++) {
      const target = this.targets[Math.floor(plan / candidates)]!;
      out[plan] = -target.reduce((sum, value, i) => sum + (plans[plan * size + i]! - value) ** 2, 0);
    }
  }
}
