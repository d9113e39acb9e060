import { LARGEST, refuseOption, requireCounts, requireHidden, requireWithin } from '../../src/learning/config-checks.ts';

/** Settings of the training; names in brackets are those of Schulman et al. 2017, or of Stable-Baselines3. */
export interface PpoConfig {
  /** Env steps in all, over all lanes; the last iteration is played to its end. */
  readonly steps: number;
  /** Steps of each lane from one update to the next [T, `n_steps`]. */
  readonly rolloutSteps: number;
  /** Rows of one gradient step; divides the rows of a rollout [M, `batch_size`]. */
  readonly minibatch: number;
  /** Times each row is used [K, `n_epochs`]. */
  readonly epochs: number;
  readonly learningRate: number;
  /** Whether the rate falls in a straight line to 0. */
  readonly annealRate: boolean;
  /** [γ] */
  readonly discount: number;
  /** Of generalised advantage estimation [λ]. */
  readonly lambda: number;
  /** How far the ratio of probabilities counts [ε, `clip_range`]. */
  readonly clip: number;
  /** How far a value moves from its old one in one update, in units of the (normalised) return [`clip_range_vf`]; null = as far as it likes. */
  readonly clipValue: number | null;
  /** [c2, `ent_coef`] */
  readonly entropyWeight: number;
  /** [c1, `vf_coef`] */
  readonly valueWeight: number;
  readonly maximumGradientNorm: number;
  /** Epochs of an update end once the policy is this far from the old one; null = never. */
  readonly targetKl: number | null;
  /** Units of the tanh layers of actor and critic, each its own. */
  readonly hidden: readonly number[];
  /** Natural logarithm of the actions' standard deviation at the start; 1 = half the range of a bounded action. */
  readonly logDeviation: number;
  readonly normaliseObservations: boolean;
  readonly normaliseRewards: boolean;
  readonly normaliseAdvantages: boolean;
}

/** Those of Stable-Baselines3, with a falling rate and normalisation (Huang et al. 2022). */
export const ppoDefaults: PpoConfig = {
  steps: 1_000_000,
  rolloutSteps: 2048,
  minibatch: 64,
  epochs: 10,
  learningRate: 3e-4,
  annealRate: true,
  discount: 0.99,
  lambda: 0.95,
  clip: 0.2,
  clipValue: null,
  entropyWeight: 0,
  valueWeight: 0.5,
  maximumGradientNorm: 0.5,
  targetKl: null,
  hidden: [64, 64],
  logDeviation: 0,
  normaliseObservations: true,
  normaliseRewards: true,
  normaliseAdvantages: true,
};

/** Iterations that the steps make. */
export function iterationsOf({ steps, rolloutSteps }: PpoConfig, lanes: number): number {
  return Math.ceil(steps / (rolloutSteps * lanes));
}

/** @throws OPTION_INVALID */
export function checkConfig(config: PpoConfig, lanes: number): void {
  const { steps, rolloutSteps, minibatch, epochs, hidden, discount, lambda, learningRate, entropyWeight, valueWeight } = config;
  const rows = rolloutSteps * lanes;
  requireCounts(who, { steps, rolloutSteps, minibatch, epochs });
  requireHidden(who, hidden);
  if (rows % minibatch !== 0) refuseOption(who, 'minibatch', minibatch, `a divisor of the ${rows} rows of a rollout`);
  if (config.normaliseAdvantages && minibatch === 1) refuseOption(who, 'minibatch', 1, 'at least 2 where advantages are normalised');
  requireWithin(who, {
    discount: [discount, 0, 1],
    lambda: [lambda, 0, 1],
    learningRate: [learningRate, 0, LARGEST],
    entropyWeight: [entropyWeight, 0, LARGEST],
    valueWeight: [valueWeight, 0, LARGEST],
    logDeviation: [config.logDeviation, -20, 20],
  });
  for (const option of ['clip', 'maximumGradientNorm', 'clipValue', 'targetKl'] as const)
    if (config[option] !== null) requireWithin(who, { [option]: [config[option], SMALLEST, LARGEST] });
}

const who = 'ppo';
const SMALLEST = 1e-9;
