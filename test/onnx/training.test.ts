import { expect } from 'chai';
import { loopBitsDifferent } from '../../bench/verify/onnx-rows.ts';
import { Rng } from '../../src/math/rng.ts';
import type { AdamWOptions } from '../../src/onnx/adam-w.ts';
import { compileInference } from '../../src/onnx/compile-inference.ts';
import { compileTraining, type TrainingSpec } from '../../src/onnx/compile-training.ts';
import { inspectModel } from '../../src/onnx/model-reader.ts';
import { gaussianHead, gaussianLoss, type MlpSpec, meanSquaredError, mlp, mlpParameters } from '../../src/onnx/modules.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import { TrainingProgram } from '../../src/onnx/training-program.ts';
import { floats, numbers, rejected, thrown } from './run-graph.ts';

/** One weight vector pulled towards the row of a table: the gradient is `weight − row`, so that expected updates can be worked out by hand. */
function pull(optimizer: AdamWOptions, initial: number[], decay = true): TrainingSpec {
  return {
    name: 'pull',
    parameters: [{ name: 'w', shape: [initial.length], initial: Float32Array.from(initial), decay }],
    tables: [{ name: 'target', dtype: 'float32', columns: [initial.length] }],
    batch: [],
    loss: (g, { w }, { target }) => ({ loss: g.mul(g.reduceSum(g.square(g.sub(w!, target!))), 0.5), metrics: { first: g.reduceMax(w!) } }),
    optimizer,
  };
}

async function open(spec: TrainingSpec): Promise<TrainingProgram> {
  return TrainingProgram.open(nodeRuntime(), compileTraining(spec));
}

/** AdamW as the paper writes it (moments, bias correction, decoupled decay), in float64. */
function textbook(weights: number[], targets: number[][], rate: number, decay: number, maximumNorm: number): number[] {
  let w = [...weights];
  let m = w.map(() => 0);
  let v = w.map(() => 0);
  targets.forEach((target, index) => {
    const raw = w.map((value, at) => value - target[at]!);
    const norm = Math.hypot(...raw);
    const gradient = raw.map((value) => value * Math.min(1, maximumNorm / (norm + 1e-6)));
    m = m.map((value, at) => 0.9 * value + 0.1 * gradient[at]!);
    v = v.map((value, at) => 0.999 * value + 0.001 * gradient[at]! ** 2);
    const [a, b] = [1 - 0.9 ** (index + 1), 1 - 0.999 ** (index + 1)];
    w = w.map((value, at) => value - rate * decay * value - (rate * (m[at]! / a)) / (Math.sqrt(v[at]! / b) + 1e-8));
  });
  return w;
}

describe('training', () => {
  it('follows AdamW as the paper writes it', async () => {
    const program = await open(pull({ weightDecay: 0.1, maximumGradientNorm: 2 }, [1, -3, 0.5]));
    const targets = [
      [0, 0, 0],
      [2, 1, -1],
      [0.4, -0.2, 5],
    ];
    program.setTables({ target: Float32Array.from(targets.flat()) }, 3);
    const rows = [0, 1, 2, 2, 0, 1, 1, 0];
    const chunk = await program.run(Int32Array.from(rows), 0.05);
    const expected = textbook(
      [1, -3, 0.5],
      rows.map((row) => targets[row]!),
      0.05,
      0.1,
      2,
    );
    const got = program.parameters().w!;
    expected.forEach((value, at) => {
      expect(got[at]).to.be.closeTo(value, 2e-6);
    });
    expect(chunk.gradientNorm[0]).to.be.closeTo(Math.hypot(1, 3, 0.5), 1e-6);
    expect(chunk.loss[0]).to.be.closeTo((1 + 9 + 0.25) / 2, 1e-6);
    expect(chunk.metrics.first![0]).to.equal(1);
    expect(program.state().step).to.equal(8);
    await program.release();
  });

  it('takes members one after the other as it takes them side by side', async () => {
    const sides = await Promise.all(
      [true, false].map(async (apart) => {
        const spec: MlpSpec = { name: 'net', members: 3, sizes: [2, 8, 2] };
        const { members: _, ...one } = spec;
        const program = await open({
          parameters: mlpParameters(spec, new Rng(3)),
          ...(apart ? { members: 3 } : {}),
          tables: ['x', 'y'].map((name) => ({ name, dtype: 'float32', columns: [name === 'x' ? 2 : 1] })),
          batch: [3, 4],
          streams: [{ name: 'noise', dtype: 'float32', shape: [3, 4, 1] }],
          carried: [{ name: 'seen', dtype: 'float32', shape: [3], initial: new Float32Array(3) }],
          loss: (g, weights, { x, y, noise, seen }) => {
            const head = gaussianHead(g, mlp(g, weights, x!, apart ? one : spec));
            return {
              loss: gaussianLoss(g, head, g.add(y!, noise!)),
              metrics: { mean: g.reduceSum(head.mean) },
              next: { seen: g.add(seen!, 1) },
            };
          },
          optimizer: { maximumGradientNorm: 1 },
        });
        const rng = new Rng(4);
        const drawn = (count: number) => Float32Array.from({ length: count }, () => rng.normal());
        program.setTables({ x: drawn(40), y: drawn(20) }, 20);
        const indices = Int32Array.from({ length: 10 * 12 }, () => rng.integer(20));
        const chunk = await program.run(indices, 0.01, { noise: drawn(10 * 12) });
        const weights = Object.values(program.parameters()).flatMap((values) => [...values]);
        expect(program.state().carried!.seen).to.deep.equal(Float32Array.of(10, 10, 10));
        await program.release();
        return [...chunk.loss, ...chunk.metrics.mean!, ...chunk.gradientNorm, ...weights];
      }),
    );
    sides[0]!.forEach((value, at) => {
      expect(value).to.be.closeTo(sides[1]![at]!, 1e-4);
    });
  });

  it('refuses members that a parameter does not have', () => {
    const spec: TrainingSpec = { ...pull({}, [1, 2]), members: 3 };
    expect(thrown(() => compileTraining(spec)).message).to.include("parameter 'w' has shape [2]; with 3 members its first axis must be 3");
  });

  it('decays only the parameters that ask for it, without touching the moments', async () => {
    for (const [decay, expected] of [
      [true, 0.9],
      [false, 1],
    ] as const) {
      const program = await open(pull({ weightDecay: 1 }, [1], decay));
      program.setTables({ target: Float32Array.of(1) }, 1);
      await program.run(Int32Array.of(0), 0.1);
      expect(program.parameters().w![0]).to.be.closeTo(expected, 1e-7);
      expect([...program.state().first.w!]).to.deep.equal([0]);
      await program.release();
    }
  });

  it('skips a step whose loss is not finite, and says so', async () => {
    const program = await open(pull({ maximumGradientNorm: 1 }, [1, 2]));
    const target = Float32Array.of(0, 0, Number.NaN, 0, Number.POSITIVE_INFINITY, 0, 1e30, 0);
    program.setTables({ target }, 4);
    await program.run(Int32Array.of(0), 0.1);
    const before = program.state();
    const chunk = await program.run(Int32Array.of(1, 2, 3), 0.1);
    expect([...chunk.finite]).to.deep.equal([0, 0, 0]);
    expect(program.state()).to.deep.equal(before);
    const after = await program.run(Int32Array.of(0), 0.1);
    expect([...after.finite]).to.deep.equal([1]);
    expect(program.state().step).to.equal(2);
    await program.release();
  });

  it('gives the same bits in one run of K steps as in K runs of one', async () => {
    expect(await loopBitsDifferent()).to.equal(0);
  });

  it('goes on from a saved state as if it had never stopped', async () => {
    const spec = pull({ weightDecay: 0.01 }, [1, 2, 3]);
    const target = Float32Array.of(5, 5, 5, -1, 0, 1);
    const [whole, first, second] = await Promise.all([open(spec), open(spec), open(spec)]);
    for (const program of [whole, first, second]) program.setTables({ target }, 2);
    await whole.run(Int32Array.of(0, 1, 1, 0), 0.1);
    await first.run(Int32Array.of(0, 1), 0.1);
    const saved = first.state();
    await first.run(Int32Array.of(1, 1), 0.1);
    second.load(saved);
    await second.run(Int32Array.of(1, 0), 0.1);
    expect(second.state()).to.deep.equal(whole.state());
    expect(saved.step).to.equal(2);
    for (const program of [whole, first, second]) await program.release();
  });

  it('shares no memory with what it was given', async () => {
    const spec = pull({}, [1, 2]);
    const program = await open(spec);
    spec.parameters[0]!.initial.fill(9);
    expect([...program.parameters().w!]).to.deep.equal([1, 2]);
    const saved = program.state();
    program.load(saved);
    saved.parameters.w!.fill(9);
    expect([...program.parameters().w!]).to.deep.equal([1, 2]);
    await program.release();
  });

  it('feeds streams each step and fixed tensors each run', async () => {
    const program = await open({
      parameters: [{ name: 'w', shape: [], initial: Float32Array.of(0) }],
      tables: [],
      batch: [],
      streams: [{ name: 'noise', dtype: 'float32', shape: [2] }],
      fixed: [{ name: 'offset', dtype: 'float32', shape: [] }],
      loss: (g, { w }, { noise, offset }) => ({ loss: g.add(g.add(g.reduceSum(noise!), offset!), g.mul(w!, 0)) }),
    });
    program.setFixed({ offset: Float32Array.of(100) });
    const chunk = await program.run(Int32Array.of(0, 0), 0.1, { noise: Float32Array.of(1, 2, 3, 4) });
    expect([...chunk.loss]).to.deep.equal([103, 107]);
    await program.release();
  });

  it('names what does not fit', async () => {
    const program = await open(pull({}, [1, 2]));
    expect((await rejected(() => program.run(Int32Array.of(0), 0.1))).message).to.match(/pull: option tables is missing/);
    expect(thrown(() => program.setTables({ target: new Float32Array(3) }, 2)).message).to.match(/tables.target is Float32Array\(3\)/);
    expect(thrown(() => program.setTables({ target: new Float32Array(4) }, Number.NaN)).message).to.match(/rows is NaN/);
    program.setTables({ target: new Float32Array(4) }, 2);
    expect((await rejected(() => program.run(Int32Array.of(0, 2), 0.1))).message).to.match(/indices\[1\] is 2; it must be 0 to 1/);
    expect((await rejected(() => program.run(new Int32Array(0), 0.1))).code).to.equal('OPTION_INVALID');
    expect((await rejected(() => program.run(Int32Array.of(0), Number.NaN))).message).to.match(/learningRate/);
    expect(thrown(() => program.load({ ...program.state(), first: {} })).message).to.match(/state.first.w is missing/);
    await program.release();
    expect((await rejected(() => program.run(Int32Array.of(0), 0.1))).code).to.equal('RUNTIME_FAILED');
  });

  it('emits one Loop of standard operators', () => {
    const compiled = compileTraining(pull({}, [1]));
    const { operators, opsets } = inspectModel(compiled.bytes);
    expect(operators).to.include('Loop');
    expect(operators.filter((operator) => operator.includes('::'))).to.deep.equal([]);
    expect(opsets).to.deep.equal({ '': 21 });
  });

  it('fits a small regression with an ensemble, and the exported model predicts it', async () => {
    const spec: MlpSpec = { name: 'ensemble', sizes: [2, 24, 24, 2], members: 3 };
    const rng = new Rng(5);
    const rows = 400;
    const x = Float32Array.from({ length: rows * 2 }, () => rng.uniform(-1, 1));
    const truth = (a: number, b: number) => Math.sin(2 * a) * b;
    const y = Float32Array.from({ length: rows }, (_, row) => truth(x[2 * row]!, x[2 * row + 1]!));
    const parameters = mlpParameters(spec, rng);
    const compiled = compileTraining({
      name: 'regression',
      parameters,
      tables: [
        { name: 'x', dtype: 'float32', columns: [2] },
        { name: 'y', dtype: 'float32', columns: [1] },
      ],
      batch: [3, 64],
      loss: (g, weights, batch) => {
        const head = gaussianHead(g, mlp(g, weights, batch.x!, spec));
        return { loss: gaussianLoss(g, head, batch.y!), metrics: { error: meanSquaredError(g, head.mean, batch.y!) } };
      },
      optimizer: { weightDecay: 1e-5, maximumGradientNorm: 10 },
    });
    const program = await TrainingProgram.open(nodeRuntime(), compiled);
    program.setTables({ x, y }, rows);
    const indices = () => Int32Array.from({ length: 100 * 3 * 64 }, () => rng.integer(rows));
    const start = (await program.run(indices(), 3e-3)).metrics.error![0]!;
    for (let run = 0; run < 5; run++) await program.run(indices(), 3e-3);
    const end = (await program.run(indices(), 3e-4)).metrics.error!.at(-1)!;
    expect(end).to.be.below(start / 100);
    const bytes = compileInference({
      parameters,
      values: program.parameters(),
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
      build: (g, weights, { x: input }) => ({ ...gaussianHead(g, mlp(g, weights, input!, spec)) }),
    });
    const session = await nodeRuntime().load(bytes);
    const { mean, logVariance } = await session.run({ x: floats([0.3, 0.8, -0.5, 0.5], [2, 2]) });
    expect(mean!.dims).to.deep.equal([3, 2, 1]);
    numbers(mean).forEach((value, at) => {
      expect(value).to.be.closeTo(at % 2 === 0 ? truth(0.3, 0.8) : truth(-0.5, 0.5), 0.1);
    });
    for (const value of numbers(logVariance)) expect(value).to.be.within(-10, 0);
    await session.release();
    await program.release();
  }).timeout(20_000);
});
