import type { GraphBuilder, Tensor } from '../onnx/index.ts';

/** Normalised observations further out say no more than this: a policy must survive what it seldom saw. */
export const MOST_DEVIATIONS = 10;

/** Observations less their mean, over their standard deviation, and clipped, in a graph. @param observation - float32 `[N, size]`. */
export function normalised(
  builder: GraphBuilder,
  observation: Tensor,
  { mean, deviation }: { readonly mean: ArrayLike<number>; readonly deviation: ArrayLike<number> },
): Tensor {
  const row = (values: ArrayLike<number>) => builder.constant(Array.from(values), 'float32', [1, values.length]);
  return builder.clip(builder.div(builder.sub(observation, row(mean)), row(deviation)), -MOST_DEVIATIONS, MOST_DEVIATIONS);
}
