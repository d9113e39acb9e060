/** Messages as JSON for the conformance vectors: a tensor is `{ dtype, shape, values }`, numbers that JSON lacks are strings, an error inside a message is `{ $e }`. */
import { GroundtwinError } from '../src/errors.ts';
import { box, type TypedArray } from '../src/spaces/space.ts';
import { errorFromWire, errorToWire, spaceToJson, Tensor, type WireError } from '../src/wire/index.ts';
import { dtypeOf, type TensorDtype } from '../src/wire/tensor.ts';

const arrays = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array } as const;

interface TensorJson {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly values: readonly (number | string)[];
}

export const f4 = (shape: readonly number[], ...values: number[]) => new Tensor(Float32Array.from(values), shape);
export const f8 = (shape: readonly number[], ...values: number[]) => new Tensor(Float64Array.from(values), shape);
export const i4 = (shape: readonly number[], ...values: number[]) => new Tensor(Int32Array.from(values), shape);
export const u1 = (shape: readonly number[], ...values: number[]) => new Tensor(Uint8Array.from(values), shape);
/** An unnamed box as it travels. */
export const boxJson = (low: number[] | number, high: number[] | number, shape?: number[]) =>
  spaceToJson(box({ low, high, ...(shape ? { shape } : {}) }));

/** @param message - with `Tensor`s, as decoded. */
export function toJson(message: unknown): unknown {
  if (message instanceof Tensor) {
    const { data, shape } = message;
    return { dtype: dtypeOf(data), shape, values: Array.from(data, numberToJson) } satisfies Record<keyof TensorJson, unknown>;
  }
  if (message instanceof GroundtwinError) return { $e: toJson(errorToWire(message)) };
  if (Array.isArray(message)) return message.map(toJson);
  if (typeof message !== 'object' || message === null) return message;
  return Object.fromEntries(Object.entries(message).map(([key, value]) => [key, toJson(value)]));
}

function numberToJson(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? '-0' : String(value);
}

export function fromJson(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json !== 'object' || json === null) return json;
  if (isTensorJson(json))
    return new Tensor((arrays[json.dtype] as Float64ArrayConstructor).from(json.values.map(Number)) as TypedArray, json.shape);
  if ('$e' in json) return errorFromWire(json.$e as WireError);
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, fromJson(value)]));
}

function isTensorJson(json: object): json is TensorJson {
  return 'dtype' in json && 'shape' in json && 'values' in json;
}
