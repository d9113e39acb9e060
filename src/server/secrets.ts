import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const ID_BYTES = 16;

/** Makes session ids and resume tokens; injected so that simulations can repeat them. */
export type NewSecret = () => string;

/** 128 random bits, base64url. */
export const randomSecret: NewSecret = () => randomBytes(ID_BYTES).toString('base64url');

/** Secrets are kept and compared as digests, so a comparison takes the same time whatever differs. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export function sameSecret(given: string, expected: Buffer): boolean {
  return timingSafeEqual(digestOf(given), expected);
}
