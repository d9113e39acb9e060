/** Files that hold types alone: they vanish when compiled, are never loaded, and would count as uncovered from first line to last. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { root } from './setup.mjs';

const TYPES = ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration', 'ImportDeclaration'];

function isType(statement) {
  if (statement.type === 'ExportNamedDeclaration' && statement.declaration) return isType(statement.declaration);
  return TYPES.includes(statement.type) || statement.exportKind === 'type' || statement.declare === true;
}

export const isTypeOnly = (path, text) => parseSync(path, text).program.body.every(isType);

/** Paths from the repository root, in these folders. */
export function typeOnlyFiles(folders) {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file.replaceAll('\\', '/')}`),
  );
  return files.filter((file) => file.endsWith('.ts') && isTypeOnly(file, readFileSync(join(root, file), 'utf8')));
}
