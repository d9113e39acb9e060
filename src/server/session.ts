import { GroundtwinError } from '../errors.ts';
import { type Clock, checkEnvelope, checkRequest, type FrameLimits, HELLO_SEQ, seqIn } from '../wire/index.ts';
import { EnvHost, type SessionOp, type SharedEnvs } from './env-host.ts';
import type { Answer, Conditions } from './hosted-env.ts';
import type { ServerLimits } from './limits.ts';
import type { Logger } from './logger.ts';
import { asGroundtwinError, errorFrame, okFrame } from './replies.ts';
import { ReplyStore, type SharedBytes } from './reply-store.ts';
import { sameSecret } from './secrets.ts';

/** Where a session's replies go: a connection, or nothing while its socket is gone. */
export interface ReplySink {
  send(frame: Uint8Array): void;
  /** Resolves at once unless the peer reads too slowly. */
  writable(): Promise<void> | undefined;
  /** Stops or starts reading requests. */
  holdRequests(held: boolean): void;
  close(code: number, reason: string): void;
  countBadMessage(): void;
}

export interface SessionParts {
  readonly id: string;
  readonly resumeTokenDigest: Buffer;
  readonly limits: ServerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly envs: SharedEnvs;
  readonly keptBytes: SharedBytes;
}

interface Waiting {
  readonly seq: number;
  readonly message: Readonly<Record<string, unknown>>;
  readonly bytes: number;
}

interface Running {
  since_ms: number;
  readonly op: SessionOp;
  readonly env: number | undefined;
  expire(): void;
}

/** Close code of a socket whose session went on over another one. */
export const CLOSE_TAKEN_OVER = 4001;

/**
 * One client's envs and order of requests. Outlives its socket: requests already received are carried out, their replies kept,
 * and a request that is sent again gets the kept reply instead of being carried out twice.
 */
export class Session {
  readonly id: string;
  private readonly parts: SessionParts;
  private readonly host: EnvHost;
  private readonly replies: ReplyStore;
  private readonly replyLimits: FrameLimits;
  private readonly waiting: Waiting[] = [];
  /** Waiting or being carried out. */
  private readonly underWay = new Set<number>();
  private waitingBytes = 0;
  private sink: ReplySink | undefined;
  private detachedAt_ms: number;
  private running: Running | undefined;
  private working = false;
  private held = false;
  private closed = false;
  private draining = false;
  private peerLimits: FrameLimits;
  private readonly conditions: Conditions;
  lastSeq = 0;

  constructor(parts: SessionParts, replyLimits: FrameLimits) {
    this.parts = parts;
    this.id = parts.id;
    this.host = new EnvHost(parts.envs);
    this.replies = new ReplyStore(parts.limits.keptReplies, parts.limits.keptReplyBytes, parts.keptBytes);
    this.replyLimits = replyLimits;
    this.peerLimits = replyLimits;
    this.detachedAt_ms = parts.clock.now_ms();
    this.conditions = this.conditionsOf(parts.clock);
  }

  get isAttached(): boolean {
    return this.sink !== undefined;
  }

  get isIdle(): boolean {
    return !this.working;
  }

  mayResume(resumeToken: string): boolean {
    return !this.closed && sameSecret(resumeToken, this.parts.resumeTokenDigest);
  }

  /** Goes on over this connection; one that it had before is closed. @param maxFrameBytes - the largest reply the client takes. */
  attach(sink: ReplySink, maxFrameBytes: number | undefined): void {
    const before = this.sink;
    this.sink = sink;
    this.peerLimits = {
      ...this.replyLimits,
      maxFrameBytes: Math.min(this.replyLimits.maxFrameBytes, maxFrameBytes ?? Number.POSITIVE_INFINITY),
    };
    before?.close(CLOSE_TAKEN_OVER, 'session goes on elsewhere');
    if (this.held) sink.holdRequests(true);
  }

  /** The socket is gone; the resume window starts. Ignored for a socket that was replaced. */
  detach(sink: ReplySink): boolean {
    if (this.sink !== sink) return false;
    this.sink = undefined;
    this.detachedAt_ms = this.parts.clock.now_ms();
    return true;
  }

  /** Whether the resume window has passed without a socket. */
  isExpired(now_ms: number): boolean {
    return this.closed || (!this.sink && now_ms - this.detachedAt_ms > this.parts.limits.resumeWindow_ms);
  }

  /** Ends a request that overran its time. */
  sweep(now_ms: number): void {
    if (this.running && now_ms - this.running.since_ms > this.parts.limits.request_ms) this.running.expire();
  }

  /** Further requests are refused; those already here are carried out. */
  drain(): void {
    this.draining = true;
  }

  /** Takes one decoded request in. */
  receive(message: Readonly<Record<string, unknown>>, bytes: number): void {
    const seq = seqIn(message);
    if (seq === null || seq === HELLO_SEQ) this.refuseUnnumbered();
    else if (seq <= this.lastSeq) this.repeat(seq);
    else if (seq !== this.lastSeq + 1) this.tell(seq, new GroundtwinError('SEQ_INVALID', { expected: this.lastSeq + 1, got: seq }));
    else this.accept(seq, message, bytes);
  }

  private conditionsOf(clock: Clock): Conditions {
    return {
      maxReplyBytes: () => this.peerLimits.maxFrameBytes,
      now_ms: () => clock.now_ms(),
      progress: () => {
        if (this.running) this.running.since_ms = clock.now_ms();
      },
    };
  }

  private accept(seq: number, message: Readonly<Record<string, unknown>>, bytes: number): void {
    this.lastSeq = seq;
    const refusal = this.refusalNow();
    if (refusal) {
      this.finish(seq, errorFrame(seq, refusal, this.peerLimits));
      return;
    }
    this.endEvaluationFor(message);
    this.waiting.push({ seq, message, bytes });
    this.underWay.add(seq);
    this.waitingBytes += bytes;
    this.holdIfFull();
    if (!this.working) this.work();
  }

  /** Who closes an env does not wait for its evaluation to end by itself. */
  private endEvaluationFor(message: Readonly<Record<string, unknown>>): void {
    const { running } = this;
    if (message.op !== 'close' || running?.op !== 'evaluate' || message.env !== running.env) return;
    try {
      this.host.interrupt(checkRequest('close', message).env);
    } catch {
      // It will be refused when its turn comes: nothing ends.
    }
  }

  /** Closes the envs and forgets the replies. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.waiting.length = 0;
    this.replies.clear();
    await this.host.close();
  }

  private refuseUnnumbered(): void {
    this.sink?.countBadMessage();
    this.tell(null, new GroundtwinError('BAD_MESSAGE', { field: 'seq', expected: 'an integer from 1, one more than the last' }));
  }

  private refusalNow(): GroundtwinError | undefined {
    if (this.draining) return new GroundtwinError('DRAINING', {});
    const { maxPendingRequests } = this.parts.limits;
    if (this.waiting.length >= 2 * maxPendingRequests)
      return new GroundtwinError('SERVER_BUSY', { what: 'requests of this session', limit: maxPendingRequests });
    return undefined;
  }

  private repeat(seq: number): void {
    const kept = this.replies.get(seq);
    if (kept) this.sink?.send(kept);
    else if (!this.underWay.has(seq))
      this.tell(seq, new GroundtwinError('REPLY_EXPIRED', { seq, oldest: this.replies.oldest(this.lastSeq) }));
  }

  private work(): void {
    this.working = true;
    let pause: Promise<void> | undefined;
    try {
      pause = this.workUntilPause();
    } finally {
      this.working = pause !== undefined;
    }
    if (pause) this.workAfter(pause);
  }

  /** Carries out what waits, one after the other; without promises where there is nothing to wait for, since those are a good part of a small step. */
  private workUntilPause(): Promise<void> | undefined {
    for (let next = this.waiting.shift(); next && !this.closed; next = this.waiting.shift()) {
      this.waitingBytes -= next.bytes;
      const { seq } = next;
      const frame = this.answer(next);
      const pause = frame instanceof Promise ? frame.then((late) => this.done(seq, late)) : this.done(seq, frame);
      if (pause) return pause;
    }
    return undefined;
  }

  private workAfter(pause: Promise<void>): void {
    const log = (error: unknown) => void asGroundtwinError(error, 'session', this.parts.logger);
    pause
      .catch(log)
      .then(() => this.work())
      .catch(log);
  }

  /** @returns when the peer has room for more, unless it has now. */
  private done(seq: number, frame: Uint8Array): Promise<void> | undefined {
    this.underWay.delete(seq);
    this.finish(seq, frame);
    this.releaseIfRoom();
    return this.sink?.writable();
  }

  private answer({ seq, message }: Waiting): Uint8Array | Promise<Uint8Array> {
    let op = 'request';
    const refused = (error: unknown) => errorFrame(seq, asGroundtwinError(error, op, this.parts.logger), this.peerLimits);
    try {
      const envelope = checkEnvelope(message);
      op = envelope.op;
      if (envelope.op === 'hello')
        throw new GroundtwinError('BAD_MESSAGE', { field: 'op', expected: 'other than hello, which opens a connection' });
      const opened = envelope.op;
      const answer = this.carryOut(opened, message);
      if (!(answer instanceof Promise)) return okFrame(seq, opened, answer, this.peerLimits, this.parts.logger);
      return answer.then((late) => okFrame(seq, opened, late, this.peerLimits, this.parts.logger)).catch(refused);
    } catch (error) {
      return refused(error);
    }
  }

  private carryOut(op: SessionOp, message: Readonly<Record<string, unknown>>): Answer | Promise<Answer> {
    const request = checkRequest(op, message);
    const work = this.host.carryOut(op, request, this.conditions);
    if (!(work instanceof Promise)) return work;
    const { env, into } = request as Readonly<{ env?: number; into?: number }>;
    return this.bounded(op, env, work).catch((error: unknown) => {
      if (error instanceof GroundtwinError && error.code === 'STEP_DEADLINE') this.giveUp([env, into], work);
      throw error;
    });
  }

  /** Overrun envs are closed at once; one that is still being made, when it comes. */
  private giveUp(handles: readonly (number | undefined)[], work: Promise<Answer>): void {
    for (const handle of handles) this.host.condemn(handle);
    work.then(
      (late) => this.host.condemn(late.env as number | undefined),
      () => {},
    );
  }

  /** Not a race against a timer a request: the sweep looks at the clock for all sessions. */
  private bounded<T>(op: SessionOp, env: number | undefined, work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const limit_ms = this.parts.limits.request_ms;
      const expire = () => reject(new GroundtwinError('STEP_DEADLINE', { op, limit_s: limit_ms / 1000 }));
      const running: Running = { since_ms: this.parts.clock.now_ms(), op, env, expire };
      this.running = running;
      const done = () => {
        if (this.running === running) this.running = undefined;
      };
      work.then(
        (value) => {
          done();
          resolve(value);
        },
        (error: unknown) => {
          done();
          reject(error);
        },
      );
    });
  }

  private finish(seq: number, frame: Uint8Array): void {
    if (this.closed) return;
    this.replies.add(seq, frame);
    this.sink?.send(frame);
  }

  private tell(seq: number | null, error: GroundtwinError): void {
    this.sink?.send(errorFrame(seq, error, this.peerLimits));
  }

  private holdIfFull(): void {
    const { maxPendingRequests, maxPendingBytes } = this.parts.limits;
    if (this.held || (this.waiting.length < maxPendingRequests && this.waitingBytes < maxPendingBytes)) return;
    this.held = true;
    this.sink?.holdRequests(true);
  }

  private releaseIfRoom(): void {
    const { maxPendingRequests, maxPendingBytes } = this.parts.limits;
    if (!this.held || this.waiting.length > maxPendingRequests / 2 || this.waitingBytes > maxPendingBytes / 2) return;
    this.held = false;
    this.sink?.holdRequests(false);
  }
}
