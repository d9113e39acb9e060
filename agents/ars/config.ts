/** Settings of the search; names in brackets are those of Mania, Guy & Recht 2018, algorithm 2. */
export interface ArsConfig {
  /** Directions tried an iteration, each forward and backward [N]. */
  readonly directions: number;
  /** Directions that count in the update: those whose better side returned most [b]. */
  readonly elites: number;
  /** Length of the update [α]. */
  readonly stepSize: number;
  /** Standard deviation of a direction's weights [ν]. */
  readonly noise: number;
  readonly iterations: number;
  /** Episodes a candidate's return is the mean of; all candidates of an iteration play the same starts. */
  readonly episodes: number;
  /** Steps after which the search cuts an episode off. */
  readonly episodeSteps: number;
  /** Taken off the reward of each step while searching, so that staying alive is not all there is to gain. */
  readonly rewardShift: number;
  /** How many elements of the observation the policy sees, from the first on; null = all. What seldom tells anything only adds noise to the search. */
  readonly observes: number | null;
  /** Units of the hidden layer; 0 = linear, as in the paper. */
  readonly hidden: number;
  /**
   * Periods of clocks that the policy sees beside the observation, in control steps: with them a gait need not be found in the feedback alone.
   * @see Raffin et al. 2024, "An open-loop baseline for reinforcement learning locomotion tasks".
   */
  readonly clocks_steps: readonly number[];
  /** Iterations from one validation of the unperturbed policy to the next; the best validated is what the search gives. */
  readonly validateEvery: number;
  readonly validationEpisodes: number;
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
