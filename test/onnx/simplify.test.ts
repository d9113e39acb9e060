import { expect } from 'chai';
import fc from 'fast-check';
import { Rng } from '../../src/math/rng.ts';
import { conv2d } from '../../src/onnx/convolution.ts';
import { grad } from '../../src/onnx/gradients.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { inspectModel } from '../../src/onnx/model-reader.ts';
import { gaussianHead, gaussianLoss, gru, gruParameters, mlp, mlpParameters } from '../../src/onnx/modules.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import type { OnnxTensor } from '../../src/onnx/runtime.ts';
import { transformerBlock, transformerParameters } from '../../src/onnx/transformer.ts';
import type { Tensor } from '../../src/onnx/types.ts';
import { floats } from './run-graph.ts';

/** Values that show a wrong sign of zero or a lost NaN, and products that round. */
const special = [0, -0, 1.1, -1.3, Number.NaN, Number.POSITIVE_INFINITY, 0.1, 3e-5, -7e4, 1 / 3, -0.7, 5];

/** Runs the graph as it was built and simplified. @returns the bits of all outputs of both, and the operators of both. */
async function bothWays(builder: GraphBuilder, feeds: Record<string, OnnxTensor> = {}) {
  const results = [];
  for (const simplified of [false, true]) {
    const bytes = builder.toModel({ simplified });
    const session = await nodeRuntime().load(bytes);
    const outputs = Object.values(await session.run(feeds));
    await session.release();
    // One NaN is as good as another: its sign is that of whichever operand it came from.
    const bits = outputs.map(({ data, dims }) => [
      ...dims,
      ...new Uint32Array(Float32Array.from(data as Float32Array, (value) => (Number.isNaN(value) ? Number.NaN : value)).buffer),
    ]);
    const { operators, nodes } = inspectModel(bytes);
    results.push({ bits, operators, nodes });
  }
  return { built: results[0]!, simplified: results[1]! };
}

type Build = (g: GraphBuilder, x: Tensor, y: Tensor) => Tensor;

/** @returns how many nodes of which operators are left; fails when a bit differs. */
async function left(build: Build): Promise<[number, string]> {
  const builder = new GraphBuilder();
  const [x, y] = ['x', 'y'].map((name) => builder.input(name, 'float32', [3, 4])) as [Tensor, Tensor];
  builder.output('z', build(builder, x, y));
  const feeds = { x: floats(special, [3, 4]), y: floats([...special.slice(5), ...special.slice(0, 5)], [3, 4]) };
  const { built, simplified } = await bothWays(builder, feeds);
  expect(simplified.bits, String(build)).to.deep.equal(built.bits);
  return [simplified.nodes, simplified.operators.join(' ')];
}

describe('a simplified graph', () => {
  const cases: readonly (readonly [string, Build, [number, string]])[] = [
    ['adds a negative as a difference', (g, x, y) => g.add(x, g.neg(y)), [1, 'Sub']],
    ['adds to a negative as a difference', (g, x, y) => g.add(g.neg(x), y), [1, 'Sub']],
    ['takes a negative away as a sum', (g, x, y) => g.sub(x, g.neg(y)), [1, 'Add']],
    ['negates twice as not at all', (g, x, y) => g.mul(g.neg(g.neg(x)), y), [1, 'Mul']],
    ['negates a product of a negative as the product', (g, x, y) => g.neg(g.mul(g.neg(x), y)), [1, 'Mul']],
    ['negates a quotient by a negative as the quotient', (g, x, y) => g.neg(g.div(x, g.neg(y))), [1, 'Div']],
    ['keeps a negated difference, whose zero has another sign', (g, x, y) => g.neg(g.sub(x, y)), [2, 'Neg Sub']],
    ['keeps a product that is used twice', (g, x, y) => g.add(g.neg(g.mul(g.neg(x), y)), g.mul(g.neg(x), y)), [3, 'Mul Neg Sub']],
    ['joins scales one of which is a power of two', (g, x) => g.mul(g.mul(x, 1 / 3), 2), [1, 'Mul']],
    ['joins a row of scales with one', (g, x) => g.mul(g.mul(g.constant([1.1, 2.3, 0.7, 9]), x), -0.25), [1, 'Mul']],
    ['keeps scales that would round otherwise', (g, x) => g.mul(g.mul(x, 1 / 3), 3), [2, 'Mul']],
    ['computes with constants', (g, x) => g.add(x, g.mul(g.div(2, g.constant(3)), g.sub(g.constant([1, 2, 3, 4]), 0.1))), [1, 'Add']],
    ['reshapes once', (g, x) => g.exp(g.reshape(g.reshape(x, [12]), [2, 6])), [2, 'Exp Reshape']],
    ['does not reshape there and back', (g, x) => g.exp(g.reshape(g.reshape(x, [12]), [3, 4])), [1, 'Exp']],
    ['reshapes constants itself', (g, x) => g.mul(x, g.reshape(g.constant([1, 2, 3]), [3, 1])), [1, 'Mul']],
    ['reduces without the axis that is dropped', (g, x) => g.reshape(g.reduceSum(x, [1], true), [3]), [1, 'ReduceSum']],
    ['does not transpose there and back', (g, x) => g.exp(g.transpose(g.transpose(x))), [1, 'Exp']],
    ['does not expand what the other operand brings', (g, x) => g.mul(x, g.expand(g.slice(x, 0, 0, 1), [3, 4])), [2, 'Mul Slice']],
    ['expands what nothing else brings', (g, x) => g.add(g.expand(g.slice(x, 0, 0, 1), [3, 4]), 1), [3, 'Add Expand Slice']],
    ['computes equal values once, on both sides of a stop-gradient', (g, x) => g.mul(g.exp(x), g.exp(g.stopGradient(x))), [2, 'Exp Mul']],
  ];
  for (const [what, build, expected] of cases) it(what, async () => expect(await left(build)).to.deep.equal(expected));

  it('keeps two gradients apart that a stop-gradient made different', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [1]);
    const [free, stopped] = [builder.exp(x), builder.exp(builder.stopGradient(x))];
    builder.output('half', grad(builder, builder.reduceSum(builder.mul(free, stopped)), [x])[0]!);
    builder.output('whole', grad(builder, builder.reduceSum(builder.mul(free, free)), [x])[0]!);
    const session = await nodeRuntime().load(builder.toModel());
    const { half, whole } = await session.run({ x: floats([1]) });
    await session.release();
    expect(Number(half!.data[0])).to.be.closeTo(Math.exp(2), 1e-5);
    expect(Number(whole!.data[0])).to.be.closeTo(2 * Math.exp(2), 1e-5);
  });

  it('merges into a branch or a loop what was computed before it, never the other way', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [2]);
    const before = builder.exp(x);
    const still = builder.stopGradient(x);
    const { carried } = builder.loop(builder.constant(2, 'int64'), [x], (_, [state]) => {
      const [chosen] = builder.conditional(
        builder.greater(builder.reduceSum(state!), 0),
        () => [builder.add(state!, builder.exp(still))],
        () => [builder.sin(builder.sin(still))],
      );
      return { carried: [builder.add(chosen!, builder.neg(builder.sin(state!)))], collected: [] };
    });
    builder.output('y', builder.add(carried[0]!, before));
    for (const start of [
      [1, 2],
      [-3, 0.5],
    ]) {
      const { built, simplified } = await bothWays(builder, { x: floats(start) });
      expect(simplified.bits).to.deep.equal(built.bits);
      expect(simplified.nodes).to.equal(built.nodes - 2);
    }
  });

  it('has the same bits, whatever is built', () => {
    const steps = fc.array(fc.tuple(fc.nat(9), fc.nat(30), fc.nat(30)), { minLength: 3, maxLength: 14 });
    return fc.assert(
      fc.asyncProperty(steps, async (chosen) => {
        const builder = new GraphBuilder();
        const all = [builder.input('x', 'float32', [3, 4]), builder.constant(2), builder.constant([0.3, -1.7, 0, -0])];
        const whole = (t: Tensor) => builder.expandAs(t, all[0]!);
        for (const [op, i, j] of chosen) {
          const [a, b] = [all[i % all.length]!, all[j % all.length]!];
          const turned = () => builder.transpose(builder.reshape(builder.transpose(builder.reshape(whole(a), [4, 3])), [4, 3]));
          const made = [
            () => builder.add(a, b),
            () => builder.sub(a, b),
            () => builder.mul(a, b),
            () => builder.div(a, b),
            () => builder.neg(a),
            () => builder.neg(builder.mul(builder.neg(a), b)),
            () => builder.mul(builder.mul(a, 0.1), -4),
            () => builder.mul(whole(a), b),
            turned,
            () => builder.reshape(builder.reduceSum(whole(a), [0], true), [4]),
          ][op]!();
          all.push(made);
        }
        builder.output('y', whole(all.at(-1)!));
        builder.output('sum', builder.add(builder.add(all.at(-1)!, all.at(-2)!), all.at(-3)!));
        const { built, simplified } = await bothWays(builder, {
          x: floats(
            special.map((v) => (Number.isNaN(v) ? 2.5 : v)),
            [3, 4],
          ),
        });
        expect(simplified.bits).to.deep.equal(built.bits);
        expect(simplified.nodes).to.be.at.most(built.nodes);
      }),
      { numRuns: 50 },
    );
  }).timeout(20_000);
});

describe('simplified gradients', () => {
  const rng = new Rng(3);
  const values = (size: number) => Float32Array.from({ length: size }, () => rng.normal());
  const networks: Record<string, (g: GraphBuilder) => { loss: Tensor; weights: Tensor[] }> = {
    ensemble: (g) => {
      const spec = { name: 'net', sizes: [4, 16, 6], members: 2 };
      const weights = params(g, mlpParameters(spec, new Rng(1)));
      const head = gaussianHead(g, mlp(g, weights, g.constant(values(64), 'float32', [2, 8, 4]), spec));
      return { loss: gaussianLoss(g, head, g.constant(values(48), 'float32', [2, 8, 3])), weights: Object.values(weights) };
    },
    gru: (g) => {
      const weights = params(g, gruParameters('gru', 3, 5, new Rng(1)));
      const hidden = gru(g, weights, 'gru', g.constant(values(48), 'float32', [4, 4, 3]), g.constant(values(20), 'float32', [4, 5]));
      return { loss: g.reduceMean(g.square(hidden)), weights: Object.values(weights) };
    },
    transformer: (g) => {
      const spec = { name: 'block', size: 8, heads: 2, causal: true };
      const weights = params(g, transformerParameters(spec, new Rng(1)));
      const y = transformerBlock(g, weights, g.constant(values(96), 'float32', [3, 4, 8]), spec);
      return { loss: g.reduceMean(g.square(y)), weights: Object.values(weights) };
    },
    convolution: (g) => {
      const kernel = g.param('kernel', [2, 1, 3, 3], values(18));
      const y = g.relu(conv2d(g, g.constant(values(50), 'float32', [2, 1, 5, 5]), kernel, undefined, { padding: 1 }));
      return { loss: g.reduceSumSquare(g.sub(y, 0.5)), weights: [kernel] };
    },
  };
  for (const [name, build] of Object.entries(networks))
    it(`of a ${name} have the same bits`, async () => {
      const builder = new GraphBuilder();
      const { loss, weights } = build(builder);
      builder.output('loss', loss);
      grad(builder, loss, weights).forEach((gradient, i) => {
        builder.output(`gradient${i}`, gradient);
      });
      const { built, simplified } = await bothWays(builder);
      expect(simplified.bits).to.deep.equal(built.bits);
      expect(simplified.nodes).to.be.at.most(built.nodes);
    });
});

function params(
  g: GraphBuilder,
  specs: readonly { name: string; shape: readonly number[]; initial: Float32Array }[],
): Record<string, Tensor> {
  return Object.fromEntries(specs.map(({ name, shape, initial }) => [name, g.param(name, shape, initial)]));
}
