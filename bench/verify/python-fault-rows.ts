/** Clients, servers and sockets that break under a Python program, and what it gets wrong. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { clientEnvironment, clientPython } from '../peers/python-peer.ts';
import type { Context, Measured, Row } from './row.ts';
import { runNode } from './run-node.ts';

const trials = 200;

interface Program {
  readonly args?: readonly string[];
  /** On its standard input. */
  readonly question?: object;
  readonly environment?: NodeJS.ProcessEnv;
}

/** Runs a program of peers/ to its end, a JSON line at a time. @throws when it fails. */
async function linesOf<L>(context: Context, file: string, { args = [], question, environment }: Program, onLine: (line: L) => void) {
  const program = fileURLToPath(new URL(`../peers/${file}`, import.meta.url));
  const env = { ...clientEnvironment, ...environment };
  const child = spawn(clientPython(context.log), ['-u', program, ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(question === undefined ? '' : `${JSON.stringify(question)}\n`);
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) onLine(JSON.parse(line) as L);
  const code = await ended;
  if (code !== 0) throw new Error(`${file} ended with ${code}`);
}

interface Trial {
  readonly kind: string;
  /** What went wrong, in words. */
  readonly wrong: readonly string[];
  readonly seconds: number;
}

/** The server as the wheel has it. */
async function bundledServer({ folder }: Context): Promise<string> {
  const { code, err } = await runNode([join('scripts', 'bundle.mjs'), '--outDir', join(folder, 'server')]);
  if (code !== 0) throw new Error(`the server was not bundled: ${err.slice(-500)}`);
  return join(folder, 'server', 'groundtwin.js');
}

async function faults(context: Context): Promise<Measured> {
  const done: Trial[] = [];
  const seed = Number(process.env.GROUNDTWIN_SEED ?? 1);
  const server = await bundledServer(context);
  const environment = { GROUNDTWIN_SERVER: server, GROUNDTWIN_NODE: process.execPath };
  const question = { trials, seed };
  await linesOf<Trial>(context, 'python_faults.py', { args: ['trials', process.execPath, server], question, environment }, (trial) => {
    done.push(trial);
    if (trial.wrong.length > 0) context.log(`${trial.kind}: ${trial.wrong.join('; ')}`);
    else if (done.length % 20 === 0) context.log(`${done.length} of ${trials} trials`);
  });
  if (done.length !== trials) throw new Error(`${done.length} of ${trials} trials were made`);
  const failed = done.filter(({ wrong }) => wrong.length > 0);
  const counts = Object.fromEntries(
    [...new Set(done.map(({ kind }) => kind))].map((kind) => [kind, done.filter((one) => one.kind === kind).length]),
  );
  return { measured: failed.length, raw: { trials: done.length, seed, counts, failed } };
}

interface Case {
  readonly case: string;
  /** Empty where all is well. */
  readonly wrong: string;
}

async function badInput(context: Context): Promise<Measured> {
  const cases: Case[] = [];
  await linesOf<Case>(context, 'python_bad_input.py', {}, (one) => void cases.push(one));
  const failed = cases.filter(({ wrong }) => wrong !== '');
  return { measured: failed.length, raw: { cases: cases.length, failed } };
}

export const pythonFaultRows: readonly Row[] = [
  {
    id: 'python.faults',
    what: 'trials of 200, client or server killed, server restarted, socket cut, with a step twice or lost, an orphan, a hang, or an error that does not say who failed',
    operator: '=',
    goal: 0,
    unit: 'trials',
    budget_s: 1500,
    measure: faults,
  },
  {
    id: 'python.bad_input',
    what: 'wrong calls that do not raise what a Gymnasium user expects with the way out, or harm the env',
    operator: '=',
    goal: 0,
    unit: 'cases',
    budget_s: 60,
    measure: badInput,
  },
];
