/** Numeric arrays of a MATLAB 5 file. Format: "MAT-File Format", The MathWorks, chapter 1 (level 5). */
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';

export interface MatArray {
  readonly rows: number;
  readonly columns: number;
  /** float64 `[columns, rows]`: MATLAB keeps a column together. */
  readonly values: Float64Array;
}

const HEADER_bytes = 128;
const types = { double: 9, matrix: 14, compressed: 15 } as const;

interface Element {
  readonly type: number;
  readonly body: Buffer;
  /** Where the next one begins. */
  readonly end: number;
}

/** @returns the arrays of doubles by name; what is anything else is left out. @throws Error for a file of another kind. */
export function readMatFile(path: string): Record<string, MatArray> {
  const file = readFileSync(path);
  if (!file.subarray(0, 19).equals(Buffer.from('MATLAB 5.0 MAT-file')) || file.toString('latin1', 126, 128) !== 'IM')
    throw new Error(`${path} is no little-endian MATLAB 5 file`);
  const found: Record<string, MatArray> = {};
  for (let at = HEADER_bytes; at < file.length; ) {
    const { type, body, end } = elementAt(file, at);
    at = end;
    const matrix = type === types.compressed ? elementAt(inflateSync(body), 0) : { type, body };
    const array = matrix.type === types.matrix ? arrayOf(matrix.body) : undefined;
    if (array) Object.assign(found, array);
  }
  return found;
}

/** A tag of 8 bytes and a body; or both within 8 bytes, the length then in the upper half of the first word. */
function elementAt(bytes: Buffer, at: number): Element {
  const word = bytes.readUInt32LE(at);
  const small = word >>> 16;
  if (small > 0) return { type: word & 0xffff, body: bytes.subarray(at + 4, at + 4 + small), end: at + 8 };
  const length = bytes.readUInt32LE(at + 4);
  // Compressed elements follow each other without padding.
  const padded = word === types.compressed ? length : Math.ceil(length / 8) * 8;
  return { type: word, body: bytes.subarray(at + 8, at + 8 + length), end: at + 8 + padded };
}

/** Flags, dimensions, name, numbers. @returns the array under its name. */
function arrayOf(body: Buffer): Record<string, MatArray> | undefined {
  const parts: Element[] = [];
  for (let at = 0; at < body.length; at = parts.at(-1)!.end) parts.push(elementAt(body, at));
  const [, dimensions, name, numbers] = parts;
  if (!dimensions || !name || numbers?.type !== types.double || dimensions.body.length !== 8) return undefined;
  const array = {
    rows: dimensions.body.readInt32LE(0),
    columns: dimensions.body.readInt32LE(4),
    values: Float64Array.from({ length: numbers.body.length / 8 }, (_, i) => numbers.body.readDoubleLE(8 * i)),
  };
  return { [name.body.toString('latin1')]: array };
}
