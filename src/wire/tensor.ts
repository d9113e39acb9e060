import type { TypedArray } from '../spaces/space.ts';

/** As NumPy abbreviates them: float32, float64, int32, uint8; always little-endian. Short, because every header repeats them. */
export type TensorDtype = 'f4' | 'f8' | 'i4' | 'u1';

/** Numbers with a shape, as they travel: row-major, little-endian. */
export class Tensor {
  readonly data: TypedArray;
  readonly shape: readonly number[];

  /** @param shape - its product is the data's length. */
  constructor(data: TypedArray, shape: readonly number[]) {
    this.data = data;
    this.shape = shape;
  }
}

/** Bytes of an element. */
export const ELEMENT_BYTES: Readonly<Record<TensorDtype, number>> = Object.freeze({ f4: 4, f8: 8, i4: 4, u1: 1 });

/** The wire's name of an array's element type; undefined if it has none. */
export function dtypeOf(data: unknown): TensorDtype | undefined {
  if (data instanceof Float32Array) return 'f4';
  if (data instanceof Float64Array) return 'f8';
  if (data instanceof Int32Array) return 'i4';
  if (data instanceof Uint8Array) return 'u1';
  return undefined;
}

export function isDtype(value: unknown): value is TensorDtype {
  return typeof value === 'string' && Object.hasOwn(ELEMENT_BYTES, value);
}

/** A typed array over `length` elements of a buffer; `offset` must be a multiple of the element's size. */
export function viewOf(dtype: TensorDtype, buffer: ArrayBufferLike, offset: number, length: number): TypedArray {
  switch (dtype) {
    case 'f4':
      return new Float32Array(buffer, offset, length);
    case 'f8':
      return new Float64Array(buffer, offset, length);
    case 'i4':
      return new Int32Array(buffer, offset, length);
    case 'u1':
      return new Uint8Array(buffer, offset, length);
  }
}
