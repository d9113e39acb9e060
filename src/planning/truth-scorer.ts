import type { LimitCost, RolloutScorer, TerminalValue } from '../core/rollouts.ts';
import { flatSizeOf } from '../spaces/space.ts';
import { type LimitCostOf, limitCostOf, noLimitCost } from '../task/limits.ts';
import type { TaskEnv } from '../task/task-env.ts';
import { valuesOfLanes } from '../task/terminal.ts';
import { playPlans, rewardOf } from './play-plans.ts';

/**
 * Scores plans by executing them in physics: each candidate starts from a snapshot of the real lane, in a scratch world of its own.
 * The upper bound of what planning in a learned model can reach.
 */
export class TruthScorer implements RolloutScorer {
  readonly starts: number;
  readonly actionSize: number;
  private readonly source: TaskEnv;
  private readonly scratch: TaskEnv;
  private readonly terminal: TerminalValue | undefined;
  private readonly limitCost: LimitCostOf;
  private snapshots: Uint8Array[] = [];

  /**
   * @param source - the real lanes. @param scratch - an env of one lane on the same task and engine; the caller closes both.
   * @param terminal - judges where each candidate breaks off.
   */
  constructor(source: TaskEnv, scratch: TaskEnv, cost: LimitCost = noLimitCost, terminal?: TerminalValue) {
    this.starts = source.lanes;
    this.actionSize = flatSizeOf(source.actionSpace);
    this.source = source;
    this.scratch = scratch;
    this.terminal = terminal;
    this.limitCost = limitCostOf(source.spec, cost);
  }

  /** Takes the lanes as they are now. */
  begin(): void {
    this.snapshots = Array.from({ length: this.starts }, (_, lane) => this.source.save(lane));
  }

  async score(plans: Float32Array, candidates: number, horizon: number, out: Float64Array): Promise<void> {
    const size = horizon * this.actionSize;
    for (let plan = 0; plan < out.length; plan++) {
      // Restored worlds are finalised only between turns of the event loop; without this, memory grows.
      if (plan % candidates === 0) await new Promise((resolve) => setImmediate(resolve));
      this.scratch.load(0, this.snapshots[Math.floor(plan / candidates)]!);
      out[plan] = await this.execute(plans.subarray(plan * size, (plan + 1) * size), horizon);
    }
  }

  private async execute(plan: Float32Array, horizon: number): Promise<number> {
    const { scratch, terminal } = this;
    let sum = 0;
    const running = await playPlans(scratch, plan, horizon, () => {
      sum += rewardOf(scratch, 0) - this.limitCost(scratch.state, 0);
      if (scratch.batch.problems[0]) sum = Number.NEGATIVE_INFINITY;
    });
    if (!terminal) return sum;
    const [value] = await valuesOfLanes(scratch, running, terminal);
    return sum + value!;
  }
}
