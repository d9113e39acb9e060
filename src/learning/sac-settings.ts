import { LARGEST, refuseOption, requireCounts, requireHidden, requireWithin } from './config-checks.ts';

/** Of `SacLearner`; names in brackets are those of Haarnoja et al. 2018, Chen et al. 2021 (REDQ), or Stable-Baselines3. */
export interface SacSettings {
  /** Units of the hidden layers, of the actor and of each critic. */
  readonly hidden: readonly number[];
  /** [N] */
  readonly critics: number;
  /** Critics whose least value is the target, drawn anew each update [M]. */
  readonly targetCritics: number;
  /** What the actor climbs: the least of all critics' values (SAC) or their mean (REDQ). */
  readonly actorValue: 'least' | 'mean';
  /** Whether the critics' hidden layers are normalised (Hiraoka et al. 2022, DroQ). */
  readonly layerNorm: boolean;
  /** Transitions of one update. */
  readonly batch: number;
  /** Of actor, critics and entropy weight. */
  readonly learningRate: number;
  /** [γ] */
  readonly discount: number;
  /** By how much the targets move towards the critics in an update [τ, ρ = 1 − τ]. */
  readonly tau: number;
  /** What entropy is worth, in units of reward [α]; 'auto' = so that entropy comes to `targetEntropy`. */
  readonly entropyWeight: 'auto' | number;
  /** In nats; null = minus the numbers of an action. */
  readonly targetEntropy: number | null;
  /** Updates of the critics for each of the actor. */
  readonly policyEvery: number;
}

/** @throws OPTION_INVALID */
export function checkSacSettings(who: string, settings: SacSettings): void {
  const { critics, targetCritics, actorValue, batch, policyEvery, entropyWeight, targetEntropy } = settings;
  requireHidden(who, settings.hidden);
  requireCounts(who, { critics, targetCritics, batch, policyEvery });
  if (targetCritics > critics) refuseOption(who, 'targetCritics', targetCritics, `at most the ${critics} critics`);
  if (!['least', 'mean'].includes(actorValue)) refuseOption(who, 'actorValue', actorValue, "'least' or 'mean'");
  requireWithin(who, {
    learningRate: [settings.learningRate, 0, LARGEST],
    discount: [settings.discount, 0, 1],
    tau: [settings.tau, 1e-9, 1],
  });
  if (entropyWeight !== 'auto') requireWithin(who, { entropyWeight: [entropyWeight, 0, LARGEST] });
  if (targetEntropy !== null) requireWithin(who, { targetEntropy: [targetEntropy, -LARGEST, LARGEST] });
}
