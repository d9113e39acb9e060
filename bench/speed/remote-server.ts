/**
 * A server for benchmarks: the package's envs, and `Noop-v0`. Prints `{ url, token }`, then answers each line `{ id, lanes, steps }`
 * with the seconds that so many steps take here, without any wire. Ends with its standard input.
 */
import { createInterface } from 'node:readline';
import { serverParts } from '../../src/cli/server-parts.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { clockFrom, type MakeEnv, serve } from '../../src/server/index.ts';
import { sample } from '../../src/spaces/space.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { noopBackend } from './noop-backend.ts';

interface Question {
  readonly id: string;
  readonly lanes: number;
  readonly steps: number;
}

const parts = serverParts(registry);
const make: MakeEnv = async (id, options) => {
  if (id !== 'Noop-v0') return parts.make(id, options);
  const { lanes, autoreset = 'nextStep' } = options;
  return new SyncVectorEnv(noopBackend(lanes), { autoreset, entropy: () => 1 });
};
const describe: typeof parts.describe = (id) => (id === 'Noop-v0' ? { id, horizon: 1000 } : parts.describe(id));
const server = await serve({ ...parts, make, describe, clock: clockFrom(() => performance.now()) });
process.stdout.write(`${JSON.stringify({ url: server.url, token: server.token })}\n`);

const envs = new Map<string, VectorEnv>();

async function secondsFor({ id, lanes, steps }: Question): Promise<number> {
  const key = `${id} ${lanes}`;
  const env = envs.get(key) ?? (await registry.makeVector(id, { lanes }));
  if (!envs.has(key)) await env.reset({ seed: 1 });
  envs.set(key, env);
  const actions = sample(env.actionSpace, new Rng(1), lanes);
  const began_ms = performance.now();
  for (let step = 0; step < steps; step++) await env.step(actions);
  return (performance.now() - began_ms) / 1000;
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify({ seconds: await secondsFor(JSON.parse(line) as Question) })}\n`);
for (const env of envs.values()) await env.close();
await server.close();
