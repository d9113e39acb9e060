/**
 * What the env layer costs over the network: imagined steps with observation, reward and reset, beside a bare loop over `session.run`
 * of onnxruntime-node on the same 5 × [· 200 200 200 ·] ensemble, same rows, same layout, one thread each.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { allocate, rowOf, sampleInto } from '../../src/spaces/space.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import type { BenchRow, BenchSize } from '../bench.ts';
import { untrainedModel } from '../untrained-model.ts';
import { compare, type Side } from './paired.ts';

const id = 'CartPoleSwingUp-v0';
const lanes = 1024;
const members = 5;
const hidden = [200, 200, 200];
/** Steps of a block: some 40 ms. */
const blockSteps = 20;

/** @returns imagined steps of CPU time, env over bare loop. */
export async function imaginedRatio(size: BenchSize): Promise<BenchRow> {
  const { manifest, predict } = untrainedModel(registry.task(id), { members, hidden });
  const env = await registry.makeVector(id, {
    backend: 'model',
    model: await openModel(nodeRuntime(), 'untrained', manifest, predict, registry.task(id)),
    lanes,
    autoreset: 'sameStep',
    copy: false,
  });
  const actions = allocate(env.actionSpace, lanes);
  const rng = new Rng(1);
  for (let lane = 0; lane < lanes; lane++) sampleInto(env.actionSpace, rng, rowOf(env.actionSpace, actions, lane));
  await env.reset({ seed: 1 });
  const ours = async () => {
    for (let step = 0; step < blockSteps; step++) await env.step(actions);
  };
  const { ours_us, peer_us, ratio, low, high } = await compare(ours, await bareSide(predict), size);
  await env.close();
  const perSecond = (block_us: number) => (lanes * blockSteps * 1e6) / block_us;
  const what = `${id}, ${lanes} lanes, ${members} × ${hidden.join('-')}`;
  return {
    what,
    ours: perSecond(ours_us),
    peer: perSecond(peer_us),
    ratio: 1 / ratio,
    low: 1 / high,
    high: 1 / low,
    unit: 'steps a second of CPU; ratio ours / bare loop',
  };
}

async function bareSide(predict: Uint8Array): Promise<Side> {
  const task = registry.task(id);
  const session = await InferenceSession.create(predict, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const rows = members * Math.ceil(lanes / members);
  const rng = new Rng(2);
  const width = Object.keys(task.state).length;
  const floats = (columns: number) => Float32Array.from({ length: rows * columns }, () => rng.normal());
  const data = { state: floats(width), action: floats(task.commands.length), noise: floats(width) };
  return async () => {
    for (let step = 0; step < blockSteps; step++) {
      await session.run({
        state: new Tensor('float32', data.state, [rows, width]),
        action: new Tensor('float32', data.action, [rows, task.commands.length]),
        noise: new Tensor('float32', data.noise, [rows, width]),
      });
    }
  };
}

export async function imaginedBench(size: BenchSize): Promise<BenchRow[]> {
  return [await imaginedRatio(size)];
}
