import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { writeFileAtomically } from '../../data/atomic-file.ts';
import { readTransitions } from '../../data/transitions.ts';
import { registry } from '../../index.ts';
import { ensembleDefaults } from '../../world-model/ensemble.ts';
import { fitInChild } from '../../world-model/fit-in-child.ts';
import { writeModel } from '../../world-model/model-folder.ts';
import { trainEnsemble } from '../../world-model/train-ensemble.ts';
import { exitCodes } from '../exit-codes.ts';
import { interruption } from '../interruption.ts';
import { mainJobDefaults } from '../main-job.ts';
import { count, envOption, type Finish, memberCount, requirePlaceFor, withCommon } from '../options.ts';
import { describeRun } from '../run-description.ts';
import { terminal } from '../terminal.ts';
import { workerEntry } from '../worker-entry.ts';

interface TrainOptions {
  readonly json?: boolean;
  readonly env: string;
  readonly seed: number;
  readonly data: string;
  readonly out: string;
  readonly updates: number;
  readonly members: number;
}

export function addTrainModel(program: Command, finish: Finish): void {
  withCommon(program.command('train-model'), { seed: true })
    .description('learn a world model from recorded transitions')
    .addOption(envOption())
    .requiredOption('--data <file>', 'transitions, as `groundtwin record` writes them')
    .requiredOption('--out <folder>', 'where the model goes')
    .option('--updates <n>', 'gradient steps', count, mainJobDefaults.finalUpdates)
    .option('--members <n>', 'networks of the ensemble', memberCount, ensembleDefaults.members)
    .action(async (options: TrainOptions) => finish(await trainModel(options)));
}

async function trainModel(options: TrainOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  const task = registry.task(options.env);
  const data = readTransitions(resolve(options.data), task);
  const out = resolve(options.out);
  requirePlaceFor('folder', out);
  const stop = interruption();
  const trained = await trainEnsemble(task, data, {
    name: `${task.id} ensemble, seed ${options.seed}`,
    updates: options.updates,
    seed: options.seed,
    config: { ...ensembleDefaults, members: options.members },
    fit: (job, hooks) => fitInChild(workerEntry, job, hooks),
    onProgress: ({ update, updates, loss }) =>
      screen.progress({ stage: 'learning the world', done: update, of: updates, note: `loss ${loss.toFixed(2)}` }),
    shouldStop: stop.requested,
  }).finally(stop.release);
  screen.settle();
  writeModel(out, trained.manifest, trained.predict);
  const command = `groundtwin train-model --env ${task.id} --data ${options.data} --out ${options.out} --updates ${options.updates} --members ${options.members} --seed ${options.seed}`;
  writeFileAtomically(
    join(out, 'config.json'),
    `${JSON.stringify(describeRun({ command, seeds: [options.seed], config: { ...options } }), null, 1)}\n`,
  );
  writeFileAtomically(join(out, 'metrics.jsonl'), `${trained.losses.map((line) => JSON.stringify(line)).join('\n')}\n`);
  const { update, loss } = trained.losses.at(-1)!;
  screen.result(
    { out, transitions: data.count, updates: update, loss, stopped: stop.requested() },
    `A model of ${task.id} from ${data.count} transitions, ${update} updates, loss ${loss.toFixed(2)}, in ${out}`,
  );
  return stop.requested() ? exitCodes.interrupted : exitCodes.ok;
}
