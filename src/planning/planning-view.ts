import type { LimitCost, RolloutScorer, TerminalValue } from '../core/rollouts.ts';
import type { Space, Values } from '../spaces/space.ts';

export interface ViewOptions {
  /** How plans keep off the stops of joints and rails. */
  readonly limits?: LimitCost;
  /** What is still to come where a plan breaks off. Default nothing. */
  readonly terminal?: TerminalValue;
}

export interface PlanningView {
  /** As in 'in the model'. */
  readonly where: string;
  readonly actionSpace: Space;
  readonly scorer: RolloutScorer;
  /** Takes the starts of the next decision. @param seed - of imagined noise; given at the first decision after a reset. */
  look(observation: Values, seed?: number): void | Promise<void>;
  /** Is told what was decided. */
  acted?(actions: Values): void;
}

/** Of docs/decisions/planner-keeps-off-limits.md. */
export const keepOffLimits: LimitCost = { margin: 0.08, perStep: 1 };
