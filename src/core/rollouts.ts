/** How a scorer treats the hard stops that a task's state declares. */
export interface LimitCost {
  /** Share of an entry's range at either end in which cost begins. */
  readonly margin: number;
  /** Reward taken off for each step spent there. */
  readonly perStep: number;
}

/**
 * "What would it return if …": scores candidate action sequences from given starts, in a model or in truth.
 * Planners see only this, so the same planner runs on both.
 */
export interface RolloutScorer {
  readonly starts: number;
  readonly actionSize: number;
  /**
   * Sum of rewards of each candidate until its horizon or its end, averaged over the scorer's samples.
   * −Infinity for one that breaks the physics or the model: where rewards are costs, breaking off early would look like the best of plans.
   * @param plans - float32 `[starts, candidates, horizon, actionSize]`, actions inside the action space.
   * @param out - float64 `[starts, candidates]`.
   */
  score(plans: Float32Array, candidates: number, horizon: number, out: Float64Array): Promise<void>;
}

/** What is still to come where a plan breaks off: by it planners see past their horizon. In the unit of the scores, rewards undiscounted. */
export interface TerminalValue {
  /** What it judges: whole states of the task, or observations as an agent sees them, flat. */
  readonly of: 'state' | 'observation';
  /**
   * Not asked about plans whose episode ended: nothing follows there.
   * @param rows - float64 `[count, width]`; reused by the caller.
   * @param out - float64 `[count]`.
   */
  evaluate(rows: Float64Array, count: number, out: Float64Array): void | Promise<void>;
}
