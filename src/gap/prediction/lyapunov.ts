/** How fast truth forgets where it came from. */
import { elementsWithRole, layOut, type Role } from '../../core/state-spec.ts';
import type { Rng } from '../../math/rng.ts';
import type { AnyTask } from '../../task/task.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import type { AxisContext } from '../axis.ts';
import { type Interval, plannedInterval, resamplePlan } from '../bootstrap.ts';
import type { HeldOut } from '../held-out.ts';
import { stepsOfPlan } from '../held-out.ts';
import { SENSOR_NOISE_SHARE } from '../pair-rollouts.ts';
import { elementGap, elementsOf, rowsAtStep } from '../paired-rollouts.ts';
import { playerOf } from '../play.ts';
import { mean } from '../statistics.ts';
import { withPredicted } from './whole-states.ts';

/** Steps between renormalisations, how many of these spans, and how many of them only turn the difference into its fastest growing direction. */
const SPAN_steps = 10;
const SPANS = 8;
const TURNING_SPANS = 2;
/** Standard deviations: two runs that meet exactly count as this near. */
const SMALLEST_GAP = 1e-9;

/**
 * The largest Lyapunov exponent of truth under a plan: mean growth of the logarithm of a small difference that is made small again every few steps, mean over starts.
 * Contacts and warm starts begin anew with every span.
 * @param plan - of at least three spans. @returns 1/s with its interval over starts; below 0 where differences die out.
 * @see Benettin et al. 1980.
 */
export async function lyapunovExponent(
  { truth, scale, rng, resamples }: Pick<AxisContext, 'truth' | 'scale' | 'rng' | 'resamples'>,
  plan: HeldOut,
): Promise<Interval> {
  const { task } = truth;
  const player = playerOf(truth);
  const endOf = async (piece: HeldOut) => {
    const { rows } = await player.play(piece, 1, 0);
    return rowsAtStep(rows, plan.starts, SPAN_steps, scale.length, SPAN_steps);
  };
  const spans = Math.min(SPANS, Math.floor(plan.horizon / SPAN_steps));
  const growth = new Float64Array(plan.starts);
  let here = plan.state;
  let beside = displaced(task, here, randomDirections(task, plan.starts, rng), scale);
  for (let span = 0; span < spans; span++) {
    const piece = stepsOfPlan(plan, span * SPAN_steps, SPAN_steps);
    const end = await endOf({ ...piece, state: here });
    const directions = dynamicGaps(task, await endOf({ ...piece, state: beside }), end, scale);
    if (span >= TURNING_SPANS)
      for (let start = 0; start < plan.starts; start++)
        growth[start]! += Math.log(Math.max(lengthOf(directions, start, scale.length), SMALLEST_GAP) / SENSOR_NOISE_SHARE);
    here = withPredicted(task, here, end);
    beside = displaced(task, here, directions, scale);
  }
  const perSecond = growth.map((sum) => sum / ((spans - TURNING_SPANS) * SPAN_steps * task.controlDt_s));
  return plannedInterval([perSecond], ([sample]) => mean(sample!), resamplePlan(plan.starts, rng, resamples));
}

/** `(a − b)/σ` of the dynamic elements, 0 for signals: they arise anew. float64 `[starts, size]`; what is not finite counts as 0. */
function dynamicGaps(task: AnyTask, a: Float64Array, b: Float64Array, scale: Float64Array): Float64Array {
  const roles = rolesOf(task);
  const gaps = new Float64Array(a.length);
  for (const element of elementsOf(predictedEntries(task))) {
    if (roles[element.index] !== 'dynamic') continue;
    for (let row = 0; row < a.length; row += scale.length) {
      const gap = elementGap(element, a, row, b, row) / scale[element.index]!;
      gaps[row + element.index] = Number.isFinite(gap) ? gap : 0;
    }
  }
  return gaps;
}

/** Of every predicted element. */
function rolesOf(task: AnyTask): Role[] {
  return predictedEntries(task).flatMap(({ role, size }) => new Array<Role>(size).fill(role));
}

function randomDirections(task: AnyTask, starts: number, rng: Rng): Float64Array {
  const roles = rolesOf(task);
  return Float64Array.from({ length: starts * roles.length }, (_, i) => (roles[i % roles.length] === 'dynamic' ? rng.normal() : 0));
}

/** Root-mean-square over elements. */
function lengthOf(gaps: Float64Array, start: number, size: number): number {
  return Math.hypot(...gaps.subarray(start * size, (start + 1) * size)) / Math.sqrt(size);
}

/** States moved along these directions by the share that a sensor errs. @param state - `[starts, stateSize]`. @param directions - `[starts, size]`, in σ. */
function displaced(task: AnyTask, state: Float64Array, directions: Float64Array, scale: Float64Array): Float64Array {
  const spec = layOut(task.state);
  const predicted = elementsWithRole(spec, 'dynamic', 'signal');
  const moved = state.slice();
  for (let start = 0; start < state.length / spec.size; start++) {
    const share = SENSOR_NOISE_SHARE / Math.max(lengthOf(directions, start, scale.length), SMALLEST_GAP);
    predicted.forEach((element, i) => {
      moved[start * spec.size + element]! += share * directions[start * scale.length + i]! * scale[i]!;
    });
  }
  return moved;
}
