import { GroundtwinError } from '../errors.ts';
import type { FrameLimits } from './limits.ts';

/** Largest first word of a 64-bit integer that a double still holds exactly. */
const SAFE_HIGH_WORD = 0x1f_ffff;
const FORBIDDEN_KEY = '__proto__';

/** Tokens of msgpack that are followed by a fixed number of bytes: nil, false, true, float32, float64, uint8–32, int8–32. */
const SCALAR_BYTES: Readonly<Record<number, number>> = Object.freeze({
  192: 0,
  194: 0,
  195: 0,
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  208: 1,
  209: 2,
  210: 4,
});
const UINT64 = 0xcf;
const STR8 = 0xd9;
const ARRAY16 = 0xdc;
const ARRAY32 = 0xdd;
const MAP16 = 0xde;
const MAP32 = 0xdf;
/** Of the lengths of str8, str16 and str32. */
const LENGTH_BYTES = [1, 2, 4] as const;

interface Walk {
  readonly bytes: Uint8Array;
  readonly limits: FrameLimits;
  position: number;
  items: number;
}

/**
 * Walks msgpack bytes without decoding them and refuses whatever could surprise the decoder: extension types (records, functions, RegExp, Date, Set),
 * binary, keys that are not strings, deep nesting, too many items, long strings, integers past 2^53, truncated or trailing bytes.
 *
 * @param bytes - exactly one msgpack map.
 * @throws BAD_MESSAGE, which never repeats any of the bytes.
 */
export function validateHeader(bytes: Uint8Array, limits: FrameLimits): void {
  if (bytes.length > limits.maxHeaderBytes) refuse(`at most ${limits.maxHeaderBytes} bytes`);
  if (!isMap(bytes[0])) refuse('a msgpack map');
  const walk: Walk = { bytes, limits, position: 0, items: 0 };
  walkValue(walk, 1);
  if (walk.position !== bytes.length) refuse('one msgpack map with nothing after it');
}

function isMap(token: number | undefined): boolean {
  return token !== undefined && ((token >= 0x80 && token <= 0x8f) || token === 0xde || token === 0xdf);
}

function walkValue(walk: Walk, depth: number): void {
  countItem(walk);
  const token = readUint(walk, 1);
  if (token <= 0x7f || token >= 0xe0) return;
  if (token <= 0x8f) walkMap(walk, token & 0x0f, depth);
  else if (token <= 0x9f) walkList(walk, token & 0x0f, depth);
  else if (token <= 0xbf) skipString(walk, token & 0x1f);
  else walkTagged(walk, token, depth);
}

function walkTagged(walk: Walk, token: number, depth: number): void {
  const scalarBytes = SCALAR_BYTES[token];
  if (scalarBytes !== undefined) skip(walk, scalarBytes);
  else if (token === UINT64) skipUint64(walk);
  else if (token >= STR8 && token < ARRAY16) skipString(walk, readUint(walk, LENGTH_BYTES[token - STR8]!));
  else if (token === ARRAY16 || token === ARRAY32) walkList(walk, readUint(walk, token === ARRAY16 ? 2 : 4), depth);
  else if (token === MAP16 || token === MAP32) walkMap(walk, readUint(walk, token === MAP16 ? 2 : 4), depth);
  else refuse('msgpack without extension types, binary or 64-bit signed integers');
}

function walkList(walk: Walk, length: number, depth: number): void {
  enter(walk, length, depth);
  for (let i = 0; i < length; i++) walkValue(walk, depth + 1);
}

function walkMap(walk: Walk, length: number, depth: number): void {
  enter(walk, 2 * length, depth);
  for (let i = 0; i < length; i++) {
    walkKey(walk);
    walkValue(walk, depth + 1);
  }
}

/** Refused before the loop runs, so a declared length costs nothing. */
function enter(walk: Walk, values: number, depth: number): void {
  if (depth > walk.limits.maxDepth) refuse(`nested at most ${walk.limits.maxDepth} deep`);
  if (values > walk.bytes.length - walk.position) refuse('complete msgpack');
  if (walk.items + values > walk.limits.maxItems) refuse(`at most ${walk.limits.maxItems} items`);
}

function walkKey(walk: Walk): void {
  countItem(walk);
  const token = readUint(walk, 1);
  const length = keyLength(walk, token);
  const start = walk.position;
  skipString(walk, length);
  if (length === FORBIDDEN_KEY.length && spells(walk.bytes, start, FORBIDDEN_KEY)) refuse('free of reserved keys');
}

function keyLength(walk: Walk, token: number): number {
  if (token >= 0xa0 && token <= 0xbf) return token & 0x1f;
  if (token === 0xd9) return readUint(walk, 1);
  if (token === 0xda) return readUint(walk, 2);
  return refuse('maps with short string keys only');
}

function spells(bytes: Uint8Array, start: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word.charCodeAt(i)) return false;
  return true;
}

function countItem(walk: Walk): void {
  walk.items += 1;
  if (walk.items > walk.limits.maxItems) refuse(`at most ${walk.limits.maxItems} items`);
}

function skipString(walk: Walk, length: number): void {
  if (length > walk.limits.maxStringBytes) refuse(`strings of at most ${walk.limits.maxStringBytes} bytes`);
  skip(walk, length);
}

function skipUint64(walk: Walk): void {
  if (readUint(walk, 4) > SAFE_HIGH_WORD) refuse('integers below 2^53');
  skip(walk, 4);
}

function skip(walk: Walk, length: number): void {
  if (length > walk.bytes.length - walk.position) refuse('complete msgpack');
  walk.position += length;
}

function readUint(walk: Walk, size: 1 | 2 | 4): number {
  const start = walk.position;
  skip(walk, size);
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + walk.bytes[start + i]!;
  return value;
}

function refuse(expected: string): never {
  throw new GroundtwinError('BAD_MESSAGE', { field: 'frame header', expected });
}
