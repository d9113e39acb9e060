import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { Evolution } from '../../../agents/cma-es/evolution.ts';
import { writeFileAtomically } from '../../data/atomic-file.ts';
import { transitionsHash } from '../../data/transitions.ts';
import { GroundtwinError } from '../../errors.ts';
import {
  type Identification,
  type Interval,
  identificationRng,
  identify,
  identifyDefaults,
  type Parameter,
  parameterOf,
} from '../../gap/index.ts';
import { registry } from '../../index.ts';
import { Rng } from '../../math/rng.ts';
import type { AnyTask } from '../../task/task.ts';
import { exitCodes } from '../exit-codes.ts';
import { count, countOrNone, envOption, type Finish, requirePlaceFor, share, withCommon } from '../options.ts';
import { type LogOptions, logOptionsGiven, readLogTransitions, withLogOptions } from '../read-log.ts';
import { commandLine, describeRun } from '../run-description.ts';
import { table, terminal } from '../terminal.ts';

const searches = ['auto', 'slopes', 'cma-es'] as const;

interface IdentifyCommandOptions extends LogOptions {
  readonly json?: boolean;
  readonly seed: number;
  readonly env: string;
  readonly data: string;
  readonly parameters: string;
  readonly delay: number;
  readonly segment: number;
  readonly segments: number;
  readonly heldOut: number;
  readonly search: (typeof searches)[number];
  readonly evaluations: number;
  readonly out?: string;
}

export function addIdentify(program: Command, finish: Finish): void {
  const defaults = identifyDefaults;
  withLogOptions(withCommon(program.command('identify'), { seed: true }))
    .description('find the physical parameters and the delay of commands that recorded episodes were made with')
    .addOption(envOption())
    .requiredOption(
      '--data <file>',
      'recorded episodes, as `groundtwin record` writes them, or a log: CSV, Parquet, Minari, LeRobot, MCAP, ROS 2 bag',
    )
    .requiredOption(
      '--parameters <list>',
      'what to find, as in mass_kg,length_m=0.5:2 (with bounds; default: a quarter to four times what the task has)',
    )
    .option('--delay <steps>', 'longest delay of commands tried, in control steps', countOrNone, defaults.maxDelay_steps)
    .option('--segment <steps>', 'control steps that physics runs on from a recorded state', count, defaults.segment_steps)
    .option('--segments <n>', 'segments fitted on, and segments held out, at most', count, defaults.segments)
    .option('--held-out <share>', 'share of the episodes kept apart, to see whether it helped', share, defaults.heldOut)
    .addOption(
      new Option('--search <how>', 'by slopes, by CMA-ES for physics that jumps, or by CMA-ES where slopes lead nowhere')
        .choices(searches)
        .default('auto'),
    )
    .option('--evaluations <n>', 'candidates that CMA-ES tries', count, 400)
    .option('--out <folder>', 'where identify.json goes')
    .action(async (options: IdentifyCommandOptions) => finish(await identifyCommand(options)));
}

async function identifyCommand(options: IdentifyCommandOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  if (options.out !== undefined) requirePlaceFor('folder', resolve(options.out));
  const task = registry.task(options.env);
  const parameters = parametersOf(task, options.parameters);
  const data = await readLogTransitions(task, options.data, options, screen);
  const truth = await registry.truth(task);
  const config = logOptionsGiven(options);
  const { json: _, out: __, ...given } = config;
  const description = await describeRun({ command: commandLine('identify', given), seeds: [options.seed], config });
  const found = await identify({
    truth,
    data,
    parameters,
    settings: {
      ...identifyDefaults,
      segment_steps: options.segment,
      segments: options.segments,
      heldOut: options.heldOut,
      maxDelay_steps: options.delay,
    },
    rng: identificationRng(options.seed),
    ...searchOf(options),
    onProgress: (done, of, note) => screen.progress({ stage: 'identify: delays', done, of, note }),
  }).finally(() => truth.close());
  screen.settle();
  const result = { ...found, dataHash: transitionsHash(data), seed: options.seed, run: description };
  if (options.out !== undefined) writeFileAtomically(join(resolve(options.out), 'identify.json'), `${JSON.stringify(result, null, 1)}\n`);
  screen.result(result, prose(found, options.out));
  return exitCodes.ok;
}

function searchOf({ search, evaluations, seed }: IdentifyCommandOptions) {
  if (search === 'slopes') return {};
  const open = (mean: Float64Array, sigma: number) => new Evolution(mean, sigma, { population: null, separable: false, active: true });
  return { search: { open, evaluations, rng: new Rng(seed, 2), always: search === 'cma-es' } };
}

/** `mass_kg,length_m=0.5:2` @throws OPTION_INVALID */
function parametersOf(task: AnyTask, text: string): Parameter[] {
  const parameters = text.split(',').map((one) => {
    const [, name, low, high] = /^\s*(\w+)(?:=([^:]+):(.+))?\s*$/.exec(one) ?? refuse(task, one, 'names, or <name>=<low>:<high>');
    return parameterOf(task, name!, low === undefined ? undefined : { low: Number(low), high: Number(high) });
  });
  const twice = parameters.find(({ name }, i) => parameters.findIndex((one) => one.name === name) !== i);
  return twice ? refuse(task, twice.name, 'named once') : parameters;
}

function refuse(task: AnyTask, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: `identify ${task.id}`, option: '--parameters', value: value.slice(0, 100), allowed });
}

function prose(found: Identification, out: string | undefined): string {
  const { heldOut, delay, entangled, search } = found;
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const interval = ({ measured, low, high }: Interval, show: (value: number) => string) =>
    `${show(measured)} [${show(low)}, ${show(high)}]`;
  const sigmas = (value: number) => value.toPrecision(3);
  return [
    parameterTable(found),
    ...(delay.tried.length > 1 ? ['', delayTable(found)] : []),
    '',
    ...entangled.map(
      ({ first, second, correlation }) => `${first} and ${second} can hardly be told apart (correlation ${correlation.toFixed(3)}).`,
    ),
    `Held-out error over ${found.settings.segment_steps} steps, in standard deviations: ${interval(heldOut.before, sigmas)} before, ${interval(heldOut.after, sigmas)} after; it fell by ${interval(heldOut.fall, percent)} (${heldOut.segments} segments of ${heldOut.episodes} episodes).`,
    `Fitted on ${found.fitted.segments} segments of ${found.fitted.episodes} episodes: ${search.end} after ${search.evaluations} times played${search.searched ? ', CMA-ES among them' : ''}.`,
    `For make(): ${JSON.stringify({ randomize: found.ranges })}`,
    ...(out === undefined ? [] : [`Result: ${join(resolve(out), 'identify.json')}`]),
  ].join('\n');
}

function parameterTable({ parameters }: Identification): string {
  const number = (value: number) => value.toPrecision(4);
  const rows = parameters.map(({ name, start, estimate, interval, low, high, identifiable, atBound, rough }) => [
    name,
    number(start),
    number(estimate),
    `[${number(interval.low)}, ${number(interval.high)}]`,
    `[${number(low)}, ${number(high)}]`,
    [
      ...(identifiable ? [] : ['UNIDENTIFIABLE: these data do not tell it']),
      ...(atBound ? ['at its bound'] : []),
      ...(rough ? ['rough: the interval is too narrow'] : []),
    ].join(', '),
  ]);
  return table([['parameter', 'before', 'found', '95 %', 'bounds', ''], ...rows]);
}

function delayTable({ delay }: Identification): string {
  const rows = delay.tried.map(({ steps, residual, raisedBy }) => [
    String(steps),
    residual.toPrecision(4),
    raisedBy === undefined
      ? 'the least'
      : `more by ${(100 * raisedBy.measured).toFixed(1)} % [${(100 * raisedBy.low).toFixed(1)}, ${(100 * raisedBy.high).toFixed(1)}]`,
  ]);
  return table([['delay, steps', 'residual', ''], ...rows]);
}
