import { wrapAngle } from '../core/state-spec.ts';
import { columnMeans, type Interval, percentileInterval, type ResamplePlan, resampledMeans } from './bootstrap.ts';
import { type Element, elementsOf, nearerSign, type PairedRollouts } from './paired-rollouts.ts';
import { exchangeableQuantile, mean } from './statistics.ts';

/** Share of truths inside a central interval of the model's samples. */
export interface Coverage extends Interval {
  readonly horizon: number;
  /** What share the interval claims to hold. */
  readonly level: number;
}

export interface CoverageTable {
  /** Over all elements, one for each horizon and level. */
  readonly overall: readonly Coverage[];
  /** The same for each element. */
  readonly elements: readonly (Coverage & { readonly label: string })[];
}

/** Levels of the reliability chart. */
export const RELIABILITY_LEVELS: readonly number[] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/**
 * The widest central interval that `samples` draws can hold without bias, (S − 1)/(S + 1): 19 draws are needed for 90 %.
 * @see `exchangeableQuantile`
 */
export function widestLevel(samples: number): number {
  return samples < 1 ? 0 : (samples - 1) / (samples + 1);
}

/**
 * How often truth lies in the central interval of the model's samples: for a calibrated model as often as the interval's level says.
 * Angles are measured from the samples' circular mean, so that an interval may cross ±π. A sample that is not a number covers nothing.
 *
 * @param horizons - steps ahead, each from 1 to the horizon. @param levels - each in (0, `widestLevel(samples)`].
 * @returns shares in [0, 1] with 95 % bootstrap intervals over starts.
 * @see Gneiting, Balabdaoui & Raftery 2007 for calibration.
 */
export function coverageOf(rollouts: Dreams, horizons: readonly number[], levels: readonly number[], plan: ResamplePlan): CoverageTable {
  const elements = elementsOf(rollouts.entries);
  const overall: Coverage[] = [];
  const single: (Coverage & { label: string })[] = [];
  const width = elements.length + 1;
  for (const horizon of horizons) {
    const intervals = shareIntervals(coveredShares(rollouts, elements, horizon, levels), width * levels.length, plan);
    levels.forEach((level, at) => {
      overall.push({ horizon, level, ...intervals[at * width]! });
      for (const { label, index } of elements) single.push({ horizon, level, label, ...intervals[at * width + index + 1]! });
    });
  }
  return { overall, elements: single };
}

/** What coverage is told from. */
export type Dreams = Pick<PairedRollouts, 'entries' | 'starts' | 'horizon' | 'samples' | 'truth' | 'imaginedSamples'>;

/** Share of all elements of all starts inside the central interval of that level, one number. */
export function meanCoverage(dreams: Dreams, horizon: number, level: number): number {
  const elements = elementsOf(dreams.entries);
  const shares = coveredShares(dreams, elements, horizon, [level]);
  return mean(shares.filter((_, i) => i % (elements.length + 1) === 0));
}

/** float64 `[starts, levels, 1 + size]`: column 0 the share of covered elements, the others 0 or 1. */
function coveredShares(rollouts: Dreams, elements: readonly Element[], horizon: number, levels: readonly number[]): Float64Array {
  const width = elements.length + 1;
  const inside = new Float64Array(rollouts.starts * levels.length * width);
  const draws = new Float64Array(rollouts.samples);
  for (let start = 0; start < rollouts.starts; start++) {
    for (const element of elements) {
      const truth = gatherDraws(rollouts, element, elements.length, start, horizon, draws);
      draws.sort();
      for (let at = 0; at < levels.length; at++) {
        const row = (start * levels.length + at) * width;
        const covered = isCovered(draws, truth, levels[at]!);
        inside[row + element.index + 1] = covered;
        inside[row]! += covered / elements.length;
      }
    }
  }
  return inside;
}

/** Writes the samples of one element at one step and returns truth, both on a line: angles relative to the samples' circular mean, quaternions on truth's side. */
export function gatherDraws(rollouts: Dreams, element: Element, size: number, start: number, horizon: number, draws: Float64Array): number {
  const { samples, imaginedSamples, truth } = rollouts;
  const steps = rollouts.horizon + 1;
  const truthRow = (start * steps + horizon) * size;
  for (let sample = 0; sample < samples; sample++) {
    const row = ((start * samples + sample) * steps + horizon) * size;
    const sign = element.kind === 'quaternion' ? nearerSign(element, imaginedSamples, row, truth, truthRow) : 1;
    draws[sample] = sign * imaginedSamples[row + element.index]!;
  }
  const value = truth[truthRow + element.index]!;
  if (element.kind !== 'angle') return value;
  const centre = Math.atan2(mean(draws.map(Math.sin)), mean(draws.map(Math.cos)));
  for (let sample = 0; sample < samples; sample++) draws[sample] = wrapAngle(draws[sample]! - centre);
  return wrapAngle(value - centre);
}

function isCovered(sorted: Float64Array, truth: number, level: number): 0 | 1 {
  const low = exchangeableQuantile(sorted, (1 - level) / 2);
  const high = exchangeableQuantile(sorted, (1 + level) / 2);
  return truth >= low && truth <= high ? 1 : 0;
}

function shareIntervals(shares: Float64Array, columns: number, plan: ResamplePlan): Interval[] {
  const measured = columnMeans(shares, columns);
  const resampled = resampledMeans(shares, columns, plan);
  return Array.from(measured, (share, column) =>
    percentileInterval(
      share,
      Float64Array.from({ length: plan.resamples }, (_, i) => resampled[i * columns + column]!),
    ),
  );
}
