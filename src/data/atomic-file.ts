import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes so that after a crash at any moment the file is either the old or the new one, whole: temporary, fsync, rename, fsync of the folder. */
export function writeFileAtomically(path: string, content: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = partial(path);
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  try {
    withFile(temporary, 'w', (file) => {
      let written = 0;
      while (written < bytes.byteLength) written += writeSync(file, bytes, written);
      fsyncSync(file);
    });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  withFile(dirname(path), 'r', fsyncSync);
}

/** Removes a file written so, if it is there, with what a crash while it was being written left. */
export function removeFile(path: string): void {
  for (const file of [path, partial(path)]) rmSync(file, { force: true });
}

function partial(path: string): string {
  return `${path}.partial`;
}

function withFile(path: string, flags: string, use: (file: number) => void): void {
  const file = openSync(path, flags);
  try {
    use(file);
  } finally {
    closeSync(file);
  }
}
