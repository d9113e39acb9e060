/**
 * Models in a process of their own: whatever a model does to time or memory there, this process gets a typed error. Slower by the way there and back,
 * some 0.1 ms a call. One child holds all models of a runtime; it starts with the first and ends with the last.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { memorySignal } from '../core/process-guard.ts';
import { sourceLoader } from '../core/source-loader.ts';
import { type ErrorCode, type ErrorDetails, GroundtwinError } from '../errors.ts';
import type { OnnxLoadOptions, OnnxRuntime, OnnxSession, OnnxTensor } from './runtime.ts';

/** What a model in a process of its own may take; absent = the default. */
export interface ModelLimits {
  /** Over one call. Default 10,000. */
  readonly call_ms?: number;
  /** Until it is loaded, the start of its process included. Default 60,000. */
  readonly load_ms?: number;
  /** Resident memory of its process beyond what that took before the model, MB (10⁶ bytes). Default 1000. */
  readonly memory_MB?: number;
}

export const modelLimits: Required<ModelLimits> = Object.freeze({ call_ms: 10_000, load_ms: 60_000, memory_MB: 1000 });
/** What one call may return: it is copied into this process, beyond the child's memory limit. */
export const mostReturned_bytes = 256e6;

export type SessionFacts = Pick<OnnxSession, 'inputNames' | 'outputNames' | 'inputs' | 'outputs'>;

export type ModelRequest =
  | { readonly op: 'load'; readonly bytes: Uint8Array; readonly name: string }
  | {
      readonly op: 'run';
      readonly session: number;
      readonly feeds: Readonly<Record<string, OnnxTensor>>;
      readonly outputs: readonly string[];
    }
  | { readonly op: 'release'; readonly session: number };

export type ModelReply =
  | { readonly op: 'loaded'; readonly session: number; readonly facts: SessionFacts }
  | { readonly op: 'ran'; readonly results: Record<string, OnnxTensor> }
  | { readonly op: 'released' }
  | { readonly op: 'failed'; readonly code: ErrorCode; readonly details: unknown };

/** How many processes of models there are and may be: each takes memory before it has done anything. */
export interface Crowd {
  running: number;
  readonly most: number;
}

/** Of this process. */
const crowdHere: Crowd = { running: 0, most: 64 };

/** @param url - the root that calls `serveModels`. `load` throws CAPACITY where there are too many processes of models already. */
export function isolatedRuntime(url: URL, limits: ModelLimits = {}, crowd: Crowd = crowdHere): OnnxRuntime {
  const all = { ...modelLimits, ...limits };
  let child: ModelChild | undefined;
  return {
    async load(bytes, options = {}) {
      if (!child || child.isGone) child = new ModelChild(url, all, crowd);
      return child.load(bytes, options);
    },
  };
}

interface Waiting {
  /** Starts its time: the child answers one call after the other. */
  readonly begin: () => void;
  /** How errors name the model that was asked. */
  readonly name: string;
  readonly resolve: (reply: ModelReply) => void;
  readonly reject: (error: Error) => void;
}

class ModelChild {
  private readonly child: ChildProcess;
  private readonly limits: Required<ModelLimits>;
  private readonly crowd: Crowd;
  private sessions = 0;
  /** Calls are answered in the order in which they were made. */
  private readonly waiting: Waiting[] = [];
  private end: string | null = null;

  constructor(url: URL, limits: Required<ModelLimits>, crowd: Crowd) {
    if (crowd.running >= crowd.most) throw new GroundtwinError('CAPACITY', { what: 'processes of models', limit: crowd.most });
    crowd.running += 1;
    this.crowd = crowd;
    this.limits = limits;
    const args = [String(limits.memory_MB)];
    // Its standard input carries nothing: that it closes tells the child that this process is gone.
    this.child = fork(url, args, { execArgv: sourceLoader(url), serialization: 'advanced', stdio: ['pipe', 'ignore', 'inherit', 'ipc'] });
    this.child.on('message', (reply: ModelReply) => this.settle()?.resolve(reply));
    this.child.on('error', (error) => this.stop(`could not be run: ${error.message}`));
    this.child.on('exit', (code, signal) => this.stop(this.reasonOf(code, signal)));
    this.child.stdin?.on('error', () => {});
  }

  get isGone(): boolean {
    return this.end !== null;
  }

  async load(bytes: Uint8Array, { name = 'model' }: OnnxLoadOptions): Promise<OnnxSession> {
    this.sessions += 1;
    try {
      const reply = await this.ask(name, { op: 'load', bytes, name }, this.limits.load_ms);
      if (reply.op === 'loaded') return this.sessionOf(name, reply.session, reply.facts);
      throw errorOf(reply);
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  private sessionOf(name: string, session: number, facts: SessionFacts): OnnxSession {
    let released = false;
    return {
      ...facts,
      run: async (feeds, outputs = facts.outputNames) => {
        if (released) throw new GroundtwinError('RUNTIME_FAILED', { model: name, problem: 'the session was released' });
        const reply = await this.ask(name, { op: 'run', session, feeds, outputs }, this.limits.call_ms);
        if (reply.op === 'ran') return reply.results;
        throw errorOf(reply);
      },
      release: async () => {
        if (released) return;
        released = true;
        if (!this.isGone && this.sessions > 1) await this.ask(name, { op: 'release', session }, this.limits.call_ms).catch(() => {});
        this.leave();
      },
    };
  }

  /** The last one out ends the process. */
  private leave(): void {
    this.sessions -= 1;
    if (this.sessions === 0) this.stop('was closed');
  }

  private ask(name: string, request: ModelRequest, limit_ms: number): Promise<ModelReply> {
    return new Promise<ModelReply>((resolve, reject) => {
      if (this.end !== null) return reject(stopped(name, this.end));
      const what = request.op === 'load' ? 'to load' : 'over a call';
      let timer: NodeJS.Timeout | undefined;
      const begin = () => {
        timer = setTimeout(() => this.stop(`took longer than ${limit_ms} ms ${what}`), limit_ms);
      };
      const done =
        <T>(act: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          act(value);
        };
      try {
        this.child.send(request, (error) => error && this.stop(`could not be asked: ${error.message}`));
      } catch (error) {
        // Nothing was sent, so nobody waits for an answer.
        return reject(new GroundtwinError('RUNTIME_FAILED', { model: name, problem: (error as Error).message }));
      }
      this.waiting.push({ name, begin, resolve: done(resolve), reject: done(reject) });
      if (this.waiting.length === 1) begin();
      this.refer(true);
    });
  }

  private settle(): Waiting | undefined {
    const first = this.waiting.shift();
    if (this.waiting.length === 0) this.refer(false);
    else if (this.end === null) this.waiting[0]!.begin();
    return first;
  }

  /** A program that waits for nothing else ends, however many models it forgot to close. */
  private refer(needed: boolean): void {
    if (needed) this.child.ref();
    else this.child.unref();
    const { channel } = this.child;
    if (needed) channel?.ref();
    else channel?.unref();
    (this.child.stdin as { unref?(): void } | null)?.unref?.();
  }

  private stop(why: string): void {
    if (this.end !== null) return;
    this.end = why;
    this.crowd.running -= 1;
    this.child.kill('SIGKILL');
    for (let waiting = this.settle(); waiting; waiting = this.settle()) waiting.reject(stopped(waiting.name, why));
    this.refer(false);
  }

  private reasonOf(code: number | null, signal: NodeJS.Signals | null): string {
    if (signal === memorySignal) return `took more than ${this.limits.memory_MB} MB of memory`;
    return signal ? `broke off with ${signal}` : `broke off with exit code ${code}`;
  }
}

function stopped(model: string, what: string): GroundtwinError {
  return new GroundtwinError('MODEL_STOPPED', { model, what });
}

function errorOf(reply: ModelReply): Error {
  if (reply.op === 'failed') return new GroundtwinError(reply.code, reply.details as ErrorDetails<ErrorCode>);
  return new TypeError(`a model's process answered '${reply.op}'`);
}
