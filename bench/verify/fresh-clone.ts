/** The main job as a stranger meets it: `git clone`, `npm start`, with nothing on the machine but git, Node and npm. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { git, root } from '../machine.ts';
import { watchPeak } from './process-tree.ts';
import { Absent, type Context } from './row.ts';

export interface FreshRun {
  readonly commit: string;
  /** Wall-clock of `npm start` less its installation. */
  readonly seconds: number;
  readonly install_s: number;
  /** As main-job.json says. */
  readonly job_s: number;
  /** Largest sum of resident memory over the process tree since the installation was done, sampled every 250 ms. */
  readonly peak_MB: number;
  readonly samples: number;
  readonly returns: readonly number[];
}

/** Past this the run is ended: well over what is claimed, so that a slow machine still gives a figure. */
const mostSeconds = 1800;

export function freshRun(context: Context): Promise<FreshRun> {
  return context.once('fresh clone', () => run(context));
}

async function run({ folder, log }: Context): Promise<FreshRun> {
  const commit = git('rev-parse', '--verify', '--quiet', 'HEAD');
  if (!commit) throw new Absent('git and a commit of this repository to clone');
  const [clone, out] = [join(folder, 'clone'), join(folder, 'fresh-run')];
  const cloned = spawnSync('git', ['clone', '--quiet', '--no-local', root, clone], { encoding: 'utf8' });
  if (cloned.status !== 0) throw new Error(`git clone failed: ${cloned.stderr}`);
  const started_ms = performance.now();
  const child = await watch(clone, ['start', '--', '--seed', '1', '--out', out], cleanEnvironment(folder), log);
  const wall_s = (performance.now() - started_ms) / 1000;
  const file = join(out, 'main-job.json');
  if (child.samples === 0) throw new Error('the memory of npm start was never sampled: its installation line was not seen');
  if (child.code !== 0 || !existsSync(file)) throw new Error(`npm start ended with ${child.code}: ${child.tail}`);
  const job = JSON.parse(readFileSync(file, 'utf8')) as { seconds: number; trueReturns: number[] };
  rmSync(clone, { recursive: true, force: true });
  return {
    commit,
    seconds: wall_s - child.install_s,
    install_s: child.install_s,
    job_s: job.seconds,
    peak_MB: child.peak_MB,
    samples: child.samples,
    returns: job.trueReturns,
  };
}

/** An empty home and a PATH of node, npm and the shell that npm runs scripts with. Where packages come from stays the machine's own setting. */
function cleanEnvironment(folder: string): NodeJS.ProcessEnv {
  const [home, bin] = [join(folder, 'home'), join(folder, 'bin')];
  mkdirSync(home, { recursive: true });
  mkdirSync(bin, { recursive: true });
  for (const [name, target] of [
    ['node', process.execPath],
    ['npm', find('npm')],
    ['sh', find('sh')],
  ] as const)
    symlinkSync(target, join(bin, name));
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(https?_proxy|no_proxy|node_extra_ca_certs|ssl_cert_(file|dir)|npm_config_(registry|cafile))$/i.test(name),
  );
  const userSettings = process.env.npm_config_userconfig ?? join(homedir(), '.npmrc');
  return { ...Object.fromEntries(kept), HOME: home, PATH: bin, npm_config_userconfig: userSettings };
}

function find(command: string): string {
  const folder = (process.env.PATH ?? '')
    .split(delimiter)
    .find((path) => !path.includes('node_modules') && existsSync(join(path, command)));
  if (folder === undefined) throw new Absent(command);
  return join(folder, command);
}

interface Watched {
  readonly code: number | null;
  readonly install_s: number;
  readonly peak_MB: number;
  readonly samples: number;
  /** Last of what it said. */
  readonly tail: string;
}

function watch(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv, log: (line: string) => void): Promise<Watched> {
  const child = spawn(join(env.PATH!, 'npm'), args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let said = '';
  const installed_s = () => Number(/Dependencies installed in ([\d.]+) s/.exec(said)?.[1] ?? 0);
  const memory = watchPeak(child.pid!, () => installed_s() > 0);
  const limit = setTimeout(() => endGroup(child.pid!), mostSeconds * 1000);
  const hear = (chunk: Buffer) => {
    const before = installed_s();
    said += chunk.toString();
    if (before === 0 && installed_s() > 0) log(`fresh clone: installed in ${installed_s()} s, the main job runs`);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      memory.stop();
      clearTimeout(limit);
      resolve({ code, install_s: installed_s(), peak_MB: memory.peak_MB, samples: memory.samples, tail: said.slice(-1000) });
    });
  });
}

function endGroup(id: number): void {
  try {
    process.kill(-id, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
