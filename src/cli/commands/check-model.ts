import { resolve } from 'node:path';
import type { Command } from 'commander';
import { fewestSteps, mostSteps } from '../../check/check-env.ts';
import { checkModel, registry } from '../../index.ts';
import { type Condition, conditionedTask, conditionOption } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { envOfModel, modelEnvOption } from '../model-env.ts';
import { type Finish, stepCount, withCommon } from '../options.ts';
import { table, terminal } from '../terminal.ts';

interface CheckModelOptions {
  readonly json?: boolean;
  readonly seed: number;
  readonly env?: string;
  readonly model: string;
  readonly steps: number;
  readonly condition?: Condition;
}

export function addCheckModel(program: Command, finish: Finish): void {
  withCommon(program.command('check-model'), { seed: true })
    .description('hold a model to the contract, check by check; exit code 3 when one fails')
    .addOption(modelEnvOption())
    .requiredOption('--model <folder>', 'the model')
    .option('--steps <n>', `steps of random play on physics, ${fewestSteps} to ${mostSteps}`, stepCount, 240)
    .addOption(conditionOption())
    .action(async (options: CheckModelOptions) => finish(await check(options)));
}

async function check({ json, env, model, steps, seed, condition }: CheckModelOptions): Promise<number> {
  const screen = terminal(json ?? false);
  const { task, ranges } = conditionedTask(env ?? envOfModel(resolve(model)), condition);
  const report = await checkModel(registry, task, resolve(model), { steps, seed, ...(ranges && { randomize: ranges }) });
  const rows = report.checks.map(({ name, holds, detail }) => [holds ? 'yes' : 'NO', name, detail]);
  screen.result(report, table([['holds', 'check', 'detail'], ...rows]));
  return report.holds ? exitCodes.ok : exitCodes.threshold;
}
