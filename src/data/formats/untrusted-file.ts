/** What every reader of other people's files holds to: plain files, within limits, and one way to refuse. */
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GroundtwinError, isGroundtwinError } from '../../errors.ts';
import type { EpisodeSpec } from '../episode.ts';

/** Bytes of one data file; of all files of a data set together; of what they unpack to. */
export const maxDataBytes = 2 ** 31 - 1;
/** What one chunk or page of a file may unpack to. */
export const maxPartBytes = 2 ** 28;
/** Bytes of a description beside the data: JSON, file footers. */
export const maxHeadBytes = 2 ** 24;
/** Rows of a data set. */
export const maxRows = 2 ** 25;
/** Numbers that are held as such while a table or a log is taken apart. */
export const maxValues = 2 ** 25;
/** Messages of a log. */
export const maxMessages = 2 ** 22;
/** Columns, topics, or entries of a folder. */
export const maxNames = 2 ** 16;

/** Refuses the data at this path. */
export type Refuse = (problem: string) => never;

/** @param about - said before every problem. */
export function refusing(path: string, about = ''): Refuse {
  return (problem) => {
    throw new GroundtwinError('DATA_INVALID', { path, problem: about + problem });
  };
}

/** What a JSON object is parsed into. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Runs a third party's parser: whatever it throws means that the file is damaged, and is not repeated at length. */
export async function parsed<T>(refuse: Refuse, what: string, parse: () => T | Promise<T>): Promise<T> {
  try {
    return await parse();
  } catch (error) {
    if (isGroundtwinError(error)) throw error;
    const why = error instanceof Error ? error.message.split('\n')[0]!.slice(0, 120) : 'unknown';
    return refuse(`it is no whole ${what} (${why})`);
  }
}

/** Reads a regular file, never a pipe or device. @throws DATA_INVALID when there is none or it is over the limit. */
export function bytesOfFile(path: string, refuse: Refuse, maxBytes = maxDataBytes): Uint8Array<ArrayBuffer> {
  try {
    const found = statSync(path);
    if (!found.isFile()) return refuse(`${nameIn(path)} is not a file`);
    if (found.size > maxBytes) return refuse(`${nameIn(path)} has ${found.size} bytes, over the limit of ${maxBytes}`);
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if (isGroundtwinError(error)) throw error;
    return refuse(`there is no file ${nameIn(path)} that can be read`);
  }
}

/** A file of a data set. Links are not followed, so that nothing outside its folder is reached. */
export function bytesInside(folder: string, parts: readonly string[], refuse: Refuse, maxBytes = maxDataBytes): Uint8Array<ArrayBuffer> {
  parts.forEach((name, depth) => {
    if (isLink(join(folder, ...parts.slice(0, depth + 1))))
      refuse(`${nameIn(name)} is a link, and links are not followed; copy the data with cp -RL`);
  });
  return bytesOfFile(join(folder, ...parts), refuse, maxBytes);
}

/** Names in a folder, sorted as numbers in them count. */
export function entriesOf(folder: string, pattern: RegExp, refuse: Refuse): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  const names = readdirSync(folder);
  if (names.length > maxNames) return refuse(`${nameIn(folder)} has more than ${maxNames} entries`);
  return names.filter((name) => pattern.test(name)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

function nameIn(path: string): string {
  return path.split(/[\\/]/).at(-1)!.slice(0, 80);
}

/** @throws DATA_INVALID for rewards of several agents, which most formats have no place for. */
export function requireOneAgent({ agents }: EpisodeSpec, format: string): void {
  if (agents !== 1)
    refusing('the episodes')(`they have rewards of ${agents} agents, ${format} has room for one; our own Parquet keeps them`);
}
