/** The same seed and actions in process, over the socket, from TypeScript and from Python: the bytes that differ. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serverParts } from '../../src/cli/server-parts.ts';
import { connect } from '../../src/client/index.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { clockFrom, serve } from '../../src/server/index.ts';
import { arraysOf, sample, type TypedArray, type Values } from '../../src/spaces/space.ts';
import { playPeer } from '../peers/python-peer.ts';
import type { Context, Measured, Row } from './row.ts';

const steps = 200;
const seed = 11;
const batches = [1, 3, 64] as const;
const workerCounts = [1, 2] as const;
/** Few of them with thousands of lane-steps each; ends, contacts, drawn goals and more than one agent's worth of numbers are among them. */
const ids = ['CartPole-v0', 'CartPoleSwingUp-v0', 'Pendulum-v0', 'Reacher-v0', 'Hopper-v0', 'HalfCheetah-v0'];

interface Difference {
  readonly id: string;
  readonly lanes: number;
  readonly workers: number;
  readonly way: string;
  readonly bytes: number;
}

function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Parts of a dictionary by their names, in order, as the peer writes them. */
function observed(values: Values): Uint8Array[] {
  if (ArrayBuffer.isView(values)) return arraysOf(values).map(bytesOf);
  const parts = values as Readonly<Record<string, Values>>;
  return Object.keys(parts)
    .sort()
    .flatMap((key) => observed(parts[key]!));
}

async function play(env: VectorEnv, actions: readonly Values[]): Promise<Buffer> {
  const parts: Uint8Array[] = observed((await env.reset({ seed })).observation);
  for (const action of actions) {
    const { observation, reward, terminated, truncated } = await env.step(action);
    parts.push(...observed(observation), bytesOf(reward), terminated, truncated);
  }
  await env.close();
  return Buffer.concat(parts);
}

/** Bytes that differ, all of what one has more than the other included. */
export function differing(left: Uint8Array, right: Uint8Array): number {
  let count = Math.abs(left.length - right.length);
  for (let i = 0; i < Math.min(left.length, right.length); i++) count += Number(left[i] !== right[i]);
  return count;
}

/** What lane 0 of a batch saw. @param rowBytes - of one lane's observation. */
export function firstLane(played: Buffer, lanes: number, rowBytes: number): Buffer {
  const [observation, rest] = [rowBytes * lanes, [8, 1, 1]];
  const parts: Buffer[] = [];
  let at = 0;
  const take = (bytes: number, all: number) => {
    parts.push(played.subarray(at, at + bytes));
    at += all;
  };
  take(rowBytes, observation);
  while (at < played.length) {
    take(rowBytes, observation);
    for (const bytes of rest) take(bytes, bytes * lanes);
  }
  return Buffer.concat(parts);
}

async function foreignBits({ folder, log }: Context): Promise<Measured> {
  const server = await serve({ ...serverParts(registry), clock: clockFrom(() => performance.now()) });
  const client = await connect({ url: server.url, token: server.token!, clock: clockFrom(() => performance.now()) });
  const python = playPeer(log);
  const differences: Difference[] = [];
  let trajectories = 0;
  try {
    for (const id of ids) {
      let single: Buffer | undefined;
      for (const lanes of batches) {
        const space = registry.task(id).actionSpace;
        const rng = new Rng(lanes);
        const actions = Array.from({ length: steps }, () => sample(space, rng, lanes));
        // Lane 0 acts alike in every batch.
        const alone = new Rng(1);
        for (const action of actions) {
          const first = sample(space, alone, 1) as TypedArray;
          (action as TypedArray).set(first, 0);
        }
        const actionsFile = join(folder, 'actions.bin');
        writeFileSync(actionsFile, Buffer.concat(actions.map((action) => bytesOf(action as TypedArray))));
        const expected = await play(await registry.makeVector(id, { lanes }), actions);
        const note = (way: string, workers: number, played: Uint8Array, against: Uint8Array = expected) => {
          trajectories += lanes;
          const bytes = differing(played, against);
          if (bytes > 0) differences.push({ id, lanes, workers, way, bytes });
        };
        const rowBytes = observed((await onlyReset(id)).observation).reduce((sum, part) => sum + part.length, 0);
        single ??= expected;
        note('lane 0 of the batch, against a batch of one', 1, firstLane(expected, lanes, rowBytes), single);
        for (const workers of workerCounts.filter((count) => count <= lanes)) {
          const shared = workers === 1 ? {} : { workers };
          if (workers > 1) note('in process', workers, await play(await registry.makeVector(id, { lanes, ...shared }), actions));
          note('TypeScript over the socket', workers, await play(await client.make(id, { lanes, ...shared }), actions));
          for (const vector of lanes === 1 ? [false, true] : [true]) {
            const out = join(folder, 'played.bin');
            const where = { url: server.url, token: server.token };
            await python.ask({ id, lanes, workers, steps, seed, vector, actions: actionsFile, out, ...where });
            note(`Python, ${vector ? 'VectorEnv' : 'Env'}`, workers, readFileSync(out));
          }
        }
        log(`${id}, ${lanes} lanes: ${differences.length} ways differ so far`);
      }
    }
  } finally {
    python.close();
    await client.close();
    await server.close();
  }
  return { measured: differences.reduce((sum, { bytes }) => sum + bytes, 0), raw: { trajectories, steps, differences } };
}

async function onlyReset(id: string) {
  const env = await registry.makeVector(id, { lanes: 1 });
  const result = await env.reset({ seed });
  await env.close();
  return result;
}

export const pythonBitsRows: readonly Row[] = [
  {
    id: 'python.foreign_bits',
    what: 'bytes that differ between trajectories in process, over the socket, from TypeScript and Python, batches of 1, 3 and 64, 1 and 2 workers',
    operator: '=',
    goal: 0,
    unit: 'bytes',
    budget_s: 300,
    measure: foreignBits,
  },
];
