import type { VectorEnv } from '../../src/core/vector-env.ts';
import {
  ControllerSearch,
  runSearch,
  type SavedSearch,
  type SearchProgress,
  type SearchResult,
} from '../../src/learning/controller-search.ts';
import type { TrainingOptions } from '../../src/learning/run-training.ts';
import type { ArsConfig } from './config.ts';
import { RandomDirections } from './strategy.ts';

export type ArsProgress = SearchProgress;
export type ArsResult = SearchResult;

/**
 * Augmented Random Search, V2-t, on any env whose actions are a bounded box or integers: the same seed finds the same policy to the last bit,
 * whatever the number of lanes.
 */
export class ArsSearch extends ControllerSearch {
  /**
   * @param env - its episodes are seeded and reset here; the caller closes it.
   * @param saved - of the same env, config and seed.
   * @throws OPTION_INVALID for actions that are neither a bounded box nor integers.
   */
  constructor(env: VectorEnv, config: ArsConfig, seed: number, saved?: SavedSearch) {
    super(
      env,
      config,
      { iterations: config.iterations, steps: config.steps ?? null },
      seed,
      (weights) => new RandomDirections(weights, config),
    );
    if (saved) this.load(saved);
  }
}

/** Searches to the end, or goes on to it from a checkpoint. @throws as `ArsSearch`; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN. */
export function trainArs(env: VectorEnv, config: ArsConfig, seed: number, options: TrainingOptions<ArsProgress> = {}): Promise<ArsResult> {
  return runSearch('ars', { env, config, seed }, options, (saved) => new ArsSearch(env, config, seed, saved));
}
