import { WebSocket } from 'ws';
import { GroundtwinError } from '../../src/errors.ts';
import { clockFrom, type RunningServer, type ServeOptions, serve } from '../../src/server/index.ts';
import { decodeFrame, encodeFrame, PROTOCOL, REPLY_LIMITS, Tensor } from '../../src/wire/index.ts';
import { type StubEnv, stubRegistry } from './stub-env.ts';

export const clock = clockFrom(() => performance.now());
export const TOKEN = 'correct-horse-battery-staple';

export interface Started extends RunningServer {
  readonly made: StubEnv[];
}

const started: RunningServer[] = [];
const raws: Raw[] = [];

/** A server of stubs on a free port of 127.0.0.1, closed by `stopAll`. */
export async function start(options: Partial<ServeOptions> = {}): Promise<Started> {
  const registry = stubRegistry();
  const server = await serve({
    token: TOKEN,
    clock,
    make: registry.make,
    list: registry.list,
    ...options,
    limits: { sweep_ms: 10, ...options.limits },
  });
  started.push(server);
  return { ...server, made: registry.made };
}

export async function stopAll(): Promise<void> {
  for (const raw of raws.splice(0)) raw.socket.terminate();
  await Promise.all(started.splice(0).map((server) => server.close()));
}

export interface RawReply {
  readonly seq: number | null;
  readonly ok?: Record<string, unknown>;
  readonly error?: { code: string; message: string; details?: Record<string, unknown>; retryable: boolean };
}

/** A client without manners: sends what it is told, byte for byte. */
export class Raw {
  readonly socket: WebSocket;
  readonly replies: RawReply[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  private waiting: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    raws.push(this);
    socket.on('error', () => {});
    socket.on('message', (data) => {
      this.replies.push(decodeFrame(data as Buffer, REPLY_LIMITS, true) as unknown as RawReply);
      for (const wake of this.waiting.splice(0)) wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        for (const wake of this.waiting.splice(0)) wake();
      });
    });
  }

  async reply(): Promise<RawReply> {
    while (this.replies.length === 0) {
      if (this.socket.readyState === this.socket.CLOSED) throw new Error('closed before a reply came');
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    return this.replies.shift()!;
  }

  send(message: Record<string, unknown>): void {
    this.socket.send(encodeFrame(message, REPLY_LIMITS));
  }

  ask(message: Record<string, unknown>): Promise<RawReply> {
    this.send(message);
    return this.reply();
  }

  async hello(more: Record<string, unknown> = {}): Promise<RawReply> {
    return this.ask({ op: 'hello', seq: 0, protocol: PROTOCOL, ...more });
  }
}

export function open(
  url: string,
  headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` },
  protocols: string | string[] = PROTOCOL,
): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, { headers });
    const raw = new Raw(socket);
    socket.once('open', () => resolve(raw));
    socket.once('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => reject(Object.assign(new Error('refused'), { status: response.statusCode, body })));
    });
    socket.once('error', reject);
  });
}

/** A session with one env of one lane; its handle. */
export async function openSession(
  url: string,
  id = 'Counter-v0',
  options: Record<string, unknown> = {},
  lanes = 1,
): Promise<{ raw: Raw; env: number; hello: RawReply }> {
  const raw = await open(url);
  const hello = await raw.hello();
  const made = await raw.ask({ op: 'make', seq: 1, id, lanes, options });
  if (!made.ok) throw new Error(`make failed: ${made.error?.code}`);
  return { raw, env: made.ok.env as number, hello };
}

export const action = (...values: number[]) => new Tensor(Float32Array.from(values), [values.length / 2, 2]);

export async function refusalOf(promise: Promise<unknown>): Promise<{ status: number; body: { code: string } }> {
  try {
    await promise;
  } catch (error) {
    const { status, body } = error as { status: number; body: string };
    return { status, body: JSON.parse(body) };
  }
  throw new Error('it was accepted');
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof GroundtwinError) return error.code;
    throw error;
  }
  throw new Error('it did not throw');
}

/** Waits until something holds, at most 5 s. */
export async function eventually(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within 5 s: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
