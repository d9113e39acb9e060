import { LARGEST, refuseOption, requireCounts, requireWithin } from '../../src/learning/config-checks.ts';

/** Settings of the training; names in brackets are those of Hansen et al. 2024 or of its authors' code. */
export interface TdMpc2Config {
  /** Env steps in all, over all lanes; the last iteration is played to its end. */
  readonly steps: number;
  /** Steps of each lane from one round of updates to the next. */
  readonly playSteps: number;
  /** Env steps, over all lanes, of uniformly random actions at the start; they are learned from at once when they are over [`seed_steps`]. */
  readonly randomSteps: number;
  /** Gradient steps for each env step. */
  readonly updatesPerStep: number;
  /** Observations kept, over all lanes; the oldest make room [`buffer_size`]. */
  readonly capacity: number;

  /** Sequences of one gradient step [`batch_size`]. */
  readonly batch: number;
  /** Steps that the model is unrolled for in training [H, `horizon`]. */
  readonly horizon: number;
  readonly learningRate: number;
  /** [γ] */
  readonly discount: number;
  /** Weight of each further step of an unrolled sequence [λ, `rho`]. */
  readonly rho: number;
  /** Share of the way that slow critics go to the trained ones a gradient step [`tau`]. */
  readonly tau: number;
  /** Of the parts of the loss [`consistency_coef`, `reward_coef`, `value_coef`, `termination_coef`]. */
  readonly weights: { readonly consistency: number; readonly reward: number; readonly value: number; readonly continues: number };
  /** [β, `entropy_coef`] */
  readonly entropyWeight: number;
  /** How much the policy keeps to what was done, against what critics see in other actions: weight of the squared difference [Lin et al. 2025]. */
  readonly imitation: number;
  readonly maximumGradientNorm: number;

  /** Size of a latent state; a multiple of 8 [`latent_dim`]. */
  readonly latent: number;
  /** Units of the encoder's hidden layers [`enc_dim`]. */
  readonly encoder: readonly number[];
  /** Units of the hidden layers of all else [`mlp_dim`]. */
  readonly hidden: readonly number[];
  /** Critics side by side; a target is the least of two of them drawn at random, a plan is valued by their mean [`num_q`]. */
  readonly critics: number;
  /** Bins that rewards and values are told in, and how far they reach in symlog [`num_bins`, `vmin`, `vmax`]. */
  readonly bins: number;
  readonly reach: number;

  /** Steps of a plan; there H, as in training. Further is better where control steps are short and the model is good [`horizon`]. */
  readonly lookahead: number;
  /** Action sequences tried an iteration of planning [`num_samples`], those of them that the policy proposes [`num_pi_trajs`], and those that are learned from [`num_elites`]. */
  readonly samples: number;
  readonly proposals: number;
  readonly elites: number;
  /** Of planning, a decision [`iterations`]. */
  readonly iterations: number;
  /** How much an elite's lead counts: weights are exp(temperature · (value − best)) [`temperature`]. */
  readonly temperature: number;
  /** Bounds of the deviation of actions, in units of half their range; it starts at the upper one [`min_std`, `max_std`]. */
  readonly deviation: { readonly low: number; readonly high: number };
}

/** A model of some fifty thousand weights, which one CPU core trains: so it learns at a higher rate, follows faster and looks further than the authors'. */
export const tdMpc2Defaults: TdMpc2Config = {
  steps: 10_000,
  playSteps: 25,
  randomSteps: 500,
  updatesPerStep: 1,
  capacity: 100_000,
  batch: 128,
  horizon: 5,
  learningRate: 1e-3,
  discount: 0.99,
  rho: 0.5,
  tau: 0.03,
  weights: { consistency: 20, reward: 0.1, value: 0.1, continues: 1 },
  entropyWeight: 1e-4,
  imitation: 0.1,
  maximumGradientNorm: 20,
  latent: 32,
  encoder: [64],
  hidden: [64, 64],
  critics: 2,
  bins: 65,
  reach: 8,
  lookahead: 12,
  samples: 128,
  proposals: 12,
  elites: 16,
  iterations: 4,
  temperature: 0.5,
  deviation: { low: 0.05, high: 2 },
};

/** Values of a latent state that are told apart by one softmax. */
export const SIMPLEX = 8;

/** @throws OPTION_INVALID */
export function checkConfig(config: TdMpc2Config): void {
  const { steps, playSteps, capacity, batch, horizon, lookahead, latent, critics, bins, samples, elites, iterations } = config;
  const { weights, deviation } = config;
  requireCounts(who, { steps, playSteps, capacity, batch, horizon, lookahead, latent, critics, bins, samples, elites, iterations });
  for (const option of ['encoder', 'hidden'] as const)
    requireCounts(who, Object.fromEntries(config[option].map((units, i) => [`${option}[${i}]`, units])));
  if (latent % SIMPLEX !== 0) refuseOption(who, 'latent', latent, `a multiple of ${SIMPLEX}`);
  requireWithin(who, {
    bins: [bins, 3, LARGEST],
    proposals: [config.proposals, 0, samples],
    elites: [elites, 1, samples],
    randomSteps: [config.randomSteps, 0, LARGEST],
    updatesPerStep: [config.updatesPerStep, 0, LARGEST],
    learningRate: [config.learningRate, 0, LARGEST],
    entropyWeight: [config.entropyWeight, 0, LARGEST],
    imitation: [config.imitation, 0, LARGEST],
    maximumGradientNorm: [config.maximumGradientNorm, SMALLEST, LARGEST],
    reach: [config.reach, SMALLEST, LARGEST],
    temperature: [config.temperature, SMALLEST, LARGEST],
    discount: [config.discount, 0, 1],
    rho: [config.rho, 0, 1],
    tau: [config.tau, SMALLEST, 1],
    ...Object.fromEntries(Object.entries(weights).map(([part, weight]) => [`weights.${part}`, [weight, 0, LARGEST] as const])),
    'deviation.high': [deviation.high, SMALLEST, LARGEST],
    'deviation.low': [deviation.low, 0, deviation.high],
  });
}

const who = 'tdmpc2';
const SMALLEST = 1e-9;
