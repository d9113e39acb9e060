/** What determinism promises, byte for byte: twice the same seed, in process and over a socket, before and after a restore. */
import { join } from 'node:path';
import { serverParts } from '../../src/cli/server-parts.ts';
import { connect } from '../../src/client/index.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { clockFrom, serve } from '../../src/server/index.ts';
import { allocate, cloneValues, rowOf, sampleInto, type TypedArray, type Values } from '../../src/spaces/space.ts';
import { writeModel } from '../../src/world-model/model-folder.ts';
import { untrainedModel } from '../untrained-model.ts';
import type { Measured } from './row.ts';

const lanes = 3;
/** Several episodes: the time limit below makes lanes begin anew on the way. */
const steps = 60;
const maxEpisodeSteps = 23;
/** Where the snapshot is taken. */
const halfway = 30;
const seed = 11;

const backends = ['truth', 'model', 'twin'] as const;
type Backend = (typeof backends)[number];
type Make = (id: string, backend: Backend) => Promise<VectorEnv>;

interface Difference {
  readonly env: string;
  readonly backend: Backend;
  readonly sameSeed: number;
  readonly overSocket: number;
  readonly afterRestore: number;
  readonly bytesCompared: number;
}

/** Bytes of observation, reward and end flags that differ, over every registered env and backend. */
export async function repeatBits(folder: string): Promise<Measured> {
  const models = join(folder, 'untrained-models');
  for (const id of registry.ids()) {
    const { manifest, predict } = untrainedModel(registry.task(id), { hidden: [16, 16] });
    writeModel(join(models, id), manifest, predict);
  }
  const clock = clockFrom(() => performance.now());
  const server = await serve({ ...serverParts(registry, models), clock });
  const client = await connect({ url: server.url, token: server.token!, clock });
  const local: Make = (id, backend) =>
    registry.makeVector(id, { backend, lanes, maxEpisodeSteps, ...(backend === 'truth' ? {} : { model: join(models, id) }) });
  const remote: Make = (id, backend) => client.make(id, { backend, lanes, maxEpisodeSteps, ...(backend === 'truth' ? {} : { model: id }) });
  try {
    const raw: Difference[] = [];
    for (const env of registry.ids()) for (const backend of backends) raw.push(await compare(env, backend, local, remote));
    const measured = raw.reduce((sum, { sameSeed, overSocket, afterRestore }) => sum + sameSeed + overSocket + afterRestore, 0);
    return { measured, raw };
  } finally {
    await client.close();
    await server.close();
  }
}

async function compare(env: string, backend: Backend, local: Make, remote: Make): Promise<Difference> {
  const first = await trace(await local(env, backend));
  const again = await trace(await local(env, backend));
  const far = await trace(await remote(env, backend));
  const rest = first.slice(-(steps - halfway));
  return {
    env,
    backend,
    sameSeed: differing(first, again),
    overSocket: differing(first, far),
    afterRestore:
      (await differingAfterRestore(await local(env, backend), rest)) + (await differingAfterRestore(await remote(env, backend), rest)),
    bytesCompared: first.reduce((sum, bytes) => sum + bytes.byteLength, 0),
  };
}

/** Bytes of the reset and of each step. */
async function trace(env: VectorEnv): Promise<Uint8Array[]> {
  const { observation } = await env.reset({ seed });
  const traced = [bytesOf([observation]), ...(await play(env, 0))];
  await env.close();
  return traced;
}

async function play(env: VectorEnv, from: number, to = steps): Promise<Uint8Array[]> {
  const traced: Uint8Array[] = [];
  for (let step = from; step < to; step++) {
    const { observation, reward, terminated, truncated } = await env.step(actionOf(env, step));
    traced.push(bytesOf([observation, reward, terminated, truncated]));
  }
  return traced;
}

/** Goes on to the end from the middle, then back to the middle and on again. @param expected - what followed the first time. */
async function differingAfterRestore(env: VectorEnv, expected: readonly Uint8Array[]): Promise<number> {
  await env.reset({ seed });
  await play(env, 0, halfway);
  const snapshots = await Promise.all(Array.from({ length: lanes }, (_, lane) => env.snapshot(lane)));
  await play(env, halfway);
  for (const [lane, snapshot] of snapshots.entries()) await env.restore(snapshot, lane);
  const after = await play(env, halfway);
  await env.close();
  return differing(expected, after);
}

/** Random, but the same for each step whoever asks. */
function actionOf(env: VectorEnv, step: number): Values {
  const actions = allocate(env.actionSpace, lanes);
  const rng = new Rng(seed, step);
  for (let lane = 0; lane < lanes; lane++) sampleInto(env.actionSpace, rng, rowOf(env.actionSpace, actions, lane));
  return actions;
}

function bytesOf(values: readonly Values[]): Uint8Array {
  return Buffer.concat(
    values.flatMap(leaves).map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)),
  );
}

function leaves(values: Values): TypedArray[] {
  return ArrayBuffer.isView(values) ? [cloneValues(values) as TypedArray] : Object.values(values as Record<string, Values>).flatMap(leaves);
}

function differing(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  let count = Math.abs(a.length - b.length);
  for (const [i, bytes] of a.entries()) {
    const other = b[i] ?? new Uint8Array(0);
    count += Math.abs(bytes.length - other.length);
    for (let at = 0; at < Math.min(bytes.length, other.length); at++) if (bytes[at] !== other[at]) count++;
  }
  return count;
}
