import type { Rng } from '../math/rng.ts';
import type { ParameterSpec, TensorsByName } from './compile-training.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { layerNorm, layerNormParameters, linear, partsOf, uniformFanIn } from './modules.ts';
import type { Tensor } from './types.ts';

export interface TransformerSpec {
  /** Prefix of the parameter names. */
  readonly name: string;
  /** Width of a token. */
  readonly size: number;
  /** Must divide the width. */
  readonly heads: number;
  /** Width inside the feed-forward part; default four times the token's. */
  readonly hidden?: number;
  /** Whether a token sees only itself and those before it. Default false. */
  readonly causal?: boolean;
}

/** Too low to matter after a softmax, and finite, so that no gradient becomes NaN. */
const MASKED = -1e9;

/** Weights `[in, out]`: query, key and value side by side, the way out, two layers of the feed-forward part, two norms. */
export function transformerParameters({ name, size, hidden = 4 * size }: TransformerSpec, rng: Rng): ParameterSpec[] {
  const layer = (part: string, inputs: number, outputs: number): ParameterSpec[] => [
    { name: `${name}.${part}.weight`, shape: [inputs, outputs], initial: uniformFanIn(rng, inputs * outputs, inputs) },
    { name: `${name}.${part}.bias`, shape: [outputs], initial: new Float32Array(outputs), decay: false },
  ];
  return [
    ...layerNormParameters(`${name}.norm1`, size),
    ...layer('qkv', size, 3 * size),
    ...layer('out', size, size),
    ...layerNormParameters(`${name}.norm2`, size),
    ...layer('up', size, hidden),
    ...layer('down', hidden, size),
  ];
}

/**
 * One block of a transformer, norms first (Xiong et al. 2020): `x + attention(norm(x))`, then `x + feedForward(norm(x))` with GELU.
 *
 * @param x - float32 `[batch, tokens, size]`; the batch may be symbolic. @returns the same shape.
 */
export function transformerBlock(builder: GraphBuilder, parameters: TensorsByName, x: Tensor, spec: TransformerSpec): Tensor {
  const { name } = spec;
  const get = partsOf(builder, parameters, name);
  const layer = (part: string, from: Tensor) =>
    builder.scope(part, () => linear(builder, from, get(`${part}.weight`), get(`${part}.bias`)));
  return builder.scope(name, () => {
    const attended = layer('out', attention(builder, layer('qkv', layerNorm(builder, parameters, `${name}.norm1`, x)), spec));
    const middle = builder.add(x, attended);
    const inner = builder.gelu(layer('up', layerNorm(builder, parameters, `${name}.norm2`, middle)));
    return builder.add(middle, layer('down', inner));
  });
}

/**
 * Scaled dot-product attention (Vaswani et al. 2017) of every token to those of its row, in several heads.
 *
 * @param qkv - float32 `[batch, tokens, 3·size]`: queries, keys and values side by side. @returns `[batch, tokens, size]`.
 */
export function attention(
  builder: GraphBuilder,
  qkv: Tensor,
  { heads, causal = false }: Pick<TransformerSpec, 'heads' | 'causal'>,
): Tensor {
  return builder.scope('attention', () => {
    const [batch, tokens, width] = qkv.shape as readonly [Tensor['shape'][number], number, number];
    const size = width / 3;
    const depth = size / heads;
    if (!Number.isInteger(depth)) builder.fail(`${heads} heads do not divide a width of ${size}`);
    const [q, k, v] = builder
      .split(qkv, [size, size, size], -1)
      .map((part) => builder.transpose(builder.reshape(part, [batch!, tokens, heads, depth]), [0, 2, 1, 3]));
    const scores = builder.mul(builder.matmul(q!, builder.transpose(k!)), 1 / Math.sqrt(depth));
    const seen = causal ? builder.add(scores, builder.constant(laterTokens(tokens), 'float32', [tokens, tokens])) : scores;
    const mixed = builder.matmul(builder.softmax(seen), v!);
    return builder.reshape(builder.transpose(mixed, [0, 2, 1, 3]), [batch!, tokens, size]);
  });
}

/** `[tokens, tokens]`, to be added to scores: row i sees columns up to i. */
function laterTokens(tokens: number): Float32Array {
  return Float32Array.from({ length: tokens * tokens }, (_, i) => (i % tokens > Math.floor(i / tokens) ? MASKED : 0));
}
