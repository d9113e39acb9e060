import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { randomPolicy } from '../../../agents/index.ts';
import { writeFileAtomically } from '../../data/atomic-file.ts';
import { recordEpisode } from '../../data/record.ts';
import { readTransitions, TransitionRecorder, type Transitions, transitionsHash } from '../../data/transitions.ts';
import { breakSubject, type GapReport, gapDefaults, modelSubject, momentsOf, runGap, type Subject } from '../../gap/index.ts';
import { registry } from '../../index.ts';
import { Rng } from '../../math/rng.ts';
import { rapierEngine } from '../../physics/rapier-engine.ts';
import { renderReport } from '../../report/index.ts';
import type { AnyTask } from '../../task/task.ts';
import type { WorldModel } from '../../world-model/world-model.ts';
import { type Condition, type ConditionedTask, conditionedTask, conditionOption } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { metadataOf } from '../main-job.ts';
import { envOfModel, modelEnvOption } from '../model-env.ts';
import { count, type Finish, withCommon } from '../options.ts';
import { commandLine, describeRun } from '../run-description.ts';
import { type Terminal, table, terminal } from '../terminal.ts';

interface GapOptions {
  readonly json?: boolean;
  readonly seed: number;
  readonly env?: string;
  readonly model: string;
  readonly subject: string;
  readonly data?: string;
  readonly training?: string;
  readonly samples: number;
  readonly out?: string;
  readonly condition?: Condition;
}

export function addGap(program: Command, finish: Finish): void {
  withCommon(program.command('gap'), { seed: true })
    .description('measure how far a model may be trusted; exit code 3 unless it passes')
    .requiredOption('--model <folder>', 'the model')
    .addOption(modelEnvOption())
    .option(
      '--subject <name>',
      "'model', or a model broken on purpose: broken:action-blind, broken:gravity-half, broken:overconfident (@severity)",
      'model',
    )
    .option('--data <file>', "held-out episodes (default: held-out.bin beside the model's folder, else random episodes recorded now)")
    .option(
      '--training <file>',
      "what the model was trained on, for the linear reference (default: training.bin beside the model's folder, else the held-out data)",
    )
    .option('--samples <n>', 'imagined draws a start', count, gapDefaults.samples)
    .option('--out <folder>', 'where gap.json and report.html go')
    .addOption(conditionOption())
    .action(async (options: GapOptions) => finish(await gap(options)));
}

async function gap(options: GapOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  const folder = resolve(options.model);
  const conditioned = conditionedTask(options.env ?? envOfModel(folder), options.condition);
  const { task } = conditioned;
  const model = await registry.loadModel(task, folder);
  const subject = await subjectOf(modelSubject(task, model), options.subject);
  const heldOut = await heldOutOf(conditioned, folder, options, screen);
  const training = dataBeside(task, folder, 'training.bin', options.training);
  const truth = await registry.truth(task, 16);
  const { json: _, out: __, ...given } = options;
  const description = await describeRun({ command: commandLine('gap', given), seeds: [options.seed], config: { ...options } });
  const report = await runGap({
    truth,
    subject,
    heldOut,
    training: training ?? heldOut,
    settings: { ...gapDefaults, samples: options.samples },
    metadata: {
      ...metadataOf(description),
      task: task.id,
      model: subject.name,
      dataHash: transitionsHash(heldOut),
      controlDt_s: task.controlDt_s,
      ...trainingStepsOf(model, training),
    },
    rng: new Rng(options.seed, 1),
    onProgress: (stage, done, of) => screen.progress({ stage: `gap: ${stage}`, done, of }),
  });
  await truth.close();
  await subject.close();
  screen.settle();
  if (options.out !== undefined) write(resolve(options.out), report, task);
  screen.result(report, prose(report, options.out));
  return report.verdict === 'PASS' ? exitCodes.ok : exitCodes.threshold;
}

/** What the model says it learned from, else what is known of it; random episodes recorded for lack of better are not that. */
function trainingStepsOf(model: WorldModel, training: Transitions | undefined): { trainingSteps?: number } {
  const stated = model.manifest.training?.transitions;
  const trainingSteps = typeof stated === 'number' ? stated : training?.count;
  return trainingSteps === undefined ? {} : { trainingSteps };
}

async function subjectOf(whole: Subject, asked: string): Promise<Subject> {
  return asked === 'model' ? whole : breakSubject(asked, whole, { task: whole.task, engine: await rapierEngine() });
}

function dataBeside(task: AnyTask, folder: string, name: string, given: string | undefined): Transitions | undefined {
  const path = given === undefined ? join(dirname(folder), name) : resolve(given);
  return given !== undefined || existsSync(path) ? readTransitions(path, task) : undefined;
}

async function heldOutOf({ task, ranges }: ConditionedTask, folder: string, options: GapOptions, screen: Terminal): Promise<Transitions> {
  const found = dataBeside(task, folder, 'held-out.bin', options.data);
  if (found) return found;
  screen.note('No held-out data given: recording random episodes on physics.');
  const recorder = new TransitionRecorder(task);
  const env = await registry.truth(task, 1, 'rapier', ranges);
  const rng = new Rng(options.seed, 2);
  // Held actions range further; where they may end the episode, short ones last longer.
  const hold = task.terminated ? 1 : 5;
  for (let episode = 0; momentsOf(recorder.transitions(), gapDefaults.horizon).length < 2 * gapDefaults.starts && episode < 1000; episode++)
    await recordEpisode(env, randomPolicy(task.actionSpace, 1, hold), recorder, { seed: rng.uint32(), maxSteps: task.horizon, episode });
  await env.close();
  return recorder.transitions();
}

function write(out: string, report: GapReport, task: AnyTask): void {
  writeFileAtomically(join(out, 'gap.json'), `${JSON.stringify(report, null, 1)}\n`);
  writeFileAtomically(
    join(out, 'report.html'),
    renderReport({ ...report, title: `${task.id}: ${report.metadata.model}`, jsonFile: 'gap.json' }),
  );
}

function prose(report: GapReport, out: string | undefined): string {
  const number = (value: number | null) => (value === null ? '–' : value.toFixed(3));
  const rows = report.rows.map((row) => [
    row.verdict,
    row.id,
    row.title,
    row.horizon === undefined ? '' : `${row.horizon} steps`,
    number(row.measured),
    `[${number(row.low)}, ${number(row.high)}]`,
    row.passes,
  ]);
  const head = ['verdict', 'row', 'what', 'ahead', 'measured', '95 %', 'passes'];
  const reasons = report.rows.flatMap(({ id, horizon, reason }) =>
    reason === undefined ? [] : [`${id}${horizon === undefined ? '' : ` at ${horizon} steps`}: ${reason}`],
  );
  return [
    table([head, ...rows]),
    ...(reasons.length > 0 ? ['', ...reasons] : []),
    '',
    ...report.summary,
    `Verdict: ${report.verdict}`,
    ...(out === undefined ? [] : [`Report: ${join(resolve(out), 'report.html')}`]),
  ].join('\n');
}
