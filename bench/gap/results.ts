/** The files of recorded trials. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../src/data/atomic-file.ts';
import { root } from '../machine.ts';
import { codeHash } from '../verify/code-hash.ts';
import { nameOf, type RecordedTrial, type Trial } from './trial.ts';

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
