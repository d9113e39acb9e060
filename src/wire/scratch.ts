/**
 * One aligned buffer seen as every element type. Small frames are put together and taken apart in it: copying between arrays of one type is bitwise,
 * needs no view on the arrays' own buffers, and costs a fraction of making one.
 */
import type { TypedArray } from '../spaces/space.ts';
import { KIBIBYTE } from './limits.ts';
import { ELEMENT_BYTES, type TensorDtype } from './tensor.ts';

/** Frames up to this size go through the scratch; larger ones are copied once, directly. */
export const SCRATCH_BYTES = 64 * KIBIBYTE;

const buffer = new ArrayBuffer(SCRATCH_BYTES);
const f4 = new Float32Array(buffer);
const f8 = new Float64Array(buffer);
const i4 = new Int32Array(buffer);

/** The scratch as bytes; whatever is in it lasts until the next frame. */
export const scratchBytes = new Uint8Array(buffer);

/** Copies an array in. @param start - byte offset, a multiple of 8. */
export function putIntoScratch(data: TypedArray, start: number): void {
  if (data instanceof Float32Array) f4.set(data, start / ELEMENT_BYTES.f4);
  else if (data instanceof Float64Array) f8.set(data, start / ELEMENT_BYTES.f8);
  else if (data instanceof Int32Array) i4.set(data, start / ELEMENT_BYTES.i4);
  else scratchBytes.set(data, start);
}

/** A fresh array copied out. @param start - byte offset, a multiple of 8. */
export function takeFromScratch(dtype: TensorDtype, start: number, length: number): TypedArray {
  const first = start / ELEMENT_BYTES[dtype];
  switch (dtype) {
    case 'f4':
      return f4.slice(first, first + length);
    case 'f8':
      return f8.slice(first, first + length);
    case 'i4':
      return i4.slice(first, first + length);
    case 'u1':
      return scratchBytes.slice(first, first + length);
  }
}
