import type { GapTest } from '../thresholds.ts';

/** Steps ahead at which uncertainty is judged. */
export const CALIBRATION_HORIZONS: readonly number[] = [1, 10, 40];

/** H2: of the time that truth has, started as far off as a sensor errs. */
export const validTimeTest: GapTest = { id: 'H2', title: 'Valid prediction time', bound: { kind: 'atLeast', value: 0.5 }, floor: 1 };

/** H3: of the score that truth has, started as far off as a sensor errs. */
export const eventTest: GapTest = { id: 'H3', title: 'Events (F1)', bound: { kind: 'atLeast', value: 0.8 }, floor: 1 };

/**
 * H4 in full. `GAP_TESTS` keeps a first, wider gate on coverage (.8 to .97): a model that fails it misjudges itself by a factor, one that fails these by some percent.
 * Both stand in a report, since they answer different questions and the wider one is what a trust horizon is read off.
 */
export const coverageTests: readonly GapTest[] = CALIBRATION_HORIZONS.map((horizon) => ({
  id: 'H4',
  title: 'Coverage of the 90 % interval, strict',
  horizon,
  bound: { kind: 'within', low: 0.85, high: 0.95 },
}));

/** Central intervals of all levels: too narrow, too wide. */
export const intervalTest: GapTest = { id: 'H4', title: 'Calibration error of intervals', bound: { kind: 'atMost', value: 0.05 } };

/** Quantiles of all levels, which is how far the histogram of the probability integral transform is from flat: too low, too high as well. */
export const quantileTest: GapTest = { id: 'H4', title: 'Calibration error of quantiles (PIT)', bound: { kind: 'atMost', value: 0.05 } };

/** Sharpness: wide honest intervals pass the others. */
export const crpsTest: GapTest = { id: 'H4', title: 'CRPS skill over climatology', bound: { kind: 'atLeast', value: 0.5 } };

/** H5, over ten horizons. */
export const lostTest: GapTest = { id: 'H5', title: 'Long dreams lost', bound: { kind: 'atMost', value: 0 } };
export const marginalTest: GapTest = { id: 'H5', title: 'Long-run marginals (W1/σ)', bound: { kind: 'atMost', value: 0.1 } };

/** In the order of the report. */
export const predictionTests: readonly GapTest[] = [
  validTimeTest,
  eventTest,
  ...coverageTests,
  intervalTest,
  quantileTest,
  crpsTest,
  lostTest,
  marginalTest,
];
