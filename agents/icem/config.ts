/** Settings of iCEM; names in brackets are those of Pinneri et al. 2020, algorithm 1. */
export interface IcemConfig {
  /** Candidates drawn in the first iteration [N]. */
  readonly population: number;
  /** By what the population shrinks from one iteration to the next, down to twice the elites [γ]. */
  readonly decay: number;
  readonly elites: number;
  readonly iterations: number;
  /** Control steps looked ahead [h]. */
  readonly horizon: number;
  /** Standard deviation of the first iteration, in units of half the action range [σ_init]. */
  readonly initialDeviation: number;
  /** Colour of the noise: its power falls as f^−noiseExponent [β]. */
  readonly noiseExponent: number;
  /** Share of the elites that compete again in the next iteration and, moved on by a step, in the next decision [ξ]. */
  readonly keptShare: number;
  /** Share of the old mean and deviation kept in an update [α]. */
  readonly smoothing: number;
}

/** The paper's, but for the budget: 3 iterations of some 40 candidates, as cem's. */
export const icemDefaults: IcemConfig = {
  population: 48,
  decay: 1.25,
  elites: 6,
  iterations: 3,
  horizon: 30,
  initialDeviation: 0.5,
  noiseExponent: 2,
  keptShare: 0.3,
  smoothing: 0.1,
};
