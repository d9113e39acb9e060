/** The Python client under the checks that other libraries have for envs, and under agents that others wrote. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { registry } from '../../src/index.ts';
import { root } from '../machine.ts';
import { type CheckoutPython, checkoutPython, Peer } from '../peers/python-peer.ts';
import type { Context, Measured, Row } from './row.ts';
import { groundtwin } from './run-node.ts';

type Log = Pick<Context, 'log'>;

function envPeer(context: Log): Peer {
  const { program, environment } = checkoutPython('python', context.log);
  return new Peer(program, ['-u', join(root, 'bench', 'peers', 'python_env_peer.py')], environment);
}

/** Envs that are checked as model and as twin too. */
const modelled = ['CartPoleSwingUp-v0', 'Pendulum-v0', 'Reacher-v0'];

interface CheckResult {
  readonly check: string;
  readonly error: string | null;
  readonly warnings: readonly string[];
}

/** A model, hardly trained: the checks are about the env that it makes. @returns its folder. */
async function quickModel(folder: string, id: string): Promise<string> {
  const [data, model] = [join(folder, `${id}.bin`), join(folder, id)];
  await groundtwin('record', '--env', id, '--out', data);
  await groundtwin('train-model', '--env', id, '--data', data, '--out', model, '--updates', '50', '--members', '2');
  return model;
}

/** How many checks fail, over envs and what stands behind them. An env that Python does not know counts as one. */
async function failingChecks(context: Pick<Context, 'log' | 'folder'>): Promise<Measured> {
  const peer = envPeer(context);
  const folder = join(context.folder, 'python-models');
  mkdirSync(folder, { recursive: true });
  const cases: { id: string; backend: string; results: readonly CheckResult[] }[] = [];
  const check = async (id: string, backend: string, options: object) => {
    context.log(`checks of ${id} as ${backend}`);
    cases.push({ id, backend, ...(await peer.ask<{ results: CheckResult[] }>({ op: 'check', id, options })) });
  };
  try {
    const registered = (await peer.ask<{ ids: string[] }>({ op: 'ids' })).ids;
    const absent = registry.ids().filter((id) => !registered.includes(id));
    for (const id of registered) await check(id, 'truth', {});
    for (const id of modelled) {
      const model = await quickModel(folder, id);
      for (const backend of ['model', 'twin']) await check(id, backend, { backend, model });
    }
    const results = cases.flatMap(({ id, backend, results }) => results.map((result) => ({ id, backend, ...result })));
    const failing = results.filter(({ error }) => error !== null);
    const warned = results.filter(({ warnings }) => warnings.length > 0);
    const raw = { checks: results.length, envs: cases.length, absent, failing, warned, versions: await peer.ask({ op: 'about' }) };
    return { measured: failing.length + absent.length, raw };
  } finally {
    peer.close();
  }
}

/** One script on one task: from Python over the socket, and the same command with the id of Gymnasium's own. */
interface Learning {
  readonly script: 'cleanrl_ppo.py' | 'sb3_sac.py';
  readonly ours: string;
  readonly theirs: string;
  readonly settings: readonly string[];
  /** Of ours alone. */
  readonly own?: readonly string[];
}

const [ppo, sac] = ['cleanrl_ppo.py', 'sb3_sac.py'] as const;

/** As many steps as each takes to learn the task in Gymnasium's own env, and no more. */
const learnings: readonly Learning[] = [
  { script: ppo, ours: 'CartPole-v0', theirs: 'CartPole-v1', settings: ['--steps', '40000'] },
  { script: ppo, ours: 'InvertedPendulum-v0', theirs: 'InvertedPendulum-v5', settings: ['--steps', '50000'] },
  { script: ppo, ours: 'Pendulum-v0', theirs: 'Pendulum-v1', settings: ['--steps', '100000', '--num-steps', '256', '--gamma', '0.9'] },
  {
    script: sac,
    ours: 'InvertedPendulum-v0',
    theirs: 'InvertedPendulum-v5',
    settings: ['--steps', '10000', '--tau', '0.01'],
  },
  { script: sac, ours: 'Pendulum-v0', theirs: 'Pendulum-v1', settings: ['--steps', '5000', '--gamma', '0.95'] },
  // On the engine that Gymnasium's Reacher has: a scripted controller comes to −7.2 on Rapier and to −5.8 on MuJoCo, and it is the client that is asked about.
  {
    script: sac,
    ours: 'Reacher-v0',
    theirs: 'Reacher-v5',
    settings: ['--steps', '10000', '--gamma', '0.9', '--tau', '0.02'],
    own: ['--engine', 'mujoco'],
  },
];

const seeds = [1, 2, 3] as const;
/** Of random actions, and of what was learned. */
const episodes = 20;
/** Of the way from random actions to where the same run comes in Gymnasium's own env: what chance between seeds may take. */
const share = 0.95;
/** A run and the server it owns keep one core busy between them. */
const runsAtOnce = 2;
const RUN_LIMIT_s = 900;
const criterion = `short unless the mean return over seeds reaches the score Gymnasium counts as solved, or ${share} of the way from random actions to what the same runs reach in Gymnasium's own env`;

interface Score {
  readonly solved: number | null;
  readonly random: number;
}

interface Ended {
  readonly seed: number;
  readonly mean_return: number;
  readonly seconds: number;
}

/** Runs a script of examples/python. @returns the last line it prints. */
async function runExample({ program, environment }: CheckoutPython, script: string, options: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [join(root, 'examples', 'python', script), ...options], {
    env: environment,
    timeout: RUN_LIMIT_s * 1000,
    killSignal: 'SIGKILL',
  });
  return stdout.trim().split('\n').at(-1)!;
}

/** Trains and plays what was learned. */
async function learn(context: Log, { run, env, seed }: Job): Promise<Ended> {
  const own = env.startsWith('groundtwin/') ? (run.own ?? []) : [];
  const options = ['--env', env, '--seed', `${seed}`, '--eval-episodes', `${episodes}`, ...run.settings, ...own];
  context.log(`${run.script} ${options.join(' ')}`);
  const begun_ms = performance.now();
  const { mean_return } = JSON.parse(await runExample(checkoutPython('python', context.log), run.script, options));
  context.log(`${run.script} ${env} seed ${seed}: mean return ${mean_return}`);
  return { seed, mean_return, seconds: Math.round((performance.now() - begun_ms) / 1000) };
}

/** Whether a run came far enough, and by which measure. @param theirs - null where it was not asked for. */
export function reached(ours: number, theirs: number | null, { solved, random }: Score): 'solved' | 'as far as in Gymnasium' | null {
  if (solved !== null && ours >= solved) return 'solved';
  if (theirs === null) return null;
  return ours >= random + share * (theirs - random) ? 'as far as in Gymnasium' : null;
}

interface Job {
  readonly run: Learning;
  readonly env: string;
  readonly seed: number;
}

/**
 * How many of the runs fall short of the solved score and of what they reach in Gymnasium's own env. The latter are made only where the former was not
 * reached.
 */
async function runsShort(context: Log): Promise<Measured> {
  const peer = envPeer(context);
  const trained = async (envOf: (run: Learning) => string, runs: readonly Learning[]) => {
    const jobs = runs.flatMap((run) => seeds.map((seed): Job => ({ run, env: envOf(run), seed })));
    const ended = await severalAtOnce(jobs, (job) => learn(context, job));
    return new Map(runs.map((run) => [run, ended.filter((_, i) => jobs[i]!.run === run)]));
  };
  try {
    const ids = [...new Set(learnings.map(({ theirs }) => theirs))];
    const scores = await peer.ask<Record<string, Score>>({ op: 'scores', ids, episodes, seed: 1 });
    const ours = await trained((run) => `groundtwin/${run.ours}`, learnings);
    const unsolved = learnings.filter((run) => meanReturn(ours.get(run)!) < (scores[run.theirs]!.solved ?? Number.POSITIVE_INFINITY));
    const theirs = await trained((run) => run.theirs, unsolved);
    const runs = learnings.map((run) => {
      const [own, other] = [ours.get(run)!, theirs.get(run)];
      const [mean, otherMean] = [meanReturn(own), other ? meanReturn(other) : null];
      const score = scores[run.theirs]!;
      const bySeed = { ours: own, theirs: other ?? null };
      return { ...run, mean, inGymnasium: otherMean, ...score, reached: reached(mean, otherMean, score), bySeed };
    });
    const versions = await peer.ask({ op: 'about' });
    return { measured: runs.filter((run) => run.reached === null).length, raw: { criterion, runs, versions } };
  } finally {
    peer.close();
  }
}

function meanReturn(runs: readonly Ended[]): number {
  return runs.reduce((sum, { mean_return }) => sum + mean_return, 0) / runs.length;
}

/** Results in the order of the jobs. */
async function severalAtOnce<Result>(jobs: readonly Job[], run: (job: Job) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = jobs.entries();
  const one = async () => {
    for (const [i, job] of waiting) results[i] = await run(job);
  };
  await Promise.all(Array.from({ length: runsAtOnce }, one));
  return results;
}

interface Example {
  readonly script: string;
  readonly packages: 'python' | 'rllib';
  readonly options: readonly string[];
}

/** Examples that need more than the tests install, at a small size. */
function examples(folder: string): readonly Example[] {
  const example = (script: string, ...options: readonly string[]): Example => ({ script, packages: 'python', options });
  const few = ['--eval-episodes', '2'];
  return [
    example('sb3_sac.py', '--envs', '2', '--steps', '600', '--learning-starts', '400', ...few, '--track', join(folder, 'sb3')),
    example('cleanrl_ppo.py', '--env-id', 'groundtwin:groundtwin/CartPole-v0', '--steps', '2048', ...few, '--track', join(folder, 'ppo')),
    example('torchrl_collect.py', '--steps', '400'),
    example('torchrl_collect.py', '--envs', '1', '--steps', '200'),
    example('minari_record.py', '--steps', '300'),
    { ...example('rllib_ppo.py', '--steps', '1000', '--batch', '500'), packages: 'rllib' },
  ];
}

/** How many examples fail. */
async function failingExamples(context: Pick<Context, 'log' | 'folder'>): Promise<Measured> {
  const folder = join(context.folder, 'python-examples');
  mkdirSync(folder, { recursive: true });
  const ran: { script: string; options: readonly string[]; last: string | null; error: string | null }[] = [];
  for (const { script, packages, options } of examples(folder)) {
    context.log(`${script} ${options.join(' ')}`);
    const python = checkoutPython(packages, context.log);
    const environment = { ...python.environment, MINARI_DATASETS_PATH: join(folder, 'minari'), RAY_AUTH_MODE: 'disabled' };
    const result = await runExample({ ...python, environment }, script, options).then(
      (last) => ({ last, error: null }),
      (error: Error) => ({ last: null, error: error.message.slice(-500) }),
    );
    ran.push({ script, options, ...result });
  }
  return { measured: ran.filter(({ error }) => error !== null).length, raw: ran };
}

export const pythonEnvRows: readonly Row[] = [
  {
    id: 'python.check_env',
    what: `failures of Gymnasium's and SB3's check_env and TorchRL's check_env_specs (one env and 3 lanes): every env as truth, ${modelled.join(', ')} as model and twin`,
    operator: '=',
    goal: 0,
    unit: 'failures',
    budget_s: 300,
    measure: failingChecks,
  },
  {
    id: 'python.learns',
    what: `runs short of the same in a plain Gymnasium env and of the solved score, of PPO as CleanRL writes it and SB3's SAC on three envs each, over the socket, mean of seeds ${seeds.join(', ')}`,
    operator: '=',
    goal: 0,
    unit: `of ${learnings.length}`,
    budget_s: 1200,
    measure: runsShort,
  },
  {
    id: 'python.examples',
    what: 'examples of Stable-Baselines3, PPO with TensorBoard, TorchRL, Minari and RLlib that fail, each run small',
    operator: '=',
    goal: 0,
    unit: 'of 6',
    budget_s: 300,
    measure: failingExamples,
  },
];
