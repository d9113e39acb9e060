/** What a number may be in an episode. */
export interface Range {
  readonly low: number;
  readonly high: number;
  /** `log`: the logarithm is uniform; both ends must be above 0. Default `linear`. */
  readonly scale?: 'linear' | 'log';
}

export type Ranges = Readonly<Record<string, Range>>;
