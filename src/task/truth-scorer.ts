import type { LimitCost, RolloutScorer } from '../core/rollouts.ts';
import { allocate, flatSizeOf, type TypedArray } from '../spaces/space.ts';
import { type LimitCostOf, limitCostOf, noLimitCost } from './limits.ts';
import type { TaskEnv } from './task-env.ts';

/**
 * Scores plans by executing them in physics: each candidate starts from a snapshot of the real lane, in a scratch world of its own.
 * The upper bound of what planning in a learned model can reach.
 */
export class TruthScorer implements RolloutScorer {
  readonly starts: number;
  readonly actionSize: number;
  private readonly source: TaskEnv;
  private readonly scratch: TaskEnv;
  private readonly limitCost: LimitCostOf;
  private readonly actions: TypedArray;
  private readonly active = Uint8Array.of(1);
  private snapshots: Uint8Array[] = [];

  /** @param source - the real lanes. @param scratch - an env of one lane on the same task and engine; the caller closes both. */
  constructor(source: TaskEnv, scratch: TaskEnv, cost: LimitCost = noLimitCost) {
    this.limitCost = limitCostOf(source.spec, cost);
    this.source = source;
    this.scratch = scratch;
    this.starts = source.lanes;
    this.actionSize = flatSizeOf(source.actionSpace);
    this.actions = allocate(source.actionSpace, 1) as TypedArray;
  }

  /** Takes the lanes as they are now. */
  begin(): void {
    this.snapshots = Array.from({ length: this.starts }, (_, lane) => this.source.save(lane));
  }

  async score(plans: Float32Array, candidates: number, horizon: number, out: Float64Array): Promise<void> {
    const planSize = horizon * this.actionSize;
    for (let start = 0; start < this.starts; start++) {
      for (let candidate = 0; candidate < candidates; candidate++) {
        const plan = start * candidates + candidate;
        this.scratch.load(0, this.snapshots[start]!);
        out[plan] = this.execute(plans.subarray(plan * planSize, (plan + 1) * planSize), horizon);
      }
      // Restored worlds are finalised only between turns of the event loop; without this, memory grows.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private execute(plan: Float32Array, horizon: number): number {
    let sum = 0;
    for (let step = 0; step < horizon; step++) {
      for (let i = 0; i < this.actionSize; i++) this.actions[i] = plan[step * this.actionSize + i]!;
      void this.scratch.step(this.actions, this.active);
      for (const reward of this.scratch.batch.reward) sum += reward;
      sum -= this.limitCost(this.scratch.state, 0);
      if (this.scratch.batch.problems[0]) return Number.NEGATIVE_INFINITY;
      if (this.scratch.batch.terminated[0] || this.scratch.batch.truncated[0]) break;
    }
    return sum;
  }
}
