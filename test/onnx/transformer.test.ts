import { expect } from 'chai';
import { Rng } from '../../src/math/rng.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { attention, transformerBlock, transformerParameters } from '../../src/onnx/transformer.ts';
import { floats, numbers, runGraph, thrown } from './run-graph.ts';

/** @returns outputs `[tokens, size]` of one row. */
async function outputs(causal: boolean, x: readonly number[], tokens: number): Promise<number[][]> {
  const spec = { name: 'block', size: 4, heads: 2, causal };
  const builder = new GraphBuilder();
  const parameters = Object.fromEntries(
    transformerParameters(spec, new Rng(1)).map(({ name, shape, initial }) => [name, builder.param(name, shape, initial as Float32Array)]),
  );
  builder.output('y', transformerBlock(builder, parameters, builder.input('x', 'float32', ['rows', tokens, 4]), spec));
  const { y } = await runGraph(builder, { x: floats([...x], [1, tokens, 4]) });
  return Array.from({ length: tokens }, (_, token) => numbers(y).slice(4 * token, 4 * token + 4));
}

describe('a transformer block', () => {
  const rng = new Rng(2);
  const x = Array.from({ length: 12 }, () => rng.normal());
  const changed = [...x.slice(0, 8), 3, -2, 1, 0];

  it('shows a token only what came before it, if causal', async () => {
    const [before, after] = [await outputs(true, x, 3), await outputs(true, changed, 3)];
    expect(after.slice(0, 2)).to.deep.equal(before.slice(0, 2));
    expect(after[2]).to.not.deep.equal(before[2]);
  });

  it('shows every token all others, if not', async () => {
    const [before, after] = [await outputs(false, x, 3), await outputs(false, changed, 3)];
    for (let token = 0; token < 3; token++) expect(after[token]).to.not.deep.equal(before[token]);
  });

  it('refuses heads that do not divide the width', () => {
    const builder = new GraphBuilder();
    expect(thrown(() => attention(builder, builder.input('qkv', 'float32', [1, 2, 12]), { heads: 3 })).message).to.match(/3 heads/);
  });
});
