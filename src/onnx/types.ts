/** Element types of ONNX tensors: ONNX Runtime's own names, with the code of `TensorProto.DataType`. */
export const dataTypeCodes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
} as const;

export type AnyDataType = keyof typeof dataTypeCodes;

/** The element types a graph may be built from. */
export type DataType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint8' | 'bool';

/** One axis: a fixed size, or the name of a size known only when the graph runs. */
export type Dimension = number | string;

export type Shape = readonly Dimension[];

/** Row-major values. `bool` is a `Uint8Array` of 0 and 1, `int64` a `BigInt64Array`. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** A symbolic tensor of one `GraphBuilder`. Its identity is `id`: two tensors may share a value and still differ for the gradient. */
export interface Tensor {
  readonly id: number;
  readonly dtype: DataType;
  readonly shape: Shape;
}

const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** A zeroed array for `size` elements of `dtype`. */
export function allocate(dtype: DataType, size: number): TensorData {
  return new arrayTypes[dtype](size);
}

/** `values` in the array type of `dtype`. */
export function pack(dtype: DataType, values: readonly number[]): TensorData {
  if (dtype === 'int64') return BigInt64Array.from(values, (value) => BigInt(value));
  return arrayTypes[dtype].from(values);
}

/** Bounds of whole numbers. JavaScript's own end before those of int64. */
const wholeBounds: Partial<Record<DataType, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint8: [0, 255],
  bool: [0, 1],
};

/** Whether a number can be stored as `dtype`; floats are rounded. */
export function fits(dtype: DataType, value: number): boolean {
  const bounds = wholeBounds[dtype];
  return !bounds || (Number.isInteger(value) && value >= bounds[0] && value <= bounds[1]);
}

/** Whether `data` is the array type that `dtype` is stored in. */
export function holds(dtype: DataType, data: TensorData): boolean {
  return data instanceof arrayTypes[dtype];
}

/** Whether gradients can flow through this element type. */
export function isFloat(dtype: DataType): boolean {
  return dtype === 'float32' || dtype === 'float64';
}
