import { resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import { type Divergence, type ReplayReport, verifyReplay } from '../../check/verify-replay.ts';
import { type Replay, readReplay } from '../../data/read-replay.ts';
import type { ReplayHead, ReplayReset } from '../../data/replay-format.ts';
import { readTransitions } from '../../data/transitions.ts';
import { registry } from '../../index.ts';
import { describeSpace } from '../../spaces/space.ts';
import { spaceToJson } from '../../wire/index.ts';
import { conditionedTask } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { localSubjectForms, openSubject } from '../gap-subject.ts';
import { type Finish, withCommon } from '../options.ts';
import { vectorOver } from '../subject-env.ts';
import { table, terminal } from '../terminal.ts';

interface ReplayOptions {
  readonly json?: boolean;
  readonly model?: string;
  readonly subject?: string;
  readonly data?: string;
}

export function addReplay(program: Command, finish: Finish): void {
  withCommon(program.command('replay'))
    .description('play a replay file again and compare every bit, or show what it holds; exit code 3 when it diverges')
    .addArgument(new Argument('<action>', 'what to do with it').choices(['verify', 'show']))
    .argument('<file>', 'replay, as `groundtwin record --replay` writes it')
    .option('--model <folder>', 'the model, for a replay of a model or a twin')
    .option('--subject <name>', `who was measured, for a replay that groundtwin gap --out keeps: ${localSubjectForms}`)
    .option('--data <file>', 'the held-out episodes that the gap was measured on, for a subject that pretends to know their policy')
    .action(async (action: 'verify' | 'show', file: string, options: ReplayOptions) =>
      finish(action === 'verify' ? await verify(file, options) : show(file, options)),
    );
}

async function verify(file: string, options: ReplayOptions): Promise<number> {
  const replay = readReplay(resolve(file));
  const report = await (options.subject === undefined ? verifyMade(replay, options) : verifySubject(replay, options.subject, options));
  terminal(options.json ?? false).result(report, prose(report));
  return report.holds ? exitCodes.ok : exitCodes.threshold;
}

/** On what the registry makes. */
function verifyMade(replay: Replay, { model }: ReplayOptions): Promise<ReplayReport> {
  const withModel: Parameters<typeof verifyReplay>[2] =
    model === undefined ? {} : { make: (head, options) => registry.makeVector(head.env, { ...options, model: resolve(model) }) };
  return verifyReplay(registry, replay, withModel);
}

/** On what a gap was measured of. @throws as `openSubject`. */
async function verifySubject(replay: Replay, asked: string, { model, data }: ReplayOptions): Promise<ReplayReport> {
  const { env, condition = [] } = replay.head;
  const { task } = conditionedTask(env, condition.length > 0 && condition);
  const logged = data === undefined ? undefined : readTransitions(resolve(data), task);
  const subject = await openSubject(task, model === undefined ? undefined : resolve(model), asked, logged);
  try {
    const make = async ({ lanes }: ReplayHead) => vectorOver(await subject.open(lanes), condition);
    return await verifyReplay(registry, replay, { make });
  } finally {
    await subject.close();
  }
}

function prose({ env, steps, complete, fingerprint, firstDivergence }: ReplayReport): string {
  const cut = complete ? '' : '; the file was cut short there';
  if (!firstDivergence) return `${env}: ${steps} steps, every bit as recorded${cut}`;
  const cause = fingerprint === 'differs' ? ' (scene, engine or settings are not those recorded)' : '';
  return `${env}: diverges ${placeOf(firstDivergence)}${cause}`;
}

function placeOf({ op, step, lane, what, element, expected, got }: Divergence): string {
  const when = op === 'step' ? `at step ${step}` : `at the ${op} after step ${step}`;
  if (what === 'refused') return `${when}: the call is refused now: ${got}`;
  const which = element === undefined ? what : `${what}[${element}]`;
  return `${when}, lane ${lane}: ${which} is ${got}, recorded was ${expected}`;
}

function show(file: string, { json }: ReplayOptions): number {
  const replay = readReplay(resolve(file));
  const found = contentOf(replay);
  const { observationSpace, actionSpace, ...head } = replay.head;
  const { events, steps, complete, bytes, chain } = replay;
  const spaces = { observationSpace: spaceToJson(observationSpace), actionSpace: spaceToJson(actionSpace) };
  const { first, ...counts } = found;
  const facts = { ...head, ...spaces, events, steps, ...counts, ...first, complete, bytes, chain };
  const rows = Object.entries({
    env: `${head.env} (${head.kind}${head.engine ? `, ${head.engine}` : ''}), recorded by groundtwin ${head.version}`,
    lanes: `${head.lanes}, autoreset ${head.autoreset}`,
    observation: `${describeSpace(observationSpace)}, kept as ${head.outcomes}`,
    action: describeSpace(actionSpace),
    began: JSON.stringify(first),
    events: `${found.resets} resets, ${steps} steps, ${found.restores} restores; ${found.terminated} terminated, ${found.truncated} truncated`,
    return: String(found.rewardSum),
    file: `${bytes} bytes, ${complete ? 'complete' : `cut short after ${steps} steps`}, chain ${chain}`,
  });
  terminal(json ?? false).result(facts, table(rows));
  return exitCodes.ok;
}

function contentOf(replay: Replay) {
  const counts = { resets: 0, restores: 0, terminated: 0, truncated: 0, rewardSum: 0 };
  let first: { seeds: (number | null)[]; params: ReplayReset['params'] } | undefined;
  const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
  for (const event of replay.read()) {
    if (event.op === 'reset') {
      counts.resets++;
      first ??= { seeds: Array.from(event.seeds, (seed) => (seed === -1 ? null : seed)), params: event.params ?? {} };
    } else if (event.op === 'restore') counts.restores++;
    else {
      counts.terminated += sum(event.terminated);
      counts.truncated += sum(event.truncated);
      counts.rewardSum += sum(event.reward);
    }
  }
  return { ...counts, first };
}
