/**
 * The protobuf wire format, as little of it as ONNX needs: a writer, and a bounded reader that never allocates by what a length field claims.
 * Source: https://protobuf.dev/programming-guides/encoding/
 */

const encoder = new TextEncoder();
/** Two names that differ in their bytes are two names. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Appends protobuf fields to one growing buffer. */
export class ProtobufWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** A field of wire type 0: int32, int64, enum or bool. `value` is an integer of at most 2^53 in size. */
  integer(field: number, value: number): void {
    this.#varint(field * 8);
    this.#varint(value);
  }

  /** A field of wire type 5: float. */
  float(field: number, value: number): void {
    this.#varint(field * 8 + 5);
    this.#reserve(4);
    new DataView(this.#bytes.buffer).setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  /** A field of wire type 2: string. */
  string(field: number, value: string): void {
    this.bytes(field, encoder.encode(value));
  }

  /** A field of wire type 2: bytes, or an encoded message. */
  bytes(field: number, value: Uint8Array): void {
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** A nested message, filled by `write`. */
  message(field: number, write: (nested: ProtobufWriter) => void): void {
    const nested = new ProtobufWriter();
    write(nested);
    this.bytes(field, nested.finish());
  }

  /** The bytes written so far; a view, valid until the next write. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #varint(value: number): void {
    this.#reserve(10);
    if (value < 0) {
      this.#negativeVarint(value);
      return;
    }
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  #negativeVarint(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.#bytes[this.#length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + extra));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** What is wrong with the bytes; callers turn it into a typed error that names the model. */
export class ProtobufProblem extends Error {}

/** One field as read: `integer` for wire type 0, `bytes` (a view) for wire type 2; other wire types are skipped and have neither. */
export interface ProtobufField {
  readonly number: number;
  readonly integer: number | undefined;
  readonly bytes: Uint8Array | undefined;
}

/** Enough for 200,000 nodes with their attributes; a few bytes a field would else become a hundred each in memory. */
const mostFields = 4_000_000;
/** Names and operator types are short. */
const mostTextBytes = 65_536;
let fieldsLeft = Number.POSITIVE_INFINITY;

/** Reads a whole model, whose messages may hold `mostFields` in all: what is made of them stays small. */
export function withinFields<T>(read: () => T): T {
  fieldsLeft = mostFields;
  try {
    return read();
  } finally {
    fieldsLeft = Number.POSITIVE_INFINITY;
  }
}

/** Walks the fields of one message without copying. Throws `ProtobufProblem` on malformed bytes. */
export function* protobufFields(bytes: Uint8Array): Generator<ProtobufField> {
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    if (--fieldsLeft < 0) throw new ProtobufProblem(`more than ${mostFields} fields`);
    const tag = readVarint(bytes, cursor);
    const number = Math.floor(tag / 8);
    if (number < 1 || number > 536870911) throw new ProtobufProblem(`field number ${number} at byte ${cursor.at}`);
    yield readField(bytes, cursor, number, tag % 8);
  }
}

/** A UTF-8 string field. */
export function protobufText(field: ProtobufField): string {
  const bytes = required(field);
  if (bytes.length > mostTextBytes) throw new ProtobufProblem(`a name of ${bytes.length} bytes`);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new ProtobufProblem('a name that is no UTF-8');
  }
}

/** Fields of a message, none of `single` twice: protobuf merges a message that is given twice, and of anything else takes the last. */
export function* protobufFieldsOnce(bytes: Uint8Array, ...single: readonly number[]): Generator<ProtobufField> {
  const seen = new Set<number>();
  for (const field of protobufFields(bytes)) {
    if (single.includes(field.number) && seen.has(field.number)) throw new ProtobufProblem(`field ${field.number} is given twice`);
    seen.add(field.number);
    yield field;
  }
}

/** A nested message's bytes. */
export function required(field: ProtobufField): Uint8Array {
  if (!field.bytes) throw new ProtobufProblem(`field ${field.number} has the wrong wire type`);
  return field.bytes;
}

/** How many integers a field holds, packed or one, without reading them. */
export function protobufIntegerCount(field: ProtobufField): number {
  if (field.integer !== undefined) return 1;
  let count = 0;
  // The last byte of each has its highest bit clear.
  for (const byte of required(field)) if (byte < 128) count++;
  return count;
}

/** The integers of a repeated int64 field, packed or one at a time. */
export function protobufIntegers(field: ProtobufField): number[] {
  if (field.integer !== undefined) return [field.integer];
  const bytes = required(field);
  const cursor = { at: 0 };
  const values: number[] = [];
  while (cursor.at < bytes.length) values.push(readVarint(bytes, cursor));
  return values;
}

function readField(bytes: Uint8Array, cursor: { at: number }, number: number, wireType: number): ProtobufField {
  switch (wireType) {
    case 0:
      return { number, integer: readVarint(bytes, cursor), bytes: undefined };
    case 1:
      return skip(bytes, cursor, number, 8);
    case 2: {
      const length = readVarint(bytes, cursor);
      const start = cursor.at;
      skip(bytes, cursor, number, length);
      return { number, integer: undefined, bytes: bytes.subarray(start, cursor.at) };
    }
    case 5:
      return skip(bytes, cursor, number, 4);
    default:
      throw new ProtobufProblem(`wire type ${wireType} at byte ${cursor.at}`);
  }
}

function skip(bytes: Uint8Array, cursor: { at: number }, number: number, length: number): ProtobufField {
  if (length < 0 || length > bytes.length - cursor.at) throw new ProtobufProblem(`field ${number} is cut off at byte ${cursor.at}`);
  cursor.at += length;
  return { number, integer: undefined, bytes: undefined };
}

function readVarint(bytes: Uint8Array, cursor: { at: number }): number {
  let low = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[cursor.at];
    if (byte === undefined) throw new ProtobufProblem(`the bytes end inside a number at byte ${cursor.at}`);
    cursor.at++;
    if (shift === 0n && byte < 128) return byte;
    low |= BigInt(byte & 127) << shift;
    if (byte < 128) return Number(BigInt.asIntN(64, low));
  }
  throw new ProtobufProblem(`a number longer than 10 bytes at byte ${cursor.at}`);
}
