/** The same gap in one process, of a subject on a server, and measured by a server: the numbers that differ. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { serverParts } from '../../src/cli/server-parts.ts';
import { connect } from '../../src/client/index.ts';
import { registry } from '../../src/index.ts';
import { clockFrom, type RunningServer, serve } from '../../src/server/index.ts';
import { gapPeer, type Peer } from '../peers/python-peer.ts';
import { Absent, type Context, type Measured } from './row.ts';
import { groundtwin, runNode } from './run-node.ts';

const env = 'Pendulum-v0';
const seed = 1;
const model = 'ensemble';
const everyday = ['plausibility', 'causality', 'prediction', 'agent'];
/** What one measurement may take where other work runs beside it. */
const limit_s = 900;

/** How a subject is named where it is measured in one process, on a server from here, and by a server. */
interface Case {
  readonly name: 'model' | 'exact physics';
  readonly here: readonly string[];
  /** Behind the server's address. */
  readonly there: string;
  readonly byServer: { readonly model?: string; readonly subject?: string };
}

interface Way {
  readonly name: string;
  readonly measure: (one: Case) => Promise<unknown>;
}

/** Of the report's rows, figures and hash of data; not who was measured, when, and on which machine. */
const told = ['command', 'date', 'model', 'machine'];

/** Numbers, and what stands where there is none, that differ between two reports; verdicts count too. */
export function differences(left: unknown, right: unknown): { readonly compared: number; readonly differing: readonly string[] } {
  const [ours, theirs] = [leaves(left), leaves(right)];
  const paths = new Set([...ours.keys(), ...theirs.keys()]);
  return { compared: paths.size, differing: [...paths].filter((path) => !Object.is(ours.get(path), theirs.get(path))) };
}

function leaves(value: unknown, path = '', found = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value))
      if (!(path === '' && key === 'summary') && !(path === '/metadata' && told.includes(key))) leaves(part, `${path}/${key}`, found);
  } else found.set(path, value);
  return found;
}

export interface RemoteSizes {
  /** Beside the paired rollouts. */
  readonly axes: readonly string[];
  readonly subjects: readonly Case['name'][];
  /** Whether it is Python that asks, where it is there. */
  readonly python: boolean;
}

const whole: RemoteSizes = { axes: everyday, subjects: ['model', 'exact physics'], python: true };

export async function remoteBits({ folder, log }: Pick<Context, 'folder' | 'log'>, { axes, subjects, python } = whole): Promise<Measured> {
  const models = join(folder, 'gap-remote');
  mkdirSync(models, { recursive: true });
  if (subjects.includes('model')) await trained(models);
  const clock = clockFrom(() => performance.now());
  const server = await serve({ ...serverParts(registry, models), clock });
  const cases: readonly Case[] = [
    { name: 'model', here: ['--model', join(models, model)], there: `?model=${model}`, byServer: { model } },
    { name: 'exact physics', here: ['--env', env, '--subject', 'truth'], there: `/${env}`, byServer: { subject: 'truth' } },
  ];
  const asked = askedOf(server, axes, python ? pythonPeer(log) : undefined);
  const raw: { subject: string; way: string; compared: number; differing: readonly string[] }[] = [];
  try {
    for (const one of cases.filter(({ name }) => subjects.includes(name))) {
      log(`${one.name}, in one process`);
      const expected = await command([...one.here, '--small', '--axes', ...axes]);
      for (const { name, measure } of [subjectThere(server, models, axes), asked]) {
        log(`${one.name}, ${name}`);
        const { compared, differing } = differences(expected, await measure(one));
        raw.push({ subject: one.name, way: name, compared, differing });
      }
    }
  } finally {
    asked.close();
    await server.close();
  }
  return { measured: raw.reduce((sum, { differing }) => sum + differing.length, 0), raw };
}

/** As the README trains one, with data beside it. */
async function trained(models: string): Promise<void> {
  const file = (name: string) => join(models, `${name}.bin`);
  await groundtwin('record', '--env', env, '--episodes', '6', '--seed', '2', '--out', file('held-out'));
  await groundtwin('record', '--env', env, '--episodes', '6', '--seed', '3', '--out', file('training'));
  const sizes = ['--updates', '400', '--members', '3'];
  await groundtwin('train-model', '--env', env, '--data', file('training'), '--out', join(models, model), ...sizes);
}

function subjectThere({ url, token }: RunningServer, models: string, axes: readonly string[]): Way {
  const data = ['--data', join(models, 'held-out.bin'), '--training', join(models, 'training.bin')];
  return {
    name: 'a subject on a server',
    measure: ({ name, there }) => {
      const args = ['--env', env, '--subject', `${url}${there}`, '--token', token!, '--small', ...(name === 'model' ? data : [])];
      return command([...args, '--axes', ...axes]);
    },
  };
}

/** From Python where it is there, else from TypeScript. */
function askedOf(server: RunningServer, axes: readonly string[], python: Peer | undefined): Way & { close(): void } {
  const request = { axes, seed, size: 'small' as const };
  if (python)
    return {
      name: 'measured by a server, asked from Python',
      measure: async ({ byServer }) => {
        const where = { url: server.url, token: server.token };
        return (await python.ask<{ report: unknown }>({ env_id: env, ...byServer, ...request, ...where }, limit_s)).report;
      },
      close: () => python.close(),
    };
  return {
    name: 'measured by a server, asked from TypeScript',
    measure: async ({ byServer }) => {
      const client = await connect({ url: server.url, token: server.token!, clock: clockFrom(() => performance.now()) });
      try {
        return await client.gap(env, { ...byServer, ...request });
      } finally {
        await client.close();
      }
    },
    close: () => {},
  };
}

function pythonPeer(log: Context['log']): Peer | undefined {
  try {
    return gapPeer(log);
  } catch (error) {
    if (error instanceof Absent) return undefined;
    throw error;
  }
}

/** A report, whatever its verdict. */
async function command(args: readonly string[]): Promise<unknown> {
  const { code, out, err } = await runNode([join('bin', 'groundtwin.mjs'), 'gap', ...args, '--seed', String(seed), '--json']);
  if (code !== 0 && code !== 3) throw new Error(`groundtwin gap ended with ${code}: ${err.slice(-300)}`);
  return JSON.parse(out);
}
