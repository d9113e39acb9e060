import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const ID_BYTES = 16;
const TOKEN_BYTES = 24;

/** Makes session ids and resume tokens; injected so that simulations can repeat them. */
export type NewSecret = () => string;

/** 128 random bits, base64url. */
export const randomSecret: NewSecret = () => randomBytes(ID_BYTES).toString('base64url');

/** 192 random bits, base64url: what clients must show at a server that was given no token of its own. */
export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** Secrets are kept and compared as digests, so a comparison takes the same time whatever differs. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export function sameSecret(given: string, expected: Buffer): boolean {
  return timingSafeEqual(digestOf(given), expected);
}
