import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { EngineName } from '../../core/scene-spec.ts';
import { removeFile, writeFileAtomically } from '../../data/atomic-file.ts';
import type { EpisodeSet } from '../../data/episode.ts';
import { GroundtwinError } from '../../errors.ts';
import { registry } from '../../index.ts';
import { sha256Hex } from '../../math/hash.ts';
import { nodeRuntime } from '../../onnx/index.ts';
import { renderTraining } from '../../report/index.ts';
import { writeModel } from '../../world-model/model-folder.ts';
import { type Agent, type AgentConfig, type AgentName, type AgentProgress, agentNames, agents } from '../agents.ts';
import { exitCodes } from '../exit-codes.ts';
import { interruption } from '../interruption.ts';
import { count, engineOption, envOption, type Finish, requirePlaceFor, withCommon } from '../options.ts';
import { readEpisodes } from '../read-episodes.ts';
import { commandLine, describeRun, trainingVersions } from '../run-description.ts';
import { leavesOf, withSettings } from '../settings.ts';
import { terminal } from '../terminal.ts';

interface TrainOptions {
  readonly json?: boolean;
  readonly agent: AgentName;
  readonly env: string;
  readonly engine: EngineName;
  readonly in: 'truth' | 'model' | 'twin';
  readonly model?: string;
  readonly data?: string;
  readonly out: string;
  readonly steps?: number;
  readonly seed: number;
  readonly lanes?: number;
  readonly set?: readonly string[];
  readonly checkpointEvery?: number;
  readonly restart?: boolean;
}

/** Files of a run folder. */
const files = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  checkpoint: 'checkpoint.bin',
  policy: 'policy.onnx',
  model: 'model',
  curves: 'learning.html',
} as const;

export function addTrain(program: Command, finish: Finish): void {
  withCommon(program.command('train'), { seed: true })
    .description('train an agent on physics, in a model, or on both at once')
    .addOption(new Option('--agent <name>', 'who learns').choices(agentNames).makeOptionMandatory())
    .addOption(envOption())
    .addOption(engineOption())
    .addOption(new Option('--in <backend>', 'where it acts').choices(['truth', 'model', 'twin']).default('truth'))
    .option('--model <folder>', 'the model of --in model and twin')
    .option('--data <file>', 'what cloning and offline learn from: transitions, as `groundtwin record` writes them, or episodes in Parquet')
    .requiredOption('--out <folder>', 'the run folder')
    .option('--steps <n>', "how long, in env steps, of cloning and offline in gradient steps (default: the agent's)", count)
    .option('--lanes <n>', "envs played side by side (default: the agent's)", count)
    .option('--set <key=value...>', 'other settings of the agent, by their names in its config.ts, as in --set discount=0.99 hidden=64,64')
    .option('--checkpoint-every <n>', 'iterations from one checkpoint to the next (default: 10, of offline, mbpo and pets 1)', count)
    .option('--restart', 'begin anew where --out holds training that was interrupted')
    .action(async (options: TrainOptions) => finish(await train(options)));
}

async function train(options: TrainOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  const agent = agents[options.agent];
  const { env: makeEnv, task, config, data } = await preparationOf(options, agent);
  const out = resolve(options.out);
  requirePlaceFor('folder', out);
  const path = (file: keyof typeof files) => join(out, files[file]);
  if (options.restart) removeFile(path('checkpoint'));
  let resumedFrom: number | null = null;
  const description = await descriptionOf(options, config);
  let isDescribed = false;
  // Not before the first iteration: a checkpoint of another training would have been refused by then, with its folder as it was.
  const describe = () => {
    if (!isDescribed) writeFileAtomically(path('config'), description);
    isDescribed = true;
  };
  const onProgress = (progress: AgentProgress) => {
    if (!isDescribed && progress.iteration > 1) {
      resumedFrom = progress.iteration - 1;
      screen.note(`Going on from iteration ${resumedFrom} of the interrupted training in ${options.out}`);
    }
    describe();
    const stage = `${options.agent} in ${options.in}`;
    screen.progress({ stage, done: Math.min(progress.steps, config.steps), of: config.steps, note: noteOf(agent, progress) });
  };
  const stop = interruption();
  const env = await makeEnv();
  try {
    const versions = { ...(await trainingVersions()), ...modelHash(options.model) };
    const every = options.checkpointEvery;
    const checkpoint = { path: path('checkpoint'), ...(every !== undefined && { every }), versions };
    const hooks = { onProgress, metrics: path('metrics'), checkpoint, isStopped: stop.requested };
    const training = { env, task, config, seed: options.seed, runtime: nodeRuntime(), data, options: hooks };
    const { policy, model, steps } = await agent.train(training);
    screen.settle();
    const lines = linesOf(path('metrics'));
    const stopped = stop.requested() && (steps < config.steps || !(policy || model));
    if (policy) writeFileAtomically(path('policy'), policy);
    if (model) writeModel(path('model'), model.manifest, model.predict);
    const summary = summaryOf(options, agent, lines, stopped);
    describe();
    const title = `${options.agent} on ${options.env}, seed ${options.seed}`;
    writeFileAtomically(
      path('curves'),
      renderTraining({ title, task: options.env, summary, lines: lines.map(figuresOf), measures: agent.measures }),
    );
    const { agent: name, env: id, in: place } = options;
    screen.result(
      { out, agent: name, env: id, in: place, ...lines.at(-1), steps, ended: stopped ? 'stopped' : 'steps', stopped, resumedFrom },
      `${summary}; in ${out}`,
    );
    return stopped ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    stop.release();
    await env.close();
  }
}

/** Whatever can be refused, before anything is made or written. */
async function preparationOf(options: TrainOptions, agent: Agent) {
  const task = registry.task(options.env);
  const settings = withSettings(options.agent, agent.defaults, options.set ?? []);
  const config: AgentConfig = options.steps === undefined ? settings : { ...settings, steps: options.steps };
  requireGiven('--data', options.data, agent.needsData === true, `--agent ${options.agent}`);
  if (agent.needsTruth && options.in === 'model')
    refuse('--in', 'model', `truth or twin for --agent ${options.agent}, which learns a model of its own`);
  requireGiven('--model', options.model, options.in !== 'truth', `--in ${options.in}`);
  const data: EpisodeSet | undefined = options.data === undefined ? undefined : await readEpisodes(options.data, () => task);
  const place = { backend: options.in, ...(options.model === undefined ? {} : { model: options.model }) };
  const lanes = options.lanes ?? agent.lanes;
  const env = () => registry.makeVector(options.env, { lanes, copy: false, engine: options.engine, ...place });
  return { task, config, data, env };
}

/** What a training in a model goes on in must be that very model. */
function modelHash(folder: string | undefined): { readonly model?: string } {
  if (folder === undefined) return {};
  const parts = readdirSync(folder)
    .filter((name) => name.endsWith('.onnx'))
    .sort();
  return { model: sha256Hex(parts.map((name) => sha256Hex(readFileSync(join(folder, name)))).join()) };
}

function requireGiven(option: string, value: string | undefined, isNeeded: boolean, by: string): void {
  if ((value !== undefined) === isNeeded) return;
  refuse(option, value ?? 'missing', isNeeded ? `given for ${by}` : `left out for ${by}`);
}

function refuse(option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'groundtwin', option, value, allowed });
}

/** One line of metrics an iteration. */
function linesOf(path: string): AgentProgress[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as AgentProgress);
}

/** Figures of figures by both names, as in `policy.entropy`; what lies deeper is left out. */
function figuresOf(progress: AgentProgress): AgentProgress & Readonly<Record<string, unknown>> {
  const figures = [...leavesOf({ ...progress })].filter(([name]) => name.split('.').length <= 2);
  return { ...progress, ...Object.fromEntries(figures) };
}

/** The latest of the figures that say how well it does. */
function noteOf({ measures }: Agent, progress: AgentProgress): string {
  const figures = figuresOf(progress);
  return measures.figures
    .flatMap((name) => (typeof figures[name] === 'number' ? [`${name} ${figures[name].toPrecision(4)}`] : []))
    .join(', ');
}

/** Without a path or a date: the page of learning curves holds it. */
function summaryOf({ agent: name, env, in: place }: TrainOptions, agent: Agent, lines: readonly AgentProgress[], stopped: boolean): string {
  const last = lines.at(-1);
  const where = agent.needsData ? 'from recorded data' : `in ${place}`;
  if (!last) return `${name} on ${env} ${where}, nothing to do`;
  const end = stopped ? ', stopped; the same command goes on from there' : '';
  return `${name} on ${env} ${where}, ${last.steps} ${agent.counts} in ${last.iteration} iterations${end}; last: ${noteOf(agent, last)}`;
}

async function descriptionOf(options: TrainOptions, config: AgentConfig): Promise<string> {
  const { json: _, restart: __, ...given } = options;
  const description = await describeRun({
    command: commandLine('train', given),
    seeds: [options.seed],
    config: { ...given, settings: config },
  });
  return `${JSON.stringify(description, null, 1)}\n`;
}
