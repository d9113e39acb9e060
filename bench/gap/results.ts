/** The files of recorded trials. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../src/data/atomic-file.ts';
import { root } from '../machine.ts';
import { codeHash } from '../verify/code-hash.ts';
import { everyTrial, nameOf, type RecordedTrial, type Trial } from './trial.ts';

const folder = join(root, 'bench', 'results', 'gap');

/** Of everything that a trial's rows come from. */
export function trialHash(): string {
  return codeHash('bench/gap/play-trial.ts').sha256;
}

export function keepTrial(recorded: RecordedTrial): void {
  writeFileAtomically(join(folder, `${nameOf(recorded)}.json`), `${JSON.stringify(recorded)}\n`);
}

/** Null where it is missing or stale. @param code - `trialHash()`. */
export function keptTrial(trial: Trial, code: string): RecordedTrial | null {
  const file = join(folder, `${nameOf(trial)}.json`);
  if (!existsSync(file)) return null;
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as RecordedTrial;
  return recorded.code === code ? recorded : null;
}

/** Those of the page too. @throws when any is missing or stale, with the command that plays them. */
export function recordedTrials(asked: readonly Trial[] = everyTrial): RecordedTrial[] {
  const code = trialHash();
  const found = asked.map((trial) => keptTrial(trial, code));
  const missing = asked.filter((_, i) => found[i] === null);
  if (missing.length > 0)
    throw new Error(
      `${missing.length} of ${asked.length} trials are missing or stale, the first of them ${nameOf(missing[0]!)}; play them with node --import tsx bench/gap/main.ts`,
    );
  return found as RecordedTrial[];
}
