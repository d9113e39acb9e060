import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { writeFileAtomically } from '../data/atomic-file.ts';

/** Keeps the first lines of a file of JSON lines, those before the checkpoint that a training goes on from; none = begins it anew. */
export function keepLines(path: string, count: number): void {
  const lines = count > 0 && existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, count) : [];
  writeFileAtomically(path, lines.map((line) => `${line}\n`).join(''));
}

export function writeLine(path: string, line: object): void {
  appendFileSync(path, `${JSON.stringify(line)}\n`);
}
