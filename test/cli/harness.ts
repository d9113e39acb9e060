/** The command line inside this process, with what it says caught; and as a process of its own where signals matter. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { main } from '../../src/cli/main.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

type Write = typeof process.stdout.write;

/** Catches what is written to a stream until restored; as if no terminal were there. */
function caught(stream: NodeJS.WriteStream): { text: () => string; restore: () => void } {
  let text = '';
  const { write, isTTY } = stream;
  stream.write = ((chunk: string | Uint8Array) => {
    text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    return true;
  }) as Write;
  stream.isTTY = false;
  return {
    text: () => text,
    restore() {
      stream.write = write;
      stream.isTTY = isTTY;
    },
  };
}

/** `main` with these arguments, and these environment variables during it. */
export async function groundtwin(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const [out, err] = [caught(process.stdout), caught(process.stderr)];
  const before = Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]));
  Object.assign(process.env, env);
  try {
    const code = await main(argv);
    return { code, out: out.text(), err: err.text() };
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    out.restore();
    err.restore();
  }
}

/** A folder of one test file, removed by `remove`. */
export function scratch(): { readonly in: (...path: string[]) => string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-cli-'));
  return { in: (...path) => join(folder, ...path), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface Launched {
  readonly child: ChildProcess;
  /** Resolves once this is in what it said on stdout or stderr so far, with all of it; rejects when it ended before. */
  says(pattern: RegExp): Promise<string>;
  readonly ended: Promise<Outcome & { readonly signal: NodeJS.Signals | null }>;
}

const launcher = fileURLToPath(new URL('../../bin/groundtwin.mjs', import.meta.url));

/** A program, the launcher if none is named, in a process group of its own, as a shell starts it. Its standard input is empty, or a pipe. */
export function launch(argv: readonly string[], { program = launcher, stdin = 'ignore' as 'ignore' | 'pipe' } = {}): Launched {
  const child = spawn(process.execPath, [program, ...argv], { detached: true, stdio: [stdin, 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of waiting) look();
  };
  for (const [name, stream] of [['out', child.stdout!] as const, ['err', child.stderr!] as const])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
      wake();
    });
  let over = false;
  const ended = new Promise<Outcome & { signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (code, signal) => {
      over = true;
      wake();
      resolve({ code: code ?? -1, signal, ...said });
    });
  });
  const says = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const text = said.out + said.err;
        if (!pattern.test(text) && !over) return;
        waiting.delete(look);
        if (pattern.test(text)) resolve(text);
        else reject(new Error(`it ended without saying ${pattern}: ${text}`));
      };
      waiting.add(look);
      look();
    });
  return { child, says, ended };
}

/** Ctrl-C: the signal goes to the whole group, children too. */
export function interrupt({ child }: Launched, signal: NodeJS.Signals = 'SIGINT'): void {
  process.kill(-child.pid!, signal);
}

/** Lines of JSON. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
