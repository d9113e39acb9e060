/**
 * `npm run baselines [-- ids...]`: what agents that learn nothing score, 100 episodes on each engine, written into the tables of envs/<folder>/README.md.
 * With `--json` the figures are printed as well. An env is measured as `make` gives it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Policy } from '../src/core/policy.ts';
import type { EngineName } from '../src/core/scene-spec.ts';
import { evaluate, registry } from '../src/index.ts';
import { randomPolicy } from '../src/learning/random-policy.ts';
import { allocate, rowOf, type TypedArray } from '../src/spaces/space.ts';
import type { AnyTask } from '../src/task/task.ts';
import { engineNames, envFolders, type Sections } from './env-docs.ts';
import { table, withSections } from './markdown.ts';
import { type Scripted, scripted } from './scripted.ts';

const EPISODES = 100;
const LANES = 20;

/** Means that Gymnasium 1.4's own envs give over 100 episodes. */
const gymnasiums: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'CartPole-v0': { random: 22.7 },
  'Pendulum-v0': { random: -1228 },
  'InvertedPendulum-v0': { random: 5.1 },
  'InvertedDoublePendulum-v0': { random: 49.7 },
  'Reacher-v0': { random: -43.6, idle: -12.3 },
  'Hopper-v0': { random: 18, idle: 147 },
  'HalfCheetah-v0': { random: -259 },
  'Walker2d-v0': { random: 2, idle: 98 },
  'Ant-v0': { random: -35, idle: 994 },
};

interface Score {
  readonly mean: number;
  readonly deviation: number;
  /** Of the episodes, steps. */
  readonly length: number;
}

interface Baseline {
  readonly id: string;
  readonly agent: string;
  readonly what: string;
  readonly scores: Readonly<Partial<Record<EngineName, Score>>>;
}

interface Agent {
  readonly agent: string;
  readonly what: string;
  policy(task: AnyTask): Policy;
}

const random: Agent = { agent: 'random', what: 'random (uniform)', policy: (task) => randomPolicy(task.actionSpace, LANES) };

function idle(task: AnyTask): Agent {
  const what = task.actionSpace.kind === 'discrete' ? 'idle: always action 0, there is no action that does nothing' : 'idle (action 0)';
  return { agent: 'idle', what, policy: () => everyLane(task, 'idle', (_, action) => action.fill(0)) };
}

function byScript({ what, act }: Scripted): Agent {
  return { agent: 'scripted', what: `scripted: ${what}`, policy: (task) => everyLane(task, 'scripted', act) };
}

function everyLane(task: AnyTask, name: string, act: (observation: TypedArray, action: TypedArray) => void): Policy {
  const actions = allocate(task.actionSpace, LANES);
  return {
    name,
    reset: () => undefined,
    act(observations) {
      for (let lane = 0; lane < LANES; lane++)
        act(rowOf(task.observationSpace, observations, lane) as TypedArray, rowOf(task.actionSpace, actions, lane) as TypedArray);
      return actions;
    },
  };
}

async function scoreOf(task: AnyTask, engine: EngineName, agent: Agent): Promise<Score> {
  const env = await registry.makeVector(task.id, { lanes: LANES, engine });
  const returns: number[] = [];
  let steps = 0;
  for (let first = 0; first < EPISODES; first += LANES) {
    const seed = Array.from({ length: LANES }, (_, i) => first + i);
    const episodes = await evaluate(env, agent.policy(task), { seed, policySeed: first, maxSteps: task.horizon });
    returns.push(...episodes.returns);
    steps += episodes.lengths.reduce((sum, length) => sum + length, 0);
  }
  await env.close();
  const mean = returns.reduce((sum, value) => sum + value, 0) / EPISODES;
  const variance = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (EPISODES - 1);
  return { mean, deviation: Math.sqrt(variance), length: steps / EPISODES };
}

async function baselinesOf(task: AnyTask): Promise<Baseline[]> {
  const script = scripted[task.id];
  const baselines: Baseline[] = [];
  for (const agent of [random, idle(task), ...(script ? [byScript(script)] : [])]) {
    const scores: Partial<Record<EngineName, Score>> = {};
    for (const engine of engineNames(task)) scores[engine] = await scoreOf(task, engine, agent);
    baselines.push({ id: task.id, agent: agent.agent, what: agent.what, scores });
  }
  return baselines;
}

/** Two digits of the deviation, and the mean to the same place. */
function shown({ mean, deviation }: Score): string {
  const digits = deviation > 0 ? Math.min(3, Math.max(0, 1 - Math.floor(Math.log10(deviation)))) : Math.abs(mean % 1) > 1e-9 ? 2 : 0;
  return `${mean.toFixed(digits)} ± ${deviation.toFixed(digits)}`.replaceAll('-', '−');
}

function tableOf(baselines: readonly Baseline[], withId: boolean): string {
  const [{ id, scores }] = baselines as [Baseline];
  const theirs = gymnasiums[id];
  const engines = Object.keys(scores) as EngineName[];
  const heads = ['agent', ...engines.map((engine) => `return on ${engineTitles[engine]}`), ...(theirs ? ["Gymnasium's own"] : [])];
  const rows = baselines.map(({ agent, what, scores }) => [
    what,
    ...engines.map((engine) => shown(scores[engine]!)),
    ...(theirs ? [theirs[agent] === undefined ? '–' : String(theirs[agent]).replace('-', '−')] : []),
  ]);
  return [...(withId ? [`${id}:`, ''] : []), table(heads, rows)].join('\n');
}

const engineTitles: Readonly<Record<EngineName, string>> = { rapier: 'Rapier', mujoco: 'MuJoCo' };

async function main(args: readonly string[]): Promise<void> {
  const ids = args.filter((arg) => !arg.startsWith('--'));
  for (const [folder, tasks] of envFolders) {
    if (ids.length > 0 && !tasks.some(({ id }) => ids.includes(id))) continue;
    const measured: Baseline[][] = [];
    for (const task of tasks) measured.push(await baselinesOf(task));
    if (args.includes('--json')) process.stdout.write(`${JSON.stringify(measured.flat())}\n`);
    const baselines = measured.map((rows) => tableOf(rows, tasks.length > 1)).join('\n\n');
    const file = fileURLToPath(new URL(`../envs/${folder}/README.md`, import.meta.url));
    const sections: Partial<Sections> = { baselines };
    writeFileSync(file, withSections(readFileSync(file, 'utf8'), sections));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
