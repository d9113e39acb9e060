import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { holdsStatesOf, transitionsOfEpisodes } from '../../data/episode-transitions.ts';
import { type FormatName, formats } from '../../data/formats/index.ts';
import { writeTransitions } from '../../data/transitions.ts';
import { type Condition, conditionedTask, conditionOption } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { envOption, type Finish, requirePlaceFor, withCommon } from '../options.ts';
import { importOptionsOf, type LogOptions, requireUsed, withMappingOptions } from '../read-log.ts';
import { terminal } from '../terminal.ts';
import { formatOption } from './export.ts';

interface ImportOptions extends Omit<LogOptions, 'format'> {
  readonly json?: boolean;
  readonly env: string;
  readonly format: FormatName;
  readonly as: 'transitions' | 'episodes';
  readonly out: string;
  readonly condition?: Condition;
}

export function addImport(program: Command, finish: Finish): void {
  withMappingOptions(
    withCommon(program.command('import').argument('<path>', 'the file (parquet, csv, mcap) or folder (minari, lerobot, rosbag)')),
  )
    .description('read data of other tools, for train-model to learn from')
    .addOption(envOption())
    .addOption(formatOption('what it is'))
    .addOption(
      new Option('--as <kind>', 'what to write: transitions for train-model, or episodes in Parquet, which need no states')
        .choices(['transitions', 'episodes'])
        .default('transitions'),
    )
    .requiredOption('--out <file>', 'where to write, as in data.bin')
    .addOption(conditionOption())
    .action(async (path: string, options: ImportOptions) => finish(await importData(path, options)));
}

async function importData(from: string, options: ImportOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  const { format, as } = options;
  const { task } = conditionedTask(options.env, options.condition);
  const [path, out] = [resolve(from), resolve(options.out)];
  requirePlaceFor('file', out);
  requireUsed(format, options);
  const set = await formats[format].read(path, importOptionsOf(task, options, screen, format));
  screen.settle();
  const states = holdsStatesOf(task, set) ? 'recorded' : 'inferred';
  if (as === 'transitions') writeTransitions(out, task, transitionsOfEpisodes(task, set, path));
  else await formats.parquet.write(out, set);
  const episodes = set.episodes.length;
  const steps = set.episodes.reduce((sum, episode) => sum + episode.steps, 0);
  screen.result(
    { env: task.id, format, out, episodes, steps, ...(as === 'transitions' ? { states } : {}) },
    `${episodes} episodes, ${steps} steps for ${task.id}${as === 'transitions' ? `, states ${states}` : ''}, in ${out}`,
  );
  return exitCodes.ok;
}
