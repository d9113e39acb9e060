import type { OffPolicyConfig } from '../../src/learning/off-policy-training.ts';

export type RedqConfig = OffPolicyConfig;

/** Those of Chen et al. 2021: 20 updates of ten critics a step, each towards the least of two of them, and one of the actor. */
export const redqDefaults: RedqConfig = {
  steps: 125_000,
  capacity: 1_000_000,
  learningStarts: 5000,
  trainEvery: 1,
  updates: 20,
  reportEvery: 1000,
  hidden: [256, 256],
  critics: 10,
  targetCritics: 2,
  actorValue: 'mean',
  layerNorm: false,
  batch: 256,
  learningRate: 3e-4,
  discount: 0.99,
  tau: 0.005,
  entropyWeight: 'auto',
  targetEntropy: null,
  policyEvery: 20,
};

/** A quarter of the work: 10 updates of five critics a step. */
export const redqSmall: RedqConfig = { ...redqDefaults, updates: 10, critics: 5, policyEvery: 10 };
