import { type Clock, MEBIBYTE } from '../wire/index.ts';

export interface ConnectOptions {
  /** ws:// or wss://, host and port. A token in it is not looked at. */
  readonly url: string;
  readonly token?: string;
  /** Sent as the Origin header; only tests and proxies need it. */
  readonly origin?: string;
  /** Certificate authorities to trust for wss://, PEM. */
  readonly ca?: string | Buffer;
  /** TCP, upgrade and greeting together. Default 10 s. */
  readonly connectTimeout_ms?: number;
  /** Default 120 s; `make` may load a model, so it gets the same. */
  readonly requestTimeout_ms?: number;
  /** Attempts to get a dropped session back before requests fail with CONNECTION_LOST; 0 = none. Default 10. */
  readonly reconnectAttempts?: number;
  /** Before the second attempt; doubles each time up to 5 s. Default 50 ms. */
  readonly reconnectDelay_ms?: number;
  /** With requests waiting and nothing heard for so long, the socket is taken for dead and the session resumed over a new one. Default 30 s. */
  readonly silence_ms?: number;
  /** Largest reply accepted. Default 64 MiB. */
  readonly maxFrameBytes?: number;
  /** `clockFrom(() => performance.now())` outside tests. */
  readonly clock: Clock;
}

export type ClientSettings = Required<
  Pick<
    ConnectOptions,
    'connectTimeout_ms' | 'requestTimeout_ms' | 'reconnectAttempts' | 'reconnectDelay_ms' | 'silence_ms' | 'maxFrameBytes'
  >
>;

export const CLIENT_SETTINGS: ClientSettings = Object.freeze({
  connectTimeout_ms: 10_000,
  requestTimeout_ms: 120_000,
  reconnectAttempts: 10,
  reconnectDelay_ms: 50,
  silence_ms: 30_000,
  maxFrameBytes: 64 * MEBIBYTE,
});

export const MAX_RECONNECT_DELAY_MS = 5000;
