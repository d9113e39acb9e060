/** The cross-entropy planner's settings; defaults are the recipe of docs/decisions/planner-searches-every-scale.md. */
export interface CemConfig {
  /** Candidate sequences an iteration. */
  readonly population: number;
  readonly elites: number;
  readonly iterations: number;
  /** Control steps looked ahead. */
  readonly horizon: number;
  /** Standard deviation of the first iteration, in units of half the action range. */
  readonly initialDeviation: number;
  /** Narrowest noise of a population, as a share of its widest; 1 = all alike. */
  readonly finest: number;
  /** Share of the old mean and deviation kept in an update. */
  readonly smoothing: number;
  /** Correlation of the noise from one step to the next: smooth candidates explore a swing, white ones jitter in place. */
  readonly noiseCorrelation: number;
}

export const cemDefaults: CemConfig = {
  population: 40,
  elites: 5,
  iterations: 3,
  horizon: 30,
  initialDeviation: 0.5,
  finest: 0.1,
  smoothing: 0.1,
  noiseCorrelation: 0.8,
};
