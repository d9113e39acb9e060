import type { RolloutScorer } from '../core/rollouts.ts';
import type { Space } from '../spaces/space.ts';
import { actionRange } from './action-range.ts';

/** Plans are compared over so many stretches of time: a jitter that changes nothing does not make another plan. */
const stretches = 8;

/** What a plan does, roughly: float64 `[stretches, actionSize]`, the mean of each action over each stretch, −1 … 1 over its range. */
export type PlanSketch = Float64Array;

/** @param plan - float32 `[horizon, actionSize]`, actions. */
export function sketchOf(space: Space, plan: Float32Array, horizon: number): PlanSketch {
  const range = actionRange('plans', space);
  const actionSize = plan.length / horizon;
  const count = Math.min(stretches, horizon);
  const sketch = new Float64Array(count * actionSize);
  for (let stretch = 0; stretch < count; stretch++) {
    const [from, to] = [Math.floor((stretch * horizon) / count), Math.floor(((stretch + 1) * horizon) / count)];
    for (let step = from; step < to; step++)
      for (let i = 0; i < actionSize; i++) {
        const at = stretch * actionSize + i;
        sketch[at] = sketch[at]! + range.toNormalised(plan[step * actionSize + i]!, i) / (to - from);
      }
  }
  return sketch;
}

/** Root mean square of the differences, in units of half the action range: 0 = alike, 2 = opposite throughout. */
export function apartness(a: PlanSketch, b: PlanSketch): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length);
}

/** Scores as another scorer does, less for plans that come close to ones already found; plans that are far enough apart lose nothing. */
export class RepelledScorer implements RolloutScorer {
  readonly starts: number;
  readonly actionSize: number;
  private readonly inner: RolloutScorer;
  private readonly space: Space;
  private readonly separation: number;
  private readonly costPerStep: number;
  private readonly found: PlanSketch[] = [];

  /** @param separation - apartness from which on plans leave each other alone. @param costPerStep - of doing just what a found plan does, in the unit of rewards. */
  constructor(inner: RolloutScorer, space: Space, separation: number, costPerStep: number) {
    this.starts = inner.starts;
    this.actionSize = inner.actionSize;
    this.inner = inner;
    this.space = space;
    this.separation = separation;
    this.costPerStep = costPerStep;
  }

  /** Plans scored from now on keep off this one too. */
  keepOff(sketch: PlanSketch): void {
    this.found.push(sketch);
  }

  async score(plans: Float32Array, candidates: number, horizon: number, out: Float64Array): Promise<void> {
    await this.inner.score(plans, candidates, horizon, out);
    if (this.found.length === 0) return;
    const size = horizon * this.actionSize;
    for (let plan = 0; plan < out.length; plan++) {
      const sketch = sketchOf(this.space, plans.subarray(plan * size, (plan + 1) * size), horizon);
      for (const other of this.found)
        out[plan] = out[plan]! - horizon * this.costPerStep * Math.max(0, 1 - apartness(sketch, other) / this.separation);
    }
  }
}
