import type { Rng } from '../../math/rng.ts';
import type { SequenceRecipe } from '../../planning/planner.ts';
import { type Search, SearchPlanner } from '../../planning/search-planner.ts';

export interface SamplingSettings {
  readonly candidates: number;
  /** Control steps looked ahead. */
  readonly horizon: number;
  /** Steps through which a candidate's noise stays the same. */
  readonly hold: number;
  /** Of the noise, in halves of the action range. */
  readonly deviation: number;
}

const samplingDefaults: SamplingSettings = { candidates: 32, horizon: 20, hold: 4, deviation: 0.7 };

/**
 * The plainest planner there is: tries noisy versions of its last plan and goes on with the best of them. It asks a model for nothing but scores, and is the same in truth.
 * @see Howell et al. 2022, "Predictive sampling: real-time behaviour synthesis with MuJoCo".
 */
export function predictiveSampling(settings: Partial<SamplingSettings> = {}): SequenceRecipe {
  const chosen = { ...samplingDefaults, ...settings };
  const shape = { iterations: 1, horizon: chosen.horizon, population: () => chosen.candidates };
  return {
    name: 'predictive sampling',
    settings: chosen,
    horizon: chosen.horizon,
    make: (scorer, actionSpace) =>
      new SearchPlanner('predictive sampling', scorer, actionSpace, shape, () => new SamplingSearch(chosen, scorer.actionSize)),
  };
}

class SamplingSearch implements Search {
  private readonly settings: SamplingSettings;
  private readonly actionSize: number;

  constructor(settings: SamplingSettings, actionSize: number) {
    this.settings = settings;
    this.actionSize = actionSize;
  }

  reset(): void {}

  begin(): void {}

  /** The first candidate is the last plan itself. */
  draw(rng: Rng, _iteration: number, mean: Float64Array, candidates: Float64Array): void {
    const { hold, deviation } = this.settings;
    const held = new Float64Array(this.actionSize);
    for (let i = 0; i < candidates.length; i++) {
      const at = i % mean.length;
      const element = at % this.actionSize;
      const step = Math.floor(at / this.actionSize);
      if (step % hold === 0) held[element] = i < mean.length ? 0 : deviation * rng.normal();
      candidates[i] = mean[at]! + held[element]!;
    }
  }

  learn(_iteration: number, mean: Float64Array, candidates: Float64Array, scores: Float64Array): void {
    const best = scores.indexOf(Math.max(...scores));
    mean.set(candidates.subarray(best * mean.length, (best + 1) * mean.length));
  }

  chosen(mean: Float64Array): Float64Array {
    return mean;
  }
}
