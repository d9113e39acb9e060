/** `node --import tsx bench/agents/main.ts [--only part of a name]… [--jobs n] [--rerun] [--list]`: makes recorded trainings that are missing or stale. */
import { parseArgs } from 'node:util';
import { makeRuns } from './queue.ts';
import { hashes, staleness } from './results.ts';
import { nameOf } from './run.ts';
import { runs } from './table.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    jobs: { type: 'string', default: '1' },
    rerun: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const chosen = runs.filter((run) => values.only?.some((part) => nameOf(run).includes(part)) ?? true);
if (values.list) {
  const codes = hashes(chosen);
  for (const [i, run] of chosen.entries()) process.stdout.write(`${nameOf(run)} ${staleness(run, codes[i]) ?? 'kept'}\n`);
} else {
  const failed = await makeRuns(chosen, {
    jobs: Number(values.jobs),
    rerun: values.rerun,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  process.exitCode = failed.length > 0 ? 1 : 0;
}
