import type { Command } from 'commander';
import { fewestSteps, mostSteps } from '../../check/check-env.ts';
import { enginesOf, type RegisteredReport } from '../../check/check-registered.ts';
import { GroundtwinError } from '../../errors.ts';
import { checkRegistered, registry } from '../../index.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Finish, stepCount, withCommon } from '../options.ts';
import { table, terminal } from '../terminal.ts';

interface CheckEnvOptions {
  readonly json?: boolean;
  readonly all?: boolean;
  readonly engine?: string;
  readonly steps: number;
}

export function addCheckEnv(program: Command, finish: Finish): void {
  withCommon(program.command('check-env'))
    .description('hold environments to the contract, on each of their engines; exit code 3 when a check fails')
    .argument('[id...]', 'environment ids')
    .option('--all', 'every environment')
    .option('--engine <name>', 'only on this engine')
    .option('--steps <n>', `steps of each random rollout, ${fewestSteps} to ${mostSteps}`, stepCount, 60)
    .action(async (ids: string[], options: CheckEnvOptions) => finish(await checkEnvs(ids, options)));
}

async function checkEnvs(given: readonly string[], { json, all, engine, steps }: CheckEnvOptions): Promise<number> {
  if (given.length === 0 && !all)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'groundtwin check-env',
      option: 'id',
      value: 'missing',
      allowed: 'given, or --all',
    });
  const screen = terminal(json ?? false);
  const ids = all ? registry.ids() : given;
  const pairs = ids.flatMap((id) => (engine === undefined ? enginesOf(registry, id) : [engine]).map((each) => ({ id, engine: each })));
  const reports: RegisteredReport[] = [];
  for (const [done, pair] of pairs.entries()) {
    screen.progress({ stage: 'checking', done, of: pairs.length, note: `${pair.id} on ${pair.engine}` });
    reports.push(await checkRegistered(registry, pair.id, { engine: pair.engine, steps }));
  }
  screen.progress({ stage: 'checking', done: pairs.length, of: pairs.length });
  screen.settle();
  const holds = reports.every((report) => report.holds);
  screen.result({ holds, reports }, table([['env', 'engine', 'holds', 'check', 'detail'], ...reports.flatMap(rowsOf)]));
  return holds ? exitCodes.ok : exitCodes.threshold;
}

/** One line for an env that holds, else one for each check that fails. */
function rowsOf({ env, engine, holds, checks }: RegisteredReport): string[][] {
  const seconds = checks.reduce((sum, check) => sum + check.seconds, 0);
  if (holds) return [[env, engine, 'yes', `${checks.length} checks`, `${seconds.toFixed(1)} s`]];
  return checks.filter((check) => !check.holds).map(({ name, detail }) => [env, engine, 'NO', name, detail]);
}
