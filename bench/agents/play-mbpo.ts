import type { MbpoConfig } from '../../agents/mbpo/config.ts';
import { MbpoTraining } from '../../agents/mbpo/train.ts';
import { playTraining } from './play-training.ts';
import type { Played, Run } from './run.ts';

export function play(run: Run<MbpoConfig>): Promise<Played> {
  return playTraining(run, (env, task, runtime) => MbpoTraining.open(env, task, run.config, run.seed, runtime));
}
