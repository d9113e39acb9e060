import { expect } from 'chai';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { nodeRuntime, runtimeInUse } from '../../src/onnx/node-runtime.ts';
import { floats, numbers, rejected } from './run-graph.ts';

function doubling(): Uint8Array {
  const builder = new GraphBuilder();
  builder.output('y', builder.mul(builder.input('x', 'float32', ['batch', 2]), 2));
  return builder.toModel();
}

describe('onnx runtime', () => {
  it('runs models from bytes, with any size of a symbolic axis', async () => {
    const session = await nodeRuntime().load(doubling());
    expect([session.inputNames, session.outputNames]).to.deep.equal([['x'], ['y']]);
    expect(session.inputs).to.deep.equal([{ name: 'x', dtype: 'float32', shape: ['batch', 2] }]);
    for (const batch of [1, 3]) {
      const { y } = await session.run({ x: floats(new Array(2 * batch).fill(4), [batch, 2]) });
      expect(y!.dims).to.deep.equal([batch, 2]);
      expect(new Set(numbers(y))).to.deep.equal(new Set([8]));
    }
    await session.release();
    await session.release();
  });

  it('gives typed errors for bytes it cannot load, feeds that do not fit, and a released session', async () => {
    const load = await rejected(() => nodeRuntime().load(Uint8Array.of(1, 2, 3), { name: 'theirs' }));
    expect([load.code, load.message]).to.satisfy(([code, message]: string[]) => code === 'MODEL_INVALID' && /^theirs/.test(message!));
    const session = await nodeRuntime().load(doubling(), { name: 'doubling' });
    for (const feeds of [{}, { x: floats([1, 2, 3], [1, 3]) }, { x: floats([1, 2, 3], [1, 2]) }]) {
      const failed = await rejected(() => session.run(feeds));
      expect([failed.code, failed.message.slice(0, 8)]).to.deep.equal(['RUNTIME_FAILED', 'doubling']);
    }
    await session.release();
    expect((await rejected(() => session.run({ x: floats([1, 2], [1, 2]) }))).message).to.match(/was released/);
  });

  const importRuntime = () => Promise.reject(new Error('no binaries here'));

  it('computes in WebAssembly where the native package cannot be imported, and says so', async () => {
    const session = await nodeRuntime({ importRuntime }).load(doubling());
    expect(numbers((await session.run({ x: floats([1, 2], [1, 2]) })).y)).to.deep.equal([2, 4]);
    await session.release();
    const [native, fallback] = [await runtimeInUse(), await runtimeInUse({ importRuntime })];
    expect([native.name, fallback.name]).to.deep.equal(['onnxruntime-node', 'onnxruntime-web']);
    expect(fallback.version)
      .to.match(/^\d+\.\d+\.\d+$/)
      .and.to.equal(native.version);
  });

  it('says how to install the runtime when neither can be imported', async () => {
    const runtime = nodeRuntime({ importRuntime, importFallback: () => Promise.reject(new Error('no WebAssembly either')) });
    const error = await rejected(() => runtime.load(doubling()));
    expect(error.code).to.equal('RUNTIME_MISSING');
    expect(error.message).to.match(/no binaries here\. Install it with npm install onnxruntime-node/);
  });
});
