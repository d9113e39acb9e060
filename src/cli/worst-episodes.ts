/** The worst starts of a gap report as files: to look at, to play again, to go on from. */
import { join } from 'node:path';
import type { PhysicsEngine } from '../core/physics-world.ts';
import { elementsWithRole, layOut } from '../core/state-spec.ts';
import { removeFile, writeFileAtomically } from '../data/atomic-file.ts';
import type { Transitions } from '../data/transitions.ts';
import { type GapReport, predictedScale, type Subject, type WorstStart, type WorstStarts } from '../gap/index.ts';
import { recordReplay, registry } from '../index.ts';
import { renderReplay } from '../report/index.ts';
import { allocate, unflattenInto } from '../spaces/space.ts';
import type { TaskEnv } from '../task/task-env.ts';
import type { SyncVectorEnv } from '../vector/sync-vector-env.ts';
import type { ConditionedTask } from './condition.ts';
import { isRemote } from './remote-subject.ts';
import { pictured } from './replay.ts';
import { commandLine, quoted } from './run-description.ts';
import { vectorOver } from './subject-env.ts';

export interface WorstParts {
  readonly report: GapReport;
  readonly conditioned: ConditionedTask;
  /** Open still; closed by the caller. */
  readonly subject: Subject;
  readonly engine: PhysicsEngine;
  /** All held-out data, for the scale of errors. */
  readonly heldOut: Transitions;
  /** Folder of the report, as it was given. */
  readonly out: string;
  /** What the command line said of who was measured. */
  readonly who: Readonly<Record<'model' | 'subject' | 'data', string | undefined>>;
}

type From = NonNullable<WorstStart['from']>;

/** Whole states float64 `[size]` of each step, the start first. */
type Path = Float64Array[];

const names = {
  truth: 'truth.replay',
  subject: 'subject.replay',
  start: 'start.snapshot',
  exceeds: 'exceeds.snapshot',
  episode: 'episode.json',
  watch: 'watch.html',
} as const;

/** @returns the worst starts with what was kept of each. */
export async function keepWorst(parts: WorstParts): Promise<WorstStarts> {
  const { worst } = parts.report;
  const starts: WorstStart[] = [];
  for (const [i, start] of worst.starts.entries())
    starts.push(start.from ? { ...start, kept: await keepStart(parts, start, start.from, i + 1) } : start);
  return { ...worst, starts };
}

async function keepStart(parts: WorstParts, start: WorstStart, from: From, rank: number): Promise<NonNullable<WorstStart['kept']>> {
  const folder = join('worst', String(rank));
  const path = (name: keyof typeof names) => join(parts.out, folder, names[name]);
  for (const name of Object.keys(names) as (keyof typeof names)[]) removeFile(path(name));
  const { snapshots, states: truth } = await recordPath(await truthEnv(parts), { ...from, seed: 0 }, path('truth'), start.exceedsAt);
  writeFileAtomically(path('start'), snapshots.start);
  if (snapshots.exceeds) writeFileAtomically(path('exceeds'), snapshots.exceeds);
  const own = await subjectEnv(parts);
  const subject = own && (await recordPath(own, from, path('subject'), null)).states;
  writeFileAtomically(path('episode'), `${JSON.stringify(episodeOf(parts, start, from, truth, subject))}\n`);
  if (subject) writeFileAtomically(path('watch'), watchPage(parts, start, truth, subject));
  const file = (name: keyof typeof names, what: string) => ({ path: `worst/${rank}/${names[name]}`, what });
  return {
    files: [
      ...(subject ? [file('watch', 'watch both')] : []),
      file('start', 'snapshot of physics at the start'),
      ...(snapshots.exceeds ? [file('exceeds', 'snapshot where .4 σ is passed')] : []),
      file('episode', 'actions and states as numbers'),
      file('truth', 'replay of physics'),
      ...(subject ? [file('subject', 'replay of the dream')] : []),
    ],
    commands: [verifyCommand(path('truth'), {}), ...(subject ? [verifyCommand(path('subject'), whoOf(parts))] : [])],
  };
}

function verifyCommand(path: string, options: Readonly<Record<string, string | undefined>>): string {
  return commandLine(`replay verify ${quoted(path)}`, options);
}

/** Plain models and physics are made anew by their ids, everything else as the gap has it. */
function whoOf({ who }: WorstParts): Readonly<Record<string, string | undefined>> {
  return isPlain(who) ? { model: who.model } : { model: who.model, subject: who.subject, data: who.data };
}

function isPlain({ subject = 'model' }: WorstParts['who']): boolean {
  return subject === 'model';
}

async function truthEnv({ conditioned }: WorstParts): Promise<SyncVectorEnv> {
  return registry.makeVector(conditioned.task.id, madeAs(conditioned));
}

/** Undefined for one that must know a plan whole before it plays it, and for one on a server, whose lanes cannot be saved from here. */
async function subjectEnv({ conditioned, subject, who }: WorstParts): Promise<SyncVectorEnv | undefined> {
  if (subject.play || isRemote(who.subject ?? '')) return undefined;
  if (isPlain(who) && subject.model)
    return registry.makeVector(conditioned.task.id, { ...madeAs(conditioned), backend: 'model', model: subject.model });
  return vectorOver(await subject.open(1), conditioned.names);
}

/** What `replay verify` makes again from the head of the file. */
function madeAs({ names: condition, ranges }: ConditionedTask) {
  return {
    lanes: 1,
    autoreset: 'disabled',
    maxEpisodeSteps: null,
    engine: 'rapier',
    ...(ranges && { randomize: ranges, condition }),
  } as const;
}

interface Recorded {
  /** `exceeds`: so many steps on as was asked for. */
  readonly snapshots: { readonly start: Uint8Array; readonly exceeds?: Uint8Array };
  readonly states: Path;
}

/**
 * Begins an episode, puts it where the start is and takes its actions, until they or the episode end.
 * @param env - closed with the file. @param snapshotAfter - steps.
 */
async function recordPath(env: SyncVectorEnv, from: From, file: string, snapshotAfter: number | null): Promise<Recorded> {
  const backend = env.backend as TaskEnv;
  const recording = recordReplay(env, file);
  try {
    await recording.reset({ seed: from.seed });
    await backend.setState(0, from.state, from.seed);
    const start = await env.snapshot(0);
    await recording.restore(start, 0);
    const states = [backend.state.slice()];
    const actions = allocate(backend.actionSpace, 1);
    let exceeds: Uint8Array | undefined;
    for (const action of from.actions) {
      unflattenInto(Float64Array.from(action), actions, 0);
      const { terminated, truncated } = await recording.step(actions);
      states.push(backend.state.slice());
      if (states.length - 1 === snapshotAfter) exceeds = await env.snapshot(0);
      if (terminated[0] || truncated[0]) break;
    }
    return { snapshots: { start, ...(exceeds && { exceeds }) }, states };
  } finally {
    await recording.close();
  }
}

/** Everything as numbers, for whoever reads no replays. */
function episodeOf({ report, conditioned }: WorstParts, start: WorstStart, from: From, truth: Path, subject: Path | undefined) {
  const { entries } = layOut(conditioned.task.state);
  return {
    task: report.metadata.task,
    measured: report.metadata.model,
    controlDt_s: report.metadata.controlDt_s,
    start: start.start,
    episode: from.episode,
    seed: from.seed,
    exceedsAt: start.exceedsAt,
    entries: entries.map(({ name, kind, unit, role, offset, size }) => ({ name, kind, unit, role, offset, size })),
    actions: from.actions,
    truth: truth.map((state) => Array.from(state)),
    ...(subject && { subject: subject.map((state) => Array.from(state)) }),
  };
}

function watchPage({ report, conditioned, engine, heldOut }: WorstParts, start: WorstStart, truth: Path, subject: Path): string {
  const { task } = conditioned;
  const steps = Math.min(truth.length, subject.length);
  const parts = {
    task,
    engine,
    scale: predictedScale(task, heldOut),
    predicted: elementsWithRole(layOut(task.state), 'dynamic', 'signal'),
  };
  const replay = pictured(parts, { truth: truth.slice(0, steps), dream: subject.slice(0, steps) });
  const draw = report.samples > 1 ? 'one draw of the dream' : 'the dream';
  return renderReplay({
    title: `Start ${start.start}: physics and ${draw}`,
    kicker: `${report.metadata.task} · ${report.metadata.model}`,
    summary: `The same ${steps - 1} actions from the same state, without putting the dream back onto physics.`,
    replay,
  });
}
