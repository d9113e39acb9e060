import type { VectorEnv } from '../../src/core/vector-env.ts';
import { compileController } from '../../src/learning/controller-graph.ts';
import {
  ControllerSearch,
  runSearch,
  type SavedSearch,
  type SearchProgress,
  type SearchResult,
  type SearchStrategy,
} from '../../src/learning/controller-search.ts';
import type { TrainingOptions } from '../../src/learning/run-training.ts';
import type { Rng } from '../../src/math/rng.ts';
import { type CmaEsConfig, checkConfig, isSeparable } from './config.ts';
import { Evolution, type SavedEvolution } from './evolution.ts';

export interface CmaEsProgress extends SearchProgress {
  /** Step size, in units of weights. */
  readonly sigma: number;
  /** How much further the search reaches along its longest axis than along its shortest. */
  readonly axisRatio: number;
}

export interface CmaEsResult {
  /** The best validated, as ONNX, normalisation inside; see `onnxPolicy`. */
  readonly policy: Uint8Array<ArrayBuffer>;
  /** The same as plain data, for `controllerPolicy`. */
  readonly controller: SearchResult['policy'];
  readonly validation: number;
  /** Env steps taken. */
  readonly steps: number;
}

/** CMA-ES on the weights of a controller, generation by generation. The same env, config and seed give the same bytes, on any number of lanes. */
export class CmaEsTraining extends ControllerSearch {
  /**
   * @param env - its episodes are seeded and reset here; the caller closes it.
   * @param saved - of the same env, config and seed.
   * @throws OPTION_INVALID for settings that do not fit, and for actions that are neither a bounded box nor integers.
   */
  constructor(env: VectorEnv, config: CmaEsConfig, seed: number, saved?: SavedSearch) {
    checkConfig(config);
    super(
      env,
      { ...config, clocks_steps: [] },
      { iterations: null, steps: config.steps },
      seed,
      (weights) => new EvolvingWeights(weights, config),
    );
    if (saved) this.load(saved);
  }

  override iterate(): Promise<CmaEsProgress> {
    return super.iterate() as Promise<CmaEsProgress>;
  }
}

class EvolvingWeights implements SearchStrategy {
  private readonly evolution: Evolution;

  constructor(weights: Float64Array, config: CmaEsConfig) {
    const { population, sigma, active } = config;
    this.evolution = new Evolution(weights, sigma, { population, active, separable: isSeparable(config, weights.length) });
  }

  get weights(): Float64Array {
    return this.evolution.mean;
  }

  ask(rng: Rng): Float64Array[] {
    return this.evolution.ask(rng);
  }

  tell(scores: readonly number[]): void {
    this.evolution.tell(scores);
  }

  figures(): Pick<CmaEsProgress, 'sigma' | 'axisRatio'> & Readonly<Record<string, number>> {
    return { sigma: this.evolution.sigma, axisRatio: this.evolution.axisRatio };
  }

  save(): SavedEvolution {
    return this.evolution.save();
  }

  load(saved: unknown): boolean {
    return this.evolution.load(saved as SavedEvolution);
  }
}

/**
 * Trains to the end, or goes on to it from a checkpoint.
 *
 * @throws as `CmaEsTraining`; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN.
 */
export async function trainCmaEs(
  env: VectorEnv,
  config: CmaEsConfig,
  seed: number,
  options: TrainingOptions<CmaEsProgress> = {},
): Promise<CmaEsResult> {
  const open = (saved: SavedSearch | undefined) => new CmaEsTraining(env, config, seed, saved);
  const { policy: controller, validation, steps } = await runSearch('cma-es', { env, config, seed }, options, open);
  return { policy: compileController(env.observationSpace, env.actionSpace, controller), controller, validation, steps };
}
