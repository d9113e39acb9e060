import type { TrustHorizon } from '../world-model/trust.ts';
import { columnMeans, type ResamplePlan } from './bootstrap.ts';
import { type Coverage, coverageOf, widestLevel } from './coverage.ts';
import { normalisedSquares } from './error-over-horizon.ts';
import type { PairedRollouts } from './paired-rollouts.ts';
import { COVERAGE_LEVEL, GAP_TESTS } from './thresholds.ts';

/** Root-mean-square error over all entries at which a dream no longer tells where truth is, in standard deviations of the data; as of the valid dream time (H2). */
const ERROR_LIMIT = 0.4;

/** How far dreams can be trusted, and what it was read off. */
export interface TrustFindings extends TrustHorizon {
  /** Coverage of the 90 % interval at 1, 2, … steps ahead; null where the samples hold none. */
  readonly coverage: readonly Coverage[] | null;
}

/**
 * Steps until the 90 % interval stops being honest (it holds fewer truths than test H4 lets pass; too wide a one is cautious, not untrue) or the error passes .4 standard deviations of the data.
 * Measured values count, not their intervals: a horizon is an estimate, the tests are the proof.
 * @param squared - of the model, see `squaredErrors`.
 */
export function trustHorizon(rollouts: PairedRollouts, squared: Float64Array, plan: ResamplePlan): TrustFindings {
  const ahead = Array.from({ length: rollouts.horizon }, (_, i) => i + 1);
  const coverage = widestLevel(rollouts.samples) < COVERAGE_LEVEL ? null : coverageOf(rollouts, ahead, [COVERAGE_LEVEL], plan).overall;
  const coverageFloor = floorOfCoverage();
  const errors = columnMeans(normalisedSquares(rollouts, squared), rollouts.horizon + 1);
  // What is not a number is within no bound.
  const honest = coverage && lastWithin(coverage.map(({ measured }) => measured >= coverageFloor));
  const accurate = lastWithin(ahead.map((step) => errors[step]! <= ERROR_LIMIT ** 2));
  return {
    steps: Math.min(honest ?? accurate, accurate),
    honest,
    accurate,
    measured: rollouts.horizon,
    coverageFloor,
    errorLimit: ERROR_LIMIT,
    coverage,
  };
}

/** What a manifest keeps of it. */
export function horizonAlone<T extends TrustHorizon & { readonly coverage: unknown }>({ coverage: _, ...horizon }: T): TrustHorizon {
  return horizon;
}

/** How many hold before the first that does not. */
function lastWithin(holds: readonly boolean[]): number {
  const first = holds.indexOf(false);
  return first < 0 ? holds.length : first;
}

function floorOfCoverage(): number {
  const { bound } = GAP_TESTS.find(({ measure }) => measure === 'coverage')!;
  return bound.kind === 'within' ? bound.low : COVERAGE_LEVEL;
}
