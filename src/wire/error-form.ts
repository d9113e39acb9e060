import { type ErrorCode, type ErrorDetails, errorTable, GroundtwinError } from '../errors.ts';

/** An error as it travels. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
  readonly retryable: boolean;
}

/** Longest message text that is sent; the table's messages are far shorter except for long lists of names. */
const MAX_MESSAGE_CHARACTERS = 1024;

/** @returns plain data; the details are those of the error's row. */
export function errorToWire(error: GroundtwinError): WireError {
  return { code: error.code, message: error.message.slice(0, MAX_MESSAGE_CHARACTERS), details: error.details, retryable: error.retryable };
}

/** Whether a decoded value has an error's form. */
export function isWireError(value: unknown): value is WireError {
  if (typeof value !== 'object' || value === null) return false;
  const error = value as Partial<WireError>;
  return typeof error.code === 'string' && typeof error.message === 'string' && typeof error.retryable === 'boolean';
}

/** Builds the same typed error again; a code this version does not know, or details that do not fit it, become REMOTE_ERROR. */
export function errorFromWire(error: WireError): GroundtwinError {
  if (!Object.hasOwn(errorTable, error.code)) return foreign(error);
  try {
    return new GroundtwinError(error.code as ErrorCode, (error.details ?? {}) as ErrorDetails<ErrorCode>);
  } catch {
    return foreign(error);
  }
}

function foreign(error: WireError): GroundtwinError {
  return new GroundtwinError('REMOTE_ERROR', { code: error.code, message: error.message });
}
