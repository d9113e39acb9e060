import { isGroundtwinError } from '../errors.ts';

/** What a check throws when the env breaks its contract. */
export class Broken extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = 'Broken';
  }
}

export function hold(condition: boolean, detail: string): void {
  if (!condition) throw new Broken(detail);
}

/** The call must be refused with one of these codes. */
export async function expectRefusal(what: string, codes: readonly string[], act: () => Promise<unknown>): Promise<void> {
  const wanted = codes.join(' or ');
  try {
    await act();
  } catch (error) {
    if (isGroundtwinError(error) && codes.includes(error.code)) return;
    const met = isGroundtwinError(error) ? error.code : `an untyped error (${error instanceof Error ? error.message : String(error)})`;
    throw new Broken(`${what}: ${met} instead of ${wanted}`);
  }
  throw new Broken(`${what}: taken instead of refused with ${wanted}`);
}
