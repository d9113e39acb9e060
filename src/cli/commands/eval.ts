import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { connect } from '../../client/index.ts';
import type { EngineName } from '../../core/scene-spec.ts';
import type { VectorEnv } from '../../core/vector-env.ts';
import { writeFileAtomically } from '../../data/atomic-file.ts';
import { GroundtwinError } from '../../errors.ts';
import { bootstrapInterval, mean } from '../../gap/index.ts';
import { registry } from '../../index.ts';
import { Rng } from '../../math/rng.ts';
import { clockFrom } from '../../server/index.ts';
import { evaluate } from '../../vector/evaluate.ts';
import { type Condition, type ConditionedTask, conditionedTask, conditionOption } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { EVALUATION_SEED } from '../main-job.ts';
import { count, engineOption, envOption, type Finish, requirePlaceFor, seedNumber, withCommon } from '../options.ts';
import { type PolicyName, policyOf, policyOption } from '../policies.ts';
import { terminal } from '../terminal.ts';

interface EvalOptions {
  readonly json?: boolean;
  readonly env: string;
  readonly engine: EngineName;
  readonly seed: number;
  readonly firstStart: number;
  readonly policy: PolicyName;
  readonly model?: string;
  readonly in: 'truth' | 'model' | 'twin';
  readonly url?: string;
  readonly token?: string;
  readonly episodes: number;
  readonly out?: string;
  readonly condition?: Condition;
}

export function addEval(program: Command, finish: Finish): void {
  withCommon(program.command('eval'), { seed: true })
    .description('play a policy from fresh starts, on physics, in a model, or on a server')
    .addOption(envOption())
    .addOption(engineOption())
    .addOption(policyOption('cem'))
    .option('--model <folder>', 'model to plan in, and the model of --in model and twin')
    .addOption(new Option('--in <backend>', 'where it acts').choices(['truth', 'model', 'twin']).default('truth'))
    .option('--url <url>', 'act on a server instead, as in ws://127.0.0.1:7777')
    .addOption(new Option('--token <token>', 'what the server asks for').env('GROUNDTWIN_TOKEN'))
    .option('--episodes <n>', 'starts, played side by side', count, 20)
    .option('--first-start <seed>', 'seed of the first start; the others follow', seedNumber, EVALUATION_SEED)
    .option('--out <file>', 'write the returns there too, as JSON')
    .addOption(conditionOption())
    .action(async (options: EvalOptions) => finish(await evaluatePolicy(options)));
}

async function evaluatePolicy(options: EvalOptions): Promise<number> {
  if (options.out !== undefined) requirePlaceFor('file', resolve(options.out));
  const screen = terminal(options.json ?? false);
  const conditioned = conditionedTask(options.env, options.condition, { observe: true });
  const { task } = conditioned;
  const policy = await policyOf(task, options, options.episodes);
  const { env, close } = await openEnv(options, conditioned).catch(async (error) => {
    await policy.close?.();
    throw error;
  });
  const { returns, lengths } = await evaluate(env, policy, {
    seed: options.firstStart,
    policySeed: options.seed,
    maxSteps: task.horizon,
    onStep: (done) => screen.progress({ stage: `${policy.name} on ${env.kind}`, done, of: task.horizon }),
  }).finally(() => Promise.all([close(), policy.close?.()]));
  screen.settle();
  const interval = bootstrapInterval(returns, mean, new Rng(0));
  const result = {
    env: task.id,
    policy: policy.name,
    in: options.url ?? options.in,
    episodes: options.episodes,
    ...interval,
    returns: Array.from(returns),
    lengths: Array.from(lengths),
  };
  if (options.out !== undefined) writeFileAtomically(options.out, `${JSON.stringify(result, null, 1)}\n`);
  screen.result(
    result,
    `${task.id}, ${policy.name}, in ${result.in}: mean return ${interval.measured.toFixed(1)} [${interval.low.toFixed(1)}, ${interval.high.toFixed(1)}] over ${options.episodes} starts`,
  );
  return exitCodes.ok;
}

async function openEnv(options: EvalOptions, { names, ranges }: ConditionedTask): Promise<{ env: VectorEnv; close: () => Promise<void> }> {
  if (options.url === undefined) {
    const backend = { backend: options.in, ...(options.in !== 'truth' && options.model !== undefined ? { model: options.model } : {}) };
    const drawn = ranges ? { randomize: ranges, condition: names, observeCondition: true } : {};
    const env = await registry.makeVector(options.env, { lanes: options.episodes, engine: options.engine, ...backend, ...drawn });
    return { env, close: () => env.close() };
  }
  for (const [option, value, own] of [
    ['--in', options.in, 'truth'],
    ['--engine', options.engine, 'rapier'],
    ['--condition', names.join(' '), ''],
  ] as const)
    if (value !== own)
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'groundtwin',
        option,
        value,
        allowed: 'left out with --url: the server plays its truth',
      });
  const client = await connect({
    url: options.url,
    clock: clockFrom(() => performance.now()),
    ...(options.token === undefined ? {} : { token: options.token }),
  });
  try {
    return { env: await client.make(options.env, { lanes: options.episodes }), close: () => client.close() };
  } catch (error) {
    // An open socket would keep the process alive.
    await client.close();
    throw error;
  }
}
