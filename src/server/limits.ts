import { KIBIBYTE, MEBIBYTE } from '../wire/index.ts';

/** Every bound of a server. Times are milliseconds, sizes bytes. */
export interface ServerLimits {
  readonly maxConnections: number;
  readonly maxSessions: number;
  readonly maxEnvsPerSession: number;
  readonly maxLanesPerSession: number;
  /** Over all sessions. */
  readonly maxLanes: number;
  /** Gaps being measured, each in a process of its own: over all sessions, and of one. */
  readonly maxGaps: number;
  readonly maxGapsPerSession: number;
  /** The longest that one may take. */
  readonly gap_ms: number;
  /** Worker processes and threads, over all sessions. */
  readonly maxWorkers: number;
  /** Of a request; raise it for large action batches, up to 64 MiB. */
  readonly maxFrameBytes: number;
  readonly maxReplyBytes: number;
  readonly maxFragments: number;
  readonly maxBufferedChunks: number;
  /** Requests of a session that wait; past either of the two the socket is not read. */
  readonly maxPendingRequests: number;
  readonly maxPendingBytes: number;
  /** Replies a session keeps for re-sent requests; the latest is kept whatever its size. */
  readonly keptReplies: number;
  readonly keptReplyBytes: number;
  /** Over all sessions. */
  readonly totalKeptReplyBytes: number;
  /** Of one uploaded file, of all that a session holds, and of those of all sessions. */
  readonly maxBlobBytes: number;
  readonly maxSessionBlobBytes: number;
  readonly totalBlobBytes: number;
  /** Uploaded files a session holds, models and policies it names, and files of one of them. */
  readonly maxBlobs: number;
  readonly maxPublished: number;
  readonly maxPublishedFiles: number;
  /** How long a session outlives its socket. */
  readonly resumeWindow_ms: number;
  /** From the upgrade to a valid `hello`. */
  readonly hello_ms: number;
  /** One request, from its start, or from its last step of many, to its reply. */
  readonly request_ms: number;
  readonly heartbeat_ms: number;
  /** Without a pong or a message. Long, because synchronous clients answer no pings while they train; TCP keep-alive finds dead machines sooner. */
  readonly silence_ms: number;
  /** Without a request; the session may still be resumed. */
  readonly idle_ms: number;
  /** Unsent bytes past which a session waits and its socket is not read. */
  readonly sendHighWaterBytes: number;
  /** How long that may last before the socket is closed with 1013. */
  readonly slowReader_ms: number;
  /** Malformed frames on one connection before it is closed. */
  readonly maxBadMessages: number;
  /** What `close()` waits for requests under way. */
  readonly drain_ms: number;
  /** How often times are looked at. */
  readonly sweep_ms: number;
}

export const SERVER_LIMITS: ServerLimits = Object.freeze({
  maxConnections: 10_000,
  maxSessions: 10_000,
  maxEnvsPerSession: 64,
  maxLanesPerSession: 4096,
  maxLanes: 65_536,
  maxGaps: 2,
  maxGapsPerSession: 1,
  gap_ms: 1_800_000,
  maxWorkers: 64,
  maxFrameBytes: MEBIBYTE,
  maxReplyBytes: 64 * MEBIBYTE,
  maxFragments: 16,
  maxBufferedChunks: 4096,
  maxPendingRequests: 32,
  maxPendingBytes: 4 * MEBIBYTE,
  keptReplies: 64,
  keptReplyBytes: 16 * MEBIBYTE,
  totalKeptReplyBytes: 512 * MEBIBYTE,
  maxBlobBytes: 128 * MEBIBYTE,
  maxSessionBlobBytes: 256 * MEBIBYTE,
  totalBlobBytes: 1024 * MEBIBYTE,
  maxBlobs: 256,
  maxPublished: 256,
  maxPublishedFiles: 32,
  resumeWindow_ms: 60_000,
  hello_ms: 10_000,
  request_ms: 120_000,
  heartbeat_ms: 20_000,
  silence_ms: 300_000,
  idle_ms: 3_600_000,
  sendHighWaterBytes: 4 * MEBIBYTE,
  slowReader_ms: 10_000,
  maxBadMessages: 16,
  drain_ms: 10_000,
  sweep_ms: 1000,
});

/** Bytes of request line and headers of an upgrade. */
export const MAX_HTTP_HEADER_BYTES = 16 * KIBIBYTE;
export const HTTP_HEADERS_TIMEOUT_MS = 10_000;
export const HTTP_KEEP_ALIVE_MS = 5000;
export const TCP_KEEP_ALIVE_MS = 30_000;
/** Sockets beyond `maxConnections` that may be told 503 before further ones are dropped unanswered. */
export const SPARE_SOCKETS = 256;
/** From our close frame to cutting the socket. */
export const CLOSE_GRACE_MS = 1000;
