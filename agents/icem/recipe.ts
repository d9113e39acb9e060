import { requireCounts, requireWithin, SearchPlanner, type SequenceRecipe } from '../../src/planning/index.ts';
import { type IcemConfig, icemDefaults } from './config.ts';
import { IcemSearch, populationOf } from './search.ts';

const who = 'icem';

/**
 * iCEM, the cross-entropy planner for few samples, for `planningPolicy` and `imagine`.
 * @throws OPTION_INVALID for settings that cannot be.
 * @see Pinneri et al. 2020, "Sample-efficient cross-entropy method for real-time planning".
 */
export function icem(config: IcemConfig = icemDefaults): SequenceRecipe {
  const { population, elites, iterations, horizon, decay, keptShare, smoothing, noiseExponent, initialDeviation } = config;
  requireCounts(who, { population, elites, iterations, horizon });
  requireWithin(who, {
    decay: [decay, 1, 1e3],
    keptShare: [keptShare, 0, 1],
    smoothing: [smoothing, 0, 1],
    noiseExponent: [noiseExponent, 0, 10],
    initialDeviation: [initialDeviation, 0, 1e3],
  });
  const shape = { iterations, horizon, population: (iteration: number) => populationOf(config, iteration) };
  return {
    name: who,
    settings: config,
    horizon,
    make: (scorer, actionSpace) => new SearchPlanner(who, scorer, actionSpace, shape, () => new IcemSearch(config, scorer.actionSize)),
  };
}
