import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { BenchRow } from '../bench.ts';
import { root } from '../machine.ts';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a script of this checkout to its end, from the repository root. */
export function runNode(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

/** A command of this checkout. @returns what it prints with `--json`. @throws unless it ends with 0. */
export async function groundtwin(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { code, out, err } = await runNode([join('bin', 'groundtwin.mjs'), ...args, '--json']);
  if (code !== 0) throw new Error(`groundtwin ${args[0]} ended with ${code}: ${err.slice(-300)}`);
  return JSON.parse(out);
}

/** A benchmark in a process of its own: V8 compiles hot code for all that ran before, so rows would depend on their order. */
export async function benchAlone(name: string): Promise<readonly BenchRow[]> {
  const { code, out, err } = await runNode(['--import', 'tsx', join('bench', 'main.ts'), name, '--json']);
  if (code !== 0) throw new Error(`npm run bench -- ${name} ended with ${code}: ${err.slice(-500)}`);
  return (JSON.parse(out) as { rows: BenchRow[] }).rows;
}
