import type { LimitCost, RolloutScorer, TerminalValue } from '../core/rollouts.ts';
import { layOut } from '../core/state-spec.ts';
import { Rng } from '../math/rng.ts';
import { allocate, flatSizeOf, type TypedArray } from '../spaces/space.ts';
import { type LimitCostOf, limitCostOf, noLimitCost } from '../task/limits.ts';
import type { AnyTask } from '../task/task.ts';
import { TaskEnv } from '../task/task-env.ts';
import { valuesOfLanes } from '../task/terminal.ts';
import { ModelDynamics } from './model-dynamics.ts';
import type { WorldModel } from './world-model.ts';

/**
 * Scores plans inside the model: every candidate is imagined once by each member (TS∞ with one particle a member), with the task's own reward and end.
 * All candidates of a start share their noise, so they differ by their actions alone.
 */
export class ModelScorer implements RolloutScorer {
  readonly starts: number;
  readonly actionSize: number;
  private readonly task: AnyTask;
  private readonly model: WorldModel;
  private readonly rng: Rng;
  private starting: Float64Array = new Float64Array(0);
  private readonly limitCost: LimitCostOf;
  private readonly terminal: TerminalValue | undefined;
  /** By lanes: planners whose population shrinks come back to the same few sizes with every decision. */
  private readonly dreams = new Map<number, TaskEnv>();
  private actions: TypedArray;
  private active: Uint8Array;

  /** @param terminal - judges where each dream of a candidate breaks off. */
  constructor(task: AnyTask, model: WorldModel, starts: number, cost: LimitCost = noLimitCost, terminal?: TerminalValue) {
    this.terminal = terminal;
    this.limitCost = limitCostOf(layOut(task.state), cost);
    this.task = task;
    this.model = model;
    this.starts = starts;
    this.actionSize = flatSizeOf(task.actionSpace);
    this.rng = new Rng(0);
    this.actions = new Float32Array(0);
    this.active = new Uint8Array(0);
  }

  /** Starts the stream of imagined noise anew. */
  seed(seed: number): void {
    this.rng.seed(seed);
  }

  /** @param rows - float64 `[starts, stateSize]`: where imagination begins. */
  begin(rows: Float64Array): void {
    this.starting = rows;
  }

  async score(plans: Float32Array, candidates: number, horizon: number, out: Float64Array): Promise<void> {
    const dream = this.dreamFor(candidates);
    this.placeLanes(dream, candidates);
    const returns = new Float64Array(dream.lanes);
    this.active.fill(1);
    for (let step = 0; step < horizon; step++) {
      this.takeActions(plans, candidates, horizon, step);
      await dream.step(this.actions, this.active);
      collect(dream, this.active, returns, this.limitCost);
    }
    if (this.terminal) {
      const values = await valuesOfLanes(dream, this.active, this.terminal);
      for (let lane = 0; lane < returns.length; lane++) returns[lane] = returns[lane]! + values[lane]!;
    }
    this.average(returns, out);
  }

  private dreamFor(candidates: number): TaskEnv {
    const { members } = this.model.manifest;
    const lanes = this.starts * candidates * members;
    const dream = this.dreams.get(lanes) ?? new TaskEnv(this.task, new ModelDynamics(this.task, this.model, lanes), lanes);
    this.dreams.set(lanes, dream);
    if (this.active.length === lanes) return dream;
    this.actions = allocate(this.task.actionSpace, lanes) as TypedArray;
    this.active = new Uint8Array(lanes);
    return dream;
  }

  /** Lane = (start · candidates + candidate) · members + member. */
  private placeLanes(dream: TaskEnv, candidates: number): void {
    const { members } = this.model.manifest;
    const size = dream.spec.size;
    let lane = 0;
    for (let start = 0; start < this.starts; start++) {
      const row = this.starting.subarray(start * size, (start + 1) * size);
      const base = this.rng.integer(1 << 24) * members;
      for (let candidate = 0; candidate < candidates; candidate++)
        for (let member = 0; member < members; member++) void dream.setState(lane++, row, base + member);
    }
  }

  private takeActions(plans: Float32Array, candidates: number, horizon: number, step: number): void {
    const { members } = this.model.manifest;
    const { actionSize } = this;
    for (let plan = 0; plan < this.starts * candidates; plan++) {
      const from = (plan * horizon + step) * actionSize;
      for (let member = 0; member < members; member++)
        for (let i = 0; i < actionSize; i++) this.actions[(plan * members + member) * actionSize + i] = plans[from + i]!;
    }
  }

  private average(returns: Float64Array, out: Float64Array): void {
    const { members } = this.model.manifest;
    for (let plan = 0; plan < out.length; plan++) {
      let sum = 0;
      for (let member = 0; member < members; member++) sum += returns[plan * members + member]!;
      out[plan] = sum / members;
    }
  }
}

/** Adds this step's rewards of running lanes and stops those that ended; a lane that broke is worth nothing at all. */
function collect(env: TaskEnv, active: Uint8Array, returns: Float64Array, limitCost: LimitCostOf): void {
  const { reward, terminated, truncated, problems } = env.batch;
  for (let lane = 0; lane < env.lanes; lane++) {
    if (!active[lane]) continue;
    for (let agent = 0; agent < env.agents; agent++) returns[lane] = returns[lane]! + reward[lane * env.agents + agent]!;
    returns[lane] = returns[lane]! - limitCost(env.state, lane);
    if (problems[lane]) returns[lane] = Number.NEGATIVE_INFINITY;
    if (terminated[lane] || truncated[lane]) active[lane] = 0;
  }
}
