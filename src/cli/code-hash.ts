/** Which code a result was made with, beyond a version that a checkout has for weeks. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '../math/hash.ts';

/** Folders of code, beside each other in a checkout and in an installed package's `dist`. */
const folders = ['src', 'envs', 'agents'];

/** sha256 over every file of code that this process may have come from, by name and content. */
export function codeHash(): string {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const files = folders.flatMap((folder) => filesIn(root, folder)).sort();
  return sha256Hex(files.map((file) => `${file} ${sha256Hex(readFileSync(join(root, file)))}`).join('\n'));
}

function filesIn(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return filesIn(root, path);
    return /\.(ts|js|mjs)$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}
