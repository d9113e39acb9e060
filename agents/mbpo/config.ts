import type { AuditSettings } from '../../src/gap/audit.ts';
import { type AuditRules, auditRules } from '../../src/gap/audit-rules.ts';
import { LARGEST, refuseOption, requireCounts, requireWithin } from '../../src/learning/config-checks.ts';
import type { ModelSettings } from '../../src/learning/model-learner.ts';
import { checkSacSettings, type SacSettings } from '../../src/learning/sac-settings.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';

/** Settings of the training; names in brackets are those of Janner et al. 2019. */
export interface MbpoConfig {
  /** Real steps in all, over all lanes, those of audits too; the last iteration is played to its end. */
  readonly steps: number;
  /** Real steps of random actions, before there is a model. */
  readonly explorationSteps: number;
  /** Steps that a random action is held: held ones move a mechanism further than white noise, whose pushes cancel. */
  readonly explorationHold: number;
  /** How far random actions go, in (0, 1]: where full ones only throw a mechanism from stop to stop, less shows more of it. */
  readonly explorationScale: number;
  /** Real steps from one fit of the model, and one lot of dreams, to the next. */
  readonly modelEvery: number;
  /** Rollouts for each real step [M]. */
  readonly rolloutsPerStep: number;
  /** Steps of a rollout [k]: from `first` to `last` in a straight line between two counts of real steps, rounded. */
  readonly rolloutLength: { readonly first: number; readonly last: number; readonly from: number; readonly to: number };
  /** Updates of the policy for each real step of an iteration [G]; before the first there are as many as for `modelEvery` steps. */
  readonly updatesPerStep: number;
  /** Updates made in one call, which holds the thread. */
  readonly updatesPerCall: number;
  /** Share of real transitions among those that the policy learns from, in [0, 1). */
  readonly realRatio: number;
  /** Lots of dreams that are kept. */
  readonly retain: number;
  /** Reward deviations taken off a dreamed reward for a unit of disagreement [λ of Yu et al. 2020]; audits add to it. */
  readonly penalty: number;
  /** Where dreams break off (Kidambi et al. 2020): disagreement, and the cost in reward deviations; null = never. */
  readonly halt: { readonly above: number; readonly cost: number } | null;
  readonly sac: SacSettings;
  readonly model: ModelSettings;
  /** What of the training is held to truth, `every` so many updates; null = nothing. */
  readonly audit: (AuditSettings & { readonly every: number; readonly rules: AuditRules }) | null;
}

/** For mechanisms of a few joints, which are learned in a few hundred steps: long dreams, and many updates with small networks. */
export const mbpoDefaults: MbpoConfig = {
  steps: 2000,
  explorationSteps: 250,
  explorationHold: 5,
  explorationScale: 1,
  modelEvery: 125,
  rolloutsPerStep: 40,
  rolloutLength: { first: 10, last: 10, from: 0, to: 1 },
  updatesPerStep: 40,
  updatesPerCall: 200,
  realRatio: 0.05,
  retain: 4,
  penalty: 0,
  halt: null,
  sac: {
    hidden: [64, 64],
    critics: 2,
    targetCritics: 2,
    actorValue: 'least',
    layerNorm: true,
    batch: 128,
    learningRate: 1e-3,
    discount: 0.99,
    tau: 0.01,
    entropyWeight: 'auto',
    targetEntropy: null,
    policyEvery: 2,
  },
  model: {
    ensemble: { ...ensembleDefaults, members: 7, hidden: [64, 64], learningRate: 3e-3 },
    elites: 5,
    freshUpdates: 3000,
    warmUpdates: 1500,
    freshAt: 2,
    // The rate falls to the end: what is best is found late.
    patience: 5000,
  },
  audit: { every: 20_000, episodes: 1, steps: 100, segment: 10, draws: 5, rules: auditRules },
};

/** Steps of rollouts after so many real steps, before audits shorten them. */
export function rolloutLengthAt({ first, last, from, to }: MbpoConfig['rolloutLength'], steps: number): number {
  const share = Math.min(Math.max((steps - from) / (to - from), 0), 1);
  return Math.round(first + share * (last - first));
}

/** @throws OPTION_INVALID */
export function checkConfig(config: MbpoConfig): void {
  const { steps, explorationSteps, explorationHold, modelEvery, rolloutsPerStep, updatesPerStep, updatesPerCall, retain } = config;
  requireCounts(who, { steps, explorationSteps, explorationHold, modelEvery, rolloutsPerStep, updatesPerStep, updatesPerCall, retain });
  const { first, last, from, to } = config.rolloutLength;
  requireCounts(who, { 'rolloutLength.first': first, 'rolloutLength.last': last });
  if (!(from >= 0 && to > from)) refuseOption(who, 'rolloutLength.to', to, `above ${from}, where it begins to change`);
  const { elites, freshUpdates, warmUpdates, freshAt, patience } = config.model;
  requireCounts(who, { 'model.elites': elites, freshUpdates, warmUpdates, patience });
  requireWithin(who, {
    explorationScale: [config.explorationScale, 1e-9, 1],
    realRatio: [config.realRatio, 0, 0.99],
    penalty: [config.penalty, 0, LARGEST],
  });
  requireWithin(who, { 'model.freshAt': [freshAt, 1, LARGEST] });
  if (config.halt) requireWithin(who, { 'halt.above': [config.halt.above, 0, LARGEST], 'halt.cost': [config.halt.cost, 0, LARGEST] });
  checkSacSettings(who, config.sac);
  if (!config.audit) return;
  const { every, episodes, segment, draws, rules } = config.audit;
  requireCounts(who, { 'audit.every': every, 'audit.episodes': episodes, 'audit.steps': config.audit.steps, segment, draws });
  requireCounts(who, { 'audit.rules.stopAfter': rules.stopAfter });
  requireWithin(who, { 'audit.rules.mostExcess': [rules.mostExcess, 0, LARGEST], 'audit.rules.penalty': [rules.penalty, 0, LARGEST] });
}

const who = 'mbpo';
