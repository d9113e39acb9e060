import { readFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { runtimeInUse } from '../onnx/index.ts';

/** What must be known to make a result again. */
export interface RunDescription {
  readonly command: string;
  readonly seeds: readonly number[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: string;
  /** ISO 8601. */
  readonly date: string;
}

export async function describeRun(parts: Pick<RunDescription, 'command' | 'seeds' | 'config'>): Promise<RunDescription> {
  return { ...parts, versions: await versions(), machine: describeMachine(), date: new Date().toISOString() };
}

/** A command that a shell takes as it stands. @param options - by their names in code; what is false or absent is left out. */
export function commandLine(name: string, options: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(options).flatMap(([key, value]) => {
    if (value === undefined || value === false) return [];
    return [`--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, ...(value === true ? [] : [value].flat().map(quoted))];
  });
  return ['groundtwin', name, ...parts].join(' ');
}

/** As a shell takes it for one word. */
export function quoted(value: unknown): string {
  return /^[\w@%+=:,./-]+$/.test(String(value)) ? String(value) : `'${String(value).replaceAll("'", `'\\''`)}'`;
}

export function describeMachine(): string {
  const processors = cpus();
  return `${platform()} ${arch()}, ${processors.length} × ${processors[0]?.model.trim() || 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

/** Of this package, Node, and what results depend on: of the ONNX runtimes the one in use, if there is any. */
export async function versions(): Promise<Record<string, string>> {
  const runtime = await runtimeInUse().catch(() => undefined);
  const { version, dependencies } = packageJson();
  const pinned = Object.entries(dependencies).filter(([name]) => ['@dimforge/rapier3d', 'ws', 'msgpackr'].includes(name));
  return {
    groundtwin: version,
    node: process.versions.node,
    ...Object.fromEntries(pinned.map(([name, spec]) => [name, spec.replace(/^npm:.*@/, '')])),
    ...(runtime && { [runtime.name]: runtime.version }),
  };
}

/** Of all that bits of a training depend on. */
export async function trainingVersions(): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(await versions()).filter(([name]) => /^(groundtwin|node|onnxruntime-.*)$/.test(name)));
}

export function packageJson(): { version: string; dependencies: Record<string, string> } {
  let folder = new URL('./', import.meta.url);
  for (let depth = 0; depth < 6; depth++) {
    try {
      return JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
    } catch {
      folder = new URL('../', folder);
    }
  }
  throw new Error('package.json is missing from the installed package');
}
