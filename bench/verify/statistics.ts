import { mean } from '../../src/gap/index.ts';

/** Two-sided 95 % quantiles of Student's t for 1 … 30 degrees of freedom. */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086,
  2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

export interface MeanInterval {
  readonly mean: number;
  /** Bounds of the two-sided 95 % interval of the mean, by Student's t. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** @param values - 2 … 31 independent ones. */
export function meanInterval(values: readonly number[]): MeanInterval {
  const centre = mean(values);
  const variance = values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
  const reach = (quantiles[values.length - 2] ?? Number.NaN) * Math.sqrt(variance / values.length);
  return { mean: centre, low: centre - reach, high: centre + reach, count: values.length };
}
