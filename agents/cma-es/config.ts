import { refuseOption, requireCounts, requireWithin } from '../../src/learning/config-checks.ts';
import { checkSearch, type SearchConfig } from '../../src/learning/controller-search.ts';

/** Settings of the search; names in brackets are those of Hansen 2016, "The CMA Evolution Strategy: A Tutorial". */
export interface CmaEsConfig extends Omit<SearchConfig, 'clocks_steps'> {
  /** Env steps in all, validation too; the last generation is played to its end. */
  readonly steps: number;
  /** Candidates a generation [λ]; null = 4 + 3 ln n for n weights. */
  readonly population: number | null;
  /** Standard deviation of the first candidates' weights [σ]. */
  readonly sigma: number;
  /** What is learned of how weights go together: all of it, or the spread of each alone; null = all up to `mostWhole` weights. */
  readonly separable: boolean | null;
  /** Whether bad candidates tell where not to go [negative w]. */
  readonly active: boolean;
}

/** With more weights a whole covariance matrix takes longer to decompose than small tasks take to play. */
export const mostWhole = 300;
/** Memory of a whole matrix grows with the square. */
const mostWholeEver = 2000;

export const cmaEsDefaults: CmaEsConfig = {
  steps: 1_000_000,
  population: null,
  sigma: 0.3,
  separable: null,
  active: true,
  episodes: 1,
  episodeSteps: 1000,
  rewardShift: 0,
  observes: null,
  hidden: 0,
  validateEvery: 5,
  validationEpisodes: 8,
};

/** @throws OPTION_INVALID */
export function checkConfig(config: CmaEsConfig): void {
  const { steps, population, sigma } = config;
  checkSearch(who, { ...config, clocks_steps: [] });
  requireCounts(who, { steps });
  requireWithin(who, { sigma: [sigma, 1e-9, 1e9] });
  if (population !== null && !(Number.isSafeInteger(population) && population >= 2))
    refuseOption(who, 'population', population, 'null, or a whole number of at least 2');
}

/** Whether only the diagonal is learned of so many weights. @throws OPTION_INVALID when a whole matrix would be too large. */
export function isSeparable({ separable }: CmaEsConfig, weights: number): boolean {
  if (separable === false && weights > mostWholeEver)
    refuseOption(who, 'separable', false, `true or null for ${weights} weights; a whole matrix is kept for up to ${mostWholeEver}`);
  return separable ?? weights > mostWhole;
}

const who = 'cma-es';
