/** P6: whether a prediction is more surprised by what cannot be than by what was. */
import type { Element } from '../paired-rollouts.ts';
import { boundedGap, elementGap } from '../paired-rollouts.ts';

/** float64 `[P]` each. */
export interface Units {
  /** Standard deviations. */
  readonly scale: Float64Array;
  /** What a sensor errs by. */
  readonly unit: Float64Array;
}

/**
 * Mean over elements of ((seen − predicted)/unit)²; a prediction that is not a number is surprised by everything alike.
 * @param row - where it begins in both.
 */
export function surpriseAt(
  elements: readonly Element[],
  { scale, unit }: Units,
  predicted: Float64Array,
  seen: Float64Array,
  row: number,
): number {
  let sum = 0;
  for (const element of elements) {
    const own = unit[element.index]!;
    sum += (boundedGap(elementGap(element, predicted, row, seen, row), scale[element.index]!) / own) ** 2;
  }
  return sum / elements.length;
}

/** 1 where the violated state surprises more, 0 where less, ½ where alike. */
export function toldApart(surprised: number, calm: number): number {
  return surprised === calm ? 0.5 : surprised > calm ? 1 : 0;
}

/** Pairs of one kind of violation: columns of 0, ½ and 1, NaN where a start has no violation that large. */
export interface KindOutcome {
  /** float64 `[levels][starts]` */
  readonly atLevel: readonly Float64Array[];
  /** float64 `[starts]` */
  readonly atTenthOfSize: Float64Array;
}

/** Told apart means right in this share of pairs. */
export const TOLD_APART = 0.75;
/** Fewer pairs say nothing. */
export const FEWEST_PAIRS = 8;
/** What a violation that is never told apart counts as, in times of the largest tried. */
const NEVER = 2;

/** Share of pairs told apart, each start as often as `weights` say; NaN for too few pairs. */
export function accuracy(outcomes: Float64Array, weights?: ArrayLike<number>): number {
  let [right, pairs] = [0, 0];
  for (let start = 0; start < outcomes.length; start++) {
    const weight = weights ? weights[start]! : 1;
    if (Number.isNaN(outcomes[start]) || weight === 0) continue;
    right += weight * outcomes[start]!;
    pairs += weight;
  }
  return pairs >= FEWEST_PAIRS ? right / pairs : Number.NaN;
}

/**
 * The size from which on violations are told apart: where accuracy, from the largest size downwards, first falls below `TOLD_APART`; in between levels by its logarithm.
 * @param levels - rising. @param accuracies - NaN where not measured. @returns in units of `levels`; NaN where nothing was.
 */
export function smallestToldApart(levels: readonly number[], accuracies: readonly number[]): number {
  const known = levels.flatMap((level, i) => (Number.isNaN(accuracies[i]) ? [] : [{ level, right: accuracies[i]! }]));
  if (known.length === 0) return Number.NaN;
  let at = known.length - 1;
  if (known[at]!.right < TOLD_APART) return NEVER * known[at]!.level;
  while (at > 0 && known[at - 1]!.right >= TOLD_APART) at--;
  if (at === 0) return known[0]!.level;
  const [below, above] = [known[at - 1]!, known[at]!];
  const share = (TOLD_APART - below.right) / (above.right - below.right);
  return below.level * (above.level / below.level) ** share;
}
