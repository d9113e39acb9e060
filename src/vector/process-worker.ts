/**
 * A worker in a process of its own: nothing that happens in it (kill -9, a crash of native code, memory running out) reaches the parent.
 * One pipe, frames each way: two little-endian uint32 (bytes of the block, bytes of the rest), the changed range of the block, the rest as V8 serialises it.
 * The frames of a usual step have no rest: asked `step`, answered `done`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { guardProcess } from '../core/process-guard.ts';
import { loaderFlags } from '../core/source-loader.ts';
import { errorFromWire } from '../wire/error-form.ts';
import { type Block, layOutBlock } from './worker-block.ts';
import { allWell, type BuildBackend, replyTo, textOf, WorkerHost } from './worker-host.ts';
import {
  type WorkerConfig,
  WorkerDied,
  type WorkerGreeting,
  type WorkerLink,
  type WorkerReply,
  type WorkerRequest,
} from './worker-protocol.ts';

/** Descriptor of the frames' pipe in the child. Its standard input carries nothing: that it closes tells the child that the parent is gone. */
const pipe = 3;
const headBytes = 8;
/** A process that does not leave by itself is killed. */
const closeLimit_ms = 2000;
/** How long a worker whose parent is gone may be busy before it is ended: an idle one sees the end of its pipe. */
const orphanLimit_ms = 2000;
/** Collecting garbage in threads of its own gains nothing where workers fill all processors, and makes Linux wake the worker onto a busy processor: it takes whoever wakes several others for a server. */
const threadFlags = ['--single-threaded-gc'];
const nothing = new Uint8Array(0);
const bareStep: WorkerRequest = Object.freeze({ op: 'step' });

/** A frame with room for a range of the block, used again and again. */
class RangeFrame {
  readonly bytes: Uint8Array;
  private readonly range: Uint8Array;

  constructor(range: Uint8Array) {
    this.range = range;
    this.bytes = frameOf(range, nothing);
  }

  filled(): Uint8Array {
    this.bytes.set(this.range, headBytes);
    return this.bytes;
  }
}

function frameOf(range: Uint8Array, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headBytes + range.byteLength + rest.byteLength);
  const head = new DataView(bytes.buffer);
  head.setUint32(0, range.byteLength, true);
  head.setUint32(4, rest.byteLength, true);
  bytes.set(range, headBytes);
  bytes.set(rest, headBytes + range.byteLength);
  return bytes;
}

function lengthsOf(head: Uint8Array): { range: number; rest: number } {
  const view = new DataView(head.buffer, head.byteOffset);
  return { range: view.getUint32(0, true), rest: view.getUint32(4, true) };
}

/** Puts the pieces that a pipe delivers together to whole frames. */
class FrameReader {
  private readonly onFrame: (range: Uint8Array, rest: Uint8Array) => void;
  private pieces: Uint8Array[] = [];
  private held = 0;

  constructor(onFrame: (range: Uint8Array, rest: Uint8Array) => void) {
    this.onFrame = onFrame;
  }

  push(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.held += piece.byteLength;
    if (this.held < headBytes) return;
    if (this.pieces[0]!.byteLength < headBytes) this.join();
    const { range, rest } = lengthsOf(this.pieces[0]!);
    const whole = headBytes + range + rest;
    if (this.held < whole) return;
    const bytes = this.join();
    this.pieces = [];
    this.held = 0;
    // One frame is one reply, and there is one request at a time: nothing can follow it.
    this.onFrame(bytes.subarray(headBytes, headBytes + range), bytes.subarray(headBytes + range, whole));
  }

  private join(): Uint8Array {
    if (this.pieces.length > 1) this.pieces = [Buffer.concat(this.pieces)];
    return this.pieces[0]!;
  }
}

/** The process, before and after it is known what it holds. */
class ProcessLink implements WorkerLink {
  readonly isolation = 'process' as const;
  readonly id: number;
  description!: WorkerLink['description'];
  block!: Block;
  onDeath: WorkerLink['onDeath'] = () => {};
  private readonly child: ChildProcess;
  private readonly socket: Socket;
  private readonly gone: Promise<void>;
  private stepFrame!: RangeFrame;
  private waiting: { resolve(reply: WorkerReply | WorkerGreeting): void; reject(error: Error): void } | null = null;
  private dead: string | null = null;
  private closing = false;

  constructor(child: ChildProcess) {
    this.child = child;
    this.id = child.pid ?? 0;
    this.socket = child.stdio[pipe] as Socket;
    const reader = new FrameReader((range, rest) => this.receive(range, rest));
    this.socket.on('data', (piece: Uint8Array) => reader.push(piece));
    // What broke the pipe is told by the exit that follows.
    this.socket.on('error', () => {});
    child.stdin!.on('error', () => {});
    (child.stdin as Socket).unref();
    child.on('error', (error) => this.die(`could not be started: ${textOf(error)}`));
    this.gone = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.die(signal ? `was ended by ${signal}` : `ended with exit code ${code}`);
        resolve();
      });
      child.once('error', () => resolve());
    });
  }

  async begin(config: WorkerConfig): Promise<void> {
    const greeting = (await this.send(frameOf(nothing, serialize(config)))) as WorkerGreeting;
    if (greeting.op !== 'ready') {
      await this.close();
      throw greeting.op === 'refused' ? errorFromWire(greeting.error) : new WorkerDied(greeting.what);
    }
    this.description = greeting.description;
    this.block = layOutBlock(greeting.description, (bytes) => new ArrayBuffer(bytes));
    this.stepFrame = new RangeFrame(this.block.stepBytes);
  }

  call(request: WorkerRequest): Promise<WorkerReply> {
    if (request.op === 'step') return this.send(this.stepFrame.filled()) as Promise<WorkerReply>;
    const range = request.op === 'reset' ? this.block.resetBytes : nothing;
    return this.send(frameOf(range, serialize(request))) as Promise<WorkerReply>;
  }

  kill(why: string): void {
    this.die(why);
    this.child.kill('SIGKILL');
    if (this.closing) this.refer(true);
  }

  async close(): Promise<void> {
    this.closing = true;
    if (this.waiting) this.kill('was closed');
    else this.socket.end();
    const tooLong = setTimeout(() => this.kill('was closed'), closeLimit_ms);
    this.refer(true);
    await this.gone;
    clearTimeout(tooLong);
    this.child.stdin?.destroy();
    this.socket.destroy();
  }

  private send(frame: Uint8Array): Promise<WorkerReply | WorkerGreeting> {
    return new Promise((resolve, reject) => {
      if (this.dead !== null) return reject(new WorkerDied(this.dead));
      if (this.waiting) return reject(new TypeError('one call at a time'));
      this.waiting = { resolve, reject };
      this.refer(true);
      this.socket.write(frame);
    });
  }

  private receive(range: Uint8Array, rest: Uint8Array): void {
    if (range.byteLength > 0) this.block.outputBytes.set(range);
    this.settle()?.resolve(rest.byteLength === 0 ? allWell : (deserialize(rest) as WorkerReply | WorkerGreeting));
  }

  private settle() {
    const { waiting } = this;
    this.waiting = null;
    this.refer(false);
    return waiting;
  }

  /** A program that waits for nothing else ends, however many envs it forgot to close. */
  private refer(needed: boolean): void {
    if (needed) {
      this.child.ref();
      this.socket.ref();
    } else {
      this.child.unref();
      this.socket.unref();
    }
  }

  private die(what: string): void {
    if (this.dead !== null) return;
    this.dead = what;
    this.settle()?.reject(new WorkerDied(what));
    if (!this.closing) this.onDeath(what);
  }
}

/** @param url - the root that calls `serveInProcess`. */
export async function startProcess(url: URL, config: WorkerConfig): Promise<WorkerLink> {
  const link = new ProcessLink(
    // What tasks print goes to standard error: standard output belongs to the program.
    spawn(process.execPath, [...threadFlags, ...loaderFlags(url), fileURLToPath(url)], { stdio: ['pipe', 2, 2, 'pipe'] }),
  );
  await link.begin(config);
  return link;
}

/** The child's end: serves until the pipe is closed, then leaves the process. Reads and writes block, which is faster than the event loop by some 15 µs a step. */
export async function serveInProcess(build: BuildBackend): Promise<void> {
  // Signals to the whole group (Ctrl-C, a service being stopped) are the parent's to decide on.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  const config = deserialize(readFrame().rest) as WorkerConfig;
  let block: Block | undefined;
  try {
    const host = new WorkerHost(await build(config), (description) => {
      block = layOutBlock(description, (bytes) => new ArrayBuffer(bytes));
      return block;
    });
    write(frameOf(nothing, serialize({ op: 'ready', description: host.description } satisfies WorkerGreeting)));
    guardProcess({ orphanLimit_ms });
    waitOnesTurn();
    await serve(host, block!);
  } catch (error) {
    write(frameOf(nothing, serialize(replyTo(error, 'start'))));
    readFrame();
  }
}

async function serve(host: WorkerHost, block: Block): Promise<never> {
  const outputs = new RangeFrame(block.outputBytes);
  for (;;) {
    const request = readRequest(block);
    const reply = await host.answer(request);
    if (reply === allWell) write(outputs.filled());
    else {
      const shows = reply.op === 'done' && request.op !== 'save';
      write(frameOf(shows ? block.outputBytes : nothing, serialize(reply)));
    }
  }
}

function readRequest(block: Block): WorkerRequest {
  const { range, rest } = readFrame();
  const request = rest.byteLength === 0 ? bareStep : (deserialize(rest) as WorkerRequest);
  if (request.op === 'step') block.stepBytes.set(range);
  else if (request.op === 'reset') block.resetBytes.set(range);
  return request;
}

const head = new Uint8Array(headBytes);
/** Frames of requests are read into this, and larger ones into memory of their own: what is in it is used before the next is read. */
const scratch = new Uint8Array(1 << 16);

function readFrame(): { range: Uint8Array; rest: Uint8Array } {
  readFully(head);
  const { range, rest } = lengthsOf(head);
  const total = range + rest;
  const body = total <= scratch.byteLength ? scratch.subarray(0, total) : new Uint8Array(total);
  readFully(body);
  return { range: body.subarray(0, range), rest: body.subarray(range) };
}

function readFully(into: Uint8Array): void {
  for (let at = 0; at < into.byteLength; ) {
    const got = readSome(into, at);
    if (got === 0) leave();
    at += got;
  }
}

/** @returns 0 once the parent has closed the pipe, or is gone. */
function readSome(into: Uint8Array, at: number): number {
  try {
    return readSync(pipe, into, at, into.byteLength - at, null);
  } catch (error) {
    if (['EOF', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}

function write(bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.byteLength; ) at += writeSync(pipe, bytes, at);
  } catch (error) {
    if (['EPIPE', 'EOF', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '')) leave();
    throw error;
  }
}

/** Holds nothing that must be written or given back, and an orderly exit waits for WebAssembly that is still being optimised in the background, up to seconds; only a coverage report needs it. */
function leave(): never {
  if (process.env.NODE_V8_COVERAGE === undefined) process.kill(process.pid, 'SIGKILL');
  process.exit(0);
}

/**
 * Linux: woken by its request, a worker as a rule takes the processor from the parent that is about to send the next worker its own, which then waits for milliseconds.
 * Under SCHED_BATCH (sched(7): for work that is not interactive) it has the same share of the processor and does not push anybody off it.
 * Without `chrt` (util-linux), or where it may not, everything works, two workers at 1.75 instead of 1.85 times the speed of one process.
 */
function waitOnesTurn(): void {
  if (process.platform === 'linux') spawnSync('chrt', ['--batch', '--pid', '0', String(process.pid)], { stdio: 'ignore' });
}
