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
