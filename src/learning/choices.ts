import type { GraphBuilder, Tensor } from '../onnx/index.ts';
import type { Box, Leaf } from '../spaces/space.ts';

/** How many values each integer of an action can have. */
export function countsOf(space: Exclude<Leaf, Box>): readonly number[] {
  return space.kind === 'discrete' ? [space.n] : space.nvec;
}

/** The greatest of the outputs of each integer, in a graph: int64 `[N]`, or `[N, choices]`. @param outputs - float32 `[N, sum of counts]`. */
export function chosenAction(builder: GraphBuilder, counts: readonly number[], outputs: Tensor): Tensor {
  if (counts.length === 1) return builder.argMax(outputs);
  const parts = builder.split(outputs, counts, 1);
  return builder.concat(
    parts.map((part) => builder.reshape(builder.argMax(part), [...part.shape.slice(0, 1), 1])),
    1,
  );
}

/**
 * How unlikely choices were, float32 `[]`: mean over the batch of what all integers of a row have together, in nats.
 * @param outputs - float32 `[batch, sum of counts]`, logits. @param action - int32 `[batch, integers]`.
 */
export function crossEntropy(builder: GraphBuilder, counts: readonly number[], outputs: Tensor, action: Tensor): Tensor {
  const parts = counts.length === 1 ? [outputs] : builder.split(outputs, counts, 1);
  const each = parts.map((part, i) => {
    const values = Array.from({ length: counts[i]! }, (_, value) => value);
    const chosen = builder.equal(builder.slice(action, 1, i, i + 1), builder.constant(values, 'int32', [1, values.length]));
    return builder.neg(builder.reduceSum(builder.where(chosen, builder.logSoftmax(part), 0), [1]));
  });
  return builder.reduceMean(each.reduce((sum, one) => builder.add(sum, one)));
}
