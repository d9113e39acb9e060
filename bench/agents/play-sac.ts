import type { SacConfig } from '../../agents/sac/config.ts';
import { OffPolicyTraining } from '../../src/learning/off-policy-training.ts';
import { playTraining } from './play-training.ts';
import type { Played, Run } from './run.ts';

export function play(run: Run<SacConfig>): Promise<Played> {
  return playTraining(run, (env, _task, runtime) => OffPolicyTraining.open('sac', env, run.config, run.seed, runtime));
}
