import { GroundtwinError } from '../errors.ts';

/**
 * A tiny container used wherever several parts are saved as one: 4-byte little-endian length of a JSON head, the head, then the parts back to back.
 * Numbers in the head survive exactly as long as they are finite; anything else goes in a part.
 */
export interface Sections<H> {
  readonly head: H;
  readonly parts: readonly Uint8Array[];
}

const maxHeadBytes = 1 << 20;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function packSections<H>(head: H, parts: readonly Uint8Array[]): Uint8Array {
  const json = encoder.encode(JSON.stringify({ head, lengths: parts.map((part) => part.byteLength) }));
  const total = parts.reduce((sum, part) => sum + part.byteLength, 4 + json.byteLength);
  const bytes = new Uint8Array(total);
  new DataView(bytes.buffer).setUint32(0, json.byteLength, true);
  bytes.set(json, 4);
  let offset = 4 + json.byteLength;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

/** @throws SNAPSHOT_INVALID when lengths do not add up or the head is not JSON. */
export function unpackSections<H>(bytes: Uint8Array): Sections<H> {
  if (bytes.byteLength < 4) invalid(`only ${bytes.byteLength} bytes`);
  const headBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (headBytes > maxHeadBytes || 4 + headBytes > bytes.byteLength) invalid(`a head of ${headBytes} bytes in ${bytes.byteLength}`);
  const { head, lengths } = parseHead<H>(bytes.subarray(4, 4 + headBytes));
  const parts: Uint8Array[] = [];
  let offset = 4 + headBytes;
  for (const length of lengths) {
    if (!Number.isInteger(length) || length < 0 || offset + length > bytes.byteLength) invalid('a part reaches past the end');
    // A copy at offset 0, so that a part can be read as float64; `slice` of a Node Buffer would share memory.
    parts.push(Uint8Array.from(bytes.subarray(offset, offset + length)));
    offset += length;
  }
  if (offset !== bytes.byteLength) invalid(`${bytes.byteLength - offset} bytes too many`);
  return { head, parts };
}

function parseHead<H>(bytes: Uint8Array): { head: H; lengths: number[] } {
  try {
    const parsed = JSON.parse(decoder.decode(bytes)) as { head: H; lengths: unknown };
    if (Array.isArray(parsed?.lengths)) return parsed as { head: H; lengths: number[] };
  } catch {
    // Falls through to the one refusal below: the bytes' content is never echoed.
  }
  return invalid('its head is not readable');
}

/** Bytes of a typed array, without copying. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
}

function invalid(problem: string): never {
  throw new GroundtwinError('SNAPSHOT_INVALID', { problem });
}
