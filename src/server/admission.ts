/** Who may open a connection: decided on the HTTP upgrade, before a WebSocket exists, on loopback too. */
import type { IncomingHttpHeaders } from 'node:http';
import { GroundtwinError } from '../errors.ts';
import { PROTOCOL, TOKEN_SUBPROTOCOL_PREFIX } from '../wire/index.ts';
import { sameSecret } from './secrets.ts';

export interface AdmissionRules {
  readonly tokenDigest: Buffer | undefined;
  readonly allowedOrigins: ReadonlySet<string>;
}

export interface Refusal {
  readonly status: 400 | 401 | 403 | 503;
  readonly error: GroundtwinError;
}

/** @returns undefined when the request may become a WebSocket. Tokens in the URL are not looked at. */
export function refusalOf(headers: IncomingHttpHeaders, rules: AdmissionRules): Refusal | undefined {
  if (!originAllowed(headers, rules.allowedOrigins)) return { status: 403, error: new GroundtwinError('ORIGIN_REFUSED', {}) };
  const protocols = protocolsOf(headers);
  if (rules.tokenDigest && !tokenValid(headers, protocols, rules.tokenDigest))
    return { status: 401, error: new GroundtwinError('UNAUTHORISED', {}) };
  if (!protocols.includes(PROTOCOL))
    return { status: 400, error: new GroundtwinError('VERSION', { wanted: PROTOCOL, offered: 'another subprotocol' }) };
  return undefined;
}

/** Clients that are not browsers send no Origin; a browser always does, and cannot forge it. */
function originAllowed(headers: IncomingHttpHeaders, allowed: ReadonlySet<string>): boolean {
  const origins = [headers.origin, headers['sec-websocket-origin']].flat().filter((origin) => origin !== undefined);
  return origins.every((origin) => allowed.has(origin));
}

function protocolsOf(headers: IncomingHttpHeaders): readonly string[] {
  return (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
}

function tokenValid(headers: IncomingHttpHeaders, protocols: readonly string[], digest: Buffer): boolean {
  const bearer = /^Bearer ([^\s]+)$/i.exec(headers.authorization ?? '')?.[1];
  const offered = protocols.find((protocol) => protocol.startsWith(TOKEN_SUBPROTOCOL_PREFIX))?.slice(TOKEN_SUBPROTOCOL_PREFIX.length);
  const given = bearer ?? offered;
  return given !== undefined && sameSecret(given, digest);
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

/**
 * @throws SERVE_REFUSED when other machines could reach the server without a token, or could read the token.
 */
export function checkBinding(
  host: string,
  secured: { readonly token: boolean; readonly encrypted: boolean; readonly insecure: boolean },
): void {
  if (LOOPBACK.test(host)) return;
  if (!secured.token) throw new GroundtwinError('SERVE_REFUSED', { host, missing: 'a token' });
  if (!secured.encrypted && !secured.insecure)
    throw new GroundtwinError('SERVE_REFUSED', { host, missing: 'TLS (or an explicit insecure)' });
}
