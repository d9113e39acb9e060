import { expect } from 'chai';
import { sha256Hex } from '../../src/math/hash.ts';
import { compileInference, type GraphBuilder, nodeRuntime, type Tensor } from '../../src/onnx/index.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';
import { keepsTheContract } from './env-contract.ts';
import { manifestFor, registryOf } from './stub-backends.ts';
import { walker } from './stub-tasks.ts';

const registry = registryOf(walker);
const floats = (name: string, width: number) => ({ name, dtype: 'float32', shape: ['rows', width] }) as const;

/** Memory: a leaky integral of the pushes, then a count of steps. The position is 10 · count + integral, whatever the state is. */
function integrate(builder: GraphBuilder, memory: Tensor, action: Tensor): { sample: Tensor; nextMemory: Tensor } {
  const [integral, count] = builder.split(memory, [1, 1], 1) as [Tensor, Tensor];
  const felt = builder.add(builder.mul(integral, 0.5), action);
  const counted = builder.add(count, 1);
  return { sample: builder.add(builder.mul(counted, 10), felt), nextMemory: builder.concat([felt, counted], 1) };
}

const bytes = compileInference({
  parameters: [],
  inputs: [floats('state', 1), floats('action', 1), floats('context', 1), floats('memory', 2)],
  build: (builder, _parameters, { action, memory }) => integrate(builder, memory!, action!),
});
/** The last position of an episode is beyond the walker's end of 3 m: endless for this model. */
const endless = { ...walker, terminated: () => false };

describe('a recurrent model', () => {
  let model: WorldModel;
  const endlessRegistry = registryOf(endless);
  before(async () => {
    const manifest = manifestFor(endless, { memorySize: 2, files: { predict: { path: 'predict.onnx', sha256: sha256Hex(bytes) } } });
    model = await openModel(nodeRuntime(), 'leaky', manifest, bytes, endless);
  });
  after(() => model.close());
  const dreams = (lanes: number) => endlessRegistry.imagined(endless.id, model, lanes);
  const positions = (env: { readonly state: Float64Array }, lanes: number) =>
    Array.from({ length: lanes }, (_, lane) => env.state[lane * 3]!);
  const all = (lanes: number) => new Uint8Array(lanes).fill(1);

  keepsTheContract((lanes) => endlessRegistry.makeVector(endless.id, { lanes, backend: 'model', model, maxEpisodeSteps: 12 }), 30, {
    horizon: 12,
  });

  it('carries its memory from step to step, each lane its own', async () => {
    const env = await dreams(2);
    await env.reset({ mask: all(2), seeds: Float64Array.of(1, 2) });
    await env.step(Float32Array.of(1, 0), all(2));
    expect(positions(env, 2)).to.deep.equal([11, 10]);
    await env.step(Float32Array.of(0, 1), all(2));
    expect(positions(env, 2)).to.deep.equal([20.5, 21]);
    await env.step(Float32Array.of(0, 0), all(2));
    expect(positions(env, 2)).to.deep.equal([30.25, 30.5]);
  });

  it('leaves the memory of lanes that sit a step out', async () => {
    const env = await dreams(2);
    await env.reset({ mask: all(2), seeds: Float64Array.of(1, 2) });
    await env.step(Float32Array.of(1, 1), all(2));
    await env.step(Float32Array.of(0, 0), Uint8Array.of(1, 0));
    await env.step(Float32Array.of(0, 0), all(2));
    expect(positions(env, 2)).to.deep.equal([30.25, 20.5]);
  });

  it('forgets at the start of an episode, in the lanes that were reset', async () => {
    const env = await dreams(2);
    await env.reset({ mask: all(2), seeds: Float64Array.of(1, 2) });
    await env.step(Float32Array.of(1, 1), all(2));
    await env.reset({ mask: Uint8Array.of(0, 1), seeds: Float64Array.of(0, 3) });
    await env.step(Float32Array.of(0, 0), all(2));
    expect(positions(env, 2)).to.deep.equal([20.5, 10]);
  });

  it('saves and loads its memory with the lane', async () => {
    const env = await dreams(2);
    await env.reset({ mask: all(2), seeds: Float64Array.of(1, 2) });
    await env.step(Float32Array.of(1, 0), all(2));
    const moment = env.save(0);
    await env.step(Float32Array.of(1, 0), all(2));
    env.load(1, moment);
    await env.step(Float32Array.of(0, 0), all(2));
    expect(positions(env, 2)).to.deep.equal([30.75, 20.5]);
  });

  it('is refused where its graph forgets to give the memory back', async () => {
    const forgetful = compileInference({
      parameters: [],
      inputs: [floats('state', 1), floats('action', 1), floats('context', 1), floats('memory', 2)],
      build: (builder, _parameters, { action, memory }) => ({ sample: integrate(builder, memory!, action!).sample }),
    });
    const manifest = manifestFor(endless, { memorySize: 2, files: { predict: { path: 'predict.onnx', sha256: sha256Hex(forgetful) } } });
    const refusal = await openModel(nodeRuntime(), 'forgetful', manifest, forgetful, endless).catch((error: unknown) => error);
    expect(refusal).to.have.property('code', 'MODEL_REFUSED');
    expect((refusal as Error).message).to.include("no output 'nextMemory'");
  });

  it('is available under its own id', () => {
    expect(registry.ids()).to.deep.equal(['Walker-v0']);
  });
});
