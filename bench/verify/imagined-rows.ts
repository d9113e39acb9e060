/** How fast a world model is lived in. */
import { median } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { MakeVectorOptions } from '../../src/registry/registry.ts';
import { flatSizeOf, sample } from '../../src/spaces/space.ts';
import { accurateEnsemble, type EnsembleConfig } from '../../src/world-model/ensemble.ts';
import { torchPeer } from '../peers/python-peer.ts';
import { dreamLoop, dreamModel, petsConfig } from '../speed/dream-loop.ts';
import { cpuTime_s, fullTiming, speedOf, type TimingSize, timeInTurns } from '../speed/turns.ts';
import type { Context, Measured, Row } from './row.ts';

/** It ends, it starts anew, and its reward has three terms. */
const dreamt = 'Hopper-v0';

/** Imagined env-steps/s over those of the same loop in PyTorch, by CPU time in turns, the worse of the two batch sizes. */
export async function imaginedOverTorch({ log }: Pick<Context, 'log'>, size: TimingSize = fullTiming): Promise<Measured> {
  const peer = torchPeer(log);
  const model = await dreamModel(dreamt, petsConfig);
  try {
    const raw = [];
    for (const lanes of [256, 1024]) {
      const dream = await dreamLoop(dreamt, model, lanes);
      const torch = async (steps: number) => (await peer.ask<{ cpu_s: number }>({ op: 'imagine', lanes, steps })).cpu_s;
      const { sides, blocks_us } = await timeInTurns({ ours: (steps) => cpuTime_s(() => dream.run(steps)), torch }, size);
      const { ratio, low, high } = speedOf(blocks_us.ours, blocks_us.torch);
      const perSecond = (side: 'ours' | 'torch') => lanes * sides[side].stepsPerSecond;
      raw.push({ lanes, ratio, low, high, ours: perSecond('ours'), torch: perSecond('torch'), episodesEnded: dream.ended });
      await dream.close();
    }
    return { measured: Math.min(...raw.map(({ ratio }) => ratio)), raw: { lanes: raw, versions: await peer.ask({ op: 'about' }) } };
  } finally {
    peer.close();
    await model.close();
  }
}

/** Wall-clock time of one step of one lane, ms: median over steps that follow each other. */
export async function stepLatency(config: Partial<EnsembleConfig>, { warmUp, steps } = { warmUp: 2000, steps: 5000 }): Promise<number> {
  const model = await dreamModel(dreamt, config);
  const env = await registry.make(dreamt, { backend: 'model', model });
  const action = new Float32Array(flatSizeOf(env.actionSpace));
  const times_ms = new Float64Array(steps);
  await env.reset({ seed: 1 });
  for (let step = -warmUp; step < steps; step++) {
    const began_ms = performance.now();
    const { terminated, truncated } = await env.step(action);
    if (step >= 0) times_ms[step] = performance.now() - began_ms;
    if (terminated || truncated) await env.reset();
  }
  await env.close();
  await model.close();
  return median(times_ms);
}

const briefTiming: TimingSize = { warmUp_s: 1, pairs: 7, block_s: 0.15 };
const dreamLanes = 1024;
const truthLanes = 16;

/** Imagined over physical env-steps/s of one env, random actions, by CPU time in turns. */
async function speedUp(id: string, size: TimingSize) {
  const model = await dreamModel(id, accurateEnsemble);
  const stepper = async (options: MakeVectorOptions) => {
    const env = await registry.makeVector(id, { ...options, autoreset: 'sameStep', copy: false });
    const actions = sample(env.actionSpace, new Rng(1), env.lanes);
    await env.reset({ seed: 1 });
    const side = async (steps: number) =>
      (await cpuTime_s(async () => {
        for (let step = 0; step < steps; step++) await env.step(actions);
      })) / env.lanes;
    return { env, side };
  };
  const dream = await stepper({ backend: 'model', model, lanes: dreamLanes });
  const truth = await stepper({ lanes: truthLanes });
  const { sides, blocks_us } = await timeInTurns({ dream: dream.side, truth: truth.side }, size);
  for (const { env } of [dream, truth]) await env.close();
  await model.close();
  return { id, ...speedOf(blocks_us.dream, blocks_us.truth), dream: sides.dream.stepsPerSecond, truth: sides.truth.stepsPerSecond };
}

export async function speedUpOfSuite({ log }: Pick<Context, 'log'>, size: TimingSize = briefTiming): Promise<Measured> {
  const raw = [];
  for (const id of registry.ids()) {
    const row = await speedUp(id, size);
    raw.push(row);
    log(`${id}: ${Math.round(row.dream)} imagined, ${Math.round(row.truth)} physical steps/s, ${row.ratio.toFixed(1)} ×`);
  }
  return { measured: Math.exp(raw.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / raw.length), raw };
}

export const imaginedRows: readonly Row[] = [
  {
    id: 'model.imagined_vs_torch',
    what: `imagined env-steps/s over PyTorch's, CPU time in turns: ${dreamt}, ensemble 5 × 200³, policy, observation, reward, end, reset; worse of 256 and 1,024 lanes`,
    operator: '>=',
    goal: 1,
    unit: '×',
    budget_s: 120,
    measure: imaginedOverTorch,
  },
  {
    id: 'model.latency_ms',
    what: `one step of ModelEnv, one lane, median: ${dreamt}, ensemble 5 × 200³`,
    operator: '<=',
    goal: 0.1,
    unit: 'ms',
    budget_s: 20,
    measure: async () => {
      const measured = await stepLatency(petsConfig);
      return { measured, raw: { pets_ms: measured, default_ms: await stepLatency({}) } };
    },
  },
  {
    id: 'model.speedup_geomean',
    what: `imagined over physical env-steps/s, CPU time in turns: ${dreamLanes} lanes of the ensemble that model.skill10 measures, ${truthLanes} of physics, every env`,
    operator: '>=',
    goal: 20,
    unit: '×',
    budget_s: 150,
    measure: speedUpOfSuite,
  },
];
