/** Settings of MPPI; names in brackets are those of Williams et al. 2017, algorithm 2. */
export interface MppiConfig {
  /** Candidates an iteration [K]. */
  readonly population: number;
  /** Updates a decision; the paper makes one. */
  readonly iterations: number;
  /** Control steps looked ahead [T]. */
  readonly horizon: number;
  /** Standard deviation of the candidates, in units of half the action range [Σ]. It stays. */
  readonly deviation: number;
  /** How much worse a candidate may be and still count [λ]. */
  readonly temperature: number;
  /** What the temperature is measured in: reward, as in the paper, or standard deviations of the population's scores, which suits tasks with any rewards. */
  readonly temperatureUnit: 'reward' | 'deviation';
  /** Colour of the noise: its power falls as f^−noiseExponent; 0 = white, as in the paper. */
  readonly noiseExponent: number;
}

/** As many imagined steps as cem's. */
export const mppiDefaults: MppiConfig = {
  population: 40,
  iterations: 3,
  horizon: 30,
  deviation: 0.5,
  temperature: 0.1,
  temperatureUnit: 'deviation',
  noiseExponent: 2,
};
