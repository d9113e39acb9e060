/** What a step from Python costs, beside Gymnasium's own processes, OpenEnv, and the same env without a wire. Client and server have a core each. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { bootstrapInterval, median } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { root } from '../machine.ts';
import { Peer, remotePeer } from '../peers/python-peer.ts';
import { Absent, type Context, type Measured, type Row } from './row.ts';

const rounds = 31;
/** Steps of a turn: about .1 s each, but for the processes, which are slow. */
const steps = { ours: 1000, async: 1000, openenv: 200, ours64: 500, async64: 10, cartpole1024: 10 } as const;
type Way = keyof typeof steps;
const cartPole = { id: 'CartPole-v0', lanes: 1024, steps: steps.cartpole1024 } as const;

interface Timed {
  readonly p50_s: number;
  readonly total_s: number;
}

/** Of each round, in its order. */
interface Turns {
  readonly ways: Readonly<Record<Way, readonly Timed[]>>;
  /** Seconds of `cartPole` in Node, without a wire. */
  readonly local_s: readonly number[];
}

async function takeTurns(log: (line: string) => void): Promise<Turns> {
  if (process.platform !== 'linux' || cpus().length < 2) throw new Absent('Linux with two cores, one for each side');
  const server = new Peer(process.execPath, ['--import', 'tsx', join(root, 'bench', 'speed', 'remote-server.ts')]);
  const greeting = server.told<{ url: string; token: string }>();
  const client = remotePeer(log);
  try {
    const { url, token } = await greeting;
    await client.ask({ op: 'open', url, token, server_pid: server.pid });
    const names = Object.keys(steps) as Way[];
    const ways = Object.fromEntries(names.map((way) => [way, [] as Timed[]])) as Record<Way, Timed[]>;
    const local_s: number[] = [];
    for (let round = -5; round < rounds; round++) {
      for (const way of names) {
        const timed = await client.ask<Timed>({ op: 'time', way, steps: steps[way] });
        if (round >= 0) ways[way].push(timed);
      }
      const { seconds } = await server.ask<{ seconds: number }>(cartPole);
      if (round >= 0) local_s.push(seconds);
    }
    return { ways, local_s };
  } finally {
    client.close();
    server.close();
  }
}

const turnsOf = (context: Context) => context.once('python.turns', () => takeTurns(context.log));

/** Median over the rounds of one side over the other, with its interval. */
function ratioOf(above: readonly number[], below: readonly number[]): { measured: number; low: number; high: number } {
  return bootstrapInterval(
    Float64Array.from(above, (value, round) => value / below[round]!),
    median,
    new Rng(0),
  );
}

const medianOf = (values: readonly number[]) => median(Float64Array.from(values));
const p50s = (turns: Turns, way: Way) => turns.ways[way].map(({ p50_s }) => p50_s);
const perSecond = (turns: Turns, way: Way, lanes: number) => turns.ways[way].map(({ total_s }) => (lanes * steps[way]) / total_s);

/** p50 of a round trip of ours over that of another. */
async function roundTripOver(way: 'async' | 'openenv', context: Context): Promise<Measured> {
  const turns = await turnsOf(context);
  const { measured, low, high } = ratioOf(p50s(turns, 'ours'), p50s(turns, way));
  const us = (of: Way) => 1e6 * medianOf(p50s(turns, of));
  return { measured, raw: { low, high, ours_us: us('ours'), [`${way}_us`]: us(way), rounds } };
}

async function batchOverAsync(context: Context): Promise<Measured> {
  const turns = await turnsOf(context);
  const [ours, peer] = [perSecond(turns, 'ours64', 64), perSecond(turns, 'async64', 64)];
  const { measured, low, high } = ratioOf(ours, peer);
  return { measured, raw: { low, high, oursPerSecond: medianOf(ours), asyncPerSecond: medianOf(peer), rounds } };
}

async function cartPoleOverLocal(context: Context): Promise<Measured> {
  const turns = await turnsOf(context);
  const ours = perSecond(turns, 'cartpole1024', cartPole.lanes);
  const local = turns.local_s.map((seconds) => (cartPole.lanes * cartPole.steps) / seconds);
  const { measured, low, high } = ratioOf(ours, local);
  return { measured, raw: { low, high, pythonPerSecond: medianOf(ours), nodePerSecond: medianOf(local), rounds } };
}

const common = { unit: '×', budget_s: 420 } as const;

export const pythonSpeedRows: readonly Row[] = [
  {
    id: 'python.rtt_vs_async',
    what: 'p50 of a step of one no-op env from Python, over that of an AsyncVectorEnv with one worker',
    operator: '<=',
    goal: 1,
    ...common,
    measure: (context) => roundTripOver('async', context),
  },
  {
    id: 'python.rtt_vs_openenv',
    what: 'the same over that of OpenEnv',
    operator: '<=',
    goal: 0.2,
    ...common,
    measure: (context) => roundTripOver('openenv', context),
  },
  {
    id: 'python.batch64_vs_async',
    what: 'env-steps a second of 64 no-op envs in one message, over an AsyncVectorEnv with 64 processes',
    operator: '>=',
    goal: 100,
    ...common,
    measure: batchOverAsync,
  },
  {
    id: 'python.cartpole1024',
    what: 'env-steps a second of 1,024 lanes of CartPole from Python, over the same vector env in Node',
    operator: '>=',
    goal: 0.9,
    ...common,
    measure: cartPoleOverLocal,
  },
];
