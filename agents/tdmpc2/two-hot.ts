/** Numbers of any size told as a share of bins, so that large rewards do not drown small ones (Hafner et al. 2023; Hansen et al. 2024). */
import type { GraphBuilder, Tensor } from '../../src/onnx/index.ts';

/** `bins` of equal width from −reach to reach in symlog. */
export interface Bins {
  readonly bins: number;
  readonly reach: number;
}

/** sign(x)·ln(1 + |x|) */
export function symlog(builder: GraphBuilder, x: Tensor): Tensor {
  return builder.mul(builder.sign(x), builder.log(builder.add(builder.abs(x), 1)));
}

/** The inverse of `symlog`. */
export function symexp(builder: GraphBuilder, x: Tensor): Tensor {
  return builder.mul(builder.sign(x), builder.sub(builder.exp(builder.abs(x)), 1));
}

/**
 * Shares of the two bins around each number, by nearness; what is out of reach goes to the last bin.
 * @param x - float32 `[rows]`. @returns float32 `[rows, bins]`, each row 1 in all.
 */
export function twoHot(builder: GraphBuilder, x: Tensor, { bins, reach }: Bins): Tensor {
  const place = builder.mul(builder.add(builder.clip(symlog(builder, x), -reach, reach), reach), (bins - 1) / (2 * reach));
  const column = builder.reshape(place, [...x.shape, 1]);
  const far = builder.abs(builder.sub(column, builder.constant(numbered(bins), 'float32', [1, bins])));
  return builder.relu(builder.sub(1, far));
}

/**
 * The number that a share of bins tells.
 * @param logits - float32 `[…, bins]`. @returns float32 `[…]`.
 */
export function expectation(builder: GraphBuilder, logits: Tensor, { bins, reach }: Bins): Tensor {
  const centres = numbered(bins).map((i) => (2 * reach * i) / (bins - 1) - reach);
  const mean = builder.matmul(builder.softmax(logits), builder.constant(centres, 'float32', [bins, 1]));
  return symexp(builder, builder.reshape(mean, logits.shape.slice(0, -1)));
}

/** −Σ target · log softmax(logits). @returns float32 `[…]`. */
export function crossEntropy(builder: GraphBuilder, logits: Tensor, target: Tensor): Tensor {
  return builder.neg(builder.reduceSum(builder.mul(builder.logSoftmax(logits), target), [-1]));
}

function numbered(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
