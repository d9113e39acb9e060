import { isGroundtwinError } from '../../src/errors.ts';

/** `CODE: message` of the typed error that `act` rejects with. */
export async function messageOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (isGroundtwinError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing was thrown';
}
