import { expect } from 'chai';
import fc from 'fast-check';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { inspectModel } from '../../src/onnx/model-reader.ts';
import type { Tensor } from '../../src/onnx/types.ts';
import { floats, numbers, rejected, runGraph, thrown } from './run-graph.ts';

/** Runs `build` on the inputs and returns the values and the inferred shape; fails when ONNX Runtime's shape differs. */
async function evaluate(inputs: { data: number[]; dims: number[] }[], build: (g: GraphBuilder, x: Tensor[]) => Tensor): Promise<number[]> {
  const builder = new GraphBuilder();
  const tensors = inputs.map(({ dims }, index) => builder.input(`x${index}`, 'float32', dims));
  const output = build(builder, tensors);
  builder.output('y', output);
  const feeds = Object.fromEntries(inputs.map(({ data, dims }, index) => [`x${index}`, floats(data, dims)]));
  const { y } = await runGraph(builder, feeds);
  expect(y!.dims).to.deep.equal(output.shape);
  return numbers(y);
}

const vector = (...data: number[]) => ({ data, dims: [data.length] });
const matrix = { data: [1, 2, 3, 4, 5, 6], dims: [2, 3] };

describe('graph builder', () => {
  it('names the scope in errors, at the moment a node is built', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [2, 3]);
    const act = () => builder.scope('encoder', () => builder.scope('layer', () => builder.add(x, builder.constant([1, 2]))));
    expect(thrown(act).message).to.match(/^Graph at 'encoder\/layer': Add: \[2, 3\] and \[2\] do not fit\./);
    expect(builder.scopePath).to.equal('graph');
  });

  it('names the scope in what the runtime says of a node', async () => {
    const builder = new GraphBuilder();
    const rows = builder.input('rows', 'int32', [1]);
    builder.scope('encoder', () =>
      builder.scope('table', () => {
        builder.output('y', builder.neg(builder.gather(builder.constant([1, 2]), rows)));
      }),
    );
    const error = await rejected(() => runGraph(builder, { rows: { type: 'int32', data: Int32Array.of(7), dims: [1] } }));
    expect(error.message).to.match(/encoder\/table\/Gather_\d+/);
  });

  it('refuses what does not fit', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', ['batch', 3]);
    const whole = builder.input('n', 'int32', [3]);
    const refusals: (() => unknown)[] = [
      () => builder.add(x, whole),
      () => builder.exp(whole),
      () => builder.matmul(x, x),
      () => builder.add(x, builder.input('other', 'float32', ['rows', 3])),
      () => builder.reshape(x, [6]),
      () => builder.concat([x, x], 0),
      () => builder.cutRows(x, whole),
      () => builder.cutRows(builder.constant(1), builder.constant([1], 'int64')),
      () => builder.joinRows([], 'rows'),
      () => builder.joinRows([x, builder.constant([1, 2])], 'rows'),
      () => builder.slice(x, 1, 2, 5),
      () => builder.split(x, [1, 1], 1),
      () => builder.transpose(x, [0, 0]),
      () => builder.reduceSum(x, [2]),
      () => builder.gather(x, x),
      () => builder.where(x, x, x),
      () => builder.and(builder.greater(x, 0), x),
      () => builder.scatterAdd(builder.constant([1, 2]), builder.constant([0], 'int32'), builder.constant([1], 'int32')),
      () => builder.input('x', 'float32', []),
      () => builder.param('w', [2, 2], new Float32Array(3)),
      () => builder.param('v', [2], new Float64Array(2)),
      () => new GraphBuilder().neg(x),
      () => builder.toModel(),
    ];
    for (const refusal of refusals) expect(thrown(refusal).code, String(refusal)).to.equal('GRAPH_INVALID');
  });

  it('computes what the operators say', async () => {
    expect(await evaluate([vector(-1, 0.5, 3)], (g, [x]) => g.clip(x!, 0, 1))).to.deep.equal([0, 0.5, 1]);
    expect(await evaluate([matrix], (g, [x]) => g.reduceMean(x!, [-1]))).to.deep.equal([2, 5]);
    expect(await evaluate([matrix], (g, [x]) => g.transpose(x!))).to.deep.equal([1, 4, 2, 5, 3, 6]);
    expect(await evaluate([matrix], (g, [x]) => g.matmul(x!, g.transpose(x!)))).to.deep.equal([14, 32, 32, 77]);
    expect(await evaluate([matrix], (g, [x]) => g.pad(x!, 1, 1, 0))).to.deep.equal([0, 1, 2, 3, 0, 4, 5, 6]);
    expect(await evaluate([matrix], (g, [x]) => g.gather(x!, g.constant([2, 0], 'int32'), 1))).to.deep.equal([3, 1, 6, 4]);
    expect(await evaluate([matrix], (g, [x]) => g.concat(g.split(x!, [1, 2], 1).reverse(), 1))).to.deep.equal([2, 3, 1, 5, 6, 4]);
    expect(await evaluate([vector(1, 2)], (g, [x]) => g.scatterAdd(x!, g.constant([1, 1], 'int64'), g.constant([5, 6])))).to.deep.equal([
      1, 13,
    ]);
    expect(await evaluate([vector(1, 2)], (g, [x]) => g.expand(x!, [2, 2]))).to.deep.equal([1, 2, 1, 2]);
    expect(await evaluate([vector(1, 2)], (g, [x]) => g.where(g.greater(x!, 1.5), x!, -1))).to.deep.equal([-1, 2]);
    expect(await evaluate([vector(1, -2)], (g, [x]) => g.cast(g.not(g.or(g.less(x!, 0), g.equal(x!, 5))), 'float32'))).to.deep.equal([
      1, 0,
    ]);
    expect(await evaluate([vector(2, 4)], (g, [x]) => g.sub(1, g.div(8, x!)))).to.deep.equal([-3, -1]);
  });

  it('cuts rows into runs of lengths that are fed, and joins them again', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', ['rows', 2]);
    const lengths = builder.input('lengths', 'int64', [3]);
    const [first, second, third] = builder.cutRows(x, lengths) as [Tensor, Tensor, Tensor];
    expect(second.shape).to.deep.equal(['run.1', 2]);
    builder.output('y', builder.joinRows([builder.neg(first), builder.mul(second, 10), third], 'rows'));
    builder.output('last', third);
    const feed = (...counts: bigint[]) =>
      runGraph(builder, {
        x: floats([1, 2, 3, 4, 5, 6], [3, 2]),
        lengths: { type: 'int64', data: BigInt64Array.from(counts), dims: [3] },
      });
    const { y, last } = await feed(2n, 1n, 0n);
    expect(numbers(y)).to.deep.equal([-1, -2, -3, -4, 50, 60]);
    expect(last!.dims).to.deep.equal([0, 2]);
    expect(numbers((await feed(0n, 1n, 2n)).y)).to.deep.equal([10, 20, 3, 4, 5, 6]);
    expect((await rejected(() => feed(1n, 1n, 0n))).code).to.equal('RUNTIME_FAILED');
  });

  it('keeps softplus finite and exact at the ends', async () => {
    const [low, zero, high, edge] = await evaluate([vector(-200, 0, 200, 3e38)], (g, [x]) => g.softplus(x!));
    expect([low, high]).to.deep.equal([0, 200]);
    expect(zero).to.be.closeTo(Math.LN2, 1e-7);
    expect(edge).to.be.greaterThan(2e38);
    const builder = new GraphBuilder();
    builder.output('y', builder.softplus(builder.input('x', 'float64', [3])));
    const { y } = await runGraph(builder, { x: { type: 'float64', data: Float64Array.of(-800, 0, 800), dims: [3] } });
    expect(numbers(y)).to.deep.equal([0, Math.LN2, 800]);
  });

  it('infers the shape ONNX Runtime finds, for any broadcast', () => {
    const size = fc.constantFrom(1, 3);
    return fc.assert(
      fc.asyncProperty(fc.array(size, { maxLength: 3 }), fc.array(size, { maxLength: 3 }), async (a, b) => {
        const filled = (dims: number[]) => ({ dims, data: new Array(dims.reduce((x, y) => x * y, 1)).fill(2) as number[] });
        await evaluate([filled(a), filled(b)], (g, [x, y]) => g.mul(x!, y!));
      }),
      { numRuns: 25 },
    );
  });

  it('builds an equal node once, but not across a stop-gradient', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [2]);
    const stopped = builder.stopGradient(x);
    expect(builder.exp(x)).to.equal(builder.exp(x));
    expect(builder.exp(x)).to.not.equal(builder.exp(stopped));
    expect(builder.stopGradient(x)).to.equal(stopped);
    expect(builder.constant(0.5)).to.equal(builder.constant(0.5));
    expect(builder.constant(0)).to.not.equal(builder.constant(-0));
    const cube = builder.input('cube', 'float32', [2, 2, 2]);
    expect(builder.transpose(cube, [0, 2, 1])).to.not.equal(builder.transpose(cube, [1, 0, 2]));
    expect(builder.slice(x, 0, 0, 1)).to.not.equal(builder.slice(x, 0, 1, 2));
  });

  it('leaves out what no output needs, and takes inputs that nothing uses', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [1]);
    builder.input('unused', 'float32', [1]);
    builder.sin(x);
    builder.output('y', x);
    builder.output('again', builder.neg(x));
    builder.output('twice', builder.neg(x));
    expect(inspectModel(builder.toModel()).operators).to.deep.equal(['Identity', 'Neg']);
    const results = await runGraph(builder, { x: floats([3]), unused: floats([0]) });
    expect([results.y, results.again, results.twice].flatMap(numbers)).to.deep.equal([3, -3, -3]);
  });

  it('moves symbolic axes through reshape, expand and reductions', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', ['batch', 'time', 4]);
    const flat = builder.reshape(x, ['batch', 'time', 2, 2]);
    const total = builder.reduceSum(flat, [2, 3]);
    builder.output('y', builder.expandAs(builder.reduceSum(total, [1], true), total));
    const { y } = await runGraph(builder, { x: floats(new Array(24).fill(1), [2, 3, 4]) });
    expect(y!.dims).to.deep.equal([2, 3]);
    expect(numbers(y)).to.deep.equal([12, 12, 12, 12, 12, 12]);
  });
});

describe('loops and branches', () => {
  it('carries values, collects one a round, and captures outer tensors', async () => {
    const builder = new GraphBuilder();
    const start = builder.input('start', 'float32', []);
    const rate = builder.input('rate', 'float32', []);
    const count = builder.input('count', 'int64', []);
    const { carried, collected } = builder.loop(count, [start], (round, [value]) => {
      const next = builder.mul(value!, rate);
      return { carried: [next], collected: [value!, builder.add(next, builder.cast(round, 'float32'))] };
    });
    builder.output('last', carried[0]!);
    builder.output('before', collected[0]!);
    builder.output('sums', collected[1]!);
    const scalar = (value: number) => floats([value], []);
    const results = await runGraph(builder, {
      start: scalar(1),
      rate: scalar(2),
      count: { type: 'int64', data: BigInt64Array.of(3n), dims: [] },
    });
    expect([results.last, results.before, results.sums].map(numbers)).to.deep.equal([[8], [1, 2, 4], [2, 5, 10]]);
  });

  it('passes a carried value through unchanged, and swaps two', async () => {
    const builder = new GraphBuilder();
    const [a, b, c] = [1, 2, 3].map((value) => builder.constant([value]));
    const { carried } = builder.loop(builder.constant(3, 'int64'), [a!, b!, c!], (_, [x, y, z]) => ({
      carried: [y!, x!, z!],
      collected: [],
    }));
    carried.forEach((tensor, index) => {
      builder.output(`y${index}`, tensor);
    });
    const results = await runGraph(builder);
    expect([results.y0, results.y1, results.y2].flatMap(numbers)).to.deep.equal([2, 1, 3]);
  });

  it('nests, and computes what does not change inside before the loop', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [1]);
    const two = builder.constant(2, 'int64');
    const depths: number[] = [];
    const outer = builder.loop(two, [x], (_, [state]) => {
      const inner = builder.loop(two, [state!], (_round, [deep]) => {
        const steady = builder.square(x);
        const sum = builder.add(deep!, steady);
        depths.push(builder.record(steady).frame.depth, builder.record(sum).frame.depth);
        return { carried: [sum], collected: [] };
      });
      return { carried: [builder.add(inner.carried[0]!, state!)], collected: [] };
    });
    expect(depths).to.deep.equal([0, 2]);
    builder.output('y', outer.carried[0]!);
    expect(numbers((await runGraph(builder, { x: floats([3]) })).y)).to.deep.equal([66]);
  });

  it('runs only the branch taken', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', []);
    const table = builder.constant([10, 20]);
    const [y] = builder.conditional(
      builder.greaterOrEqual(x, 0),
      () => [builder.gather(table, builder.cast(x, 'int64'))],
      () => [x],
    );
    builder.output('y', y!);
    expect(numbers((await runGraph(builder, { x: floats([1], []) })).y)).to.deep.equal([20]);
    // Row −7 does not exist: had the other branch run, this would throw.
    expect(numbers((await runGraph(builder, { x: floats([-7], []) })).y)).to.deep.equal([-7]);
  });

  it('refuses values that change shape, and tensors of a loop that has ended', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [2]);
    const count = builder.constant(2, 'int64');
    let inside = x;
    const grown = () => builder.loop(count, [x], (_, [state]) => ({ carried: [builder.concat([state!, state!], 0)], collected: [] }));
    builder.loop(count, [x], (_, [state]) => {
      inside = state!;
      return { carried: [state!], collected: [] };
    });
    expect(thrown(grown).message).to.match(/value 0 is float32 \[2\] at first but float32 \[4\] later/);
    expect(thrown(() => builder.neg(inside)).message).to.match(/loop or branch that has ended/);
  });
});
