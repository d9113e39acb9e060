/** Opening a WebSocket, with one error for each cause of failure. */
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { GroundtwinError } from '../errors.ts';
import { errorFromWire, isWireError, KIBIBYTE, PROTOCOL } from '../wire/index.ts';
import type { ConnectOptions } from './options.ts';

const MAX_REFUSAL_BYTES = 16 * KIBIBYTE;
const MAX_FRAGMENTS = 16;
const MAX_BUFFERED_CHUNKS = 65_536;

export interface SocketHandlers {
  message(frame: Uint8Array): void;
  /** Any sign of life. */
  heard(): void;
  closed(code: number, reason: string): void;
}

/** Host and port, without what may be secret in a URL. */
export function plainUrl(url: string): string {
  try {
    const { protocol, host } = new URL(url);
    return `${protocol}//${host}`;
  } catch {
    return 'an invalid URL';
  }
}

/**
 * @throws CONNECTION_REFUSED, CONNECTION_UNAUTHORISED, CONNECTION_ORIGIN, CONNECTION_VERSION, CONNECTION_TIMEOUT, CAPACITY, DRAINING.
 */
export function openSocket(options: ConnectOptions, timeout_ms: number, maxFrameBytes: number): Promise<WebSocket> {
  const url = plainUrl(options.url);
  return new Promise((resolve, reject) => {
    const socket = newSocket(options, timeout_ms, maxFrameBytes, reject);
    if (!socket) return;
    socket.once('open', () => {
      socket.removeAllListeners();
      // Without a listener a later error would end the process; `close` follows every error.
      socket.on('error', () => {});
      resolve(socket);
    });
    socket.once('unexpected-response', (request, response) => {
      refusalFrom(response, options, url).then((error) => {
        reject(error);
        request.destroy();
      });
    });
    socket.on('error', (error: NodeJS.ErrnoException) => reject(openingError(error, url, timeout_ms)));
  });
}

function newSocket(
  options: ConnectOptions,
  timeout_ms: number,
  maxFrameBytes: number,
  reject: (error: unknown) => void,
): WebSocket | undefined {
  try {
    return new WebSocket(options.url, PROTOCOL, {
      headers: options.token ? { authorization: `Bearer ${options.token}` } : {},
      ...(options.origin ? { origin: options.origin } : {}),
      ...(options.ca ? { ca: options.ca } : {}),
      handshakeTimeout: timeout_ms,
      maxPayload: maxFrameBytes,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: MAX_BUFFERED_CHUNKS,
      perMessageDeflate: false,
      followRedirects: false,
    });
  } catch {
    reject(
      new GroundtwinError('OPTION_INVALID', {
        who: 'connect',
        option: 'url or token',
        value: plainUrl(options.url),
        allowed: 'a ws:// or wss:// URL, and a token of printable characters',
      }),
    );
    return undefined;
  }
}

function openingError(error: NodeJS.ErrnoException, url: string, timeout_ms: number): GroundtwinError {
  if (/handshake has timed out/.test(error.message) || error.code === 'ETIMEDOUT') {
    return new GroundtwinError('CONNECTION_TIMEOUT', { url, stage: 'upgrade', timeout_s: timeout_ms / 1000 });
  }
  if (error.code && /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|EPIPE|CERT_|DEPTH_|UNABLE_|SELF_|ERR_TLS|ERR_SSL)/.test(error.code)) {
    return new GroundtwinError('CONNECTION_REFUSED', { url, reason: error.code });
  }
  if (error.message === 'socket hang up') return new GroundtwinError('CONNECTION_REFUSED', { url, reason: 'closed during the upgrade' });
  return new GroundtwinError('CONNECTION_VERSION', {
    url,
    wanted: PROTOCOL,
    reason: 'its answer to the upgrade is not that of a groundtwin server',
  });
}

/** What an HTTP answer instead of an upgrade means. */
async function refusalFrom(response: IncomingMessage, options: ConnectOptions, url: string): Promise<GroundtwinError> {
  const status = response.statusCode ?? 0;
  if (status === 401) return new GroundtwinError('CONNECTION_UNAUTHORISED', { url, given: options.token !== undefined });
  if (status === 403) return new GroundtwinError('CONNECTION_ORIGIN', { url, origin: options.origin ?? 'this origin' });
  const sent = await bodyOf(response);
  if (isWireError(sent) && (sent.code === 'CAPACITY' || sent.code === 'DRAINING')) return errorFromWire(sent);
  return new GroundtwinError('CONNECTION_VERSION', { url, wanted: PROTOCOL, reason: `it answered the upgrade with HTTP ${status}` });
}

async function bodyOf(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_REFUSAL_BYTES) return undefined;
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Wires a socket that is open. */
export function listenTo(socket: WebSocket, handlers: SocketHandlers): void {
  socket.on('message', (data, isBinary) => {
    handlers.heard();
    if (isBinary) handlers.message(data as Buffer);
  });
  socket.on('ping', () => handlers.heard());
  socket.on('pong', () => handlers.heard());
  socket.on('close', (code, reason) => handlers.closed(code, reason.toString('utf8')));
}
