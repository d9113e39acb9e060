/** `npm run docs:protocol`: writes what of docs/protocol.md follows from the table of messages, and the conformance vectors of groundtwin.v1. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, retryableCodes } from '../src/errors.ts';
import { SERVER_LIMITS } from '../src/server/limits.ts';
import type { Check } from '../src/wire/checks.ts';
import { OPS, type Op, REPLY_LIMITS, REQUEST_LIMITS } from '../src/wire/index.ts';
import { messages } from '../src/wire/messages.ts';
import { table, withSections } from './markdown.ts';
import { errorNotes, limitNotes, notes } from './protocol-notes.ts';
import { vectorFiles, vectorText } from './protocol-vectors.ts';

const root = new URL('../', import.meta.url);
export const protocolPage = new URL('docs/protocol.md', root);

/** The page with its generated parts as they should be. */
export function withProtocol(page: string): string {
  return withSections(page, {
    messages: OPS.map(messageSection).join('\n\n'),
    limits: limitsTable(),
    'frame-limits': frameLimitsTable(),
    errors: errorsTable(),
  });
}

function messageSection(op: Op): string {
  const { what, request, reply } = notes[op];
  const rows = messages[op];
  return [`### ${op}`, what, ...part('Request', rows.request.of, request), ...part('Reply', rows.reply.of, reply)].join('\n\n');
}

function part(title: string, checks: Readonly<Record<string, Check<unknown>>>, said: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(checks);
  if (names.length === 0) return [`${title}: no fields.`];
  const rows = names.map((name) => [`\`${name}\``, checks[name]!.expects ?? '', said[name] ?? '']);
  return [`${title}:`, table(['field', 'is', 'meaning'], rows)];
}

function limitsTable(): string {
  const values: Readonly<Record<string, number>> = {
    ...SERVER_LIMITS,
    maxEnvs: SERVER_LIMITS.maxEnvsPerSession,
    maxLanes: SERVER_LIMITS.maxLanesPerSession,
  };
  const rows = Object.entries(limitNotes).map(([name, what]) => [`\`${name}\``, String(values[name]), what]);
  return table(['limit', 'default', 'of'], rows);
}

function frameLimitsTable(): string {
  const kinds: Readonly<Record<keyof typeof REQUEST_LIMITS, string>> = {
    maxFrameBytes: 'bytes of a frame (as `limits` say)',
    maxHeaderBytes: 'bytes of its header',
    maxDepth: 'containers inside each other, the header map included',
    maxItems: 'values in the header: every key, scalar, list and map counts one',
    maxStringBytes: 'bytes of a string, in UTF-8',
    maxTensors: 'tensors',
  };
  const names = Object.keys(kinds) as (keyof typeof REQUEST_LIMITS)[];
  const rows = names.map((name) => [kinds[name], String(REQUEST_LIMITS[name]), String(REPLY_LIMITS[name])]);
  return table(['at most', 'request', 'reply'], rows);
}

function errorsTable(): string {
  const codes = Object.entries(errorNotes) as [ErrorCode, string][];
  return table(
    ['code', 'retryable', 'what to do'],
    codes.map(([code, what]) => [`\`${code}\``, retryableCodes.has(code) ? 'yes' : 'no', what]),
  );
}

function main(): void {
  writeFileSync(protocolPage, withProtocol(readFileSync(protocolPage, 'utf8')));
  for (const [name, vectors] of vectorFiles()) writeFileSync(new URL(`test/vectors/groundtwin-v1/${name}`, root), vectorText(vectors));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
