/** What graphs of every model are put together from. */
import type { GraphBuilder, InputSpec, Tensor } from '../onnx/index.ts';

/** An input of rows of float32. */
export function floats(name: string, width: number): InputSpec {
  return { name, dtype: 'float32', shape: ['rows', width] };
}

/** Numbers as one row, `[1, width]`. */
export function rowConstant(builder: GraphBuilder, values: Iterable<number>): Tensor {
  const numbers = Float32Array.from(values);
  return builder.constant(numbers, 'float32', [1, numbers.length]);
}
