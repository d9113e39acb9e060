import type { RolloutScorer } from '../core/rollouts.ts';
import type { Rng } from '../math/rng.ts';
import type { Space } from '../spaces/space.ts';

/** Finds action sequences that a scorer scores high, from several starts at once; a decision begins where the one before left off. */
export interface Planner {
  /** Forgets the warm start. */
  reset(): void;
  /**
   * Plans from the scorer's present starts.
   * @param out - `[starts, actionSize]`: the first action of each plan.
   */
  plan(rng: Rng, out: Float32Array): Promise<void>;
}

/** One that shows its whole plans, not only what to do first. */
export interface SequencePlanner extends Planner {
  /** float32 `[starts, horizon, actionSize]`: what the last decision is to execute, in actions. Reused. */
  readonly sequence: Float32Array;
}

/** A planner with its settings, to be set on any scorer. */
export interface PlannerRecipe<P extends Planner = Planner> {
  readonly name: string;
  /** Plain data: what a description of a run tells of it. */
  readonly settings: object;
  /** @throws OPTION_INVALID for settings or actions it cannot work with. */
  make(scorer: RolloutScorer, actionSpace: Space): P;
}

/** Of a planner that shows its plans. */
export interface SequenceRecipe extends PlannerRecipe<SequencePlanner> {
  /** Control steps of a plan. */
  readonly horizon: number;
}
