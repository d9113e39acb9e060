/** H4: whether a model knows how sure it may be, beyond one interval. */
import { wrapAngle } from '../../core/state-spec.ts';
import type { Rng } from '../../math/rng.ts';
import { columnMeans, type Interval, percentileInterval, plannedInterval, type ResamplePlan, resampledMeans } from '../bootstrap.ts';
import { type Dreams, gatherDraws } from '../coverage.ts';
import { DIVERGED_SCALES, type Element, elementsOf, nearerSign, type Reals } from '../paired-rollouts.ts';
import { mean } from '../statistics.ts';

/** Which shares are compared: of truths inside central intervals, or below quantiles. Only the second sees a prediction that errs to one side. */
export type Proportion = 'interval' | 'quantile';

/**
 * Where truth lies among draws: its mid-rank from 0 to 1, which is even over starts for an honest model (probability integral transform).
 * @param draws - any order, angles unwrapped. @returns (below + ½ equal + ½)/(S + 1).
 */
export function rankOf(draws: ArrayLike<number>, truth: number): number {
  let below = 0;
  for (let i = 0; i < draws.length; i++) below += draws[i]! < truth ? 1 : draws[i] === truth ? 0.5 : 0;
  return (below + 0.5) / (draws.length + 1);
}

/** The levels that a rank among S draws can be held to without bias: k/(S + 1) for quantiles, every other of them for central intervals. */
export function exactLevels(samples: number, proportion: Proportion): number[] {
  const levels = Array.from({ length: samples }, (_, k) => (k + 1) / (samples + 1));
  return proportion === 'quantile' ? levels : levels.filter((_, k) => (samples - k) % 2 === 0);
}

/** Whether a value of the transform counts as inside at that level. */
function isInside(rank: number, level: number, proportion: Proportion): boolean {
  return (proportion === 'interval' ? Math.abs(2 * rank - 1) : rank) <= level;
}

/**
 * Regression calibration error: mean over levels of |share of truths inside − level|. 0 for an honest model, up to sampling: about .3/√n even then.
 * @param ranks - of the probability integral transform, in [0, 1].
 * @see Kuleshov, Fenner & Ermon 2018; `mean_absolute_calibration_error` of the Uncertainty Toolbox is the same.
 */
export function calibrationError(ranks: ArrayLike<number>, levels: readonly number[], proportion: Proportion): number {
  return mean(levels.map((level) => Math.abs(shareInside(ranks, level, proportion) - level)));
}

/** Share of truths inside at that level. */
export function shareInside(ranks: ArrayLike<number>, level: number, proportion: Proportion): number {
  let inside = 0;
  for (let i = 0; i < ranks.length; i++) inside += isInside(ranks[i]!, level, proportion) ? 1 : 0;
  return inside / ranks.length;
}

/**
 * Continuous ranked probability score of a sample, lower is better: mean|X − y| − ½ mean|X − X′| without bias for the number of draws.
 * Angles lie on their circle.
 * @returns in the unit of the values. @see Gneiting & Raftery 2007; Ferro 2014 for the fair form; Grimit et al. 2006 for the circle.
 */
export function fairCrps(draws: ArrayLike<number>, truth: number, isAngle = false): number {
  const count = draws.length;
  const gap = (a: number, b: number) => Math.abs(isAngle ? wrapAngle(a - b) : a - b);
  let off = 0;
  let apart = 0;
  for (let i = 0; i < count; i++) {
    off += gap(draws[i]!, truth);
    for (let j = 0; j < i; j++) apart += gap(draws[i]!, draws[j]!);
  }
  return off / count - apart / (count * (count - 1));
}

export interface CalibrationError extends Interval {
  /** What sampling alone gives: the mean error of resamples, held to the whole sample. */
  readonly sampling: number;
}

export interface CalibrationFindings {
  /** Mean over horizons of the calibration error of central intervals, all elements together. */
  readonly interval: CalibrationError;
  /** The same of quantiles: how far the histogram of ranks is from flat. */
  readonly quantile: CalibrationError;
  /** 1 − CRPS/CRPS of climatology, all horizons and elements together, each in its standard deviation. */
  readonly skill: Interval;
  /** By horizon. */
  readonly horizons: readonly {
    readonly horizon: number;
    readonly histogram: readonly number[];
    readonly crps: number;
    readonly climatology: number;
  }[];
}

const HISTOGRAM_BINS = 10;

/**
 * Calibration and sharpness of draws.
 * @param horizons - steps ahead. @param scale - float64 `[size]`. @param climatology - `[draws, size]`: what is known without a model.
 */
export function calibrationOf(
  dreams: Dreams,
  horizons: readonly number[],
  scale: Reals,
  climatology: Float64Array,
  plan: ResamplePlan,
): CalibrationFindings {
  const scored = horizons.map((horizon) => ({ horizon, ...scoresAt(dreams, horizon, scale, climatology) }));
  const errorOf = (proportion: Proportion) =>
    calibrationInterval(
      scored.map(({ ranks }) => ranks),
      exactLevels(dreams.samples, proportion),
      proportion,
      plan,
    );
  const total = (part: 'crps' | 'climatology') =>
    Float64Array.from({ length: dreams.starts }, (_, start) => mean(scored.map((each) => each[part][start]!)));
  return {
    interval: errorOf('interval'),
    quantile: errorOf('quantile'),
    skill: plannedInterval([total('crps'), total('climatology')], ([own, other]) => 1 - mean(own!) / mean(other!), plan),
    horizons: scored.map(({ horizon, ranks, crps, climatology: other }) => ({
      horizon,
      histogram: histogramOf(ranks),
      crps: mean(crps),
      climatology: mean(other),
    })),
  };
}

interface Scores {
  /** float64 `[starts, size]` */
  readonly ranks: Float64Array;
  /** float64 `[starts]`: mean over elements, in standard deviations. */
  readonly crps: Float64Array;
  readonly climatology: Float64Array;
}

function scoresAt(dreams: Dreams, horizon: number, scale: Reals, climatology: Float64Array): Scores {
  const elements = elementsOf(dreams.entries);
  const size = elements.length;
  const ranks = new Float64Array(dreams.starts * size);
  const crps = new Float64Array(dreams.starts);
  const other = new Float64Array(dreams.starts);
  const draws = new Float64Array(dreams.samples);
  for (let start = 0; start < dreams.starts; start++)
    for (const element of elements) {
      const { index, kind } = element;
      const placed = gatherDraws(dreams, element, size, start, horizon, draws);
      const sigma = scale[index]!;
      // Beside an angle that is no number none has a place: all then count as far off.
      const truth = Number.isFinite(placed) ? placed : 0;
      const isAngle = kind === 'angle' && draws.every(Number.isFinite);
      for (let i = 0; i < draws.length; i++) if (!Number.isFinite(draws[i])) draws[i] = truth + DIVERGED_SCALES * sigma;
      ranks[start * size + index] = rankOf(draws, truth);
      crps[start]! += fairCrps(draws, truth, isAngle) / sigma / size;
      const row = (start * (dreams.horizon + 1) + horizon) * size;
      const known = columnOf(climatology, element, size, dreams.truth, row);
      other[start]! += fairCrps(known, dreams.truth[row + index]!, kind === 'angle') / sigma / size;
    }
  return { ranks, crps, climatology: other };
}

/** One element of every row; of a quaternion the sign nearer to truth's. */
function columnOf(rows: Float64Array, element: Element, size: number, truth: Reals, truthRow: number): Float64Array {
  return Float64Array.from({ length: rows.length / size }, (_, i) => {
    const sign = element.kind === 'quaternion' ? nearerSign(element, rows, i * size, truth, truthRow) : 1;
    return sign * rows[i * size + element.index]!;
  });
}

/** Of each start the share of its elements inside, at every level of every horizon: means over starts of these are what the error is made of. */
function calibrationInterval(
  ranks: readonly Float64Array[],
  levels: readonly number[],
  proportion: Proportion,
  plan: ResamplePlan,
): CalibrationError {
  const columns = ranks.length * levels.length;
  const size = ranks[0]!.length / plan.count;
  const inside = new Float64Array(plan.count * columns);
  ranks.forEach((values, h) => {
    for (let start = 0; start < plan.count; start++)
      levels.forEach((level, at) => {
        inside[start * columns + h * levels.length + at] = shareInside(
          values.subarray(start * size, (start + 1) * size),
          level,
          proportion,
        );
      });
  });
  const whole = columnMeans(inside, columns);
  const means = resampledMeans(inside, columns, plan);
  const resamples = Array.from({ length: plan.resamples }, (_, i) => means.subarray(i * columns, (i + 1) * columns));
  const errorOf = (shares: Float64Array) => mean(shares.map((share, i) => Math.abs(share - levels[i % levels.length]!)));
  const interval = percentileInterval(errorOf(whole), resamples.map(errorOf));
  return { ...interval, sampling: mean(resamples.map((shares) => mean(shares.map((share, i) => Math.abs(share - whole[i]!))))) };
}

/** Shares of ranks in equal bins; even for an honest model. */
function histogramOf(ranks: Float64Array): number[] {
  const shares = new Array<number>(HISTOGRAM_BINS).fill(0);
  for (const rank of ranks) shares[Math.min(HISTOGRAM_BINS - 1, Math.floor(rank * HISTOGRAM_BINS))]! += 1 / ranks.length;
  return shares;
}

/** Rows drawn from data: the best guess of whoever knows how the world behaves but not where it is. @returns float64 `[draws, size]`. */
export function drawClimatology(rows: Float64Array, size: number, draws: number, rng: Rng): Float64Array {
  const out = new Float64Array(draws * size);
  for (let draw = 0; draw < draws; draw++) {
    const row = rng.integer(rows.length / size);
    out.set(rows.subarray(row * size, (row + 1) * size), draw * size);
  }
  return out;
}
