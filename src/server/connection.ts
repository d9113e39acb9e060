import type { RawData, WebSocket } from 'ws';
import { GroundtwinError } from '../errors.ts';
import {
  type Clock,
  checkEnvelope,
  checkRequest,
  decodeFrame,
  type FrameLimits,
  HELLO_SEQ,
  PROTOCOL,
  type ServerInfo,
} from '../wire/index.ts';
import { CLOSE_GRACE_MS, type ServerLimits } from './limits.ts';
import type { Logger } from './logger.ts';
import { asGroundtwinError, errorFrame, okFrame } from './replies.ts';
import type { ReplySink, Session } from './session.ts';
import type { Wakefulness } from './wakefulness.ts';

const SEND_OPTIONS = Object.freeze({ binary: true, compress: false });
const CLOSE_NORMAL = 1000;
const CLOSE_POLICY = 1008;
const CLOSE_TRY_LATER = 1013;

/** What a connection needs of its server. */
export interface ConnectionParts {
  readonly limits: ServerLimits;
  readonly requestLimits: FrameLimits;
  readonly replyLimits: FrameLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly wakefulness: Wakefulness;
  /** A new session, or the one to resume. @throws SESSION_UNKNOWN, CAPACITY, DRAINING. */
  open(resume: { readonly session: string; readonly resumeToken: string } | undefined): Opened;
  /** The client said good-bye. */
  end(session: Session): void;
  /** The socket is gone. */
  gone(connection: Connection): void;
}

export interface Opened {
  readonly session: Session;
  readonly info: ServerInfo;
}

/** One WebSocket: sizes, back-pressure, heartbeat and greeting. What requests mean is the session's business. */
export class Connection implements ReplySink {
  private readonly socket: WebSocket;
  private readonly parts: ConnectionParts;
  private session: Session | undefined;
  private badMessages = 0;
  private readonly openedAt_ms: number;
  private heardAt_ms: number;
  private requestAt_ms: number;
  private pingedAt_ms: number;
  private congestedSince_ms: number | undefined;
  private closingSince_ms: number | undefined;
  private requestsHeld = false;
  private wakeWriter: (() => void) | undefined;

  constructor(socket: WebSocket, parts: ConnectionParts) {
    this.socket = socket;
    this.parts = parts;
    const now_ms = parts.clock.now_ms();
    this.openedAt_ms = now_ms;
    this.heardAt_ms = now_ms;
    this.requestAt_ms = now_ms;
    this.pingedAt_ms = now_ms;
    socket.on('message', (data, isBinary) => this.take(data, isBinary));
    socket.on('pong', () => this.hear());
    socket.on('ping', () => this.hear());
    // ws closes the socket itself after an error (1009 for an oversize message, 1002 or 1007 for a malformed one).
    socket.on('error', (error) => parts.logger.warn('socket.error', { code: (error as NodeJS.ErrnoException).code ?? error.name }));
    socket.on('close', (code) => this.onClose(code));
  }

  send(frame: Uint8Array): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.socket.bufferedAmount > this.parts.limits.sendHighWaterBytes) {
      this.close(CLOSE_TRY_LATER, 'replies are not being read');
      return;
    }
    this.socket.send(frame, SEND_OPTIONS, this.onSent);
    this.parts.wakefulness.stay();
    if (this.socket.bufferedAmount > this.parts.limits.sendHighWaterBytes) this.congest();
  }

  writable(): Promise<void> | undefined {
    if (this.congestedSince_ms === undefined) return undefined;
    return new Promise((resolve) => {
      this.wakeWriter = resolve;
    });
  }

  holdRequests(held: boolean): void {
    this.requestsHeld = held;
    this.applyHold();
  }

  countBadMessage(): void {
    this.badMessages += 1;
    if (this.badMessages >= this.parts.limits.maxBadMessages) this.close(CLOSE_POLICY, 'too many malformed messages');
  }

  /** Sends the close frame; the socket is cut if the peer does not answer it soon. */
  close(code: number, reason: string): void {
    if (this.closingSince_ms !== undefined) return;
    this.closingSince_ms = this.parts.clock.now_ms();
    this.socket.resume();
    this.socket.close(code, reason);
    this.release();
  }

  terminate(): void {
    this.socket.terminate();
  }

  /** Looks at every time limit of this connection. */
  sweep(now_ms: number): void {
    const { limits } = this.parts;
    // Who waits for the end of a long request is not idle.
    if (this.session?.isIdle === false) this.requestAt_ms = now_ms;
    if (this.closingSince_ms !== undefined) {
      if (now_ms - this.closingSince_ms > CLOSE_GRACE_MS) this.socket.terminate();
    } else if (!this.session) {
      if (now_ms - this.openedAt_ms > limits.hello_ms) this.close(CLOSE_POLICY, 'no hello in time');
    } else if (this.congestedSince_ms !== undefined && now_ms - this.congestedSince_ms > limits.slowReader_ms) {
      this.close(CLOSE_TRY_LATER, 'replies are not being read');
    } else if (now_ms - this.requestAt_ms > limits.idle_ms) {
      this.close(CLOSE_POLICY, 'idle');
    } else if (now_ms - this.heardAt_ms > limits.silence_ms) {
      this.socket.terminate();
    } else if (now_ms - this.pingedAt_ms > limits.heartbeat_ms) {
      this.pingedAt_ms = now_ms;
      this.socket.ping();
    }
  }

  private take(data: RawData, isBinary: boolean): void {
    if (this.closingSince_ms !== undefined) return;
    this.hear();
    try {
      if (!isBinary) throw new GroundtwinError('BAD_MESSAGE', { field: 'frame', expected: 'a binary WebSocket message' });
      const frame = data as Buffer;
      const message = decodeFrame(frame, this.parts.requestLimits, false);
      this.requestAt_ms = this.heardAt_ms;
      if (this.session) this.session.receive(message, frame.length);
      else this.greet(message);
    } catch (error) {
      this.send(errorFrame(null, asGroundtwinError(error, 'frame', this.parts.logger), this.parts.replyLimits));
      this.countBadMessage();
    }
  }

  private greet(message: Readonly<Record<string, unknown>>): void {
    const { op, seq } = checkEnvelope(message);
    if (op !== 'hello' || seq !== HELLO_SEQ)
      throw new GroundtwinError('BAD_MESSAGE', { field: 'op', expected: 'hello with seq 0 as the first message' });
    const hello = checkRequest('hello', message);
    try {
      if (hello.protocol !== PROTOCOL) throw new GroundtwinError('VERSION', { wanted: PROTOCOL, offered: 'another protocol' });
      const resume = hello.session === undefined ? undefined : { session: hello.session, resumeToken: hello.resumeToken ?? '' };
      const { session, info } = this.parts.open(resume);
      this.session = session;
      this.send(okFrame(HELLO_SEQ, 'hello', info, this.parts.replyLimits, this.parts.logger));
      session.attach(this, hello.maxFrameBytes);
    } catch (error) {
      this.send(errorFrame(HELLO_SEQ, asGroundtwinError(error, 'hello', this.parts.logger), this.parts.replyLimits));
      this.close(CLOSE_POLICY, 'hello refused');
    }
  }

  private hear(): void {
    this.heardAt_ms = this.parts.clock.now_ms();
  }

  private readonly onSent = (): void => {
    if (this.congestedSince_ms !== undefined && this.socket.bufferedAmount <= this.parts.limits.sendHighWaterBytes / 2) this.release();
  };

  private congest(): void {
    this.congestedSince_ms ??= this.parts.clock.now_ms();
    this.applyHold();
  }

  private release(): void {
    this.congestedSince_ms = undefined;
    this.wakeWriter?.();
    this.wakeWriter = undefined;
    this.applyHold();
  }

  private applyHold(): void {
    const hold = (this.requestsHeld || this.congestedSince_ms !== undefined) && this.closingSince_ms === undefined;
    if (hold) this.socket.pause();
    else this.socket.resume();
  }

  private onClose(code: number): void {
    this.closingSince_ms ??= this.parts.clock.now_ms();
    this.release();
    const { session } = this;
    const wasCurrent = session?.detach(this) ?? false;
    if (session && wasCurrent && code === CLOSE_NORMAL) this.parts.end(session);
    this.parts.gone(this);
  }
}
