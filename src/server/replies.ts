import { GroundtwinError } from '../errors.ts';
import { encodeFrame, errorToWire, type FrameLimits, type Op } from '../wire/index.ts';
import { type Logger, placesOf } from './logger.ts';

/** Encodes a successful reply; one that cannot be sent becomes an error reply instead. */
export function okFrame(seq: number, op: Op, ok: Readonly<Record<string, unknown>>, limits: FrameLimits, logger: Logger): Uint8Array {
  try {
    return encodeFrame({ seq, ok }, limits);
  } catch (error) {
    return errorFrame(seq, asGroundtwinError(error, op, logger), limits);
  }
}

/** Encodes an error reply; details that cannot be sent are left out. */
export function errorFrame(seq: number | null, error: GroundtwinError, limits: FrameLimits): Uint8Array {
  const form = errorToWire(error);
  try {
    return encodeFrame({ seq, error: form }, limits);
  } catch {
    return encodeFrame({ seq, error: { code: form.code, message: 'see the code', retryable: form.retryable } }, limits);
  }
}

/** Errors that are not ours may hold anything a client sent: they are logged by place, never by text, and become INTERNAL. */
export function asGroundtwinError(error: unknown, op: string, logger: Logger): GroundtwinError {
  if (error instanceof GroundtwinError) return error;
  logger.error('request.failed', { op, name: error instanceof Error ? error.name : typeof error, at: placesOf(error) });
  return new GroundtwinError('INTERNAL', { op });
}
