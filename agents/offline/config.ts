import { LARGEST, requireCounts, requireWithin } from '../../src/learning/config-checks.ts';
import type { ModelSettings } from '../../src/learning/model-learner.ts';
import { checkSacSettings, type SacSettings } from '../../src/learning/sac-settings.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';

/** Settings of the training; names in brackets are those of Yu et al. 2020. */
export interface OfflineConfig {
  /** Updates of the policy in all; the last iteration is made to its end. */
  readonly steps: number;
  /** Updates from one lot of dreams to the next. */
  readonly updatesPerIteration: number;
  /** Rollouts of one lot of dreams, and their steps [b, h]. */
  readonly rollouts: number;
  readonly rolloutLength: number;
  /** Share of recorded transitions among those that the policy learns from, in [0, 1). */
  readonly realRatio: number;
  /** Lots of dreams that are kept. */
  readonly retain: number;
  /** Reward deviations taken off a dreamed reward for a unit of the members' disagreement [λ]. */
  readonly penalty: number;
  /** Where dreams break off (Kidambi et al. 2020): disagreement, and the cost in reward deviations; null = never. */
  readonly halt: { readonly above: number; readonly cost: number } | null;
  readonly sac: SacSettings;
  /** Of the one fit of the model, from fresh weights. */
  readonly model: ModelSettings;
}

export const offlineDefaults: OfflineConfig = {
  steps: 20_000,
  updatesPerIteration: 1000,
  rollouts: 5000,
  rolloutLength: 5,
  realRatio: 0.05,
  retain: 5,
  penalty: 1,
  halt: null,
  sac: {
    hidden: [64, 64],
    critics: 2,
    targetCritics: 2,
    actorValue: 'least',
    layerNorm: true,
    batch: 256,
    learningRate: 1e-3,
    discount: 0.99,
    tau: 0.005,
    entropyWeight: 'auto',
    targetEntropy: null,
    policyEvery: 1,
  },
  model: {
    ensemble: { ...ensembleDefaults, members: 7, learningRate: 3e-3 },
    elites: 5,
    freshUpdates: 5000,
    warmUpdates: 1000,
    freshAt: 1,
    patience: 5000,
  },
};

/** @throws OPTION_INVALID */
export function checkConfig(config: OfflineConfig): void {
  const { steps, updatesPerIteration, rollouts, rolloutLength, retain, realRatio, penalty, halt, model } = config;
  requireCounts(who, { steps, updatesPerIteration, rollouts, rolloutLength, retain });
  requireCounts(who, { 'model.elites': model.elites, freshUpdates: model.freshUpdates, patience: model.patience });
  requireWithin(who, { realRatio: [realRatio, 0, 0.99], penalty: [penalty, 0, LARGEST] });
  if (halt) requireWithin(who, { 'halt.above': [halt.above, 0, LARGEST], 'halt.cost': [halt.cost, 0, LARGEST] });
  checkSacSettings(who, config.sac);
}

const who = 'offline';
