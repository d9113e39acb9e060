import type { OffPolicyConfig } from '../../src/learning/off-policy-training.ts';

export type SacConfig = OffPolicyConfig;

/** Those of Stable-Baselines3: an update of each network a step. */
export const sacDefaults: SacConfig = {
  steps: 1_000_000,
  capacity: 1_000_000,
  learningStarts: 100,
  trainEvery: 1,
  updates: 1,
  reportEvery: 1000,
  hidden: [256, 256],
  critics: 2,
  targetCritics: 2,
  actorValue: 'least',
  layerNorm: false,
  batch: 256,
  learningRate: 3e-4,
  discount: 0.99,
  tau: 0.005,
  entropyWeight: 'auto',
  targetEntropy: null,
  policyEvery: 1,
};
