import { quantileOfSorted } from '../../math/quantile.ts';

/** What LeRobot normalises by: for each element of a feature, over all rows. */
export interface ColumnStatistics {
  readonly min: readonly number[];
  readonly max: readonly number[];
  readonly mean: readonly number[];
  /** Of the population. */
  readonly std: readonly number[];
  readonly count: readonly [number];
  readonly q01: readonly number[];
  readonly q10: readonly number[];
  readonly q50: readonly number[];
  readonly q90: readonly number[];
  readonly q99: readonly number[];
}

/** @param values - `[rows, size]`. Quantiles are interpolated linearly between rows. */
export function columnStatistics(values: Float64Array, size: number): ColumnStatistics {
  const rows = values.length / size;
  const columns = Array.from({ length: size }, (_, element) =>
    Float64Array.from({ length: rows }, (_, row) => values[row * size + element]!).sort(),
  );
  const means = columns.map((column) => column.reduce((sum, value) => sum + value, 0) / rows);
  const quantile = (level: number) => columns.map((column) => quantileOfSorted(column, level));
  return {
    min: columns.map((column) => column[0]!),
    max: columns.map((column) => column[rows - 1]!),
    mean: means,
    std: columns.map((column, i) => Math.sqrt(column.reduce((sum, value) => sum + (value - means[i]!) ** 2, 0) / rows)),
    count: [rows],
    q01: quantile(0.01),
    q10: quantile(0.1),
    q50: quantile(0.5),
    q90: quantile(0.9),
    q99: quantile(0.99),
  };
}
