import { requireCounts, requireWithin } from '../../src/learning/config-checks.ts';
import { type EnsembleConfig, ensembleDefaults } from '../../src/world-model/ensemble.ts';

export interface PetsConfig {
  /** Steps of the first episodes, which act at random, each action held so many steps. */
  readonly explorationSteps: number;
  readonly explorationHold: number;
  /** Then, so many times: learn, and act by planning in what was learned. */
  readonly rounds: number;
  readonly episodesPerRound: number;
  /** At most; fewer than the horizon where what there is to learn comes early. */
  readonly episodeSteps: number;
  /** Gradient steps of each fit, and of the last one, from fresh weights. */
  readonly updates: number;
  readonly finalUpdates: number;
  /** Newest share of the transitions that models are calibrated on: the oldest show where the agent no longer goes. */
  readonly calibrationShare: number;
  readonly ensemble: EnsembleConfig;
}

export const petsDefaults: PetsConfig = {
  explorationSteps: 250,
  explorationHold: 5,
  rounds: 5,
  episodesPerRound: 2,
  episodeSteps: 100,
  updates: 2000,
  finalUpdates: 10_000,
  calibrationShare: 0.6,
  // Of a thousand steps, seven members differ by more than they err together, and their dreams then claim too little.
  ensemble: { ...ensembleDefaults, members: 4 },
};

/** @throws OPTION_INVALID */
export function checkConfig(config: PetsConfig): void {
  const { explorationSteps, explorationHold, episodesPerRound, episodeSteps, updates, finalUpdates } = config;
  requireCounts('pets', {
    rounds: config.rounds + 1,
    explorationSteps,
    explorationHold,
    episodesPerRound,
    episodeSteps,
    updates,
    finalUpdates,
  });
  requireWithin('pets', { calibrationShare: [config.calibrationShare, 1e-3, 1] });
}
