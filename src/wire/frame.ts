/**
 * A frame of groundtwin.v1:
 *
 *     0      header length H, uint32 little-endian
 *     4      H bytes of msgpack: one map, whose `tensors` lists [dtype, ...shape] of each tensor; `{ $t: i }` stands for tensor i
 *     …      the tensors, raw little-endian, each starting at the next multiple of 8 from the frame's start, zeros between
 *
 * dtypes are f4, f8, i4 and u1. The frame ends with its last tensor (or its header).
 */
import { GroundtwinError } from '../errors.ts';
import type { TypedArray } from '../spaces/space.ts';
import { type FrameLimits, MAX_TENSOR_RANK } from './limits.ts';
import { packHeader, unpackHeader } from './msgpack.ts';
import { putIntoScratch, SCRATCH_BYTES, scratchBytes, takeFromScratch } from './scratch.ts';
import { dtypeOf, ELEMENT_BYTES, isDtype, Tensor, type TensorDtype, viewOf } from './tensor.ts';
import { lower, raise } from './tree.ts';

export const ALIGNMENT_BYTES = 8;
const PREFIX_BYTES = 4;
const TENSORS_KEY = 'tensors';
const NO_TENSORS: readonly Tensor[] = Object.freeze([]);

/**
 * Encodes one message.
 * @param message - plain data with typed arrays or `Tensor`s anywhere in it; copied, so they may be reused at once.
 * @throws WIRE_VALUE for what has no wire form, FRAME_TOO_LARGE past the limits.
 */
export function encodeFrame(message: Readonly<Record<string, unknown>>, limits: FrameLimits): Uint8Array {
  const tensors: Tensor[] = [];
  const header = lower(message, tensors, limits) as Record<string, unknown>;
  if (tensors.length > 0) header[TENSORS_KEY] = tensors.map((tensor) => [dtypeOf(tensor.data)!, ...tensor.shape]);
  if (tensors.length > limits.maxTensors) tooLarge('the number of arrays in one frame', tensors.length, limits.maxTensors);
  const headerBytes = packHeader(header);
  if (headerBytes.length > limits.maxHeaderBytes) tooLarge('the header of one frame', headerBytes.length, limits.maxHeaderBytes);
  const length = frameLength(headerBytes.length, tensors);
  if (length > limits.maxFrameBytes) tooLarge('one frame', length, limits.maxFrameBytes);
  return assemble(headerBytes, tensors, length);
}

function frameLength(headerLength: number, tensors: readonly Tensor[]): number {
  let end = PREFIX_BYTES + headerLength;
  for (const tensor of tensors) end = aligned(end) + tensor.data.byteLength;
  return end;
}

function assemble(headerBytes: Uint8Array, tensors: readonly Tensor[], length: number): Uint8Array {
  const isSmall = length <= SCRATCH_BYTES;
  const frame = isSmall ? scratchBytes : new Uint8Array(length);
  writeUint32(frame, headerBytes.length);
  frame.set(headerBytes, PREFIX_BYTES);
  let end = PREFIX_BYTES + headerBytes.length;
  for (const { data } of tensors) {
    const start = aligned(end);
    if (isSmall) {
      scratchBytes.fill(0, end, start);
      putIntoScratch(data, start);
    } else frame.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
    end = start + data.byteLength;
  }
  return isSmall ? scratchBytes.slice(0, length) : frame;
}

/**
 * Decodes one frame. Nothing of it is decoded before the whole header has been walked and every length checked.
 * @param copy - true: every array owns its memory. False: arrays of large frames are views where the alignment permits.
 * @throws BAD_MESSAGE, which names what was expected and never repeats the payload.
 */
export function decodeFrame(frame: Uint8Array, limits: FrameLimits, copy: boolean): Record<string, unknown> {
  if (frame.length > limits.maxFrameBytes) refuse('frame', `at most ${limits.maxFrameBytes} bytes`);
  if (frame.length < PREFIX_BYTES) refuse('frame', 'a length, a header and its tensors');
  const headerLength = readUint32(frame);
  const headerEnd = PREFIX_BYTES + headerLength;
  if (headerEnd > frame.length) refuse('frame', 'as long as its header says');
  const header = unpackHeader(frame.subarray(PREFIX_BYTES, headerEnd), limits);
  const table = header[TENSORS_KEY];
  delete header[TENSORS_KEY];
  if (frame.length <= SCRATCH_BYTES) scratchBytes.set(frame);
  const tensors = readTensors(frame, headerEnd, table, limits, copy);
  return raise(header, tensors) as Record<string, unknown>;
}

function readTensors(frame: Uint8Array, headerEnd: number, table: unknown, limits: FrameLimits, copy: boolean): readonly Tensor[] {
  const entries = table === undefined ? [] : table;
  if (!Array.isArray(entries) || entries.length > limits.maxTensors) refuse(TENSORS_KEY, `a list of at most ${limits.maxTensors} entries`);
  const tensors: Tensor[] = [];
  let end = headerEnd;
  for (const entry of entries) {
    const start = aligned(end);
    const tensor = readTensor(frame, start, entry, copy);
    tensors.push(tensor);
    end = start + tensor.data.byteLength;
  }
  if (end !== frame.length) refuse('frame', 'exactly as long as its header and tensors say');
  return tensors.length === 0 ? NO_TENSORS : tensors;
}

function readTensor(frame: Uint8Array, start: number, entry: unknown, copy: boolean): Tensor {
  if (!Array.isArray(entry) || entry.length > MAX_TENSOR_RANK + 1 || !isDtype(entry[0])) refuse(TENSORS_KEY, 'entries [dtype, ...shape]');
  const dtype = entry[0];
  const shape = entry.slice(1) as unknown[];
  const room = frame.length - start;
  let size = 1;
  for (const length of shape) {
    if (typeof length !== 'number' || !Number.isInteger(length) || length < 0) refuse(TENSORS_KEY, 'shapes of whole numbers');
    size *= length;
    if (!(size * ELEMENT_BYTES[dtype] <= room)) refuse(TENSORS_KEY, 'tensors that lie inside the frame');
  }
  if (size * ELEMENT_BYTES[dtype] > room) refuse(TENSORS_KEY, 'tensors that lie inside the frame');
  return new Tensor(readElements(frame, start, dtype, size, copy), shape as number[]);
}

function readElements(frame: Uint8Array, start: number, dtype: TensorDtype, length: number, copy: boolean): TypedArray {
  if (frame.length <= SCRATCH_BYTES) return takeFromScratch(dtype, start, length);
  const offset = frame.byteOffset + start;
  const bytes = length * ELEMENT_BYTES[dtype];
  if (!copy && offset % ELEMENT_BYTES[dtype] === 0) return viewOf(dtype, frame.buffer, offset, length);
  return viewOf(dtype, frame.buffer.slice(offset, offset + bytes), 0, length);
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

function readUint32(bytes: Uint8Array): number {
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
}

function writeUint32(bytes: Uint8Array, value: number): void {
  bytes[0] = value & 0xff;
  bytes[1] = (value >>> 8) & 0xff;
  bytes[2] = (value >>> 16) & 0xff;
  bytes[3] = (value >>> 24) & 0xff;
}

function refuse(field: string, expected: string): never {
  throw new GroundtwinError('BAD_MESSAGE', { field, expected });
}

function tooLarge(what: string, bytes: number, limit: number): never {
  throw new GroundtwinError('FRAME_TOO_LARGE', { what, bytes, limit });
}
