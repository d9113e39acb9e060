/** What users and strangers get wrong: each must be answered by a typed error that names a way out, and the server must go on serving others. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { serverParts } from '../../src/cli/server-parts.ts';
import { type Client, connect } from '../../src/client/index.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { type ErrorCode, isGroundtwinError } from '../../src/errors.ts';
import { registry } from '../../src/index.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { clockFrom, type RunningServer, serve } from '../../src/server/index.ts';
import { decodeFrame, encodeFrame, errorFromWire, isWireError, PROTOCOL, REPLY_LIMITS } from '../../src/wire/index.ts';
import { writeModel } from '../../src/world-model/model-folder.ts';
import { untrainedModel } from '../untrained-model.ts';
import type { Measured } from './row.ts';

const id = 'CartPoleSwingUp-v0';
const token = 'the-right-token';
const clock = clockFrom(() => performance.now());
/** Small, so that an oversize frame is quickly made. */
const maxFrameBytes = 65_536;
/** No case takes longer; one that does is a failure. */
const mostSeconds = 10;

/** One mistake: a refusal with this code, whose message contains the way out. */
interface Case {
  readonly name: string;
  readonly code: ErrorCode;
  readonly wayOut: RegExp;
  make(place: Place): Promise<unknown>;
}

/** Where mistakes are made. */
interface Place {
  readonly server: RunningServer;
  readonly models: string;
  /** A fresh client of the server, closed after the case. */
  client(): Promise<Client>;
}

interface Outcome {
  readonly name: string;
  readonly failure: string | null;
  readonly code?: string;
  readonly message?: string;
}

const both: readonly { readonly where: string; open(place: Place, env: string, options?: Record<string, unknown>): Promise<VectorEnv> }[] =
  [
    {
      where: 'in process',
      open: (place, env, { model, ...options } = {}) =>
        registry.makeVector(env, { ...options, ...(model ? { model: join(place.models, String(model)) } : {}) }),
    },
    { where: 'over the socket', open: async (place, env, options = {}) => (await place.client()).make(env, options) },
  ];

/** Cases that are the same in process and over the socket. */
const shared: readonly (Omit<Case, 'make'> & {
  make(open: (env: string, options?: Record<string, unknown>) => Promise<VectorEnv>): Promise<unknown>;
})[] = [
  { name: 'unknown env', code: 'ENV_UNKNOWN', wayOut: /Did you mean 'CartPole-v0'\? Known: /, make: (open) => open('CartPoll-v0') },
  {
    name: 'unknown backend',
    code: 'OPTION_INVALID',
    wayOut: /must be 'truth', 'model' or 'twin'/,
    make: (open) => open(id, { backend: 'dream' }),
  },
  {
    name: 'step before reset',
    code: 'ENV_NOT_RESET',
    wayOut: /Call reset\(\) first/,
    make: async (open) => (await open(id)).step(Float32Array.of(0)),
  },
  {
    name: 'wrong shape of action',
    code: 'ACTION_SHAPE',
    wayOut: /must be .*Box/,
    make: async (open) => (await ready(open)).step(Float32Array.of(0, 0)),
  },
  {
    name: 'NaN action',
    code: 'ACTION_NOT_FINITE',
    wayOut: /check the policy's output/,
    make: async (open) => (await ready(open)).step(Float32Array.of(Number.NaN)),
  },
  {
    name: 'action outside the space',
    code: 'ACTION_OUTSIDE_SPACE',
    wayOut: /Clip it/,
    make: async (open) => (await ready(open)).step(Float32Array.of(3)),
  },
  {
    name: 'missing model',
    code: 'MODEL_MISSING',
    wayOut: /train one with/,
    make: (open) => open(id, { backend: 'model', model: 'nowhere' }),
  },
  {
    name: 'model cut short',
    code: 'MODEL_REFUSED',
    wayOut: /docs\/model-contract\.md/,
    make: (open) => open(id, { backend: 'model', model: 'cut-short' }),
  },
  {
    name: 'model of garbage',
    code: 'MODEL_INVALID',
    wayOut: /Export it again/,
    make: (open) => open(id, { backend: 'model', model: 'garbage' }),
  },
  {
    name: 'model of another env',
    code: 'MODEL_REFUSED',
    wayOut: /docs\/model-contract\.md/,
    make: (open) => open('Pendulum-v0', { backend: 'model', model: 'good' }),
  },
  {
    name: 'foreign snapshot',
    code: 'SNAPSHOT_FOREIGN',
    wayOut: /Restore it into the env that made it/,
    make: async (open) => (await ready(open)).restore(await snapshotOf('Pendulum-v0')),
  },
  {
    name: 'damaged snapshot',
    code: 'SNAPSHOT_INVALID',
    wayOut: /Take a new one/,
    make: async (open) => {
      const snapshot = await snapshotOf(id);
      snapshot[snapshot.length - 100]! ^= 1;
      return (await ready(open)).restore(snapshot);
    },
  },
];

const ofTheSocket: readonly Case[] = [
  {
    name: 'wrong token',
    code: 'CONNECTION_UNAUTHORISED',
    wayOut: /Pass the token/,
    make: ({ server }) => connect({ url: server.url, token: 'a-wrong-token', clock }),
  },
  {
    name: 'no token',
    code: 'CONNECTION_UNAUTHORISED',
    wayOut: /Pass the token/,
    make: ({ server }) => connect({ url: server.url, clock }),
  },
  {
    name: 'wrong Origin',
    code: 'CONNECTION_ORIGIN',
    wayOut: /allowedOrigins/,
    make: ({ server }) => connect({ url: server.url, token, origin: 'https://elsewhere.example', clock }),
  },
  {
    name: 'path out of the models folder',
    code: 'OPTION_INVALID',
    wayOut: /plain name/,
    make: async (place) => (await place.client()).make(id, { backend: 'model', model: '../good' }),
  },
  {
    name: 'oversize request of the client',
    code: 'FRAME_TOO_LARGE',
    wayOut: /Use fewer lanes/,
    make: async (place) => {
      const env = await (await place.client()).make(id);
      await env.reset();
      return env.rollout(new Float32Array(maxFrameBytes / 2));
    },
  },
  {
    name: 'garbage frame',
    code: 'BAD_MESSAGE',
    wayOut: /must be/,
    make: ({ server }) => answerTo(server, Buffer.from('garbage, but long enough to hold a length')),
  },
  { name: 'frame of text', code: 'BAD_MESSAGE', wayOut: /must be a binary/, make: ({ server }) => answerTo(server, '{"op":"hello"}') },
  {
    name: 'frame whose header lies about its length',
    code: 'BAD_MESSAGE',
    wayOut: /must be/,
    make: ({ server }) => answerTo(server, Buffer.from([255, 255, 255, 127, 0])),
  },
  {
    name: 'unknown request',
    code: 'BAD_MESSAGE',
    wayOut: /must be/,
    make: ({ server }) => answerTo(server, encodeFrame({ op: 'explode', seq: 0 }, REPLY_LIMITS)),
  },
];

const cases: readonly Case[] = [
  ...shared.flatMap(({ name, make, ...expected }) =>
    both.map(({ where, open }) => ({
      ...expected,
      name: `${name}, ${where}`,
      make: (place: Place) => make((env, options) => open(place, env, options)),
    })),
  ),
  ...ofTheSocket,
];

async function ready(open: (env: string) => Promise<VectorEnv>): Promise<VectorEnv> {
  const env = await open(id);
  await env.reset({ seed: 1 });
  return env;
}

async function snapshotOf(env: string): Promise<Uint8Array> {
  const made = await registry.makeVector(env);
  await made.reset({ seed: 1 });
  const snapshot = await made.snapshot();
  await made.close();
  return snapshot;
}

/** How many cases end otherwise than they should. */
export async function badInput(folder: string): Promise<Measured> {
  const models = join(folder, 'models-of-all-kinds');
  makeModels(models);
  const server = await serve({ ...serverParts(registry, models), clock, token, limits: { maxFrameBytes } });
  try {
    const raw: Outcome[] = [];
    for (const one of cases) raw.push(await tryCase(one, server, models));
    raw.push(await oversizeFrame(server));
    return { measured: raw.filter(({ failure }) => failure !== null).length, raw };
  } finally {
    await server.close();
  }
}

function makeModels(models: string): void {
  const { manifest, predict } = untrainedModel(registry.task(id), { hidden: [8] });
  writeModel(join(models, 'good'), manifest, predict);
  writeModel(join(models, 'cut-short'), manifest, predict);
  const file = join(models, 'cut-short', manifest.files.predict.path);
  writeFileSync(file, readFileSync(file).subarray(0, 500));
  const garbage = Buffer.alloc(500, 7);
  writeModel(
    join(models, 'garbage'),
    { ...manifest, files: { predict: { ...manifest.files.predict, sha256: sha256Hex(garbage) } } },
    garbage,
  );
}

async function tryCase({ name, code, wayOut, make }: Case, server: RunningServer, models: string): Promise<Outcome> {
  const clients: Client[] = [];
  const client = async () => {
    const made = await connect({ url: server.url, token, clock });
    clients.push(made);
    return made;
  };
  const error = await within(make({ server, models, client })).then(
    () => new Error('nothing was refused'),
    (reason: unknown) => reason,
  );
  for (const one of clients) await one.close();
  const served = await stillServes(server);
  if (!isGroundtwinError(error)) return { name, failure: `no typed error: ${error}` };
  const about = { name, code: error.code, message: error.message };
  if (error.code !== code) return { ...about, failure: `${code} was expected` };
  if (!wayOut.test(error.message)) return { ...about, failure: `its message names no way out (${wayOut})` };
  return { ...about, failure: served };
}

/** A client with nothing wrong about it. @returns null, or what went wrong. */
async function stillServes(server: RunningServer): Promise<string | null> {
  try {
    const client = await connect({ url: server.url, token, clock });
    const env = await client.make('Pendulum-v0');
    await env.reset({ seed: 1 });
    await env.step(Float32Array.of(0.5));
    await client.close();
    return null;
  } catch (error) {
    return `afterwards the server does not serve another client: ${error}`;
  }
}

/** Sends one frame as the first of a connection. @throws the error that the reply carries. */
async function answerTo(server: RunningServer, frame: Uint8Array | string): Promise<never> {
  const socket = await openRaw(server);
  try {
    const reply = await new Promise<Buffer>((resolve, reject) => {
      socket.once('message', resolve);
      socket.once('close', (code) => reject(new Error(`closed with ${code} instead of an answer`)));
      socket.send(frame);
    });
    const { error } = decodeFrame(reply, REPLY_LIMITS, true);
    throw isWireError(error) ? errorFromWire(error) : new Error('the reply carries no error');
  } finally {
    socket.terminate();
  }
}

/** Too large to be read at all, so that WebSocket's own close code is the answer: 1009, message too big. */
async function oversizeFrame(server: RunningServer): Promise<Outcome> {
  const name = 'oversize frame of a stranger';
  const socket = await openRaw(server);
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  socket.send(Buffer.alloc(2 * maxFrameBytes));
  const code = await within(closed);
  if (code !== 1009) return { name, failure: `closed with ${code}, 1009 was expected` };
  return { name, failure: await stillServes(server), code: 'close 1009' };
}

function openRaw(server: RunningServer): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(server.url, PROTOCOL, { headers: { authorization: `Bearer ${token}` } });
    socket.once('open', () => {
      // The server may cut the connection while we still write.
      socket.on('error', () => {});
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function within<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${mostSeconds} s`)), mostSeconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
