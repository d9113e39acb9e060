import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { recordEpisode } from '../../data/record.ts';
import { TransitionRecorder, writeTransitions } from '../../data/transitions.ts';
import { registry } from '../../index.ts';
import { Rng } from '../../math/rng.ts';
import { exitCodes } from '../exit-codes.ts';
import { count, envOption, type Finish, requirePlaceFor, withCommon } from '../options.ts';
import { policyOf } from '../policies.ts';
import { terminal } from '../terminal.ts';

interface RecordOptions {
  readonly json?: boolean;
  readonly env: string;
  readonly seed: number;
  readonly policy: 'random' | 'cem';
  readonly model?: string;
  readonly hold: number;
  readonly episodes: number;
  readonly out: string;
}

export function addRecord(program: Command, finish: Finish): void {
  withCommon(program.command('record'), { seed: true })
    .description('record transitions of a policy on physics')
    .addOption(envOption())
    .addOption(new Option('--policy <name>', 'who acts').choices(['random', 'cem']).default('random'))
    .option('--model <folder>', 'model to plan in, for --policy cem')
    .option('--hold <n>', 'steps that a random action is held', count, 5)
    .option('--episodes <n>', 'episodes', count, 4)
    .requiredOption('--out <file>', 'where to write, as in data.bin')
    .action(async (options: RecordOptions) => finish(await record(options)));
}

async function record(options: RecordOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  const task = registry.task(options.env);
  const out = resolve(options.out);
  requirePlaceFor('file', out);
  const policy = await policyOf(task, options);
  const env = await registry.truth(task.id, 1);
  const recorder = new TransitionRecorder(task);
  const rng = new Rng(options.seed);
  const returns: number[] = [];
  for (let episode = 0; episode < options.episodes; episode++) {
    const stage = `episode ${episode + 1} of ${options.episodes}`;
    const onStep = (done: number) => screen.progress({ stage, done, of: task.horizon });
    returns.push(
      (await recordEpisode(env, policy, recorder, { seed: rng.uint32(), maxSteps: task.horizon, episode, onStep })).episodeReturn,
    );
  }
  await env.close();
  screen.settle();
  writeTransitions(out, task, recorder.transitions());
  const { count: transitions } = recorder.transitions();
  screen.result(
    { env: task.id, policy: policy.name, out, transitions, returns },
    `${transitions} transitions of ${task.id} (${policy.name}) in ${out}`,
  );
  return exitCodes.ok;
}
