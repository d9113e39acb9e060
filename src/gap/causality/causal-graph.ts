import { columnMeans, type Interval, percentileInterval, type ResamplePlan, resampledMeans } from '../bootstrap.ts';
import type { SourceEffects } from './effects.ts';

/** What a source changes by no more than this in truth, root mean square over starts in standard deviations, it does not move. */
export const MOVED = 0.05;
/** What it changes by more than this, it does; a pair in between is not asked about, or a hair would make or break an edge. The model's answer is taken at the middle. */
export const SURELY_MOVED = 0.1;

/** A spurious edge is one at this share of the starts or more: near an event, a contact just met or missed, any error at all moves things, whatever was moved. */
const EDGE_SHARE = 0.25;

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

/** Columns of an edge: mean squares of truth's effect and of the model's. */
const COLUMNS = 2;

interface Pair {
  readonly source: SourceEffects;
  readonly target: number;
}

/**
 * C5: intervene on each variable, who moves?
 * Agreement is 2·hits / (2·hits + spurious + missed) over all pairs of a source and another element that truth is sure about: below `MOVED` or above `SURELY_MOVED`.
 * One invented edge among a hundred would not lower it, so that is asked for besides: over pairs that are no edge in truth, the largest of what the model's effect differs from
 * truth's by at a quarter of the starts or more, where truth shows none. Targets that sensor noise on the start moves by more than `MOVED` already are left out of it: of them nothing so small can be said.
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
      const at = start * labels.length + target;
      squares.set([source.truth[at]! ** 2, source.imagined[at]! ** 2], start * width + i * COLUMNS);
    });
  const measured = columnMeans(squares, width);
  const resampled = resampledMeans(squares, width, plan);
  return {
    edges: pairs.map(({ source, target }, i) => ({
      from: source.label,
      to: labels[target]!,
      truth: Math.sqrt(measured[i * COLUMNS]!),
      imagined: Math.sqrt(measured[i * COLUMNS + 1]!),
    })),
    agreement: percentileInterval(
      agreementOf(measured),
      Float64Array.from({ length: plan.resamples }, (_, i) => agreementOf(resampled.subarray(i * width, (i + 1) * width))),
    ),
    spurious: strongestOf(
      pairs.filter(({ target }, i) => floor[target]! <= MOVED && measured[i * COLUMNS]! <= MOVED ** 2),
      labels.length,
      plan,
    ),
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

/** Of pairs that are no edge in truth: the largest upper quantile over starts of |imagined − true effect|, 0 where truth shows one; NaN without pairs. @param size - of a row of effects. */
function strongestOf(pairs: readonly Pair[], size: number, plan: ResamplePlan): Interval {
  if (pairs.length === 0) return { measured: Number.NaN, low: Number.NaN, high: Number.NaN };
  const once = new Uint16Array(plan.count).fill(1);
  const resampled = new Float64Array(plan.resamples);
  let measured = 0;
  for (const { source, target } of pairs) {
    const excess = Float64Array.from(once, (_, start) => {
      const [truth, imagined] = [source.truth[start * size + target]!, source.imagined[start * size + target]!];
      return Math.abs(truth) <= MOVED ? Math.abs(imagined - truth) : 0;
    });
    const descending = Uint32Array.from(excess.keys()).sort((a, b) => excess[b]! - excess[a]!);
    measured = Math.max(measured, upperOf(excess, descending, once));
    for (let i = 0; i < plan.resamples; i++) {
      const times = plan.multiplicities.subarray(i * plan.count, (i + 1) * plan.count);
      resampled[i] = Math.max(resampled[i]!, upperOf(excess, descending, times));
    }
  }
  return percentileInterval(measured, resampled);
}

/** The largest value that a share of `EDGE_SHARE` or more reaches. @param descending - places of `values` by size. @param times - how often each value counts, as many in all as there are values. */
function upperOf(values: Float64Array, descending: Uint32Array, times: Uint16Array): number {
  let reached = 0;
  for (const at of descending) {
    reached += times[at]!;
    if (reached >= EDGE_SHARE * values.length) return values[at]!;
  }
  return 0;
}
