import type { SequenceRecipe } from '../../src/planning/planner.ts';
import { requireCounts, requireWithin, SearchPlanner } from '../../src/planning/search-planner.ts';
import { type CemConfig, cemDefaults } from './config.ts';
import { CemSearch } from './search.ts';

const who = 'cem';

/**
 * Cross-entropy planning that searches at every scale, for `planningPolicy` and `imagine`.
 * @throws OPTION_INVALID for settings that cannot be.
 * @see docs/decisions/planner-searches-every-scale.md.
 */
export function cem(config: CemConfig = cemDefaults): SequenceRecipe {
  const { population, elites, iterations, horizon, initialDeviation, finest, smoothing, noiseCorrelation } = config;
  requireCounts(who, { population, elites, iterations, horizon });
  requireWithin(who, {
    elites: [elites, 1, population],
    initialDeviation: [initialDeviation, 0, 1e3],
    finest: [finest, 1e-9, 1],
    smoothing: [smoothing, 0, 1],
    noiseCorrelation: [noiseCorrelation, 0, 1],
  });
  const shape = { iterations, horizon, population: () => population };
  return {
    name: who,
    settings: config,
    horizon,
    make: (scorer, actionSpace) => new SearchPlanner(who, scorer, actionSpace, shape, () => new CemSearch(config, scorer.actionSize)),
  };
}
