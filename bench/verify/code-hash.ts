/** What a kept result depends on: the sources its recording script reaches. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { parseSync } from 'oxc-parser';
import { root } from '../machine.ts';

export interface CodeHash {
  readonly sha256: string;
  /** From the repository root, sorted. */
  readonly files: readonly string[];
}

const counted = ['src', 'envs', 'agents'];

/**
 * Hash over the entries and every file in src, envs and agents that they import, directly or not; types alone do not count, since they are gone when it runs.
 * @param entries - from the repository root. What is not TypeScript counts alone.
 */
export function codeHash(...entries: readonly string[]): CodeHash {
  const files = [...reachedFrom(entries.map((entry) => join(root, entry)))].map((file) => relative(root, file).split(sep).join('/'));
  const kept = files.filter((file) => entries.includes(file) || counted.includes(file.split('/')[0]!)).sort();
  const hash = createHash('sha256');
  for (const file of kept)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  hash.update(dependencyVersions());
  return { sha256: hash.digest('hex'), files: kept };
}

/** The engine decides a return as much as our code does. */
function dependencyVersions(): string {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  return JSON.stringify(Object.entries(dependencies).filter(([name]) => name.startsWith('@dimforge/')));
}

function reachedFrom(entries: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    if (!file.endsWith('.ts')) continue;
    for (const specifier of importsOf(file)) waiting.push(join(dirname(file), specifier));
  }
  return reached;
}

/** Relative specifiers that are still imported when the types are stripped. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const { module } = parseSync(file, text);
  const whole = module.staticImports
    .filter(({ entries }) => entries.length === 0 || entries.some(({ isType }) => !isType))
    .map(({ moduleRequest }) => moduleRequest.value);
  const passedOn = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ isType, moduleRequest }) => (isType || !moduleRequest ? [] : [moduleRequest.value])),
  );
  const late = module.dynamicImports.map(({ moduleRequest }) => text.slice(moduleRequest.start + 1, moduleRequest.end - 1));
  return [...whole, ...passedOn, ...late].filter((specifier) => specifier.startsWith('.'));
}
