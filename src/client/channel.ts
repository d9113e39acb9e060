/**
 * One session with a server, over as many sockets as it takes. A request that was not answered when a socket dropped is sent again,
 * with its number, over the next one; the server answers it without carrying it out twice.
 */
import type { WebSocket } from 'ws';
import { GroundtwinError } from '../errors.ts';
import {
  type Clock,
  checkReply,
  checkReplyEnvelope,
  decodeFrame,
  encodeFrame,
  errorFromWire,
  type FrameLimits,
  HELLO_SEQ,
  type Op,
  PROTOCOL,
  REPLY_LIMITS,
  REQUEST_LIMITS,
  type Reply,
  type ServerInfo,
} from '../wire/index.ts';
import { CLIENT_SETTINGS, type ClientSettings, type ConnectOptions, MAX_RECONNECT_DELAY_MS } from './options.ts';
import { listenTo, openSocket, plainUrl } from './socket.ts';

const CLOSE_NORMAL = 1000;
const CLOSE_TOO_LARGE = 1009;
/** Causes that a new socket would meet again: protocol errors, policy, and a session that goes on elsewhere. */
const FATAL_CLOSE_CODES: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, CLOSE_TOO_LARGE, 4001]);
const FATAL_OPENING_CODES: ReadonlySet<string> = new Set([
  'SESSION_UNKNOWN',
  'CONNECTION_UNAUTHORISED',
  'CONNECTION_ORIGIN',
  'CONNECTION_VERSION',
  'VERSION',
  'OPTION_INVALID',
]);
const SEND_OPTIONS = Object.freeze({ binary: true, compress: false });
/** Silence is looked at this many times within its limit; pings go out in between. */
const LOOKS_PER_SILENCE = 4;

interface Pending {
  readonly op: Op;
  readonly frame: Uint8Array;
  readonly due_ms: number;
  /** Absent once the caller was told of a time-out; the request stays, so that it is sent again if need be. */
  settle: { resolve(ok: unknown): void; reject(error: unknown): void } | undefined;
}

export class Channel {
  readonly url: string;
  private readonly options: ConnectOptions;
  private readonly settings: ClientSettings;
  private readonly clock: Clock;
  private readonly replyLimits: FrameLimits;
  private readonly pending = new Map<number, Pending>();
  private requestLimits: FrameLimits = REQUEST_LIMITS;
  private socket: WebSocket | undefined;
  private serverInfo: ServerInfo | undefined;
  private lastSeq = 0;
  private heardAt_ms = 0;
  private attempts = 0;
  private ended: GroundtwinError | undefined;
  private cancelLook: (() => void) | undefined;
  private cancelRetry: (() => void) | undefined;

  constructor(options: ConnectOptions) {
    this.options = options;
    this.url = plainUrl(options.url);
    this.clock = options.clock;
    this.settings = settingsOf(options);
    this.replyLimits = Object.freeze({ ...REPLY_LIMITS, maxFrameBytes: this.settings.maxFrameBytes });
  }

  get info(): ServerInfo {
    return this.serverInfo!;
  }

  /** Sockets opened to get the session back, so far. */
  resumes = 0;

  /** @throws one CONNECTION_* error for each cause; CAPACITY; DRAINING; VERSION. */
  async open(): Promise<void> {
    await this.establish();
  }

  /**
   * Sends a request; arrays in its fields are copied before this returns.
   * @param timeout_ms - Infinity for what may take any time: a server that is gone is noticed by its silence.
   * @throws whatever the server answers, typed; REQUEST_TIMEOUT, CONNECTION_LOST, CONNECTION_CLOSED, SERVER_BUSY, FRAME_TOO_LARGE.
   */
  request<O extends Op>(op: O, fields: Readonly<Record<string, unknown>>, timeout_ms = this.settings.requestTimeout_ms): Promise<Reply<O>> {
    return new Promise<unknown>((resolve, reject) => {
      this.checkOpen();
      const seq = this.lastSeq + 1;
      const frame = encodeFrame({ op, seq, ...fields }, this.requestLimits);
      this.lastSeq = seq;
      this.pending.set(seq, { op, frame, due_ms: this.clock.now_ms() + timeout_ms, settle: { resolve, reject } });
      if (this.pending.size === 1) this.heardAt_ms = this.clock.now_ms();
      this.socket?.send(frame, SEND_OPTIONS);
      this.armLook();
    }) as Promise<Reply<O>>;
  }

  /** Ends the session at once: its envs are closed, requests still waiting fail with CONNECTION_CLOSED. */
  async close(): Promise<void> {
    const { socket } = this;
    this.end(new GroundtwinError('CONNECTION_CLOSED', { url: this.url }));
    if (!socket || socket.readyState === socket.CLOSED) return;
    await new Promise<void>((resolve) => {
      const cancel = this.clock.after(this.settings.connectTimeout_ms, () => socket.terminate());
      socket.once('close', () => {
        cancel();
        resolve();
      });
      socket.close(CLOSE_NORMAL);
    });
  }

  /** Cuts the socket as a broken network would; the session is resumed. For tests and drills. */
  dropSocket(): void {
    this.socket?.terminate();
  }

  private checkOpen(): void {
    if (this.ended) throw this.ended;
    const { maxPendingRequests } = this.info.limits;
    if (this.pending.size >= maxPendingRequests)
      throw new GroundtwinError('SERVER_BUSY', { what: 'requests of this session', limit: maxPendingRequests });
  }

  private async establish(): Promise<void> {
    const socket = await openSocket(this.options, this.settings.connectTimeout_ms, this.settings.maxFrameBytes);
    const info = await this.greet(socket);
    if (this.ended) {
      socket.close(CLOSE_NORMAL);
      return;
    }
    this.serverInfo = info;
    this.requestLimits = Object.freeze({ ...REQUEST_LIMITS, maxFrameBytes: info.limits.maxFrameBytes });
    this.socket = socket;
    this.heardAt_ms = this.clock.now_ms();
    listenTo(socket, {
      message: (frame) => this.take(frame),
      heard: () => {
        this.heardAt_ms = this.clock.now_ms();
      },
      closed: (code, reason) => this.onClosed(socket, code, reason),
    });
    for (const { frame } of this.pending.values()) socket.send(frame, SEND_OPTIONS);
  }

  /** Says hello and waits for serverInfo. Replies that follow it at once, before anyone listens, are sent again when their requests are. */
  private async greet(socket: WebSocket): Promise<ServerInfo> {
    const { connectTimeout_ms, maxFrameBytes } = this.settings;
    const resume = this.serverInfo ? { session: this.serverInfo.sessionId, resumeToken: this.serverInfo.resumeToken } : {};
    const reply = new Promise<Uint8Array>((resolve, reject) => {
      const late = () =>
        reject(new GroundtwinError('CONNECTION_TIMEOUT', { url: this.url, stage: 'greeting', timeout_s: connectTimeout_ms / 1000 }));
      const cancel = this.clock.after(connectTimeout_ms, late);
      socket.once('message', (data) => {
        cancel();
        resolve(data as Buffer);
      });
      socket.once('close', (code) => {
        cancel();
        reject(new GroundtwinError('CONNECTION_REFUSED', { url: this.url, reason: `closed with ${code} at the greeting` }));
      });
      socket.send(encodeFrame({ op: 'hello', seq: HELLO_SEQ, protocol: PROTOCOL, ...resume, maxFrameBytes }, REQUEST_LIMITS), SEND_OPTIONS);
    });
    try {
      return this.readHello(await reply);
    } catch (error) {
      socket.terminate();
      throw error;
    } finally {
      socket.removeAllListeners('message').removeAllListeners('close');
    }
  }

  private readHello(frame: Uint8Array): ServerInfo {
    const { ok, error } = checkReplyEnvelope(decodeFrame(frame, this.replyLimits, true));
    if (error) throw errorFromWire(error);
    const info = checkReply('hello', ok);
    if (info.protocol !== PROTOCOL)
      throw new GroundtwinError('CONNECTION_VERSION', { url: this.url, wanted: PROTOCOL, reason: 'its greeting names another protocol' });
    return info;
  }

  private take(frame: Uint8Array): void {
    try {
      const envelope = checkReplyEnvelope(decodeFrame(frame, this.replyLimits, true));
      const { seq } = envelope;
      // The server could not read one of our frames; nobody knows which, so none can be trusted to be answered.
      if (seq === null) throw envelope.error ? errorFromWire(envelope.error) : this.lost('a reply without a number');
      const pending = this.pending.get(seq);
      if (!pending) return;
      this.attempts = 0;
      this.pending.delete(seq);
      if (envelope.error) pending.settle?.reject(errorFromWire(envelope.error));
      else this.settle(pending, envelope.ok);
    } catch (error) {
      this.end(error as GroundtwinError);
      this.socket?.terminate();
    }
  }

  private settle(pending: Pending, ok: unknown): void {
    try {
      pending.settle?.resolve(checkReply(pending.op, ok));
    } catch (error) {
      pending.settle?.reject(error);
    }
  }

  private onClosed(socket: WebSocket, code: number, reason: string): void {
    if (this.socket !== socket) return;
    this.socket = undefined;
    if (this.ended) return;
    const why = `closed with ${code}${reason ? `: ${reason}` : ''}`;
    if (FATAL_CLOSE_CODES.has(code)) this.end(this.lost(why));
    else this.retry(why);
  }

  /** Tries again after a delay that doubles; the count starts anew only when a reply arrives, so a request that kills sockets ends too. */
  private retry(why: string): void {
    if (this.ended) return;
    if (this.attempts >= this.settings.reconnectAttempts) {
      this.end(this.lost(why));
      return;
    }
    const delay_ms = this.attempts === 0 ? 0 : Math.min(this.settings.reconnectDelay_ms * 2 ** (this.attempts - 1), MAX_RECONNECT_DELAY_MS);
    this.attempts += 1;
    this.cancelRetry = this.clock.after(delay_ms, () => {
      this.establish().then(
        () => {
          this.resumes += 1;
        },
        (error: unknown) => this.onRetryFailed(error),
      );
    });
  }

  private onRetryFailed(error: unknown): void {
    const code = error instanceof GroundtwinError ? error.code : 'unknown';
    const why =
      error instanceof GroundtwinError && error.code === 'CONNECTION_REFUSED'
        ? `${code}, ${(error as GroundtwinError<'CONNECTION_REFUSED'>).details.reason}`
        : code;
    if (FATAL_OPENING_CODES.has(code)) this.end(this.lost(why));
    else this.retry(why);
  }

  private lost(reason: string): GroundtwinError {
    return new GroundtwinError('CONNECTION_LOST', { url: this.url, reason });
  }

  private end(error: GroundtwinError): void {
    if (this.ended) return;
    this.ended = error;
    this.cancelLook?.();
    this.cancelRetry?.();
    for (const { settle } of this.pending.values()) settle?.reject(error);
    this.pending.clear();
  }

  /** One timer for all requests, armed only while some wait. */
  private armLook(): void {
    if (this.cancelLook || this.ended) return;
    const { silence_ms, requestTimeout_ms } = this.settings;
    this.cancelLook = this.clock.after(Math.min(silence_ms, requestTimeout_ms) / LOOKS_PER_SILENCE, () => {
      this.cancelLook = undefined;
      this.look(this.clock.now_ms());
      if (this.pending.size > 0) this.armLook();
    });
  }

  private look(now_ms: number): void {
    this.timeOut(now_ms);
    if (!this.socket || this.pending.size === 0) return;
    const silent_ms = now_ms - this.heardAt_ms;
    if (silent_ms > this.settings.silence_ms) this.socket.terminate();
    else if (silent_ms > this.settings.silence_ms / LOOKS_PER_SILENCE) this.socket.ping();
  }

  private timeOut(now_ms: number): void {
    const timeout_s = this.settings.requestTimeout_ms / 1000;
    for (const pending of this.pending.values()) {
      if (pending.due_ms > now_ms) continue;
      pending.settle?.reject(new GroundtwinError('REQUEST_TIMEOUT', { op: pending.op, timeout_s }));
      pending.settle = undefined;
    }
  }
}

function settingsOf(options: ConnectOptions): ClientSettings {
  const { connectTimeout_ms, requestTimeout_ms, reconnectAttempts, reconnectDelay_ms, silence_ms, maxFrameBytes } = options;
  const given = { connectTimeout_ms, requestTimeout_ms, reconnectAttempts, reconnectDelay_ms, silence_ms, maxFrameBytes };
  return { ...CLIENT_SETTINGS, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}
