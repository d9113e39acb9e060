/** The files of recorded trainings. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../src/data/atomic-file.ts';
import { machine, root } from '../machine.ts';
import { nameOf, type Played, type Recorded, type Run } from './run.ts';
import { runHash } from './run-hash.ts';

export const resultsFolder = join(root, 'bench', 'results', 'agents');

export function resultFile(run: Run, folder = resultsFolder): string {
  return join(folder, `${nameOf(run)}.json`);
}

/** @param code - hash of what the run depended on when it began. */
export function keep(run: Run, played: Played, code: string, folder = resultsFolder): void {
  const recorded: Recorded = { ...run, ...played, code, machine: machine() };
  writeFileAtomically(resultFile(run, folder), `${JSON.stringify(recorded)}\n`);
}

/** Why a run must be made (anew), if it must. @param code - hash of what it depends on now. */
export function staleness(run: Run, code = runHash(run), folder = resultsFolder): string | undefined {
  const file = resultFile(run, folder);
  if (!existsSync(file)) return 'missing';
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as Recorded;
  if (asked(recorded) !== asked(run)) return 'asked for otherwise since';
  return recorded.code === code ? undefined : 'stale: the code it depends on has changed';
}

/** @throws when any is missing or stale, with the command that makes them. */
export function recordedRuns(runs: readonly Run[], folder = resultsFolder): Recorded[] {
  const codes = hashes(runs);
  const lacking = runs.flatMap((run, i) => {
    const why = staleness(run, codes[i], folder);
    return why === undefined ? [] : [`${nameOf(run)} (${why})`];
  });
  if (lacking.length > 0)
    throw new Error(
      `${lacking.length} of ${runs.length} recorded trainings cannot be used, the first of them ${lacking[0]}; make them with node --import tsx bench/agents/main.ts`,
    );
  return runs.map((run) => JSON.parse(readFileSync(resultFile(run, folder), 'utf8')) as Recorded);
}

/** One hash for each kind of run: they differ in seeds and settings alone. */
export function hashes(runs: readonly Run[]): string[] {
  const known = new Map<string, string>();
  return runs.map((run) => {
    const kind = `${run.agent} ${run.env} ${run.engine}`;
    const hash = known.get(kind) ?? runHash(run);
    known.set(kind, hash);
    return hash;
  });
}

function asked({ agent, env, engine, variant, seed, config, evaluateEvery, starts }: Run): string {
  const sorted = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([agent, env, engine, variant, seed, sorted, evaluateEvery, starts]);
}
