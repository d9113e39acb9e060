import { bytesOf, packSections, unpackSections } from '../core/sections.ts';
import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';

/** First bytes of a snapshot, with the format's version. */
const magic = new TextEncoder().encode('GTSNAP01');
const digestLength = 64;
/** Larger than any scene we know: a pile of 200 boxes takes 1 MB. */
export const maxSnapshotBytes = 256 << 20;

export interface SnapshotHead {
  readonly env: string;
  readonly kind: string;
  /** Of the backend: scene, engine and versions, or model. */
  readonly fingerprint: string;
  readonly wrappers: readonly { readonly name: string; readonly memory: readonly number[] }[];
  readonly seed: number;
  readonly episode: number;
  readonly stage: number;
}

/** Layout: magic, sha256 of the rest as hex, sections (head, backend's lane). */
export function packSnapshot(head: SnapshotHead, lane: Uint8Array): Uint8Array {
  const body = packSections(head, [lane]);
  const digest = new TextEncoder().encode(sha256Hex(body));
  const bytes = new Uint8Array(magic.length + digestLength + body.byteLength);
  bytes.set(magic);
  bytes.set(digest, magic.length);
  bytes.set(body, magic.length + digestLength);
  return bytes;
}

/**
 * @param expected - what this env is.
 * @throws SNAPSHOT_INVALID for bytes that are not a whole, undamaged snapshot; SNAPSHOT_FOREIGN for one of another env, backend, scene or model.
 */
export function unpackSnapshot(
  snapshot: Uint8Array,
  expected: Pick<SnapshotHead, 'env' | 'kind' | 'fingerprint'> & { readonly wrapperNames: readonly string[] },
): { head: SnapshotHead; lane: Uint8Array } {
  const bytes = ArrayBuffer.isView(snapshot) ? bytesOf(snapshot) : new Uint8Array(0);
  if (bytes.byteLength > maxSnapshotBytes) invalid(`${bytes.byteLength} bytes, over the limit of ${maxSnapshotBytes}`);
  if (bytes.byteLength < magic.length + digestLength || !magic.every((byte, i) => bytes[i] === byte))
    invalid('it does not begin with GTSNAP01');
  const body = bytes.subarray(magic.length + digestLength);
  const digest = new TextDecoder().decode(bytes.subarray(magic.length, magic.length + digestLength));
  if (digest !== sha256Hex(body)) invalid('its checksum does not match, so it was cut short or changed');
  const { head, parts } = unpackSections<SnapshotHead>(body);
  if (!isHead(head) || parts.length !== 1) invalid('its head does not describe a lane');
  for (const field of ['env', 'kind', 'fingerprint'] as const)
    requireSame(field === 'fingerprint' ? 'scene or model' : field, expected[field], head[field]);
  requireSame('stack of wrappers', expected.wrapperNames.join(' '), head.wrappers.map((wrapper) => wrapper.name).join(' '));
  return { head, lane: parts[0]! };
}

/** The checksum is no signature: a head that fits it may still say anything. */
function isHead(head: SnapshotHead | null): boolean {
  return (
    head !== null &&
    typeof head === 'object' &&
    [head.env, head.kind, head.fingerprint].every((text) => typeof text === 'string') &&
    [head.seed, head.episode].every((count) => Number.isSafeInteger(count) && count >= 0) &&
    (head.stage === 1 || head.stage === 2) &&
    Array.isArray(head.wrappers) &&
    head.wrappers.every(
      (wrapper) => typeof wrapper?.name === 'string' && Array.isArray(wrapper.memory) && wrapper.memory.every(Number.isFinite),
    )
  );
}

function requireSame(what: string, expected: string, got: string): void {
  if (expected !== got) throw new GroundtwinError('SNAPSHOT_FOREIGN', { what, expected: shorten(expected), got: shorten(String(got)) });
}

function shorten(text: string): string {
  return /^[0-9a-f]{32,}$/.test(text) ? text.slice(0, 12) : text.slice(0, 80);
}

function invalid(problem: string): never {
  throw new GroundtwinError('SNAPSHOT_INVALID', { problem });
}
