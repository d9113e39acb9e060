import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { petsDefaults } from '../../../agents/index.ts';
import { removeFile, writeFileAtomically } from '../../data/atomic-file.ts';
import { readTransitions, type Transitions } from '../../data/transitions.ts';
import { gapDefaults, measureTrust, requireMoments, trainCalibrated } from '../../gap/index.ts';
import { registry } from '../../index.ts';
import { Rng } from '../../math/rng.ts';
import { nodeRuntime } from '../../onnx/index.ts';
import { renderLearning } from '../../report/index.ts';
import { rootBeside } from '../../roots.ts';
import type { AnyTask } from '../../task/task.ts';
import { accurateEnsemble, ensembleDefaults } from '../../world-model/ensemble.ts';
import { checkpointsIn } from '../../world-model/fit-checkpoint.ts';
import type { FitHooks, FitJob, FitProgress } from '../../world-model/fit-ensemble.ts';
import { fitInChild } from '../../world-model/fit-in-child.ts';
import { openModel, writeModel } from '../../world-model/model-folder.ts';
import { type TrainedModel, trainEnsemble } from '../../world-model/train-ensemble.ts';
import type { Trust } from '../../world-model/trust.ts';
import { type Condition, conditionedTask, conditionOption } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { interruption } from '../interruption.ts';
import { count, countOrNone, envOption, type Finish, memberCount, requirePlaceFor, withCommon } from '../options.ts';
import { commandLine, describeRun, trainingVersions } from '../run-description.ts';
import { terminal } from '../terminal.ts';

interface TrainOptions {
  readonly json?: boolean;
  readonly env: string;
  readonly seed: number;
  readonly data: string;
  readonly heldOut?: string;
  readonly out: string;
  readonly updates: number;
  readonly members?: number;
  readonly elites?: number;
  readonly patience: number;
  readonly checkpointEvery: number;
  readonly restart?: boolean;
  readonly condition?: Condition;
  readonly accurate?: boolean;
}

const defaults = {
  /** On noiseless physics, held-out error was seen to rest for up to 1,200 updates while the learning rate is high, and to fall further after. */
  patience: 2500,
  /** A few seconds. */
  checkpointEvery: 500,
} as const;

export function addTrainModel(program: Command, finish: Finish): void {
  withCommon(program.command('train-model'), { seed: true })
    .description('learn a world model from recorded transitions')
    .addOption(envOption())
    .requiredOption('--data <file>', 'transitions, as `groundtwin record` writes them')
    .requiredOption('--out <folder>', 'where the model goes')
    .option(
      '--held-out <file>',
      'transitions kept from it: how far the model may be trusted is measured on them and written into its manifest',
    )
    .option('--updates <n>', 'gradient steps, at most', count, petsDefaults.finalUpdates)
    .option(
      '--patience <n>',
      'end after so many updates without a lower held-out error, and keep the best; 0 = never',
      countOrNone,
      defaults.patience,
    )
    .option(
      '--members <n>',
      `networks of the ensemble (default: ${ensembleDefaults.members}, with --accurate ${accurateEnsemble.members})`,
      memberCount,
    )
    .option(
      '--accurate',
      'for tens of thousands of transitions: larger networks that learn impacts too; one episode in eight held back, to be honest many steps ahead',
    )
    .option('--elites <n>', 'networks that the model keeps, by held-out error (default: all)', memberCount)
    .option('--checkpoint-every <n>', 'updates from one checkpoint to the next', count, defaults.checkpointEvery)
    .option('--restart', 'begin anew where --out holds training that was interrupted')
    .addOption(conditionOption())
    .action(async (options: TrainOptions) => finish(await trainModel(options)));
}

async function trainModel(options: TrainOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  const { task } = conditionedTask(options.env, options.condition);
  const data = readTransitions(resolve(options.data), task);
  const heldOut = options.heldOut === undefined ? undefined : readTransitions(resolve(options.heldOut), task);
  if (heldOut) requireMoments(heldOut, gapDefaults.starts, gapDefaults.horizon);
  const out = resolve(options.out);
  requirePlaceFor('folder', out);
  const checkpoint = join(out, 'checkpoint.bin');
  if (options.restart) removeFile(checkpoint);
  let resumedFrom: number | null = null;
  const fit = async (job: FitJob, hooks: FitHooks) => {
    const checkpoints = checkpointsIn(checkpoint, job, options.checkpointEvery, await trainingVersions());
    const save: typeof checkpoints.save = (state) => {
      writeMetrics(out, state.losses);
      checkpoints.save(state);
    };
    resumedFrom = checkpoints.from?.update ?? null;
    if (resumedFrom !== null) screen.note(`Going on from update ${resumedFrom} of the interrupted training in ${options.out}`);
    return fitInChild({ url: rootBeside('worker') }, job, { ...hooks, checkpoints: { ...checkpoints, save } }).finally(stop.release);
  };
  const stop = interruption();
  const recipe = options.accurate ? accurateEnsemble : ensembleDefaults;
  const training: Parameters<typeof trainCalibrated>[3] = {
    name: `${task.id} ensemble, seed ${options.seed}`,
    updates: options.updates,
    seed: options.seed,
    config: { ...recipe, members: options.members ?? recipe.members },
    ...(options.patience > 0 ? { patience: options.patience } : {}),
    ...(options.elites === undefined ? {} : { elites: options.elites }),
    fit,
    onProgress: (progress) =>
      screen.progress({ stage: 'learning the world', done: progress.update, of: progress.updates, note: noteOf(progress) }),
    shouldStop: stop.requested,
  };
  const trained = await (options.accurate
    ? trainCalibrated(task, nodeRuntime(), data, training)
    : trainEnsemble(task, data, training)
  ).finally(stop.release);
  screen.settle();
  await writeRun(out, options, trained, data.count);
  if (!trained.stopped) removeFile(checkpoint);
  const trust = heldOut && !trained.stopped ? await trustOf(task, trained, data, heldOut, options) : undefined;
  if (trust) writeModel(out, { ...trained.manifest, trust }, trained.predict);
  const { updates: _, update: updates, ...last } = trained.losses.at(-1)!;
  const { keptUpdate, stopped } = trained;
  screen.result(
    {
      out,
      transitions: data.count,
      updates,
      ...last,
      keptUpdate,
      ended: endOf(trained),
      stopped,
      resumedFrom,
      ...(trust && { trustHorizon_steps: trust.horizon?.steps }),
    },
    `${summaryOf(options, trained, data.count)}; ${trust?.horizon ? `to be trusted for ${trust.horizon.steps} steps; ` : ''}in ${out}`,
  );
  return stopped ? exitCodes.interrupted : exitCodes.ok;
}

function noteOf({ loss, heldOut }: FitProgress): string {
  return `loss ${loss.toFixed(2)}${heldOut === undefined ? '' : `, held-out error ${heldOut.toPrecision(2)}`}`;
}

function endOf({ losses, stopped }: TrainedModel): 'stopped' | 'updates' | 'patience' {
  const { update, updates } = losses.at(-1)!;
  if (stopped) return 'stopped';
  return update === updates ? 'updates' : 'patience';
}

/** Without a path or a date: the page of learning curves holds it. */
function summaryOf({ env, updates, patience }: TrainOptions, trained: TrainedModel, transitions: number): string {
  const { update } = trained.losses.at(-1)!;
  const kept = trained.losses.find((line) => line.update === trained.keptUpdate)!;
  const why = {
    stopped: `stopped at update ${update} of ${updates}; the same command goes on from there`,
    updates: `${update} updates`,
    patience: `ended at update ${update}, after ${patience} without a lower held-out error`,
  }[endOf(trained)];
  return `A model of ${env} from ${transitions} transitions, ${why}; kept: update ${kept.update}, ${noteOf(kept)}`;
}

/** All that is known when training is over, or stopped: each file is the same however often it was interrupted, but for the date. */
async function writeRun(out: string, options: TrainOptions, trained: TrainedModel, transitions: number): Promise<void> {
  const { json: _, restart: __, ...config } = options;
  writeModel(out, trained.manifest, trained.predict);
  writeFileAtomically(
    join(out, 'config.json'),
    `${JSON.stringify(await describeRun({ command: commandLine('train-model', config), seeds: [options.seed], config }), null, 1)}\n`,
  );
  writeMetrics(out, trained.losses);
  const page = renderLearning({
    title: trained.manifest.name,
    task: options.env,
    summary: summaryOf(options, trained, transitions),
    losses: trained.losses,
    keptUpdate: trained.keptUpdate,
  });
  writeFileAtomically(join(out, 'learning.html'), page);
}

function writeMetrics(out: string, losses: readonly FitProgress[]): void {
  writeFileAtomically(join(out, 'metrics.jsonl'), losses.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

async function trustOf(
  task: AnyTask,
  trained: TrainedModel,
  training: Transitions,
  heldOut: Transitions,
  { seed }: TrainOptions,
): Promise<Trust> {
  const model = await openModel(nodeRuntime(), trained.manifest.name, trained.manifest, trained.predict, task);
  const truth = await registry.truth(task, 16);
  try {
    return await measureTrust({ truth, model, training, heldOut, rng: new Rng(seed, 3) });
  } finally {
    await model.close();
    await truth.close();
  }
}
