import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { GroundtwinError } from '../errors.ts';
import { type Clock, errorToWire, PROTOCOL } from '../wire/index.ts';
import { type AdmissionRules, checkBinding, type Refusal, refusalOf } from './admission.ts';
import { BlobStore } from './blob-store.ts';
import type { DescribeEnv, ListEnvs, MakeEnv, SharedEnvs } from './env-host.ts';
import type { LoadPolicy } from './evaluate-policy.ts';
import type { MeasureGap } from './gap-jobs.ts';
import { Hub, type ServerStats } from './hub.ts';
import {
  HTTP_HEADERS_TIMEOUT_MS,
  HTTP_KEEP_ALIVE_MS,
  MAX_HTTP_HEADER_BYTES,
  SERVER_LIMITS,
  type ServerLimits,
  SPARE_SOCKETS,
  TCP_KEEP_ALIVE_MS,
} from './limits.ts';
import { type Logger, silentLogger } from './logger.ts';
import { digestOf, type NewSecret, newToken, randomSecret } from './secrets.ts';

export interface ServeOptions {
  /** Default 127.0.0.1. Any other interface needs TLS or `insecure`, and refuses `token: false`. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** What clients must show; made up when not given or empty. `false`: nothing, so that every program on this machine may connect. */
  readonly token?: string | false;
  /** Origins of browser pages that may connect, as `https://host:port`; default none. */
  readonly allowedOrigins?: readonly string[];
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer };
  /** Allows other interfaces without TLS, for example behind a proxy that has it. */
  readonly insecure?: boolean;
  readonly make: MakeEnv;
  readonly list: ListEnvs;
  /** Default: the entry of `list`. */
  readonly describe?: DescribeEnv;
  /** Loads policies that clients upload for `evaluate`; absent: none are. */
  readonly loadPolicy?: LoadPolicy;
  /** Measures gaps that clients ask for; absent: none are. */
  readonly measureGap?: MeasureGap;
  readonly limits?: Partial<ServerLimits>;
  readonly logger?: Logger;
  readonly clock: Clock;
  readonly newSecret?: NewSecret;
  readonly serverVersion?: string;
}

export interface RunningServer {
  readonly port: number;
  /** ws:// or wss:// with host and port. */
  readonly url: string;
  /** What clients must show, null when nothing. */
  readonly token: string | null;
  stats(): ServerStats;
  /** Lets requests under way finish, closes sockets and envs, frees the port. */
  close(): Promise<void>;
}

/**
 * Serves envs over groundtwin.v1 (WebSocket), with `/healthz` and `/readyz` over HTTP.
 * @throws SERVE_REFUSED for an unsafe interface, SERVE_FAILED when the port cannot be opened.
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const host = options.host ?? '127.0.0.1';
  const token = options.token === false ? null : options.token || newToken();
  checkBinding(host, { token: token !== null, encrypted: options.tls !== undefined, insecure: options.insecure === true });
  const limits: ServerLimits = { ...SERVER_LIMITS, ...options.limits };
  const hub = hubOf(options, limits);
  const server = httpServerOf(options, hub);
  server.maxConnections = limits.maxConnections + SPARE_SOCKETS;
  acceptUpgrades(server, hub, token, options, limits);
  try {
    await listening(server, host, options.port ?? 0);
  } catch (error) {
    await hub.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const url = `${options.tls ? 'wss' : 'ws'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  options.logger?.info('server.listening', { url });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= shutDown(server, hub);
    return closing;
  };
  return { port, url, token, stats: () => hub.stats(), close };
}

function hubOf(options: ServeOptions, limits: ServerLimits): Hub {
  const logger = options.logger ?? silentLogger;
  const { make, list, describe = entryOf(list), loadPolicy } = options;
  const counts = { lanesInUse: 0, workersInUse: 0, envsInUse: 0, lastHandle: 0, steps: 0 };
  const clock = options.clock;
  const gaps = { measure: options.measureGap, clock, limits, running: 0 };
  const envs: SharedEnvs = {
    make,
    list,
    describe,
    loadPolicy,
    limits,
    logger,
    blobs: new BlobStore(limits.totalBlobBytes),
    gaps,
    ...counts,
  };
  return new Hub({
    limits,
    clock,
    logger,
    newSecret: options.newSecret ?? randomSecret,
    serverVersion: options.serverVersion ?? 'unknown',
    envs,
  });
}

function entryOf(list: ListEnvs): DescribeEnv {
  return (id) => {
    const entries = list();
    const entry = entries.find((candidate) => candidate.id === id);
    if (entry) return entry;
    throw new GroundtwinError('ENV_UNKNOWN', {
      id: id.slice(0, 100),
      suggestion: '',
      known: entries.map((candidate) => String(candidate.id)),
    });
  };
}

function httpServerOf(options: ServeOptions, hub: Hub): Server {
  const settings = {
    maxHeaderSize: MAX_HTTP_HEADER_BYTES,
    headersTimeout: HTTP_HEADERS_TIMEOUT_MS,
    requestTimeout: HTTP_HEADERS_TIMEOUT_MS,
    keepAliveTimeout: HTTP_KEEP_ALIVE_MS,
  };
  const answer = (request: IncomingMessage, response: ServerResponse) => answerHttp(request, response, hub);
  return options.tls ? createHttpsServer({ ...settings, ...options.tls }, answer) : createHttpServer(settings, answer);
}

function answerHttp(request: IncomingMessage, response: ServerResponse, hub: Hub): void {
  const path = (request.url ?? '').split('?', 1)[0];
  if (path === '/healthz') endJson(response, 200, { status: 'ok' });
  else if (path === '/readyz') answerReadiness(response, hub.refusal());
  else
    endJson(response, 426, errorToWire(new GroundtwinError('VERSION', { wanted: PROTOCOL, offered: 'plain HTTP' })), {
      upgrade: 'websocket',
    });
}

function answerReadiness(response: ServerResponse, refusal: GroundtwinError | undefined): void {
  endJson(response, refusal ? 503 : 200, refusal ? errorToWire(refusal) : { status: 'ready' });
}

function endJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

function acceptUpgrades(server: Server, hub: Hub, token: string | null, options: ServeOptions, limits: ServerLimits): void {
  const rules: AdmissionRules = {
    tokenDigest: token === null ? undefined : digestOf(token),
    allowedOrigins: new Set(options.allowedOrigins ?? []),
  };
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.maxFrameBytes,
    maxFragments: limits.maxFragments,
    maxBufferedChunks: limits.maxBufferedChunks,
    // The token offered as a subprotocol is never the one chosen, so it is not echoed.
    handleProtocols: () => PROTOCOL,
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const refusal = refusalOf(request.headers, rules) ?? fullness(hub);
    if (refusal) {
      options.logger?.warn('upgrade.refused', { code: refusal.error.code });
      refuseUpgrade(socket, refusal);
      return;
    }
    request.socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    sockets.handleUpgrade(request, socket, head, (webSocket) => hub.add(webSocket));
  });
}

function fullness(hub: Hub): Refusal | undefined {
  const error = hub.refusal();
  return error && { status: 503, error };
}

const REASONS: Readonly<Record<Refusal['status'], string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  503: 'Service Unavailable',
};

function refuseUpgrade(socket: Duplex, { status, error }: Refusal): void {
  const body = JSON.stringify(errorToWire(error));
  const challenge = status === 401 ? ['WWW-Authenticate: Bearer'] : [];
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...challenge,
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) =>
      reject(new GroundtwinError('SERVE_FAILED', { host, port, reason: error.code ?? error.name }));
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

async function shutDown(server: Server, hub: Hub): Promise<void> {
  const freed = new Promise<void>((resolve) => server.close(() => resolve()));
  await hub.close();
  server.closeAllConnections();
  await freed;
}
