import type { StateEntry } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import type { Interval, ResamplePlan } from './bootstrap.ts';
import { counterfactualEffects } from './counterfactual.ts';
import { checkLength, elementsOf, type Reals, rowsAtStep } from './paired-rollouts.ts';

/** One physical parameter set to `factor` times what it is in the start state, everything else left alone: do(θ). */
export interface Intervention {
  readonly parameter: string;
  readonly factor: number;
}

/**
 * Interventions on physical parameters, executed: from each start the same actions are played with θ as it is and with one parameter changed, by truth and by the model.
 * Rows are packed as in `PairedRollouts`; step 0 is the common start.
 */
export interface ParameterRollouts {
  readonly entries: readonly StateEntry[];
  readonly starts: number;
  /** Control steps played. */
  readonly horizon: number;
  readonly interventions: readonly Intervention[];
  /** `[starts, horizon + 1, size]`: θ as it is. */
  readonly truthBase: Reals;
  readonly imaginedBase: Reals;
  /** A `[starts, horizon + 1, size]` for each intervention. */
  readonly truthBranches: readonly Reals[];
  readonly imaginedBranches: readonly Reals[];
  /** `[size]`: standard deviation of each element over held-out truth, so that metres and radians may be added. */
  readonly scale: Reals;
}

export interface ParameterEffect extends Intervention {
  /** Share of the true effects' variation that the model gets right; 1 perfect, 0 as good as "the parameter does nothing". */
  readonly effectR2: Interval;
  /** Mean cosine between predicted and true effect. */
  readonly direction: Interval;
  /** Root mean square of the true effect over starts and elements, standard deviations: how much there was to predict. */
  readonly trueEffect: number;
}

/**
 * C8: does the model know what a physical parameter *changes*?
 * An effect is the difference, h steps on, between the rollout with the parameter changed and the one without, in standard deviations of each element.
 * For each intervention `1 − Σ‖(ŷ′−ŷ)−(y′−y)‖² / Σ‖y′−y‖²` over starts and elements, as C1 has it for actions: nothing is pooled over interventions, so that a large
 * effect never hides a small one that the model misses.
 *
 * @param steps - h, 1 to `horizon`.
 * @param plan - resamples of the starts.
 * @returns one row an intervention, in their order; NaN where it had no effect in truth.
 * @throws GAP_SHAPE_MISMATCH, GAP_INPUT_INVALID
 * @see gap suite C8, do(θ)
 */
export function parameterEffects(data: ParameterRollouts, steps: number, plan: ResamplePlan): ParameterEffect[] {
  const { entries, starts, horizon, interventions, scale } = data;
  const size = elementsOf(entries).length;
  if (!Number.isInteger(steps) || steps < 1 || steps > horizon)
    throw new GroundtwinError('GAP_INPUT_INVALID', { what: 'steps', problem: `${steps} of the ${horizon} that were played` });
  checkLength('truthBranches', data.truthBranches, interventions.length);
  checkLength('imaginedBranches', data.imaginedBranches, interventions.length);
  const at = (what: string, rows: Reals) => {
    checkLength(what, rows, starts * (horizon + 1) * size);
    return rowsAtStep(rows, starts, horizon, size, steps);
  };
  const base = { truthBase: at('truthBase', data.truthBase), imaginedBase: at('imaginedBase', data.imaginedBase) };
  return interventions.map((intervention, i) => {
    const truthBranches = at('truthBranches', data.truthBranches[i]!);
    const imaginedBranches = at('imaginedBranches', data.imaginedBranches[i]!);
    const one = { entries, starts, alternatives: 1, horizon: steps, scale, ...base, truthBranches, imaginedBranches };
    const { effectR2, direction, meanSquare } = counterfactualEffects(one, plan);
    return { ...intervention, effectR2, direction, trueEffect: Math.sqrt(meanSquare / size) };
  });
}
