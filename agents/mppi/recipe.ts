import { requireCounts, requireWithin, SearchPlanner, type SequenceRecipe } from '../../src/planning/index.ts';
import { type MppiConfig, mppiDefaults } from './config.ts';
import { MppiSearch } from './search.ts';

const who = 'mppi';

/**
 * Model predictive path integral control, for `planningPolicy` and `imagine`. The cost of control that its derivation adds to the score is left to the task's reward.
 * @throws OPTION_INVALID for settings that cannot be.
 * @see Williams et al. 2017, "Information theoretic MPC for model-based reinforcement learning".
 */
export function mppi(config: MppiConfig = mppiDefaults): SequenceRecipe {
  const { population, iterations, horizon, deviation, temperature, noiseExponent } = config;
  requireCounts(who, { population, iterations, horizon });
  requireWithin(who, {
    deviation: [deviation, 0, 1e3],
    temperature: [temperature, 1e-9, 1e9],
    noiseExponent: [noiseExponent, 0, 10],
  });
  const shape = { iterations, horizon, population: () => population };
  return {
    name: who,
    settings: config,
    horizon,
    make: (scorer, actionSpace) => new SearchPlanner(who, scorer, actionSpace, shape, () => new MppiSearch(config, scorer.actionSize)),
  };
}
