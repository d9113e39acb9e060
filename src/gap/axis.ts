/** What an axis of the suite is: it plays what its tests need, and says what it found. */
import type { PhysicsEngine } from '../core/physics-world.ts';
import type { Transitions } from '../data/transitions.ts';
import type { Rng } from '../math/rng.ts';
import type { TaskEnv } from '../task/task-env.ts';
import type { Interval } from './bootstrap.ts';
import type { Subject } from './subject.ts';
import type { GapTest, Verdict } from './thresholds.ts';

/** What a test found: a value to hold against the bound, or why there is none. */
export type Finding =
  | { readonly kind: 'measured'; readonly interval: Interval; readonly n: number; readonly doubt?: string; readonly horizon?: number }
  | {
      readonly kind: 'absent';
      readonly verdict: Extract<Verdict, 'INCONCLUSIVE' | 'NOT_APPLICABLE'>;
      readonly reason: string;
      readonly n: number;
    };

export interface AxisContext {
  /** Without wrappers; closed by the caller. Any number of lanes. */
  readonly truth: TaskEnv;
  /** Closed by the caller. */
  readonly subject: Subject;
  /** Of truth. */
  readonly engine: PhysicsEngine;
  /** Episodes the subject has never seen. */
  readonly heldOut: Transitions;
  /** What it was trained on. */
  readonly training: Transitions;
  /** float64 `[P]`: standard deviation of each predicted element over held-out truth. */
  readonly scale: Float64Array;
  /** Draws of a start; 1 for a subject that says one thing only. */
  readonly samples: number;
  /** Of this axis alone: whatever it draws, the others draw the same. */
  readonly rng: Rng;
  readonly resamples: number;
  readonly onProgress?: (stage: string, done: number, of: number) => void;
}

export interface AxisResult {
  readonly findings: readonly { readonly test: GapTest; readonly finding: Finding }[];
  /** For a reader and for drawing: plain data, equal to itself after a trip through JSON. */
  readonly figures: Readonly<Record<string, unknown>>;
}

/** A part of the suite. It must not fail for what a subject says: a diverged one is measured, not refused. */
export interface Axis {
  readonly name: string;
  /** Rows it always gives, in their order. */
  readonly tests: readonly GapTest[];
  measure(context: AxisContext): Promise<AxisResult>;
}

export function measured(interval: Interval, n: number, more: { readonly doubt?: string; readonly horizon?: number } = {}): Finding {
  return { kind: 'measured', interval, n, ...more };
}

export function notApplicable(reason: string, n = 0): Finding {
  return { kind: 'absent', verdict: 'NOT_APPLICABLE', reason, n };
}

export function inconclusive(reason: string, n = 0): Finding {
  return { kind: 'absent', verdict: 'INCONCLUSIVE', reason, n };
}
