/** `node --import tsx bench/gap/main.ts [--only part of a name]…`: plays the trials that are missing or stale, each kept at once when it is finished, and writes docs/leaderboard.md when none is. */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomically } from '../../src/data/atomic-file.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { root } from '../machine.ts';
import { leaderboard } from './leaderboard.ts';
import { playTrial } from './play-trial.ts';
import { keepTrial, keptTrial, recordedTrials, trialHashes } from './results.ts';
import { everyTrial, nameOf, type RecordedTrial } from './trial.ts';

/** A control that finds nothing to break says so. */
function refused(error: unknown): Pick<RecordedTrial, 'rows' | 'seconds' | 'refused'> {
  if (!(error instanceof GroundtwinError && error.code === 'OPTION_INVALID')) throw error;
  return { rows: [], seconds: 0, refused: error.message };
}

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } });
const codeOf = trialHashes();
const chosen = everyTrial.filter((trial) => values.only?.some((part) => nameOf(trial).includes(part)) ?? true);
const waiting = chosen.filter((trial) => keptTrial(trial, codeOf(trial.env)) === null);
process.stderr.write(`${waiting.length} of ${chosen.length} trials to play\n`);
for (const [i, trial] of waiting.entries()) {
  const label = `${i + 1}/${waiting.length} ${nameOf(trial)}`;
  try {
    const played = await playTrial(trial).catch(refused);
    keepTrial({ ...trial, ...played, code: codeOf(trial.env) });
    const failed = played.rows.filter(({ verdict }) => verdict === 'FAIL').map(({ id }) => id);
    const outcome = 'refused' in played ? played.refused : `fails ${[...new Set(failed)].join(', ') || 'nothing'}`;
    process.stderr.write(`${label}: ${played.seconds.toFixed(0)} s, ${outcome}\n`);
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`${label} failed: ${(error as Error).message}\n`);
  }
}
if (everyTrial.every((trial) => keptTrial(trial, codeOf(trial.env)) !== null))
  writeFileAtomically(join(root, 'docs', 'leaderboard.md'), leaderboard(recordedTrials()));
