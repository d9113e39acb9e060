import { columnMeans, type Interval, percentileInterval, type ResamplePlan, resampledMeans } from '../bootstrap.ts';
import type { SourceEffects } from './effects.ts';

/** What a source changes by no more than this in truth, root mean square over starts in standard deviations, it does not move. */
export const MOVED = 0.05;
/** What it changes by more than this, it does; a pair in between is not asked about, or a hair would make or break an edge. The model's answer is taken at the middle. */
export const SURELY_MOVED = 0.1;

/** Root mean squares over starts of what a source changes in a target, standard deviations. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly truth: number;
  readonly imagined: number;
}

export interface CausalGraph {
  readonly edges: readonly Edge[];
  /** F1 of the model's edges against truth's; NaN where neither has any. */
  readonly agreement: Interval;
  /** Standard deviations; NaN where there was no pair to ask about. */
  readonly spurious: Interval;
}

const SEEMS_MOVED = (MOVED + SURELY_MOVED) / 2;

/** Columns of an edge: mean squares of truth's effect, of the model's, of what the model's differs by where truth's is none. */
const COLUMNS = 3;

/**
 * C5: intervene on each variable, who moves?
 * Agreement is 2·hits / (2·hits + spurious + missed) over all pairs of a source and another element that truth is sure about: below `MOVED` or above `SURELY_MOVED`.
 * One invented edge among a hundred would not lower it, so that is asked for besides: the largest root mean square, over pairs that are no edge in truth and starts where it
 * shows none, of what the model's effect differs from truth's by. Targets that sensor noise on the start moves by more than `MOVED` already are left out of it: of them nothing so small can be said.
 *
 * @param labels - of the targets, `[size]`. @param floor - `[size]`: root mean square of ε-twin − truth of each, standard deviations. @param plan - resamples of the starts.
 * @see gap suite C5
 */
export function causalGraph(
  sources: readonly SourceEffects[],
  labels: readonly string[],
  floor: Float64Array,
  plan: ResamplePlan,
): CausalGraph {
  const pairs = sources.flatMap((source) => labels.flatMap((_, target) => (source.own.includes(target) ? [] : [{ source, target }])));
  const width = pairs.length * COLUMNS;
  const squares = new Float64Array(plan.count * width);
  for (let start = 0; start < plan.count; start++)
    pairs.forEach(({ source, target }, i) => {
      const [truth, imagined] = [source.truth, source.imagined].map((effects) => effects[start * labels.length + target]!) as [
        number,
        number,
      ];
      squares.set([truth ** 2, imagined ** 2, Math.abs(truth) <= MOVED ? (imagined - truth) ** 2 : 0], start * width + i * COLUMNS);
    });
  const isSteady = pairs.map(({ target }) => floor[target]! <= MOVED);
  const measured = columnMeans(squares, width);
  const resampled = resampledMeans(squares, width, plan);
  const interval = (of: (row: Float64Array) => number) =>
    percentileInterval(
      of(measured),
      Float64Array.from({ length: plan.resamples }, (_, i) => of(resampled.subarray(i * width, (i + 1) * width))),
    );
  return {
    edges: pairs.map(({ source, target }, i) => ({
      from: source.label,
      to: labels[target]!,
      truth: Math.sqrt(measured[i * COLUMNS]!),
      imagined: Math.sqrt(measured[i * COLUMNS + 1]!),
    })),
    agreement: interval(agreementOf),
    spurious: interval((row) => spuriousOf(row, isSteady)),
  };
}

function agreementOf(row: Float64Array): number {
  let [hits, others] = [0, 0];
  for (let at = 0; at < row.length; at += COLUMNS) {
    if (row[at]! > MOVED ** 2 && row[at]! <= SURELY_MOVED ** 2) continue;
    const [does, seems] = [row[at]! > MOVED ** 2, row[at + 1]! > SEEMS_MOVED ** 2];
    if (does && seems) hits++;
    else if (does || seems) others++;
  }
  return (2 * hits) / (2 * hits + others);
}

function spuriousOf(row: Float64Array, isSteady: readonly boolean[]): number {
  let most = Number.NaN;
  isSteady.forEach((steady, i) => {
    const [truth, , excess] = row.subarray(i * COLUMNS, (i + 1) * COLUMNS);
    if (steady && truth! <= MOVED ** 2 && !(excess! <= most)) most = excess!;
  });
  return Math.sqrt(most);
}
