import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { randomPolicy } from '../../../agents/index.ts';
import { writeFileAtomically } from '../../data/atomic-file.ts';
import { recordEpisode } from '../../data/record.ts';
import { readTransitions, TransitionRecorder, type Transitions, transitionsHash } from '../../data/transitions.ts';
import { GroundtwinError } from '../../errors.ts';
import { axesNamed, axisNames, type GapReport, type GapSettings, gapDefaults, logDefaults, momentsOf, runGap } from '../../gap/index.ts';
import { registry } from '../../index.ts';
import { Rng } from '../../math/rng.ts';
import { rapierEngine } from '../../physics/rapier-engine.ts';
import { type AuditFigures, renderJunit, renderReport } from '../../report/index.ts';
import type { AnyTask } from '../../task/task.ts';
import type { WorldModel } from '../../world-model/world-model.ts';
import { codeHash } from '../code-hash.ts';
import { compareGaps } from '../compare-gaps.ts';
import { type Condition, type ConditionedTask, conditionedTask, conditionOption } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { gapOfLog, type LogGap, logOf, requireTruthOptions, truthForms } from '../gap-log.ts';
import { hashesOf, openSubject, subjectForms, trainingStepsOf } from '../gap-subject.ts';
import { metadataOf } from '../main-job.ts';
import { envOfModel, modelEnvOption } from '../model-env.ts';
import { count, type Finish, withCommon } from '../options.ts';
import { type LogOptions, logOptionsGiven, withLogOptions } from '../read-log.ts';
import { commandLine, describeRun } from '../run-description.ts';
import { type Terminal, table, terminal } from '../terminal.ts';
import { trainingAudits } from '../training-audits.ts';
import { keepWorst } from '../worst-episodes.ts';

/** For a quick look: less is drawn, and intervals are wider. */
const smallGap: GapSettings = { ...gapDefaults, starts: 64, counterfactualStarts: 16 };

interface GapOptions extends LogOptions {
  readonly truth?: string;
  readonly segment?: number;
  readonly identified?: string;
  readonly json?: boolean;
  readonly seed: number;
  readonly env?: string;
  readonly model?: string;
  readonly subject?: string;
  readonly data?: string;
  readonly training?: string;
  readonly samples: number;
  readonly out?: string;
  readonly axes?: readonly string[];
  readonly deep?: boolean;
  readonly junit?: string;
  readonly compare?: readonly string[];
  readonly condition?: Condition;
  readonly small?: boolean;
  readonly token?: string;
}

export function addGap(program: Command, finish: Finish): void {
  withLogOptions(withCommon(program.command('gap'), { seed: true }))
    .description('measure how far a model, or whatever else stands for truth, may be trusted; exit code 3 unless it passes')
    .option('--model <folder>', 'the model')
    .addOption(modelEnvOption())
    .option('--subject <name>', `who is measured: ${subjectForms} (default: the model)`)
    .option('--data <file>', "held-out episodes (default: held-out.bin beside the model's folder, else random episodes recorded now)")
    .option(
      '--training <file>',
      "what the model was trained on, for the linear reference (default: training.bin beside the model's folder, else the held-out data)",
    )
    .option('--samples <n>', 'imagined draws a start', count, gapDefaults.samples)
    .option('--out <folder>', 'where gap.json, report.html and the worst episodes go')
    .option('--axes <names...>', `what is measured besides H1, C1 and C2: ${axisNames.join(', ')} (default: all of them), or none`)
    .option('--small', `a quick look: ${smallGap.starts} starts instead of ${gapDefaults.starts}, so wider intervals`)
    .option('--deep', 'with the rows that train and plan, for minutes')
    .option('--junit <file>', 'the rows for a build server, as JUnit XML')
    .option(
      '--compare <reports...>',
      'gap.json of two or more subjects, side by side, instead of measuring one: the same starts, the first is what the others are held against',
    )
    .option('--truth <what>', `what the subject is held against: ${truthForms}, what a robot logged (default: physics)`)
    .option(
      '--segment <steps>',
      `control steps from one state of the log to the next that the subject is put into (default: ${logDefaults.segment_steps})`,
      count,
    )
    .option('--identified <file>', 'what `groundtwin identify` wrote, for A7 and --subject identified')
    .addOption(conditionOption())
    .addOption(new Option('--token <token>', 'what the server of --subject asks for').env('GROUNDTWIN_TOKEN'))
    .action(async (options: GapOptions) => finish(await gap(options)));
}

async function gap(options: GapOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  if (options.compare) return compareGaps(options.compare, options.seed, options.out, screen);
  const file = logOf(options.truth);
  requireTruthOptions(file !== undefined, { ...options });
  const folder = options.model === undefined ? undefined : resolve(options.model);
  const conditioned = conditionedTask(options.env ?? envOf(folder), options.condition);
  const { task } = conditioned;
  const axes = axesNamed(options.axes, { deep: options.deep ?? false });
  const training = () => dataBeside(task, folder, 'training.bin', options.training);
  const config = logOptionsGiven(options);
  const { json: _, out, token: __, ...given } = config;
  const description = await describeRun({ command: commandLine('gap', given), seeds: [options.seed], config: given });
  const about = { ...metadataOf(description), task: task.id, controlDt_s: task.controlDt_s, hashes: { code: codeHash() } };
  const measured = { task, folder, options, axes, training, about, screen };
  const report = file === undefined ? await gapOfPhysics(measured, conditioned) : await gapOfLog({ ...measured, file });
  screen.settle();
  if (out !== undefined) write(resolve(out), report, trainingAudits(folder));
  if (options.junit !== undefined) writeFileAtomically(resolve(options.junit), renderJunit(report));
  screen.result(report, prose(report, options.out));
  return report.verdict === 'PASS' ? exitCodes.ok : exitCodes.threshold;
}

async function gapOfPhysics(
  { task, folder, options, axes, training: readTraining, about, screen }: Omit<LogGap, 'file'> & { readonly options: GapOptions },
  conditioned: ConditionedTask,
): Promise<GapReport> {
  const engine = await rapierEngine();
  const heldOut = await heldOutOf(conditioned, folder, options, screen);
  const subject = await openSubject(task, folder, options.subject, heldOut, options.token);
  const training = readTraining();
  const truth = await registry.truth(task, 16);
  const report = await runGap({
    truth,
    subject,
    axes: { list: axes, engine },
    heldOut,
    training: training ?? heldOut,
    settings: { ...(options.small ? smallGap : gapDefaults), samples: saysMore(subject.model) ? options.samples : 1 },
    metadata: {
      ...about,
      model: subject.name,
      dataHash: transitionsHash(heldOut),
      ...trainingStepsOf(subject.model, training),
      hashes: hashesOf(about, subject.model),
    },
    rng: new Rng(options.seed, 1),
    onProgress: (stage, done, of) => screen.progress({ stage: `gap: ${stage}`, done, of }),
  });
  await truth.close();
  const { out, model } = options;
  const who = { model, subject: options.subject, data: options.data ?? pathBeside(folder, 'held-out.bin') };
  const whole =
    out === undefined ? report : { ...report, worst: await keepWorst({ report, conditioned, subject, engine, heldOut, out, who }) };
  await subject.close();
  return whole;
}

/** Whether its draws differ. */
function saysMore(model: WorldModel | undefined): boolean {
  return model !== undefined && (model.manifest.members > 1 || model.manifest.noise.size > 0);
}

function envOf(folder: string | undefined): string {
  if (folder !== undefined) return envOfModel(folder);
  throw new GroundtwinError('OPTION_INVALID', { who: 'gap', option: '--env', value: 'missing', allowed: 'given where no --model says it' });
}

function dataBeside(task: AnyTask, folder: string | undefined, name: string, given: string | undefined): Transitions | undefined {
  if (given !== undefined) return readTransitions(resolve(given), task);
  const path = pathBeside(folder, name);
  return path === undefined ? undefined : readTransitions(path, task);
}

/** Of a file that lies beside the model's folder, if it does. */
function pathBeside(folder: string | undefined, name: string): string | undefined {
  const path = folder && join(dirname(folder), name);
  return path && existsSync(path) ? path : undefined;
}

async function heldOutOf(
  { task, ranges }: ConditionedTask,
  folder: string | undefined,
  options: GapOptions,
  screen: Terminal,
): Promise<Transitions> {
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

function write(out: string, report: GapReport, audits: readonly AuditFigures[]): void {
  writeFileAtomically(join(out, 'gap.json'), `${JSON.stringify(report, null, 1)}\n`);
  writeFileAtomically(
    join(out, 'report.html'),
    renderReport({ ...report, audits, title: `${report.metadata.task}: ${report.metadata.model}`, jsonFile: 'gap.json' }),
  );
}

function prose(report: GapReport, out: string | undefined): string {
  const number = (value: number | null) => (value === null ? '–' : value.toFixed(3));
  // A log has no answer to most rows: they stand in the report, their reasons below.
  const told = report.metadata.truth === undefined ? report.rows : report.rows.filter(({ verdict }) => verdict !== 'NOT_APPLICABLE');
  const rows = told.map((row) => [
    row.verdict,
    row.id,
    row.title,
    row.horizon === undefined ? '' : `${row.horizon} steps`,
    number(row.measured),
    `[${number(row.low)}, ${number(row.high)}]`,
    row.passes,
  ]);
  const head = ['verdict', 'row', 'what', 'ahead', 'measured', '95 %', 'passes'];
  const reasons = reasonsOf(report.rows);
  return [
    table([head, ...rows]),
    ...(report.metadata.truth === undefined ? [] : ['', errorTable(report)]),
    ...(reasons.length > 0 ? ['', ...reasons] : []),
    '',
    ...report.summary,
    `Verdict: ${report.verdict}`,
    ...(out === undefined ? [] : [`Report: ${join(resolve(out), 'report.html')}`]),
  ].join('\n');
}

/** Each reason once, behind all rows that it holds for. */
function reasonsOf(rows: GapReport['rows']): string[] {
  const found = new Map<string, Set<string>>();
  for (const { id, horizon, reason } of rows) {
    if (reason === undefined) continue;
    const named = found.get(reason) ?? new Set();
    found.set(reason, named.add(`${id}${horizon === undefined ? '' : ` at ${horizon} steps`}`));
  }
  return [...found].map(([reason, named]) => `${[...named].join(', ')}: ${reason}`);
}

/** Steps ahead of the table of errors. */
const shownSteps = [1, 10, 40];

/** Errors of each quantity in its unit, with what trivial predictions make of it. */
function errorTable({ errors, normalised }: GapReport): string {
  const number = (value: number | null | undefined) => (value == null ? '–' : String(Number(value.toPrecision(3))));
  const columns = shownSteps.flatMap((step) => {
    const at = normalised.steps.indexOf(step);
    return at < 0 ? [] : [{ step, at }];
  });
  const rows = [...errors, normalised].map(({ name, unit, model, persistence, linear }) => [
    `${name}, ${unit}`,
    ...columns.map(
      ({ at }) =>
        `${number(model.measured[at])} [${number(model.low[at])}, ${number(model.high[at])}] (${number(persistence[at])}, ${number(linear[at])})`,
    ),
  ]);
  return table([
    ['error (of persistence, linear)', ...columns.map(({ step }) => `${step} ${step === 1 ? 'step' : 'steps'} ahead`)],
    ...rows,
  ]);
}
