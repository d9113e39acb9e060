import type { Rng } from '../math/rng.ts';
import type { ParameterSpec, TensorsByName } from './compile-training.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { partsOf } from './modules.ts';
import type { Tensor } from './types.ts';

/** The value of `hard` with the gradient of `soft` (Bengio et al. 2013). */
export function straightThrough(builder: GraphBuilder, soft: Tensor, hard: Tensor): Tensor {
  return builder.add(soft, builder.stopGradient(builder.sub(hard, soft)));
}

/** float32 `[…, classes]` with a 1 at each index. @param indices - int32 or int64. */
export function oneHot(builder: GraphBuilder, indices: Tensor, classes: number): Tensor {
  const numbers = builder.constant(
    Array.from({ length: classes }, (_, i) => i),
    indices.dtype,
  );
  return builder.cast(builder.equal(builder.reshape(indices, [...indices.shape, 1]), numbers), 'float32');
}

/** A table of vectors, one a code: `[codes, size]`. */
export function embeddingParameters(name: string, codes: number, size: number, rng: Rng, deviation = 0.02): ParameterSpec[] {
  const initial = Float32Array.from({ length: codes * size }, () => deviation * rng.normal());
  return [{ name: `${name}.table`, shape: [codes, size], initial, decay: false }];
}

/** Rows of the table by number. @param indices - int32 or int64 `[…]`. @returns float32 `[…, size]`. */
export function embedding(builder: GraphBuilder, parameters: TensorsByName, name: string, indices: Tensor): Tensor {
  return builder.scope(name, () => builder.gather(partsOf(builder, parameters, name)('table'), indices));
}

export interface Quantised {
  /** The nearest code's vector, through which the gradient flows on to `x`: float32 `[rows, size]`. */
  readonly value: Tensor;
  /** int64 `[rows]` */
  readonly codes: Tensor;
  /** Pulls codes to the vectors they stand for, float32 `[]`. */
  readonly codebookLoss: Tensor;
  /** Pulls vectors to their codes, float32 `[]`. */
  readonly commitmentLoss: Tensor;
}

/**
 * The nearest vector of a table for each row (VQ-VAE, van den Oord et al. 2017).
 * @param x - float32 `[rows, size]`; rows may be symbolic.
 */
export function vectorQuantise(builder: GraphBuilder, parameters: TensorsByName, name: string, x: Tensor): Quantised {
  return builder.scope(name, () => {
    const table = partsOf(builder, parameters, name)('table');
    const still = [x, table].map((tensor) => builder.stopGradient(tensor));
    // The nearest has the largest x·c − |c|²/2.
    const lengths = builder.mul(builder.reduceSumSquare(still[1]!, [1]), 0.5);
    const codes = builder.argMax(builder.sub(builder.matmul(still[0]!, builder.transpose(still[1]!)), lengths));
    const nearest = builder.gather(table, codes);
    const apart = (a: Tensor, b: Tensor) => builder.reduceMean(builder.square(builder.sub(a, b)));
    return {
      value: straightThrough(builder, x, nearest),
      codes,
      codebookLoss: apart(still[0]!, nearest),
      commitmentLoss: apart(x, builder.stopGradient(nearest)),
    };
  });
}
