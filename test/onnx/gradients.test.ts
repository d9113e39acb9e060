import { expect } from 'chai';
import { goldenErrors } from '../../bench/verify/onnx-goldens.ts';
import { operatorCases } from '../../bench/verify/onnx-operator-cases.ts';
import { float32RuleErrors, worstOperatorRuleError } from '../../bench/verify/onnx-rows.ts';
import { gradientRules } from '../../src/onnx/gradient-rules.ts';
import { grad } from '../../src/onnx/gradients.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { gaussianLoss } from '../../src/onnx/modules.ts';
import { floats, numbers, runGraph, thrown } from './run-graph.ts';

/** Their kernels, or a step of their case, are float32: differences are rough. */
const rough = ['Cast', 'Conv', 'ConvTranspose', 'Gelu'];

/** Operators whose entry says that nothing flows. */
const withoutFlow = [
  'StopGradient',
  'ArgMax',
  'Floor',
  'Sign',
  'Shape',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Equal',
  'And',
  'Or',
  'Not',
];

describe('gradients', () => {
  it('has a finite-difference case for every rule through which a gradient flows', () => {
    const covered = new Set(operatorCases.map(({ operator }) => operator));
    expect([...covered, ...withoutFlow].sort()).to.deep.equal(Object.keys(gradientRules).sort());
  });

  it('agrees with central differences for every operator', async () => {
    for (const { operator, error } of await worstOperatorRuleError())
      expect(error, operator).to.be.below(rough.includes(operator) ? 1e-4 : 1e-8);
  }).timeout(20_000);

  it('has float32 kernels for every rule that agree with the float64 ones', async () => {
    for (const { operator, error } of await float32RuleErrors()) expect(error, operator).to.be.below(2e-6);
  }).timeout(20_000);

  it("agrees with PyTorch's gradients of ensemble, GRU, transformer block and VAE", async () => {
    for (const { name, error } of await goldenErrors()) expect(error, name).to.be.below(2e-5);
  });

  it('of the Gaussian loss weigh rows by variance to the power beta: as squared errors at 1', async () => {
    const gradients = async (beta: number) => {
      const builder = new GraphBuilder();
      const [mean, logVariance] = [builder.input('mean', 'float32', [2, 1]), builder.input('logVariance', 'float32', [2, 1])];
      const loss = gaussianLoss(builder, { mean, logVariance }, builder.constant(Float32Array.of(0, 0), 'float32', [2, 1]), beta);
      const [toMean, toVariance] = grad(builder, loss, [mean, logVariance]);
      builder.output('toMean', toMean!);
      builder.output('toVariance', toVariance!);
      const results = await runGraph(builder, { mean: floats([1, 2], [2, 1]), logVariance: floats([0, Math.log(4)], [2, 1]) });
      return { toMean: numbers(results.toMean), toVariance: numbers(results.toVariance) };
    };
    // (mean² / v + ln v) / 2 a row, v = 1 and 4: to the mean mean / v, to ln v (1 − mean² / v) / 2.
    expect(await gradients(0)).to.deep.equal({ toMean: [1, 0.5], toVariance: [0, 0] });
    expect((await gradients(1)).toMean).to.deep.equal([1, 2]);
    expect((await gradients(0.5)).toMean[1]).to.be.closeTo(1, 1e-6);
  });

  it('names operator and scope of a missing rule when the graph is built', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', []);
    const looped = builder.scope('dream', () =>
      builder.loop(builder.constant(2, 'int64'), [builder.constant(1)], (_, [state]) => ({
        carried: [builder.mul(state!, x)],
        collected: [],
      })),
    );
    expect(thrown(() => grad(builder, looped.carried[0]!, [x])).message).to.match(/'dream': there is no gradient rule for Loop/);
    const odd = builder.scope('head', () => builder.node('Erf', [x], 'float32', []));
    expect(thrown(() => grad(builder, odd, [x])).message).to.match(/'head': there is no gradient rule for Erf/);
  });

  it('refuses a loss that is no scalar, or does not depend on a tensor', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [2]);
    expect(thrown(() => grad(builder, x, [x])).message).to.match(/not a float scalar/);
    expect(thrown(() => grad(builder, builder.reduceSum(builder.stopGradient(x)), [x])).message).to.match(/does not depend/);
  });

  it('stops at a stop-gradient even where the same value is also used with gradient', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [1]);
    const loss = builder.reduceSum(builder.mul(builder.exp(x), builder.exp(builder.stopGradient(x))));
    builder.output('gradient', grad(builder, loss, [x])[0]!);
    const { gradient } = await runGraph(builder, { x: floats([1]) });
    expect(numbers(gradient)[0]).to.be.closeTo(Math.exp(2), 1e-5);
  });

  it('shares the gradient of equal values between them', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [3]);
    const loss = builder.add(builder.reduceSum(builder.max(x, 0)), builder.reduceMax(x));
    builder.output('gradient', grad(builder, loss, [x])[0]!);
    const { gradient } = await runGraph(builder, { x: floats([0, 2, 2]) });
    expect(numbers(gradient)).to.deep.equal([0.5, 1.5, 1.5]);
  });

  it('flows through axes of unknown size', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', ['batch', 2]);
    const w = builder.param('w', [2, 1], Float32Array.of(1, 2));
    const loss = builder.reduceMean(builder.square(builder.matmul(x, w)));
    builder.output('w.gradient', grad(builder, loss, [w])[0]!);
    const results = await runGraph(builder, { x: floats([1, 0, 0, 1, 1, 1, 0, 0], [4, 2]) });
    // ½ Σ (x·w) x over the rows with x·w = 1, 2, 3, 0.
    expect(numbers(results['w.gradient'])).to.deep.equal([2, 2.5]);
  });
});
