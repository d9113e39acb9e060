import { Packr } from 'msgpackr/index-no-eval';
import { GroundtwinError } from '../errors.ts';
import { type FrameLimits, KIBIBYTE } from './limits.ts';
import { validateHeader } from './validate.ts';

/** Without records and extra types; the build without `new Function`, so nothing in a message can become code. */
const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number', moreTypes: false });

/** Headers are decoded out of one reused buffer: the decoder keeps a view on each buffer that it meets, and making those costs more than the copy. */
const HEADER_SCRATCH_BYTES = 4 * KIBIBYTE;
const scratch = new Uint8Array(HEADER_SCRATCH_BYTES);

/** @param value - plain data, as `lower` leaves it. */
export function packHeader(value: unknown): Uint8Array {
  return packr.pack(value);
}

/**
 * Decodes a header that has been walked first.
 * @throws BAD_MESSAGE; the decoder's own errors repeat the payload and are dropped.
 */
export function unpackHeader(bytes: Uint8Array, limits: FrameLimits): Record<string, unknown> {
  validateHeader(bytes, limits);
  try {
    if (bytes.length > HEADER_SCRATCH_BYTES) return packr.unpack(bytes) as Record<string, unknown>;
    scratch.set(bytes);
    return packr.unpack(scratch, bytes.length) as Record<string, unknown>;
  } catch {
    throw new GroundtwinError('BAD_MESSAGE', { field: 'frame header', expected: 'a msgpack map' });
  }
}
