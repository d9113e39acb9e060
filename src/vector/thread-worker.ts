/**
 * A worker in a thread: the block is shared memory, and the worker sleeps on a word of it between requests, so that nothing else delays it.
 * A thread that corrupts or exhausts the process's memory takes the process with it; see docs/decisions/workers-are-processes.md.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, Worker, type WorkerOptions, workerData } from 'node:worker_threads';
import { sourceThread } from '../core/source-loader.ts';
import { errorFromWire } from '../wire/error-form.ts';
import { type Block, layOutBlock } from './worker-block.ts';
import { type BuildBackend, replyTo, textOf, WorkerHost } from './worker-host.ts';
import {
  type WorkerConfig,
  WorkerDied,
  type WorkerGreeting,
  type WorkerLink,
  type WorkerReply,
  type WorkerRequest,
} from './worker-protocol.ts';

/** What the word says: nothing to do, step with what is in the block, or a request waits in the port. */
const words = { idle: 0, step: 1, message: 2 } as const;
/** A thread that does not leave by itself is ended. */
const closeLimit_ms = 2000;

interface Given {
  readonly config: WorkerConfig;
  /** int32, 1. */
  readonly word: SharedArrayBuffer;
}

class ThreadLink implements WorkerLink {
  readonly isolation = 'thread' as const;
  readonly id: number;
  readonly description: WorkerLink['description'];
  readonly block: Block;
  onDeath: WorkerLink['onDeath'] = () => {};
  private readonly thread: Worker;
  private readonly word: Int32Array;
  private waiting: { resolve(reply: WorkerReply): void; reject(error: Error): void } | null = null;
  private dead: string | null = null;
  private closing = false;

  constructor(thread: Worker, word: Int32Array, greeting: Extract<WorkerGreeting, { op: 'ready' }>) {
    this.thread = thread;
    this.word = word;
    this.id = thread.threadId;
    this.description = greeting.description;
    this.block = layOutBlock(greeting.description, () => greeting.shared!);
    thread.on('message', (reply: WorkerReply) => this.settle()?.resolve(reply));
    thread.on('error', (error) => this.die(`stopped: ${textOf(error)}`));
    thread.on('exit', (code) => this.die(`ended with exit code ${code}`));
    thread.unref();
  }

  call(request: WorkerRequest): Promise<WorkerReply> {
    return new Promise((resolve, reject) => {
      if (this.dead !== null) return reject(new WorkerDied(this.dead));
      if (this.waiting) return reject(new TypeError('one call at a time'));
      this.waiting = { resolve, reject };
      // A program that waits for nothing else ends, however many envs it forgot to close.
      this.thread.ref();
      if (request.op !== 'step') this.thread.postMessage(request);
      Atomics.store(this.word, 0, request.op === 'step' ? words.step : words.message);
      Atomics.notify(this.word, 0);
    });
  }

  kill(why: string): void {
    this.die(why);
    if (this.closing) this.thread.ref();
    void this.thread.terminate();
  }

  async close(): Promise<void> {
    this.closing = true;
    if (this.dead === null) {
      const gone = new Promise<void>((resolve) => void this.thread.once('exit', () => resolve()));
      const tooLong = setTimeout(() => this.kill('was closed'), closeLimit_ms);
      if (this.waiting) this.kill('was closed');
      else await this.call({ op: 'close' }).catch(() => {});
      this.thread.ref();
      await gone;
      clearTimeout(tooLong);
    }
    await this.thread.terminate();
  }

  private settle() {
    const { waiting } = this;
    this.waiting = null;
    this.thread.unref();
    return waiting;
  }

  private die(what: string): void {
    if (this.dead !== null) return;
    this.dead = what;
    this.settle()?.reject(new WorkerDied(what));
    if (!this.closing) this.onDeath(what);
  }
}

/** @param url - the root that calls `serveInThread`. */
export async function startThread(url: URL, config: WorkerConfig): Promise<WorkerLink> {
  const word = new SharedArrayBuffer(4);
  const given: Given = { config, word };
  const thread = begun(url, { workerData: given });
  const greeting = await new Promise<WorkerGreeting>((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', (error) => reject(new WorkerDied(`did not start: ${textOf(error)}`)));
    thread.once('exit', (code) => reject(new WorkerDied(`did not start, and ended with exit code ${code}`)));
  });
  if (greeting.op === 'ready') return new ThreadLink(thread, new Int32Array(word), greeting);
  await thread.terminate();
  throw greeting.op === 'refused' ? errorFromWire(greeting.error) : new WorkerDied(greeting.what);
}

function begun(url: URL, options: WorkerOptions): Worker {
  const code = sourceThread(url);
  return code === undefined ? new Worker(url, options) : new Worker(code, { ...options, eval: true, execArgv: [] });
}

/** The thread's end: serves until it is asked to close. */
export async function serveInThread(build: BuildBackend): Promise<void> {
  const port = parentPort as MessagePort;
  const { config, word } = workerData as Given;
  let shared: ArrayBufferLike | undefined;
  const layOut = (description: WorkerHost['description']) =>
    layOutBlock(description, (bytes) => {
      shared = new SharedArrayBuffer(bytes);
      return shared;
    });
  try {
    const host = new WorkerHost(await build(config), layOut);
    port.postMessage({ op: 'ready', description: host.description, shared: shared! } satisfies WorkerGreeting);
    await serve(host, port, new Int32Array(word));
  } catch (error) {
    port.postMessage(replyTo(error, 'start'));
  }
}

async function serve(host: WorkerHost, port: MessagePort, word: Int32Array): Promise<void> {
  for (;;) {
    Atomics.wait(word, 0, words.idle);
    const said = Atomics.exchange(word, 0, words.idle);
    // A caller that was held up between its word and its notice gives the notice when the request is long answered.
    if (said === words.idle) continue;
    const request: WorkerRequest = said === words.step ? { op: 'step' } : (receiveMessageOnPort(port)!.message as WorkerRequest);
    port.postMessage(await host.answer(request));
    if (request.op === 'close') return;
  }
}
