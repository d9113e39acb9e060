import { spawnSync } from 'node:child_process';
import { arch, cpus, platform, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));

/** What timings depend on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memory_GiB: number;
  readonly system: string;
  readonly node: string;
}

export function machine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() || 'unknown',
    cores: processors.length,
    memory_GiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()}`,
    node: process.versions.node,
  };
}

/** Which code was measured; commit is null where there is none, or no git. */
export function revision(): { readonly commit: string | null; readonly dirty: boolean } {
  const commit = git('rev-parse', '--verify', '--quiet', 'HEAD');
  const status = git('status', '--porcelain');
  return { commit: commit || null, dirty: status !== '' };
}

/** @returns trimmed output, or null when git is absent or fails. */
export function git(...args: string[]): string | null {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
