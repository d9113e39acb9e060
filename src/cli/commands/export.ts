import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type FormatName, formatNames, formats } from '../../data/formats/index.ts';
import { type Condition, conditionedTask, conditionOption } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { envOption, type Finish, requirePlaceFor, withCommon } from '../options.ts';
import { readEpisodes } from '../read-episodes.ts';
import { terminal } from '../terminal.ts';

interface ExportOptions {
  readonly json?: boolean;
  readonly env: string;
  readonly data: string;
  readonly format: FormatName;
  readonly out: string;
  readonly condition?: Condition;
}

export function addExport(program: Command, finish: Finish): void {
  withCommon(program.command('export'))
    .description('write recorded data in a format of other tools')
    .addOption(envOption())
    .requiredOption('--data <file>', 'transitions, as `groundtwin record` writes them, or episodes in Parquet')
    .addOption(formatOption('what to write'))
    .requiredOption('--out <path>', 'the file (parquet, csv, mcap) or folder (minari, lerobot, rosbag) to write')
    .addOption(conditionOption())
    .action(async (options: ExportOptions) => finish(await exportData(options)));
}

export function formatOption(description: string): Option {
  return new Option('--format <name>', description).choices(formatNames).makeOptionMandatory();
}

async function exportData(options: ExportOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  const { format } = options;
  const out = resolve(options.out);
  requirePlaceFor(formats[format].place, out);
  const set = await readEpisodes(options.data, () => conditionedTask(options.env, options.condition).task);
  await formats[format].write(out, set, { onProgress: (done, of) => screen.progress({ stage: `writing ${format}`, done, of }) });
  screen.settle();
  const steps = set.episodes.reduce((sum, episode) => sum + episode.steps, 0);
  const episodes = set.episodes.length;
  screen.result(
    { env: set.spec.env, format, out, episodes, steps },
    `${episodes} episodes, ${steps} steps of ${set.spec.env} as ${format} in ${out}`,
  );
  return exitCodes.ok;
}
