import { LARGEST, requireCounts, requireHidden, requireWithin } from '../../src/learning/config-checks.ts';
import type { RecurrentConfig } from '../../src/world-model/recurrent-cell.ts';

/** Settings of the training; names in brackets are those of Hafner et al. 2023. */
export interface DreamerConfig {
  /** Env steps in all, over all lanes; the last iteration is played to its end. */
  readonly steps: number;
  /** Steps of each lane from one round of learning to the next. */
  readonly playSteps: number;
  /** Env steps, over all lanes, of uniformly random actions before the first model. */
  readonly randomSteps: number;
  /** Gradient steps of the model: the first time, and each round. */
  readonly firstModelUpdates: number;
  readonly modelUpdates: number;
  /** Gradient steps of actor and critic each round, each on dreams of its own. */
  readonly behaviourUpdates: number;
  /** Dreams of one such step, steps seen before each begins, and steps dreamt [H]. */
  readonly dreams: number;
  readonly context: number;
  readonly horizon: number;
  /** [γ] */
  readonly discount: number;
  /** [λ] */
  readonly lambda: number;
  /** Of actor and critic. */
  readonly learningRate: number;
  readonly maximumGradientNorm: number;
  /** [η] */
  readonly entropyWeight: number;
  /** Share of the way that the slow critic goes to the trained one a gradient step. */
  readonly slowShare: number;
  /** Share of the way that the range of returns goes to that of the latest dreams. */
  readonly rangeShare: number;
  /** Units of the hidden layers of actor and critic, each its own. */
  readonly hidden: readonly number[];
  /** Of the world model, other than `recurrentDefaults`. */
  readonly model: Partial<RecurrentConfig>;
}

export const dreamerDefaults: DreamerConfig = {
  steps: 10_000,
  playSteps: 100,
  randomSteps: 500,
  firstModelUpdates: 600,
  modelUpdates: 100,
  behaviourUpdates: 100,
  dreams: 64,
  context: 8,
  horizon: 15,
  discount: 0.99,
  lambda: 0.95,
  learningRate: 3e-4,
  maximumGradientNorm: 100,
  entropyWeight: 3e-4,
  slowShare: 0.02,
  rangeShare: 0.01,
  hidden: [64, 64],
  model: {},
};

/** @throws OPTION_INVALID */
export function checkConfig(config: DreamerConfig): void {
  const { steps, playSteps, firstModelUpdates, modelUpdates, behaviourUpdates, dreams, context, horizon } = config;
  requireCounts(who, { steps, playSteps, firstModelUpdates, modelUpdates, behaviourUpdates, dreams, context, horizon });
  requireHidden(who, config.hidden);
  requireWithin(who, {
    randomSteps: [config.randomSteps, 0, LARGEST],
    discount: [config.discount, 0, 1],
    lambda: [config.lambda, 0, 1],
    learningRate: [config.learningRate, 0, LARGEST],
    maximumGradientNorm: [config.maximumGradientNorm, SMALLEST, LARGEST],
    entropyWeight: [config.entropyWeight, 0, LARGEST],
    slowShare: [config.slowShare, SMALLEST, 1],
    rangeShare: [config.rangeShare, SMALLEST, 1],
  });
}

const who = 'dreamer';
const SMALLEST = 1e-9;
