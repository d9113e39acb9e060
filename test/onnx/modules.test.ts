import { expect } from 'chai';
import { Rng } from '../../src/math/rng.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import {
  gaussianHead,
  layerNorm,
  layerNormParameters,
  type MlpSpec,
  mlp,
  mlpParameters,
  truncatedNormalFanIn,
  uniformFanIn,
} from '../../src/onnx/modules.ts';
import { floats, numbers, runGraph, thrown } from './run-graph.ts';

describe('modules', () => {
  it('starts weights from a seed, inside the bounds of their fan-in', () => {
    const spec: MlpSpec = { name: 'net', sizes: [16, 8, 4], members: 5 };
    const parameters = mlpParameters(spec, new Rng(1));
    expect(parameters).to.deep.equal(mlpParameters(spec, new Rng(1)));
    expect(parameters.map(({ name, shape }) => [name, shape])).to.deep.equal([
      ['net.0.weight', [5, 16, 8]],
      ['net.0.bias', [5, 1, 8]],
      ['net.1.weight', [5, 8, 4]],
      ['net.1.bias', [5, 1, 4]],
    ]);
    expect(Math.max(...parameters[0]!.initial)).to.be.within(0.24, 0.25);
    const normal = truncatedNormalFanIn(new Rng(2), 5000, 25);
    expect(Math.max(...normal.map(Math.abs))).to.be.within(0.19, 0.2);
    expect(Math.hypot(...normal) / Math.sqrt(5000)).to.be.closeTo(0.088, 0.004);
    expect(uniformFanIn(new Rng(3), 4, 1)).to.have.length(4);
  });

  it('gives each member what it would give alone', async () => {
    const spec: MlpSpec = { name: 'net', sizes: [2, 3, 2], members: 2 };
    const specs = mlpParameters(spec, new Rng(4));
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', ['batch', 2]);
    const all = Object.fromEntries(specs.map(({ name, shape, initial }) => [name, builder.param(name, shape, initial)]));
    builder.output('together', mlp(builder, all, x, spec));
    const second = specs.map(({ name, shape, initial }) => [
      name,
      builder.param(`alone.${name}`, shape.slice(1), initial.slice(initial.length / 2)),
    ]);
    builder.output('second', mlp(builder, Object.fromEntries(second), x, { name: 'net', sizes: [2, 3, 2] }));
    const results = await runGraph(builder, { x: floats([1, 2, -3, 0.5], [2, 2]) });
    expect(results.together!.dims).to.deep.equal([2, 2, 2]);
    numbers(results.second).forEach((value, at) => {
      expect(numbers(results.together)[4 + at]).to.be.closeTo(value, 1e-6);
    });
  });

  it('holds log variances inside their bounds, softly', async () => {
    const builder = new GraphBuilder();
    const { mean, logVariance } = gaussianHead(builder, builder.input('x', 'float32', [4, 2]));
    builder.output('mean', mean);
    builder.output('logVariance', logVariance);
    const results = await runGraph(builder, { x: floats([1, -1000, 2, 1000, 3, -4, 4, 0.5], [4, 2]) });
    expect(numbers(results.mean)).to.deep.equal([1, 2, 3, 4]);
    const [low, high, middle, edge] = numbers(results.logVariance);
    expect(low).to.be.closeTo(-10, 1e-5);
    expect(high).to.be.closeTo(0.5, 1e-4);
    expect(middle).to.be.closeTo(-4, 0.02);
    expect(edge).to.be.closeTo(0.5 - Math.LN2, 1e-4);
    expect(thrown(() => gaussianHead(builder, builder.input('odd', 'float32', [3]))).message).to.match(/even last axis/);
  });

  it('normalises layers to mean 0 and variance 1', async () => {
    const builder = new GraphBuilder();
    const parameters = Object.fromEntries(
      layerNormParameters('norm', 4).map(({ name, shape, initial }) => [name, builder.param(name, shape, initial)]),
    );
    builder.output('y', layerNorm(builder, parameters, 'norm', builder.input('x', 'float32', [1, 4])));
    const y = numbers((await runGraph(builder, { x: floats([10, 20, 30, 40], [1, 4]) })).y);
    expect(y.reduce((sum, value) => sum + value, 0)).to.be.closeTo(0, 1e-6);
    expect(y.reduce((sum, value) => sum + value ** 2, 0)).to.be.closeTo(4, 1e-5);
  });

  it('names a parameter that is missing', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [1, 2]);
    expect(thrown(() => mlp(builder, {}, x, { name: 'net', sizes: [2, 1] })).message).to.match(
      /'net\/0': there is no parameter 'net.0.weight'/,
    );
  });
});
