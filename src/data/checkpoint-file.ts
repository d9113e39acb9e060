/** A training under way as one file: what it goes on from, and what must be alike for that. */
import { readFileSync, statSync } from 'node:fs';
import { packSections, unpackSections } from '../core/sections.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import { writeFileAtomically } from './atomic-file.ts';

/** A larger file is refused unread. */
const maxFileBytes = 2 ** 31 - 1;

/** What must be alike for a training to go on from a checkpoint, by name as people know it. */
export type Identity = Readonly<Record<string, string>>;

/** @param head - JSON; numbers in it survive as long as they are finite. */
export function writeCheckpoint(path: string, format: string, identity: Identity, head: object, parts: readonly Uint8Array[]): void {
  const content = packSections({ identity, ...head }, parts);
  writeFileAtomically(path, packSections({ format, sha256: sha256Hex(content) }, [content]));
}

/**
 * @param stateOf - reads what `writeCheckpoint` was given, which is untrusted; undefined when it is no state of training.
 * @returns nothing where there is no file.
 * @throws CHECKPOINT_INVALID when the file is damaged, CHECKPOINT_FOREIGN when it is of another training.
 */
export function readCheckpoint<H, S>(
  path: string,
  format: string,
  identity: Identity,
  stateOf: (head: H, parts: readonly Uint8Array[]) => S | undefined,
): S | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const refuse = (problem: string): never => {
    throw new GroundtwinError('CHECKPOINT_INVALID', { path, problem });
  };
  if (!found.isFile()) refuse('it is not a file');
  if (found.size > maxFileBytes) refuse(`it has ${found.size} bytes, over the limit of ${maxFileBytes}`);
  try {
    const { head: outer, parts } = unpackSections<{ format: string; sha256: string } | null>(readFileSync(path));
    const [content] = parts;
    if (outer?.format !== format) refuse(`it is not of format ${format}`);
    if (parts.length !== 1 || sha256Hex(content!) !== outer?.sha256) refuse('it is damaged (sha256 differs)');
    const { head, parts: inner } = unpackSections<(H & { readonly identity: Identity }) | null>(content!);
    requireSame(path, head?.identity ?? {}, identity);
    return stateOf(head!, inner) ?? refuse('it does not hold a state of training');
  } catch (error) {
    if (isGroundtwinError(error, 'SNAPSHOT_INVALID')) return refuse('it is damaged, or cut short');
    throw error;
  }
}

function requireSame(path: string, got: Identity, expected: Identity): void {
  for (const what of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    const [now, then] = [expected[what] ?? 'not given', got[what] ?? 'not given'];
    if (now !== then) throw new GroundtwinError('CHECKPOINT_FOREIGN', { path, what, expected: brief(now), got: brief(String(then)) });
  }
}

/** A hash tells as much by its beginning. */
function brief(value: string): string {
  return value.length > 24 ? `${value.slice(0, 16)}…` : value;
}
