import { expect } from 'chai';
import { Rng } from '../../src/math/rng.ts';
import { compileTraining } from '../../src/onnx/compile-training.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { type MlpSpec, meanSquaredError, mlp, mlpParameters } from '../../src/onnx/modules.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import type { OnnxRuntime } from '../../src/onnx/runtime.ts';
import { TrainingProgram } from '../../src/onnx/training-program.ts';
import { webRuntime } from '../../src/onnx/web-runtime.ts';
import { floats, numbers, rejected } from './run-graph.ts';

const web = webRuntime(() => import('onnxruntime-web/wasm'));

/** Trains a small network on sums of two numbers. @returns the losses of all steps. */
async function train(runtime: OnnxRuntime): Promise<Float32Array> {
  const spec: MlpSpec = { name: 'net', sizes: [2, 16, 1] };
  const rng = new Rng(1);
  const program = await TrainingProgram.open(
    runtime,
    compileTraining({
      parameters: mlpParameters(spec, rng),
      tables: [
        { name: 'x', dtype: 'float32', columns: [2] },
        { name: 'y', dtype: 'float32', columns: [1] },
      ],
      batch: [32],
      averageDecay: 0.9,
      loss: (g, weights, { x, y }) => ({ loss: meanSquaredError(g, mlp(g, weights, x!, spec), y!) }),
      optimizer: { weightDecay: 1e-4, maximumGradientNorm: 1 },
    }),
  );
  const x = Float32Array.from({ length: 400 }, () => rng.uniform(-1, 1));
  program.setTables({ x, y: Float32Array.from({ length: 200 }, (_, row) => x[2 * row]! + x[2 * row + 1]!) }, 200);
  const { loss } = await program.run(
    Int32Array.from({ length: 150 * 32 }, () => rng.integer(200)),
    0.01,
  );
  await program.release();
  return loss;
}

describe('onnxruntime-web', () => {
  it('trains as onnxruntime-node does, but for the last bits', async () => {
    const [there, here] = [await train(web), await train(nodeRuntime())];
    expect(there.at(-1)).to.be.below(there[0]! / 50);
    here.forEach((loss, step) => void expect(there[step]).to.be.closeTo(loss, 1e-3 * Math.max(1, loss), `step ${step}`));
  }).timeout(20_000);

  it('speaks of models as onnxruntime-node does, with the same errors', async () => {
    const builder = new GraphBuilder();
    builder.output('y', builder.mul(builder.input('x', 'float32', ['batch', 2]), 2));
    const session = await web.load(builder.toModel(), { name: 'doubling' });
    expect(session.inputs).to.deep.equal([{ name: 'x', dtype: 'float32', shape: ['batch', 2] }]);
    expect(numbers((await session.run({ x: floats([1, 2], [1, 2]) })).y)).to.deep.equal([2, 4]);
    const failed = await rejected(() => session.run({ x: floats([1, 2, 3], [1, 3]) }));
    expect([failed.code, failed.message.slice(0, 8)]).to.deep.equal(['RUNTIME_FAILED', 'doubling']);
    await session.release();
    expect((await rejected(() => session.run({ x: floats([1, 2], [1, 2]) }))).message).to.match(/was released/);
    expect((await rejected(() => web.load(Uint8Array.of(1, 2, 3)))).code).to.equal('MODEL_INVALID');
  });

  it('says how to install the package when it cannot be imported', async () => {
    const missing = webRuntime(() => Promise.reject(new Error('no such package')));
    const error = await rejected(() => missing.load(new Uint8Array(0)));
    expect(error.message).to.match(/^onnxruntime-web could not be loaded: no such package\. Install it with npm install onnxruntime-web/);
  });
});
