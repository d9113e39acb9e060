import type { SearchConfig } from '../../src/learning/controller-search.ts';

/** Settings of the search; names in brackets are those of Mania, Guy & Recht 2018, algorithm 2. */
export interface ArsConfig extends SearchConfig {
  /** Directions tried an iteration, each forward and backward [N]. */
  readonly directions: number;
  /** Directions that count in the update: those whose better side returned most [b]. */
  readonly elites: number;
  /** Length of the update [α]. */
  readonly stepSize: number;
  /** Standard deviation of a direction's weights [ν]. */
  readonly noise: number;
  readonly iterations: number;
  /** Env steps after which it ends too, validation counted; absent = as many as the iterations take. */
  readonly steps?: number;
}

export const arsDefaults: ArsConfig = {
  directions: 16,
  elites: 8,
  stepSize: 0.02,
  noise: 0.03,
  iterations: 100,
  episodes: 1,
  episodeSteps: 1000,
  rewardShift: 0,
  observes: null,
  hidden: 0,
  clocks_steps: [],
  validateEvery: 5,
  validationEpisodes: 8,
};
