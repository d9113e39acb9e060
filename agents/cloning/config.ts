import { LARGEST, refuseOption, requireCounts, requireHidden, requireWithin } from '../../src/learning/config-checks.ts';

/** Settings of the training. */
export interface CloningConfig {
  /** Gradient steps at most. */
  readonly steps: number;
  /** Rows of one gradient step. */
  readonly batch: number;
  readonly learningRate: number;
  /** Of AdamW. */
  readonly weightDecay: number;
  readonly maximumGradientNorm: number;
  /** Units of the tanh layers. */
  readonly hidden: readonly number[];
  /** Whether a number's spread is learned beside its mean (negative log likelihood), or the squared error alone; integers have cross-entropy. */
  readonly gaussian: boolean;
  /** Share of the episodes (of the rows, where there is one episode) that is kept from learning and judges it. */
  readonly heldOut: number;
  /** Gradient steps from one judgement to the next: an iteration. */
  readonly judgeEvery: number;
  /** Iterations without a lower held-out error after which it ends; the best is kept. 0 = never. */
  readonly patience: number;
}

export const cloningDefaults: CloningConfig = {
  steps: 20_000,
  batch: 256,
  learningRate: 1e-3,
  weightDecay: 1e-5,
  maximumGradientNorm: 10,
  hidden: [64, 64],
  gaussian: false,
  heldOut: 0.1,
  judgeEvery: 50,
  patience: 40,
};

/** @throws OPTION_INVALID */
export function checkConfig(config: CloningConfig): void {
  const { steps, batch, judgeEvery, learningRate, weightDecay, maximumGradientNorm, heldOut, patience, hidden } = config;
  requireCounts(who, { steps, batch, judgeEvery });
  requireHidden(who, hidden);
  requireWithin(who, {
    learningRate: [learningRate, 0, LARGEST],
    weightDecay: [weightDecay, 0, LARGEST],
    maximumGradientNorm: [maximumGradientNorm, 1e-9, LARGEST],
    heldOut: [heldOut, 0.001, 0.9],
  });
  if (!(Number.isSafeInteger(patience) && patience >= 0)) refuseOption(who, 'patience', patience, 'a whole number of at least 0');
}

export const who = 'cloning';
