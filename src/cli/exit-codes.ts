import { type ErrorCode, GroundtwinError } from '../errors.ts';

export const exitCodes = { ok: 0, failure: 1, usage: 2, threshold: 3, missing: 4, connection: 5, interrupted: 130 } as const;

const usage: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ENV_UNKNOWN', 'OPTION_INVALID', 'MODEL_MISSING']);
const connection: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CONNECTION_REFUSED',
  'CONNECTION_UNAUTHORISED',
  'CONNECTION_ORIGIN',
  'CONNECTION_VERSION',
  'CONNECTION_TIMEOUT',
  'CONNECTION_LOST',
  'CONNECTION_CLOSED',
  'REQUEST_TIMEOUT',
]);

/** What a process that met this error should end with. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof GroundtwinError)) return exitCodes.failure;
  if (usage.has(error.code)) return exitCodes.usage;
  if (connection.has(error.code)) return exitCodes.connection;
  return error.code === 'RUNTIME_MISSING' ? exitCodes.missing : exitCodes.failure;
}
