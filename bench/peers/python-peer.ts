/** Programs in Python that we are compared with: installed once, outside the tree; asked one question at a time over their standard streams. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pythonWith as environmentWith, PythonMissing } from '../../scripts/python-env.mjs';
import { root } from '../machine.ts';
import { Absent } from '../verify/row.ts';

/** The packages that are asked for need it. */
const OLDEST_PYTHON = [3, 11] as const;
/** The longest a question may take. */
export const ANSWER_LIMIT_s = 300;

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

/** Where peers are installed: the user's cache, never the tree. */
export function peerCache(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'groundtwin', 'peers');
}

/**
 * A Python that has the packages of a requirements file beside this one; they are installed when asked for the first time.
 * @returns its path. @throws Absent where there is no Python or no way to the packages.
 */
export function pythonWith(name: string, requirementsFile: string, log: (line: string) => void, cache = peerCache()): string {
  try {
    return environmentWith({ name, requirements: pathOf(requirementsFile), cache, oldest: OLDEST_PYTHON, log });
  } catch (error) {
    if (error instanceof PythonMissing) throw new Absent(error.message);
    throw error;
  }
}

/** What a peer answers: plain data. */
export type Answer = Readonly<Record<string, unknown>>;

/** @throws what the peer says went wrong, or that this is no answer. */
export function readAnswer(line: string): Answer {
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch {
    throw new Error(`the peer did not answer in JSON: ${line.slice(0, 200)}`);
  }
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer))
    throw new Error(`the peer did not answer with an object: ${line.slice(0, 200)}`);
  const { error } = answer as { error?: unknown };
  if (error !== undefined) throw new Error(`the peer failed: ${String(error)}`);
  return answer as Answer;
}

/** A running peer. It answers in order; between questions it waits and takes no CPU time. */
export class Peer {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  private complaints = '';
  private end: Error | undefined;

  /** @param command - a program that answers each line of JSON with one. */
  constructor(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env) {
    this.child = spawn(command, args, { env: environment, stdio: 'pipe' });
    createInterface({ input: this.child.stdout }).on('line', (line) => this.waiting.shift()?.resolve(line));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.complaints = (this.complaints + text).slice(-2000);
    });
    // Writing to one that has ended: 'close' says so.
    this.child.stdin.on('error', () => {});
    this.child.on('error', (error) => this.stop(error));
    this.child.on('close', (code, signal) => this.stop(new Error(`the peer ended (${code ?? signal}): ${this.complaints.trim()}`)));
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** @throws when it fails, ends or takes too long. */
  ask<A extends object>(question: object, limit_s = ANSWER_LIMIT_s): Promise<A> {
    const answer = this.told<A>(limit_s);
    this.child.stdin.write(`${JSON.stringify(question)}\n`);
    return answer;
  }

  /** Its next line, of one that speaks unasked. @throws as `ask` does. */
  async told<A extends object>(limit_s = ANSWER_LIMIT_s): Promise<A> {
    if (this.end) throw this.end;
    const line = new Promise<string>((resolve, reject) => this.waiting.push({ resolve, reject }));
    const timer = setTimeout(() => this.stop(new Error(`the peer did not answer within ${limit_s} s`)), limit_s * 1000);
    try {
      return readAnswer(await line) as A;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.stop(new Error('the peer was closed'));
  }

  private stop(why: Error): void {
    this.end ??= why;
    this.child.kill('SIGKILL');
    for (const { reject } of this.waiting.splice(0)) reject(this.end);
  }
}

/** Gymnasium and native MuJoCo. @throws Absent. */
export function gymnasiumPeer(log: (line: string) => void): Peer {
  const python = pythonWith('gymnasium', 'gymnasium-requirements.txt', log);
  return new Peer(python, ['-u', pathOf('gymnasium_peer.py')], { ...process.env, MUJOCO_GL: 'disable', OMP_NUM_THREADS: '1' });
}

/** The mower logs that GTSAM's wheel holds. @throws Absent. */
export function plazaPeer(log: (line: string) => void): Peer {
  return new Peer(pythonWith('gtsam', 'gtsam-requirements.txt', log), ['-u', pathOf('plaza_peer.py')]);
}

/** PyTorch, on one thread. @throws Absent. */
export function torchPeer(log: (line: string) => void): Peer {
  const python = pythonWith('torch', 'torch-requirements.txt', log);
  return new Peer(python, ['-u', pathOf('torch_peer.py')], { ...process.env, OMP_NUM_THREADS: '1', CUDA_VISIBLE_DEVICES: '' });
}

/** Our client of the checkout, which plays what it is given. @throws Absent. */
export function playPeer(log: (line: string) => void): Peer {
  return new Peer(clientPython(log), ['-u', pathOf('python_play.py')], clientEnvironment);
}

/** Our client of the checkout, which has a server measure gaps. @throws Absent. */
export function gapPeer(log: (line: string) => void): Peer {
  return new Peer(clientPython(log), ['-u', pathOf('python_gap.py')], clientEnvironment);
}

/** A Python that our client of the checkout runs on, with `clientEnvironment`. @throws Absent. */
export function clientPython(log: (line: string) => void): string {
  return pythonWith('remote', 'remote-requirements.txt', log);
}

/** Where Python finds the package of this checkout. */
export const clientEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  PYTHONPATH: pathOf('../../python/src'),
  OMP_NUM_THREADS: '1',
};

export interface CheckoutPython {
  readonly program: string;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * A Python that finds this checkout's package and has it run this checkout's server, on one thread.
 * @param packages - `python` has Gymnasium, Stable-Baselines3, TorchRL and Minari; RLlib wants an older Gymnasium.
 * @throws Absent.
 */
export function checkoutPython(packages: 'python' | 'rllib', log: (line: string) => void): CheckoutPython {
  const program = pythonWith(packages, `${packages}-requirements.txt`, log);
  const environment = {
    ...clientEnvironment,
    PYTHONDONTWRITEBYTECODE: '1',
    GROUNDTWIN_NODE: process.execPath,
    GROUNDTWIN_SERVER: join(root, 'bin', 'groundtwin.mjs'),
    CUDA_VISIBLE_DEVICES: '',
    MUJOCO_GL: 'disable',
  };
  return { program, environment };
}

/** Stable-Baselines3 on our envs, or on any. @throws Absent. */
export function sb3Peer(log: (line: string) => void): Peer {
  const { program, environment } = checkoutPython('python', log);
  return new Peer(program, ['-u', pathOf('sb3_peer.py')], environment);
}

/** Our client of the checkout, Gymnasium's vector env and OpenEnv: ways to step what lives elsewhere. @throws Absent. */
export function remotePeer(log: (line: string) => void): Peer {
  return new Peer(clientPython(log), ['-u', pathOf('remote_peer.py')], clientEnvironment);
}

/** Minari, pyarrow, mcap and rosbags: what others read and write episodes with. @throws Absent. */
export function formatsPeer(log: (line: string) => void): Peer {
  const python = pythonWith('formats', 'formats-requirements.txt', log);
  return new Peer(python, ['-u', pathOf('formats_peer.py')]);
}
