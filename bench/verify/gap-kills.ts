/** Does the suite catch what is broken on purpose, each by its named row, and leave alone what is sound? Read off recorded trials. */
import { negativeControls } from '../../src/gap/index.ts';
import { recordedTrials } from '../gap/results.ts';
import { brokenSubjects, nameOf, type RecordedTrial, soundSubjects, trialSeeds, trials } from '../gap/trial.ts';
import type { Measured } from './row.ts';

/** Row that a control must fail in a trial: where its own does not apply, the one named for elsewhere. Null where neither applies. */
export function namedRow({ subject, rows }: Pick<RecordedTrial, 'subject' | 'rows'>): string | null {
  const { killedBy, elsewhere } = negativeControls[subject.replace(/^broken:/, '')]!;
  const applies = (id: string) => rows.some((row) => row.id === id && row.verdict !== 'NOT_APPLICABLE');
  return [killedBy, elsewhere].find((id) => id !== undefined && applies(id)) ?? null;
}

/** Ids of the rows that fail. */
export function failingRows({ rows }: Pick<RecordedTrial, 'rows'>): string[] {
  return [...new Set(rows.filter(({ verdict }) => verdict === 'FAIL').map(({ id }) => id))];
}

export interface ControlRecord {
  readonly control: string;
  /** Trials in which its row applies, and in which it fails. */
  readonly tried: number;
  readonly killed: number;
  /** By task: the rows that fail with every seed. */
  readonly caughtBy: Readonly<Record<string, readonly string[]>>;
  /** Trials that it survives. */
  readonly survives: readonly string[];
}

export function controlRecord(control: string, all: readonly RecordedTrial[]): ControlRecord {
  const own = all.filter(({ subject }) => subject === `broken:${control}`);
  const tried = own.filter((trial) => namedRow(trial) !== null);
  const survives = tried.filter((trial) => !failingRows(trial).includes(namedRow(trial)!));
  const caughtBy: Record<string, string[]> = {};
  for (const env of new Set(tried.map((trial) => trial.env))) {
    const [first, ...rest] = tried.filter((trial) => trial.env === env).map(failingRows);
    caughtBy[env] = first!.filter((id) => rest.every((ids) => ids.includes(id)));
  }
  return { control, tried: tried.length, killed: tried.length - survives.length, caughtBy, survives: survives.map(nameOf) };
}

/** Share of the trials in which a control's named row applies that it fails; 0 for a control that applies nowhere. Mean over controls. */
export async function killedShare(): Promise<Measured> {
  const all = recordedTrials(trials);
  const raw = Object.keys(negativeControls).map((control) => controlRecord(control, all));
  return { measured: raw.reduce((sum, { tried, killed }) => sum + (tried > 0 ? killed / tried : 0), 0) / raw.length, raw };
}

/** Rows that sound subjects fail. */
export async function falseKills(): Promise<Measured> {
  const sound: readonly string[] = soundSubjects;
  const raw = recordedTrials(trials).flatMap((trial) =>
    sound.includes(trial.subject)
      ? trial.rows.filter(({ verdict }) => verdict === 'FAIL').map((row) => ({ trial: nameOf(trial), ...row }))
      : [],
  );
  return { measured: raw.length, raw };
}

/** Controls that on some task, with the seed that all rows are measured with, fail their named row and no other. */
export async function uniqueControls(): Promise<Measured> {
  const all = recordedTrials(trials);
  const raw = brokenSubjects.flatMap((subject) => {
    const own = all.filter((trial) => trial.subject === subject && trial.seed === trialSeeds[0] && namedRow(trial) !== null);
    const alone = [...new Set(own.map(({ env }) => env))].filter((env) =>
      own.every((trial) => trial.env !== env || failingRows(trial).join() === namedRow(trial)),
    );
    return alone.length > 0 ? [{ subject, envs: alone }] : [];
  });
  return { measured: raw.length, raw };
}
