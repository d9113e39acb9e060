import type { Rng } from '../math/rng.ts';
import type { AxisResult } from './axis.ts';
import { type ResamplePlan, resamplePlan } from './bootstrap.ts';
import { type CounterfactualEffects, type Counterfactuals, counterfactualEffects } from './counterfactual.ts';
import { type CoverageTable, coverageOf, RELIABILITY_LEVELS, widestLevel } from './coverage.ts';
import { allSquaredErrors, type Skill, type SquaredErrors, skillOverHorizon } from './error-over-horizon.ts';
import type { PairedRollouts } from './paired-rollouts.ts';
import { compareReturns, type PairedReturns, type ReturnComparison } from './return-comparison.ts';
import { GAP_TESTS } from './thresholds.ts';
import { type TrustFindings, trustHorizon } from './trust-horizon.ts';
import type { PlayedFrom } from './worst-starts.ts';

/** Where a report comes from. Everything is text or numbers the caller knows; nothing is looked up. */
export interface GapMetadata {
  readonly task: string;
  readonly model: string;
  /** What stands for truth where it is not the task's own physics. */
  readonly truth?: string;
  /** The exact command that makes this report again. */
  readonly command: string;
  readonly seeds: readonly number[];
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: string;
  /** ISO 8601. */
  readonly date: string;
  /** Of the held-out data. */
  readonly dataHash: string;
  /** Seconds of simulated time a control step takes. */
  readonly controlDt_s: number;
  /** Real control steps the model was trained on. */
  readonly trainingSteps?: number;
  /** sha256 by what it is of: `model` where there is one, `code`. */
  readonly hashes?: Readonly<Record<string, string>>;
}

export interface GapInput {
  readonly rollouts: PairedRollouts;
  /** For starts that are to be played again. */
  readonly from?: PlayedFrom;
  /** Absent where truth cannot branch. */
  readonly counterfactuals?: Counterfactuals;
  readonly returns?: PairedReturns;
  /** What the axes found, by name. */
  readonly axes?: Readonly<Record<string, AxisResult>>;
  readonly metadata: GapMetadata;
  /** Of the bootstrap. */
  readonly rng: Rng;
  /** Resamples of the rollouts' starts, where these are not independent. Default: each start for itself. */
  readonly plan?: ResamplePlan;
  /** Default 2000. */
  readonly resamples?: number;
}

/** What the rows are judged from. */
export interface GapMeasurements {
  readonly rollouts: PairedRollouts;
  readonly errors: SquaredErrors;
  readonly skill: readonly Skill[];
  readonly coverage: CoverageTable | null;
  readonly trust: TrustFindings;
  readonly effects: (CounterfactualEffects & { readonly starts: number; readonly horizon: number }) | null;
  readonly returns: (ReturnComparison & { readonly count: number }) | null;
}

/** Computes what the rows and the figures are made of. */
export function measure({ rollouts, counterfactuals, returns, rng }: GapInput, plan: ResamplePlan, resamples: number): GapMeasurements {
  const errors = allSquaredErrors(rollouts);
  const planOf = (count: number) => (count === rollouts.starts ? plan : resamplePlan(count, rng, resamples));
  const levels = RELIABILITY_LEVELS.filter((level) => level <= widestLevel(rollouts.samples));
  const horizons = GAP_TESTS.flatMap(({ measure, horizon }) => (measure === 'coverage' && horizon! <= rollouts.horizon ? [horizon!] : []));
  return {
    rollouts,
    errors,
    skill: skillOverHorizon(rollouts, errors, plan),
    coverage: rollouts.samples < 2 ? null : coverageOf(rollouts, horizons, levels, plan),
    trust: trustHorizon(rollouts, errors.model, plan),
    effects: counterfactuals
      ? {
          ...counterfactualEffects(counterfactuals, planOf(counterfactuals.starts)),
          starts: counterfactuals.starts,
          horizon: counterfactuals.horizon,
        }
      : null,
    returns: returns ? { ...compareReturns(returns, planOf(returns.truth.length)), count: returns.truth.length } : null,
  };
}
