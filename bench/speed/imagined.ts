/**
 * What the env layer costs over the network: imagined steps with observation, reward and reset, beside a bare loop over `session.run`
 * of onnxruntime-node on the same 5 × [· 200 200 200 ·] ensemble, same rows, same layout, same output, one thread each.
 */
import * as ort from 'onnxruntime-node';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, type OnnxRuntime } from '../../src/onnx/index.ts';
import { allocate, rowOf, sampleInto } from '../../src/spaces/space.ts';
import { LaneSlots } from '../../src/world-model/lane-rows.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import type { BenchRow, BenchSize } from '../bench.ts';
import { untrainedModel } from '../untrained-model.ts';
import { compare, type Side } from './paired.ts';

const id = 'CartPoleSwingUp-v0';
const lanes = 1024;
const members = 5;
const hidden = [200, 200, 200];
/** Steps of a block: some 200 ms, so that little of it is the change of sides. */
const blockSteps = 100;

/** The runtime of the env, which also hands out the session it opens: both sides run the very same one, so that no luck with memory tells them apart. */
function sharedRuntime(): { runtime: OnnxRuntime; session(): ort.InferenceSession } {
  const opened: ort.InferenceSession[] = [];
  const create = async (bytes: Uint8Array, options: ort.InferenceSession.SessionOptions) => {
    const session = await ort.InferenceSession.create(bytes, options);
    opened.push(session);
    return session;
  };
  const importRuntime = async () => ({ ...ort, InferenceSession: { ...ort.InferenceSession, create } }) as typeof ort;
  return { runtime: nodeRuntime({ importRuntime }), session: () => opened[0]! };
}

/** @returns imagined steps of CPU time, env over bare loop. */
async function imaginedRatio(size: BenchSize): Promise<BenchRow> {
  const { manifest, predict } = untrainedModel(registry.task(id), { members, hidden });
  const { runtime, session } = sharedRuntime();
  const env = await registry.makeVector(id, {
    backend: 'model',
    model: await openModel(runtime, 'untrained', manifest, predict, registry.task(id)),
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
  const { ours_us, peer_us, ratio, low, high } = await compare(ours, bareSide(session()), size);
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

function bareSide(session: ort.InferenceSession): Side {
  const task = registry.task(id);
  const slots = new LaneSlots(lanes, members, 'packed');
  for (let lane = 0; lane < lanes; lane++) slots.assign(lane, lane);
  const rows = slots.place();
  const rng = new Rng(2);
  const width = Object.keys(task.state).length;
  const floats = (columns: number) => Float32Array.from({ length: rows * columns }, () => rng.normal());
  const data = { state: floats(width), action: floats(task.commands.length), noise: floats(width) };
  return async () => {
    for (let step = 0; step < blockSteps; step++) {
      await session.run(
        {
          state: new ort.Tensor('float32', data.state, [rows, width]),
          action: new ort.Tensor('float32', data.action, [rows, task.commands.length]),
          noise: new ort.Tensor('float32', data.noise, [rows, width]),
          shares: new ort.Tensor('int64', slots.shares, [members]),
        },
        ['sample'],
      );
    }
  };
}

export async function imaginedBench(size: BenchSize): Promise<BenchRow[]> {
  return [await imaginedRatio(size)];
}
