import type { RolloutScorer, TerminalValue } from '../core/rollouts.ts';
import { Rng } from '../math/rng.ts';
import type { LimitCostOf } from '../task/limits.ts';
import { scatterValues } from '../task/terminal.ts';
import { MemoryLanes } from './memory-lanes.ts';
import type { ObservationModel } from './observation-model.ts';

/**
 * Scores plans inside a model of observations, from memories. Every candidate is imagined by each member, `samples` times; rewards are the model's own,
 * each weighed by how likely the task still goes on.
 * All candidates of a start share their noise, so they differ by their actions alone.
 */
export class MemoryScorer implements RolloutScorer {
  readonly starts: number;
  readonly actionSize: number;
  /** Dreams of one candidate. */
  private readonly dreams: number;
  private readonly model: ObservationModel;
  private readonly limitCost: LimitCostOf;
  private readonly rng = new Rng(0);
  private memories: Float32Array = new Float32Array(0);
  private readonly terminal: TerminalValue | undefined;
  /** By how many: planners whose population shrinks come back to the same few sizes with every decision. */
  private readonly lanes = new Map<number, MemoryLanes>();

  /**
   * @param samples - dreams of a candidate by each member. @param limitCost - of an imagined observation.
   * @param terminal - of observations: judges where each dream of a candidate breaks off.
   */
  constructor(model: ObservationModel, starts: number, samples = 1, limitCost: LimitCostOf = () => 0, terminal?: TerminalValue) {
    this.terminal = terminal;
    this.limitCost = limitCost;
    this.model = model;
    this.starts = starts;
    this.actionSize = model.manifest.action.size;
    this.dreams = samples * model.manifest.members;
  }

  /** Starts the stream of imagined noise anew. */
  seed(seed: number): void {
    this.rng.seed(seed);
  }

  /** @param memories - float32 `[starts, members, K]`: where imagination begins. */
  begin(memories: Float32Array): void {
    this.memories = memories;
  }

  async score(plans: Float32Array, candidates: number, horizon: number, out: Float64Array): Promise<void> {
    const count = this.starts * candidates * this.dreams;
    const lanes = this.lanes.get(count) ?? new MemoryLanes(this.model, count);
    this.lanes.set(count, lanes);
    this.place(lanes, candidates);
    const returns = new Float64Array(count);
    const alive = new Float64Array(count).fill(1);
    const active = new Uint8Array(count).fill(1);
    const actions = new Float32Array(count * this.actionSize);
    for (let step = 0; step < horizon; step++) {
      this.takeActions(plans, horizon, step, actions);
      await lanes.predict(actions, active);
      for (let lane = 0; lane < count; lane++) {
        returns[lane] = returns[lane]! + alive[lane]! * (lanes.reward[lane]! - this.limitCost(lanes.sample, lane));
        alive[lane] = alive[lane]! * lanes.continues[lane]!;
      }
    }
    if (this.terminal) {
      const values = await scatterValues(Float64Array.from(lanes.sample), Array.from(returns.keys()), count, this.terminal);
      for (let lane = 0; lane < count; lane++) returns[lane] = returns[lane]! + alive[lane]! * values[lane]!;
    }
    for (let plan = 0; plan < out.length; plan++) {
      let sum = 0;
      for (let dream = 0; dream < this.dreams; dream++) sum += returns[plan * this.dreams + dream]!;
      out[plan] = Number.isFinite(sum) ? sum / this.dreams : Number.NEGATIVE_INFINITY;
    }
  }

  /** Lane = (start · candidates + candidate) · dreams + dream; dream d is of member d mod members. */
  private place(lanes: MemoryLanes, candidates: number): void {
    const { members, memorySize } = this.model.manifest;
    let lane = 0;
    for (let start = 0; start < this.starts; start++) {
      const base = this.rng.integer(1 << 24) * this.dreams;
      for (let candidate = 0; candidate < candidates; candidate++)
        for (let dream = 0; dream < this.dreams; dream++) {
          const from = (start * members + (dream % members)) * memorySize;
          lanes.seed(lane, base + dream);
          lanes.memory.set(this.memories.subarray(from, from + memorySize), lane * memorySize);
          lane++;
        }
    }
  }

  private takeActions(plans: Float32Array, horizon: number, step: number, actions: Float32Array): void {
    const { actionSize, dreams } = this;
    for (let lane = 0; lane * actionSize < actions.length; lane++) {
      const from = (Math.floor(lane / dreams) * horizon + step) * actionSize;
      for (let i = 0; i < actionSize; i++) actions[lane * actionSize + i] = plans[from + i]!;
    }
  }
}
