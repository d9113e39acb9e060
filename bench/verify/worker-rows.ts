/** Figures of vector envs stepped by workers: what a second core gives, and what a killed worker costs. */
import { randomInt } from 'node:crypto';
import { envs } from '../../envs/index.ts';
import type { InfoColumns } from '../../src/core/backend.ts';
import type { VectorEnv, VectorStepResult } from '../../src/core/vector-env.ts';
import { bootstrapInterval, median } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { mujocoEngine } from '../../src/physics/mujoco-engine.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { Registry } from '../../src/registry/registry.ts';
import { clockFrom } from '../../src/server/index.ts';
import { sample, type TypedArray, type Values } from '../../src/spaces/space.ts';
import { nodeWorkers } from '../../src/vector/node-workers.ts';
import type { Isolation } from '../../src/vector/worker-protocol.ts';
import { restartLimits } from '../../src/vector/worker-seat.ts';
import type { WorkerVectorEnv } from '../../src/vector/worker-vector-env.ts';
import type { Row } from './row.ts';

export interface SpeedUpOptions {
  readonly id?: string;
  readonly lanes?: number;
  readonly workers?: number;
  readonly isolation?: Isolation;
  readonly warmUp_s?: number;
  readonly pairs?: number;
  /** Steps of a block. */
  readonly steps?: number;
}

export interface SpeedUp {
  /** Env-steps a second of wall-clock, medians. */
  readonly withWorkers: number;
  readonly inProcess: number;
  /** withWorkers / inProcess: median over the pairs, with the 95 % bootstrap interval of that median. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
}

/** Env-steps a second with workers over those in process: same lanes, same actions, in turns. */
export async function workerSpeedUp(options: SpeedUpOptions = {}): Promise<SpeedUp> {
  const { id = 'HalfCheetah-v0', lanes = 64, workers = 2, isolation = 'process', warmUp_s = 5, pairs = 40, steps = 5 } = options;
  const common = { lanes, autoreset: 'sameStep', copy: false } as const;
  const sides = [await registry.makeVector(id, { ...common, workers, isolation }), await registry.makeVector(id, common)] as const;
  try {
    const actions = sample(sides[0].actionSpace, new Rng(1), lanes);
    for (const env of sides) await env.reset({ seed: 1 });
    const block_ms = async (env: VectorEnv) => {
      const began_ms = performance.now();
      for (let step = 0; step < steps; step++) await env.step(actions);
      return performance.now() - began_ms;
    };
    const warm_ms = performance.now() + warmUp_s * 1000;
    do for (const env of sides) await block_ms(env);
    while (performance.now() < warm_ms);
    const times = Array.from({ length: pairs }, () => [0, 0]);
    for (const pair of times) for (const side of [0, 1] as const) pair[side] = await block_ms(sides[side]);
    const perSecond = (side: 0 | 1) => (lanes * steps * 1000) / median(Float64Array.from(times, (pair) => pair[side]!));
    const { measured, low, high } = bootstrapInterval(
      Float64Array.from(times, ([ours, peer]) => peer! / ours!),
      median,
      new Rng(0),
    );
    return { withWorkers: perSecond(0), inProcess: perSecond(1), ratio: measured, low, high, pairs };
  } finally {
    for (const env of sides) await env.close();
  }
}

export interface CrashOptions {
  readonly kills?: number;
  readonly id?: string;
  readonly lanes?: number;
  readonly workers?: number;
  readonly steps?: number;
  readonly seed?: number;
  readonly log?: (line: string) => void;
}

export interface CrashFigures {
  readonly kills: number;
  /** Bytes of lanes of other workers that differ from the run without a crash. */
  readonly foreignBytes: number;
  /** Lanes of the killed worker that did not begin the very episode that was due, or were cut off again. */
  readonly lanesNotBack: number;
  /** Kills after which no lane was cut off: the worker had nothing left to do. */
  readonly unnoticed: number;
}

/** Kills a worker with SIGKILL at a random moment of a run, again and again, and compares with the same run in process. */
export async function killWorkers(options: CrashOptions = {}): Promise<CrashFigures> {
  const { kills = 100, id = 'CartPoleSwingUp-v0', lanes = 6, workers = 3, steps = 12, seed = randomInt(2 ** 31), log = () => {} } = options;
  const rng = new Rng(seed);
  let leap_ms = 0;
  // A minute passes between kills as far as the limit on restarts can tell.
  const own = new Registry({
    tasks: envs,
    engines: { rapier: rapierEngine, mujoco: mujocoEngine },
    runtime: nodeRuntime(),
    entropy: () => 0,
    clock: clockFrom(() => performance.now() + leap_ms),
    workers: nodeWorkers(new URL('../../src/env-worker.ts', import.meta.url)),
  });
  const calm = await own.makeVector(id, { lanes });
  const env = await own.makeVector(id, { lanes, workers });
  const total = { kills, foreignBytes: 0, lanesNotBack: 0, unnoticed: 0 };
  try {
    for (let kill = 0; kill < kills; kill++) {
      const figures = await killOnce({ env, calm, rng, steps, seed: kill * 1000 });
      total.foreignBytes += figures.foreignBytes;
      total.lanesNotBack += figures.lanesNotBack;
      total.unnoticed += figures.noticed ? 0 : 1;
      leap_ms += 2 * restartLimits.span_ms;
      if ((kill + 1) % 20 === 0) log(`${kill + 1} kills: ${JSON.stringify(total)}`);
    }
  } finally {
    await env.close();
    await calm.close();
  }
  return total;
}

interface Trial {
  readonly env: WorkerVectorEnv;
  readonly calm: VectorEnv;
  readonly rng: Rng;
  readonly steps: number;
  readonly seed: number;
}

async function killOnce({ env, calm, rng, steps, seed }: Trial): Promise<{ foreignBytes: number; lanesNotBack: number; noticed: boolean }> {
  const victim = env.workers[rng.integer(env.workers.length)]!;
  const isForeign = (lane: number) => lane < victim.firstLane || lane >= victim.firstLane + victim.lanes;
  const at = 1 + rng.integer(steps - 3);
  const begun = await env.reset({ seed });
  const expectedFirst = await calm.reset({ seed });
  let foreignBytes = differingBytes(begun, expectedFirst, env.lanes, isForeign);
  const cutAt = new Int32Array(env.lanes).fill(-1);
  const notBack = new Set<number>();
  for (let step = 0; step < steps; step++) {
    const actions = sample(env.actionSpace, rng, env.lanes);
    const stepping = env.step(actions);
    if (step === at) await killSoon(victim.id!, rng);
    const [result, expected] = [await stepping, await calm.step(actions)];
    foreignBytes += differingBytes(result, expected, env.lanes, isForeign);
    for (let lane = victim.firstLane; lane < victim.firstLane + victim.lanes; lane++) {
      if (cutAt[lane] === step - 1 && cutAt[lane]! >= 0 && !(await startsAnew(calm, result, lane, seed))) notBack.add(lane);
      if (!result.truncated[lane]) continue;
      if (cutAt[lane]! >= 0) notBack.add(lane);
      cutAt[lane] = step;
    }
  }
  const cut = cutAt.filter((step) => step >= 0).length;
  return { foreignBytes, lanesNotBack: notBack.size, noticed: cut === victim.lanes };
}

/** At once, or up to some steps' time later. */
async function killSoon(id: number, rng: Rng): Promise<void> {
  const until_ms = performance.now() + rng.uniform(0, 1);
  if (rng.uniform() < 0.5) while (performance.now() < until_ms);
  else await new Promise((resolve) => setImmediate(resolve));
  process.kill(id, 'SIGKILL');
}

/** Whether the lane shows the first observation of the second episode of its seed. */
async function startsAnew(calm: VectorEnv, result: VectorStepResult, lane: number, seed: number): Promise<boolean> {
  const here = await calm.snapshot(lane);
  const mask = new Uint8Array(calm.lanes);
  mask[lane] = 1;
  const seeds = Array.from({ length: calm.lanes }, (_, i) => (i === lane ? seed + lane + 2 ** 32 : null));
  const { observation } = await calm.reset({ seed: seeds, mask });
  await calm.restore(here, lane);
  const only = (i: number) => i === lane;
  return (
    differingBytes({ observation: result.observation, info: {} }, { observation, info: {} }, calm.lanes, only) === 0 &&
    result.reward[lane] === 0
  );
}

/** Over observation, reward, ends and info of the lanes that count. */
function differingBytes(
  a: Partial<VectorStepResult> & { observation: Values; info: InfoColumns },
  b: Partial<VectorStepResult> & { observation: Values; info: InfoColumns },
  lanes: number,
  counts: (lane: number) => boolean,
): number {
  const [left, right] = [a, b].map(({ observation, reward, terminated, truncated, info }) =>
    leaves({ observation, reward, terminated, truncated, terms: info.rewardTerms }),
  );
  let differing = 0;
  for (const [i, leaf] of left!.entries()) {
    const other = right![i]!;
    const width = leaf.byteLength / lanes;
    const [bytes, otherBytes] = [leaf, other].map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    for (let at = 0; at < leaf.byteLength; at++) if (counts(Math.floor(at / width)) && bytes![at] !== otherBytes![at]) differing++;
  }
  return differing;
}

function leaves(value: unknown): TypedArray[] {
  if (value === undefined) return [];
  return ArrayBuffer.isView(value) ? [value as TypedArray] : Object.values(value as object).flatMap(leaves);
}

export const workerRows: readonly Row[] = [
  {
    id: 'truth.workers2',
    what: 'env-steps/s of HalfCheetah-v0, 64 lanes, in two workers over in process: wall-clock, in turns, median ratio',
    operator: '>=',
    goal: 1.8,
    unit: '×',
    budget_s: 120,
    measure: async () => {
      const figures = await workerSpeedUp();
      return { measured: figures.ratio, raw: figures };
    },
  },
  {
    id: 'truth.crash_foreign_bytes',
    what: '100 kill -9 of workers at random moments: bytes of other lanes that differ from the run without, plus lanes whose capacity did not come back',
    operator: '=',
    goal: 0,
    unit: 'bytes and lanes',
    budget_s: 300,
    measure: async ({ log }) => {
      const figures = await killWorkers({ log });
      if (figures.unnoticed > figures.kills / 2) throw new Error(`most kills came too late to cut off a lane: ${JSON.stringify(figures)}`);
      return { measured: figures.foreignBytes + figures.lanesNotBack, raw: figures };
    },
  },
];
