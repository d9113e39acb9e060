import type { StateEntry } from '../core/state-spec.ts';
import { columnMeans, type Interval, percentileInterval, type ResamplePlan, resampledMeans } from './bootstrap.ts';
import { boundedGap, checkFinite, checkLength, checkScale, type Element, elementGap, elementsOf, type Reals } from './paired-rollouts.ts';

/**
 * Counterfactuals executed from snapshots: from each start one base action sequence and K alternatives, played by truth and by the model.
 * Rows are packed as in `PairedRollouts`, at one fixed horizon.
 */
export interface Counterfactuals {
  readonly entries: readonly StateEntry[];
  readonly starts: number;
  readonly alternatives: number;
  /** Control steps from the snapshot to the rows compared. */
  readonly horizon: number;
  /** `[starts, size]`: where the base actions lead. */
  readonly truthBase: Reals;
  readonly imaginedBase: Reals;
  /** `[starts, alternatives, size]`: where each alternative leads. */
  readonly truthBranches: Reals;
  readonly imaginedBranches: Reals;
  /** `[size]`: standard deviation of each element over held-out truth, so that metres and radians may be added. */
  readonly scale: Reals;
}

export interface CounterfactualEffects {
  /** C1: share of the true effects' variation that the model gets right; 1 perfect, 0 as good as "actions do nothing". */
  readonly effectR2: Interval;
  /** C2: mean cosine between predicted and true effect; 1 same direction, 0 unrelated or no effect predicted. */
  readonly direction: Interval;
  /** Pairs (start, alternative) whose true effect is large enough to have a direction. */
  readonly effectivePairs: number;
  /** Mean squared length of a pair's true effect, standard deviations squared. */
  readonly meanSquare: number;
}

/** A true effect smaller than this many standard deviations has no direction worth scoring. */
export const SMALLEST_EFFECT = 1e-4;

/**
 * C1 and C2: does the model know what the actions *change*?
 * Effects are differences to the base branch in standard deviations, angles the short way round.
 * C1 = `1 − Σ‖(ŷᵏ−ŷ)−(yᵏ−y)‖² / Σ‖yᵏ−y‖²`; C2 = mean cosine of `ŷᵏ−ŷ` and `yᵏ−y`.
 *
 * @param plan - resamples of the starts.
 * @returns both with 95 % bootstrap intervals over starts; NaN when no alternative had any effect in truth.
 * @throws GAP_SHAPE_MISMATCH, GAP_INPUT_INVALID
 * @see gap suite C1, C2
 */
export function counterfactualEffects(data: Counterfactuals, plan: ResamplePlan): CounterfactualEffects {
  checkCounterfactuals(data);
  const sums = effectSums(data, elementsOf(data.entries));
  const resampled = resampledMeans(sums, SUMS, plan);
  const measured = columnMeans(sums, SUMS);
  const ratio = (of: (row: Float64Array) => number) =>
    percentileInterval(
      of(measured),
      Float64Array.from({ length: plan.resamples }, (_, i) => of(resampled.subarray(i * SUMS, (i + 1) * SUMS))),
    );
  return {
    effectR2: ratio(([missed, effect]) => (effect! > 0 ? 1 - missed! / effect! : Number.NaN)),
    direction: ratio(([, , cosines, pairs]) => (pairs! > 0 ? cosines! / pairs! : Number.NaN)),
    effectivePairs: Math.round(measured[3]! * data.starts),
    meanSquare: measured[1]! / data.alternatives,
  };
}

/** Columns of `effectSums`: missed effect², true effect², cosines, pairs with an effect. */
const SUMS = 4;

function effectSums(data: Counterfactuals, elements: readonly Element[]): Float64Array {
  const size = elements.length;
  const sums = new Float64Array(data.starts * SUMS);
  for (let start = 0; start < data.starts; start++) {
    for (let k = 0; k < data.alternatives; k++) {
      addPair(data, elements, start * size, (start * data.alternatives + k) * size, sums.subarray(start * SUMS, (start + 1) * SUMS));
    }
  }
  return sums;
}

function addPair(data: Counterfactuals, elements: readonly Element[], base: number, branch: number, sums: Float64Array): void {
  let missed = 0;
  let effect = 0;
  let imagined = 0;
  let dot = 0;
  for (const element of elements) {
    const { truth, near } = effectOn(data, element, base, branch);
    missed += (near - truth) ** 2;
    effect += truth * truth;
    imagined += near * near;
    dot += near * truth;
  }
  sums[0]! += missed;
  sums[1]! += effect;
  if (effect <= SMALLEST_EFFECT ** 2) return;
  sums[2]! += imagined > 0 ? dot / Math.sqrt(imagined * effect) : 0;
  sums[3]! += 1;
}

/**
 * What one alternative changed of one element, in standard deviations: in truth, and as the model has it.
 * @param base - where the start's row begins in the base branches. @param branch - where its row begins in the others.
 */
export function effectOn(data: Counterfactuals, element: Element, base: number, branch: number): { truth: number; near: number } {
  const scale = data.scale[element.index]!;
  const truth = elementGap(element, data.truthBranches, branch, data.truthBase, base) / scale;
  const guess = elementGap(element, data.imaginedBranches, branch, data.imaginedBase, base);
  return { truth, near: boundedGap(nearest(element, guess, truth * scale), scale) / scale };
}

/** An effect on an angle, written so that it lies within half a turn of the true effect. */
function nearest(element: Element, guess: number, truth: number): number {
  if (element.kind !== 'angle') return guess;
  const turn = 2 * Math.PI;
  return guess - turn * Math.round((guess - truth) / turn);
}

function checkCounterfactuals(data: Counterfactuals): void {
  const size = elementsOf(data.entries).length;
  const base = data.starts * size;
  checkLength('truthBase', data.truthBase, base);
  checkLength('imaginedBase', data.imaginedBase, base);
  checkLength('truthBranches', data.truthBranches, base * data.alternatives);
  checkLength('imaginedBranches', data.imaginedBranches, base * data.alternatives);
  checkScale(data.scale, size);
  checkFinite('truthBase', data.truthBase);
  checkFinite('truthBranches', data.truthBranches);
}
