import { expect } from 'chai';
import { Rng } from '../../src/math/rng.ts';
import { grad } from '../../src/onnx/gradients.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { embedding, embeddingParameters, oneHot, straightThrough, vectorQuantise } from '../../src/onnx/quantisation.ts';
import { floats, numbers, runGraph } from './run-graph.ts';

describe('quantisation', () => {
  const table = [0, 0, 1, 1, -1, 2];

  it('takes the nearest code forward, and the gradient straight through', async () => {
    const builder = new GraphBuilder();
    const codes = builder.param('codes.table', [3, 2], Float32Array.from(table));
    const x = builder.input('x', 'float32', [3, 2]);
    const { value, codes: chosen, codebookLoss, commitmentLoss } = vectorQuantise(builder, { 'codes.table': codes }, 'codes', x);
    builder.output('value', value);
    builder.output('chosen', chosen);
    const ofValue = grad(builder, builder.reduceSum(builder.mul(value, builder.constant([3, 5]))), [x]);
    builder.output('straight', ofValue[0]!);
    builder.output('toCodes', grad(builder, codebookLoss, [codes])[0]!);
    builder.output('toX', grad(builder, commitmentLoss, [x])[0]!);
    const result = await runGraph(builder, { x: floats([0.1, -0.2, 0.9, 1.2, -1, 1.5], [3, 2]) });
    expect(numbers(result.chosen).map(Number)).to.deep.equal([0, 1, 2]);
    numbers(result.value).forEach((element, i) => void expect(element).to.be.closeTo(table[i]!, 1e-6));
    expect(numbers(result.straight)).to.deep.equal([3, 5, 3, 5, 3, 5]);
    // Means over six elements of squared differences pull both ways.
    const apart = [0.1, -0.2, -0.1, 0.2, 0, -0.5];
    numbers(result.toX).forEach((element, i) => void expect(element).to.be.closeTo(apart[i]! / 3, 1e-6));
    numbers(result.toCodes).forEach((element, i) => void expect(element).to.be.closeTo(-apart[i]! / 3, 1e-6));
  });

  it('is a rounding with a gradient', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [2]);
    const rounded = straightThrough(builder, x, builder.floor(x));
    builder.output('y', rounded);
    builder.output('gradient', grad(builder, builder.reduceSum(builder.square(rounded)), [x])[0]!);
    const { y, gradient } = await runGraph(builder, { x: floats([1.75, -0.5], [2]) });
    expect([numbers(y), numbers(gradient)]).to.deep.equal([
      [1, -1],
      [2, -2],
    ]);
  });

  it('numbers classes, and looks rows up by number', async () => {
    const builder = new GraphBuilder();
    const indices = builder.input('indices', 'int32', ['rows']);
    const [spec] = embeddingParameters('words', 4, 2, new Rng(1));
    const words = builder.param(spec!.name, spec!.shape, Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7));
    builder.output('hot', oneHot(builder, indices, 3));
    builder.output('rows', embedding(builder, { [spec!.name]: words }, 'words', indices));
    const { hot, rows } = await runGraph(builder, { indices: { type: 'int32', data: Int32Array.of(2, 0), dims: [2] } });
    expect(numbers(hot)).to.deep.equal([0, 0, 1, 1, 0, 0]);
    expect(numbers(rows)).to.deep.equal([4, 5, 0, 1]);
  });
});
