/** One line of a benchmark: ours beside a peer. */
export interface BenchRow {
  readonly what: string;
  readonly ours: number;
  readonly peer: number;
  /** As the row's `what` says; the interval is 95 %. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly unit: string;
}

export interface BenchSize {
  readonly warmUp_s: number;
  readonly pairs: number;
}

/** @param size - small in the tests, so that benchmarks cannot rot. */
export type Bench = (size: BenchSize) => Promise<BenchRow[]>;

export const fullSize: BenchSize = Object.freeze({ warmUp_s: 5, pairs: 60 });
