/** `groundtwin gap --truth log:FILE`: a subject against what a robot logged. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { experienceHash, experienceOf } from '../data/experience.ts';
import { type Transitions, transitionsHash } from '../data/transitions.ts';
import { GroundtwinError } from '../errors.ts';
import {
  type Axis,
  claimsDoubt,
  envSubject,
  type GapMetadata,
  type GapReport,
  type Identified,
  type LogPhysics,
  linearOf,
  logDefaults,
  observationPlayer,
  type RunLogGapOptions,
  readIdentified,
  recordedObservations,
  recordedStates,
  runLogGap,
  type Subject,
  unseenPart,
  withLogPlayer,
} from '../gap/index.ts';
import { registry } from '../index.ts';
import { Rng } from '../math/rng.ts';
import type { AnyTask } from '../task/task.ts';
import type { TaskEnv } from '../task/task-env.ts';
import { loadObservationModel, predictsObservations } from '../world-model/observation-folder.ts';
import { hashesOf, openSubject, trainingStepsOf } from './gap-subject.ts';
import { type Log, type LogOptions, readLog } from './read-log.ts';
import type { Terminal } from './terminal.ts';

/** Of the help and of errors. */
export const truthForms = "'physics', or log:<file>";
/** Beside the subjects that every gap can be of. */
const identifiedSubject = 'identified';

export interface LogGapOptions extends LogOptions {
  readonly seed: number;
  readonly subject?: string;
  readonly samples: number;
  readonly segment?: number;
  readonly identified?: string;
  readonly token?: string;
}

export interface LogGap {
  readonly task: AnyTask;
  /** Of the model. */
  readonly folder: string | undefined;
  /** Of the log. */
  readonly file: string;
  readonly options: LogGapOptions;
  readonly axes: readonly Axis[];
  /** Reads what the model was trained on, where that is known. */
  readonly training: () => Transitions | undefined;
  /** All of a report's metadata but who is measured on what. */
  readonly about: Omit<GapMetadata, 'model' | 'dataHash' | 'truth'>;
  readonly screen: Terminal;
}

/** The file behind `log:`, undefined for physics. @throws OPTION_INVALID for another truth. */
export function logOf(truth: string | undefined): string | undefined {
  if (truth === undefined || truth === 'physics') return undefined;
  const [, file] = /^log:(.+)$/s.exec(truth) ?? [];
  if (file !== undefined) return file;
  throw new GroundtwinError('OPTION_INVALID', { who: 'gap', option: '--truth', value: truth.slice(0, 100), allowed: truthForms });
}

/** @throws OPTION_INVALID for options that only a log has a use for, or only physics has. */
export function requireTruthOptions(isLog: boolean, given: Readonly<Record<string, unknown>>): void {
  const alone = isLog ? ['data', 'deep', 'small'] : ['segment', 'identified', 'format', 'columns', 'observationTopic', 'actionTopic'];
  const found = alone.find((name) => given[name] !== undefined);
  if (found === undefined) return;
  const option = `--${found.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const allowed = isLog ? 'left out: the log is what is held out, and nothing can be played in it' : 'used with --truth log:<file>';
  throw new GroundtwinError('OPTION_INVALID', { who: 'gap', option, value: 'given', allowed });
}

export async function gapOfLog(gap: LogGap): Promise<GapReport> {
  const { task, folder, options, file, screen } = gap;
  const log = await readLog(task, file, options, screen);
  if (folder !== undefined && predictsObservations(folder)) return againstObservations(gap, log, folder);
  requireStates(task, log);
  const whole = log.transitions();
  const identified = options.identified === undefined ? undefined : readIdentified(identifyFile(options.identified), task);
  const part = identified ? unseenPart(task, whole, identified) : { data: whole, isSame: false };
  if (part.isSame) screen.note('The log is the one that was identified from: only what was kept apart there is measured.');
  const asked = options.subject ?? (folder !== undefined ? 'model' : identified ? identifiedSubject : 'truth');
  const isIdentified = asked === identifiedSubject;
  const subject = isIdentified ? identifiedOf(task, required(identified)) : await openSubject(task, folder, asked, whole, options.token);
  const env = await registry.truth(task, 16);
  try {
    return await againstStates(gap, log, { subject, env, identified, isIdentified, ...part });
  } finally {
    await env.close();
    await subject.close();
  }
}

interface StateParts {
  readonly subject: Subject;
  readonly env: TaskEnv;
  readonly identified: Identified | undefined;
  readonly isIdentified: boolean;
  readonly data: Transitions;
  readonly isSame: boolean;
}

function againstStates(gap: LogGap, log: Log, { subject, env, identified, isIdentified, data, isSame }: StateParts): Promise<GapReport> {
  const { task } = gap;
  const training = gap.training();
  const claims = claimsDoubt(subject.model);
  const samples = claims ? gap.options.samples : 1;
  const delay_steps = isIdentified ? identified!.delay_steps : 0;
  const physics: LogPhysics = {
    env,
    data,
    ...(identified && { identified: { open: openIdentified(task, identified), delay_steps: identified.delay_steps } }),
  };
  return withLogPlayer(subject, data, { samples, delay_steps }, (player) =>
    report(
      gap,
      log,
      {
        player,
        claims,
        physics,
        isPart: isSame,
        recorded: recordedStates(task, data),
        ...(training && { linear: linearOf(recordedStates(task, training)) }),
      },
      samples,
      {
        model: subject.name,
        dataHash: transitionsHash(data),
        truth: log.name,
        ...trainingStepsOf(subject.model, training),
        hashes: hashesOf(gap.about, subject.model),
      },
    ),
  );
}

/** A model that knows no state is shown what the robot saw, and held against that. */
async function againstObservations(gap: LogGap, log: Log, folder: string): Promise<GapReport> {
  const { task, options } = gap;
  for (const [option, value] of [
    ['subject', options.subject === 'model' ? undefined : options.subject] as const,
    ['identified', options.identified] as const,
  ])
    if (value !== undefined)
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'gap',
        option: `--${option}`,
        value: value.slice(0, 100),
        allowed: 'left out: the model predicts observations, and knows of no state that physics has',
      });
  const episodes = log.episodes();
  const recorded = recordedObservations(task, episodes, log.path);
  const model = await loadObservationModel(registry.untrustedRuntime(), folder, task);
  const claims = claimsDoubt(model);
  try {
    return await report(gap, log, { player: observationPlayer(task, model, recorded), claims, recorded }, claims ? options.samples : 1, {
      model: model.manifest.name,
      dataHash: experienceHash(experienceOf(episodes)),
      truth: `${log.name}, as it was seen`,
    });
  } finally {
    await model.close();
  }
}

type Measured = Pick<RunLogGapOptions, 'isPart' | 'player' | 'claims' | 'physics' | 'recorded' | 'linear'>;

function report(
  { about, options, axes, screen }: LogGap,
  { path }: Log,
  measured: Measured,
  samples: number,
  names: Pick<GapMetadata, 'model' | 'dataHash' | 'truth' | 'trainingSteps' | 'hashes'>,
): Promise<GapReport> {
  return runLogGap({
    ...measured,
    path,
    tests: axes.flatMap(({ tests }) => tests),
    settings: { ...logDefaults, samples, ...(options.segment === undefined ? {} : { segment_steps: options.segment }) },
    metadata: { ...about, ...names },
    rng: new Rng(options.seed, 1),
    onProgress: (stage, done, of) => screen.progress({ stage: `gap: ${stage}`, done, of }),
  });
}

/** @throws OPTION_INVALID, why neither physics nor a model of states can be put where the robot was. */
function requireStates(task: AnyTask, { hasStates, name }: Log): void {
  if (hasStates) return;
  throw new GroundtwinError('OPTION_INVALID', {
    who: task.id,
    option: '--truth',
    value: `${name.slice(0, 80)}, which holds observations alone`,
    allowed: `a log of states (${Object.keys(task.state).join(', ')}): observations of this task do not tell where the robot was, so neither physics nor a model of states can be put there. A model that predicts observations can be measured (--model)`,
  });
}

function required(identified: Identified | undefined): Identified {
  if (identified) return identified;
  throw new GroundtwinError('OPTION_INVALID', {
    who: 'gap',
    option: '--subject',
    value: identifiedSubject,
    allowed: 'used with --identified <file>, which groundtwin identify writes',
  });
}

function identifyFile(given: string): string {
  const path = resolve(given);
  return existsSync(path) && statSync(path).isDirectory() ? join(path, 'identify.json') : path;
}

function openIdentified(task: AnyTask, { params }: Identified) {
  const changed = { ...task, params: { ...task.params, ...params } };
  return (lanes: number) => registry.truth(changed, lanes);
}

function identifiedOf(task: AnyTask, identified: Identified): Subject {
  const found = Object.entries(identified.params).map(([name, value]) => `${name}=${Number(value.toPrecision(4))}`);
  const late = identified.delay_steps > 0 ? [`commands ${identified.delay_steps} steps late`] : [];
  return envSubject(`identified: ${[...found, ...late].join(', ')}`, task, openIdentified(task, identified));
}
