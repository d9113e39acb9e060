/** Where a server says what it does: an event name and plain fields; never payloads, never tokens. */
export interface Logger {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

export const silentLogger: Logger = Object.freeze({ info: () => {}, warn: () => {}, error: () => {} });

/** Frames of a stack without the message, which may repeat what a client sent. */
export function placesOf(error: unknown): readonly string[] {
  const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : '';
  return stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, MAX_STACK_FRAMES)
    .map((line) => line.trim());
}

const MAX_STACK_FRAMES = 8;
