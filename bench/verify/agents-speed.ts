/** Training loops of ours and of Stable-Baselines3, timed in turns: acting, physics and updates, one thread each, CPU time. */
import { ppoDefaults } from '../../agents/ppo/config.ts';
import { PpoTraining } from '../../agents/ppo/train.ts';
import { sacDefaults } from '../../agents/sac/config.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { bootstrapInterval, type Interval, median } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { OffPolicyTraining } from '../../src/learning/off-policy-training.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, type OnnxRuntime } from '../../src/onnx/index.ts';
import type { Training } from '../agents/play-training.ts';
import type { AgentName } from '../agents/run.ts';
import { type Peer, sb3Peer } from '../peers/python-peer.ts';
import type { Context, Measured } from './row.ts';

/** One agent on one task: ours on our env, theirs on Gymnasium's own in their process, so that no wire is timed. */
export interface Race {
  readonly theirs: AgentName;
  readonly tasks: readonly { readonly ours: string; readonly gymnasium: string }[];
  /** Of both. `steps` must suffice for all turns. */
  readonly config: { readonly steps: number };
  /** Steps of one turn: an iteration of ours. */
  readonly turnSteps: number;
  readonly open: (env: VectorEnv, runtime: OnnxRuntime) => Promise<Training>;
}

/** The first is not counted: code is compiled, buffers are filled. */
const WARM_UP = 1;
const PAIRS = 7;

const ppo = { ...ppoDefaults, annealRate: false };

/** A rollout of 2048 steps and its ten epochs. */
export const ppoRace: Race = {
  theirs: 'sb3-ppo',
  tasks: [
    { ours: 'CartPole-v0', gymnasium: 'CartPole-v1' },
    { ours: 'Hopper-v0', gymnasium: 'Hopper-v5' },
    { ours: 'HalfCheetah-v0', gymnasium: 'HalfCheetah-v5' },
  ],
  config: ppo,
  turnSteps: ppo.rolloutSteps,
  open: (env, runtime) => PpoTraining.open(env, ppo, 1, runtime),
};

const sac = { ...sacDefaults, steps: 100_000, capacity: 100_000, reportEvery: 200 };

/** An update of each network a step; the first turn begins with the random steps. */
export const sacRace: Race = {
  theirs: 'sb3-sac',
  tasks: [
    { ours: 'Hopper-v0', gymnasium: 'Hopper-v5' },
    { ours: 'HalfCheetah-v0', gymnasium: 'HalfCheetah-v5' },
  ],
  config: sac,
  turnSteps: sac.reportEvery,
  open: (env, runtime) => OffPolicyTraining.open('sac', env, sac, 1, runtime),
};

interface Speeds {
  readonly task: string;
  /** Ours over theirs: median over the pairs, with the interval of that median. */
  readonly ratio: Interval;
  /** Medians, steps a CPU second. */
  readonly ours: number;
  readonly theirs: number;
}

/** The worst ratio over the tasks. */
export async function slowestRace(race: Race, { log }: Pick<Context, 'log'>, pairs = PAIRS): Promise<Measured> {
  const raw: Speeds[] = [];
  for (const task of race.tasks) {
    const peer = sb3Peer(log);
    try {
      raw.push(await raced(race, task, peer, pairs));
    } finally {
      peer.close();
    }
  }
  return { measured: Math.min(...raw.map(({ ratio }) => ratio.measured)), raw };
}

async function raced(race: Race, { ours, gymnasium }: Race['tasks'][number], peer: Peer, pairs: number): Promise<Speeds> {
  const env = await registry.makeVector(ours, { lanes: 1, copy: false });
  const training = await race.open(env, nodeRuntime());
  await peer.ask({ op: 'open', agent: race.theirs, env: gymnasium, seed: 1, config: race.config });
  const own: number[] = [];
  const other: number[] = [];
  try {
    for (let pair = -WARM_UP; pair < pairs; pair++) {
      const speed = await speedOf(training);
      const { steps, cpu_s } = await peer.ask<{ steps: number; cpu_s: number }>({ op: 'time', steps: race.turnSteps });
      if (pair < 0) continue;
      own.push(speed);
      other.push(steps / cpu_s);
    }
  } finally {
    await training.close();
    await env.close();
  }
  const ratio = bootstrapInterval(
    own.map((speed, pair) => speed / other[pair]!),
    median,
    new Rng(0),
  );
  return { task: ours, ratio, ours: median(own), theirs: median(other) };
}

/** Steps a CPU second of one iteration. */
async function speedOf(training: Training): Promise<number> {
  const [steps, cpu] = [training.steps, process.cpuUsage()];
  await training.iterate();
  const { user, system } = process.cpuUsage(cpu);
  return (training.steps - steps) / ((user + system) / 1e6);
}
