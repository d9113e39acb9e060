/** The connections and sessions of one server. */
import type { WebSocket } from 'ws';
import { GroundtwinError } from '../errors.ts';
import { type Clock, type FrameLimits, PROTOCOL, REPLY_LIMITS, REQUEST_LIMITS, type ServerInfo } from '../wire/index.ts';
import { Connection, type ConnectionParts, type Opened } from './connection.ts';
import type { SharedEnvs } from './env-host.ts';
import type { ServerLimits } from './limits.ts';
import type { Logger } from './logger.ts';
import type { SharedBytes } from './reply-store.ts';
import { digestOf, type NewSecret } from './secrets.ts';
import { Session } from './session.ts';
import { Wakefulness } from './wakefulness.ts';

/** What a client may count on beside reset and step. */
export const CAPABILITIES: readonly string[] = Object.freeze([
  'resume',
  'snapshot',
  'autoreset',
  'describe',
  'rollout',
  'evaluate',
  'branch',
  'state',
  'perturb',
  'render',
  'upload',
  'twin',
  'play',
  'predict',
  'gap',
]);
const CLOSE_GOING_AWAY = 1001;
const DRAIN_POLL_MS = 5;

export interface HubParts {
  readonly limits: ServerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newSecret: NewSecret;
  readonly serverVersion: string;
  readonly envs: SharedEnvs;
}

export interface ServerStats {
  readonly connections: number;
  readonly sessions: number;
  readonly envs: number;
  readonly lanes: number;
  /** Lanes stepped since the start. */
  readonly steps: number;
  readonly resumes: number;
  readonly keptReplyBytes: number;
  /** Of uploads, finished or begun, and of the models that envs were made of from them. */
  readonly blobBytes: number;
}

export class Hub {
  private readonly parts: HubParts;
  private readonly connections = new Set<Connection>();
  private readonly sessions = new Map<string, Session>();
  private readonly keptBytes: SharedBytes;
  private readonly connectionParts: ConnectionParts;
  private readonly replyLimits: FrameLimits;
  private readonly endings = new Set<Promise<void>>();
  private cancelSweep: () => void = () => {};
  private draining = false;
  private resumes = 0;

  constructor(parts: HubParts) {
    this.parts = parts;
    const { limits, clock, logger } = parts;
    this.keptBytes = { used: 0, limit: limits.totalKeptReplyBytes };
    this.replyLimits = Object.freeze({ ...REPLY_LIMITS, maxFrameBytes: limits.maxReplyBytes });
    const requestLimits = Object.freeze({ ...REQUEST_LIMITS, maxFrameBytes: limits.maxFrameBytes });
    this.connectionParts = {
      limits,
      requestLimits,
      replyLimits: this.replyLimits,
      clock,
      logger,
      wakefulness: new Wakefulness(clock),
      open: (resume) => this.open(resume),
      end: (session) => this.end(session),
      gone: (connection) => this.connections.delete(connection),
    };
    this.armSweep();
  }

  /** Why no further connection is taken; undefined when there is room. */
  refusal(): GroundtwinError | undefined {
    if (this.draining) return new GroundtwinError('DRAINING', {});
    const { maxConnections } = this.parts.limits;
    return this.connections.size >= maxConnections
      ? new GroundtwinError('CAPACITY', { what: 'connections', limit: maxConnections })
      : undefined;
  }

  add(socket: WebSocket): void {
    this.connections.add(new Connection(socket, this.connectionParts));
  }

  stats(): ServerStats {
    const { lanesInUse, envsInUse, steps, blobs } = this.parts.envs;
    const counts = { connections: this.connections.size, sessions: this.sessions.size, envs: envsInUse, lanes: lanesInUse };
    return { ...counts, steps, resumes: this.resumes, keptReplyBytes: this.keptBytes.used, blobBytes: blobs.usedBytes };
  }

  /** Lets requests under way finish, then closes sockets and envs; each stage is bounded by `drain_ms`. */
  async close(): Promise<void> {
    this.draining = true;
    for (const session of this.sessions.values()) session.drain();
    await this.until(() => [...this.sessions.values()].every((session) => session.isIdle));
    for (const connection of this.connections) connection.close(CLOSE_GOING_AWAY, 'server is shutting down');
    for (const session of [...this.sessions.values()]) this.end(session);
    await this.until(() => this.endings.size === 0 && this.connections.size === 0);
    this.cancelSweep();
    for (const connection of this.connections) connection.terminate();
  }

  private open(resume: Parameters<ConnectionParts['open']>[0]): Opened {
    if (this.draining) throw new GroundtwinError('DRAINING', {});
    if (resume) return this.resume(resume.session, resume.resumeToken);
    const { limits, newSecret } = this.parts;
    if (this.sessions.size >= limits.maxSessions) throw new GroundtwinError('CAPACITY', { what: 'sessions', limit: limits.maxSessions });
    const [id, resumeToken] = [newSecret(), newSecret()];
    const { clock, logger, envs } = this.parts;
    const session = new Session(
      { id, resumeTokenDigest: digestOf(resumeToken), limits, clock, logger, envs, keptBytes: this.keptBytes },
      this.replyLimits,
    );
    this.sessions.set(id, session);
    return { session, info: this.infoFor(session, resumeToken, false) };
  }

  /** An unknown id and a wrong token look the same from outside. */
  private resume(id: string, resumeToken: string): Opened {
    const session = this.sessions.get(id);
    if (!session?.mayResume(resumeToken)) {
      this.parts.logger.warn('session.resume.refused');
      throw new GroundtwinError('SESSION_UNKNOWN', {});
    }
    this.resumes += 1;
    return { session, info: this.infoFor(session, resumeToken, true) };
  }

  private infoFor(session: Session, resumeToken: string, resumed: boolean): ServerInfo {
    const { limits, serverVersion } = this.parts;
    return {
      protocol: PROTOCOL,
      serverVersion,
      capabilities: CAPABILITIES,
      sessionId: session.id,
      resumeToken,
      resumed,
      lastSeq: session.lastSeq,
      resumeWindow_s: limits.resumeWindow_ms / 1000,
      limits: {
        maxFrameBytes: limits.maxFrameBytes,
        maxReplyBytes: limits.maxReplyBytes,
        maxPendingRequests: limits.maxPendingRequests,
        maxEnvs: limits.maxEnvsPerSession,
        maxLanes: limits.maxLanesPerSession,
        keptReplies: limits.keptReplies,
        maxBlobBytes: limits.maxBlobBytes,
        maxSessionBlobBytes: limits.maxSessionBlobBytes,
      },
    };
  }

  private end(session: Session): void {
    this.sessions.delete(session.id);
    const ending = session.close().catch(() => {});
    this.endings.add(ending);
    void ending.then(() => this.endings.delete(ending));
  }

  private armSweep(): void {
    this.cancelSweep = this.parts.clock.after(this.parts.limits.sweep_ms, () => {
      this.sweep();
      this.armSweep();
    });
  }

  private sweep(): void {
    const now_ms = this.parts.clock.now_ms();
    for (const connection of this.connections) connection.sweep(now_ms);
    for (const session of this.sessions.values()) {
      session.sweep(now_ms);
      if (session.isExpired(now_ms)) this.end(session);
    }
  }

  private async until(holds: () => boolean): Promise<void> {
    const { clock, limits } = this.parts;
    const deadline_ms = clock.now_ms() + limits.drain_ms;
    while (!holds() && clock.now_ms() < deadline_ms) await new Promise<void>((resolve) => clock.after(DRAIN_POLL_MS, resolve));
  }
}
