import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { registry } from '../../index.ts';
import { clockFrom, type Logger, serve } from '../../server/index.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Finish, portNumber, withCommon } from '../options.ts';
import { leaveAtOnce, ownerGone } from '../owner.ts';
import { packageJson } from '../run-description.ts';
import { serverParts } from '../server-parts.ts';
import { terminal } from '../terminal.ts';

interface ServeOptions {
  readonly json?: boolean;
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  readonly allowOrigin: readonly string[];
  readonly models?: string;
  readonly insecure?: boolean;
  readonly owned?: boolean;
}

export function addServe(program: Command, finish: Finish): void {
  withCommon(program.command('serve'))
    .description('serve environments over WebSocket (groundtwin.v1) until interrupted')
    .option('--host <address>', 'interface; any but loopback needs --insecure, behind a proxy with TLS', '127.0.0.1')
    .option('--port <n>', 'port, 0 = any free one', portNumber, 7777)
    .addOption(new Option('--token <token>', 'what clients must show; made up and printed if not given').env('GROUNDTWIN_TOKEN'))
    .option('--allow-origin <origin...>', 'origins of web pages that may connect', [])
    .option('--models <folder>', 'folder of models that clients may name')
    .option('--insecure', 'allow other interfaces without TLS')
    .option('--owned', 'for a program that starts it: end when standard input closes, and not by Ctrl-C or SIGTERM')
    .action(async (options: ServeOptions) => finish(await serveUntilInterrupted(options)));
}

async function serveUntilInterrupted(options: ServeOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  const server = await serve({
    ...serverParts(registry, options.models === undefined ? undefined : resolve(options.models)),
    host: options.host,
    port: options.port,
    ...(options.token === undefined ? {} : { token: options.token }),
    allowedOrigins: options.allowOrigin,
    insecure: options.insecure ?? false,
    clock: clockFrom(() => performance.now()),
    logger: jsonLogger(),
    serverVersion: packageJson().version,
  });
  // Before anyone is told of it and can want it to end.
  const end = options.owned ? ownerGone() : interrupted();
  // A token that was given, by a variable perhaps, is not repeated on a screen.
  const given = server.token === options.token;
  screen.result(
    { url: server.url, port: server.port, ...(given ? {} : { token: server.token }) },
    [`Serving at ${server.url}`, ...(given ? [] : [`Token: ${server.token}`]), 'Ctrl-C ends it.'].join('\n'),
  );
  await end;
  await server.close();
  if (options.owned) leaveAtOnce();
  return exitCodes.ok;
}

function interrupted(): Promise<void> {
  return new Promise((done) => {
    process.once('SIGINT', () => done());
    process.once('SIGTERM', () => done());
  });
}

/** One JSON line an event on stderr; no payloads, no tokens reach it. */
function jsonLogger(): Logger {
  const write = (level: string) => (event: string, fields?: Readonly<Record<string, unknown>>) =>
    void process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })}\n`);
  return { info: write('info'), warn: write('warn'), error: write('error') };
}
