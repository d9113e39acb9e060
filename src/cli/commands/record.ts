import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { EngineName } from '../../core/scene-spec.ts';
import type { VectorEnv } from '../../core/vector-env.ts';
import { recordEpisode } from '../../data/record.ts';
import { TransitionRecorder, writeTransitions } from '../../data/transitions.ts';
import { GroundtwinError } from '../../errors.ts';
import { recordReplay, registry } from '../../index.ts';
import { Rng } from '../../math/rng.ts';
import type { TaskEnv } from '../../task/task-env.ts';
import { type Condition, type ConditionedTask, conditionedTask, conditionOption } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { count, engineOption, envOption, type Finish, requirePlaceFor, withCommon } from '../options.ts';
import { type PolicyName, policyOf, policyOption } from '../policies.ts';
import { terminal } from '../terminal.ts';

interface RecordOptions {
  readonly json?: boolean;
  readonly env: string;
  readonly engine: EngineName;
  readonly seed: number;
  readonly policy: PolicyName;
  readonly model?: string;
  readonly hold: number;
  readonly episodes: number;
  readonly out: string;
  readonly replay?: string;
  readonly condition?: Condition;
}

export function addRecord(program: Command, finish: Finish): void {
  withCommon(program.command('record'), { seed: true })
    .description('record transitions of a policy on physics')
    .addOption(envOption())
    .addOption(engineOption())
    .addOption(policyOption('random'))
    .option('--model <folder>', 'model to plan in, for --policy cem, icem and mppi')
    .option('--hold <n>', 'steps that a random action is held', count, 5)
    .option('--episodes <n>', 'episodes', count, 4)
    .requiredOption('--out <file>', 'where to write, as in data.bin')
    .option('--replay <file>', 'write a replay there too, for `groundtwin replay verify`')
    .addOption(conditionOption())
    .action(async (options: RecordOptions) => finish(await record(options)));
}

async function record(options: RecordOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  // A planner must see what its model is to be told.
  const conditioned = conditionedTask(options.env, options.condition, { observe: options.policy === 'cem' });
  const { task } = conditioned;
  const out = resolve(options.out);
  requirePlaceFor('file', out);
  if (options.replay !== undefined) requirePlaceFor('file', resolve(options.replay), '--replay');
  if (options.replay !== undefined && resolve(options.replay) === out)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'groundtwin',
      option: '--replay',
      value: 'the file of --out',
      allowed: 'another file',
    });
  const policy = await policyOf(task, options);
  const { env, through } = await openTruth(options, conditioned);
  const recorder = new TransitionRecorder(task);
  const rng = new Rng(options.seed);
  const returns: number[] = [];
  for (let episode = 0; episode < options.episodes; episode++) {
    const stage = `episode ${episode + 1} of ${options.episodes}`;
    const onStep = (done: number) => screen.progress({ stage, done, of: task.horizon });
    const seed = rng.uint32();
    const settings = { seed, maxSteps: task.horizon, episode, onStep, ...(through ? { through } : {}) };
    returns.push((await recordEpisode(env, policy, recorder, settings)).episodeReturn);
  }
  await Promise.all([(through ?? env).close(), policy.close?.()]);
  screen.settle();
  writeTransitions(out, task, recorder.transitions());
  const { count: transitions } = recorder.transitions();
  screen.result(
    { env: task.id, policy: policy.name, out, transitions, returns, ...(options.replay ? { replay: resolve(options.replay) } : {}) },
    `${transitions} transitions of ${task.id} (${policy.name}) in ${out}`,
  );
  return exitCodes.ok;
}

/** For a replay, the same truth under the vector env that `make` gives: what is verified is what users step. */
async function openTruth(
  { env: id, engine, replay, policy }: RecordOptions,
  { task, names, ranges }: ConditionedTask,
): Promise<{ env: TaskEnv; through?: VectorEnv }> {
  if (replay === undefined) return { env: await registry.truth(task, 1, engine, ranges) };
  const drawn = ranges ? { randomize: ranges, condition: names, observeCondition: policy === 'cem' } : {};
  const vector = await registry.makeVector(id, { lanes: 1, autoreset: 'disabled', engine, ...drawn });
  return { env: vector.backend as TaskEnv, through: recordReplay(vector, resolve(replay)) };
}
