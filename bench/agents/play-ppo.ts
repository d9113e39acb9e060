import type { PpoConfig } from '../../agents/ppo/config.ts';
import { PpoTraining } from '../../agents/ppo/train.ts';
import { playTraining } from './play-training.ts';
import type { Played, Run } from './run.ts';

export function play(run: Run<PpoConfig>): Promise<Played> {
  return playTraining(run, (env, _task, runtime) => PpoTraining.open(env, run.config, run.seed, runtime));
}
