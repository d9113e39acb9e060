import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { connect } from '../../src/client/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { clock, start, stopAll, TOKEN } from '../server/harness.ts';
import { numbersOf } from '../server/stub-env.ts';

const SEEDS = 25;
const STEPS = 40;
const LANES = 2;

type Fault = 'cut' | 'stall';

/** Forwards bytes, and breaks each connection after a random number of them: cut mid-frame, or silent for ever with both ends open. */
async function brokenProxy(
  port: number,
  rng: Rng,
  faults: readonly Fault[],
): Promise<{ server: Server; port: number; breaks: () => number; calm: () => void }> {
  let breaks = 0;
  let isCalm = false;
  const server = createServer((near: Socket) => {
    const far = dial(port, '127.0.0.1');
    const fault = faults[rng.integer(faults.length)]!;
    let budget = 1200 + rng.integer(6000);
    let broken = false;
    for (const socket of [near, far]) socket.setNoDelay(true);
    const forward = (from: Socket, to: Socket) => {
      from.on('data', (chunk: Buffer) => {
        if (broken) return;
        budget -= isCalm ? 0 : chunk.length;
        if (budget > 0) {
          to.write(chunk);
          return;
        }
        broken = true;
        breaks += 1;
        to.write(chunk.subarray(0, Math.max(0, chunk.length + budget)));
        if (fault === 'cut') for (const socket of [near, far]) socket.destroySoon();
      });
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    };
    forward(near, far);
    forward(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const calm = () => {
    isCalm = true;
  };
  return { server, port: (server.address() as { port: number }).port, breaks: () => breaks, calm };
}

/** Steps two envs through a broken network; every observation must be the one of an unbroken run. */
async function run(seed: number, faults: readonly Fault[], silence_ms: number): Promise<number> {
  const server = await start({ limits: { keptReplies: 8, maxPendingRequests: 4 } });
  const proxy = await brokenProxy(server.port, new Rng(seed), faults);
  const client = await connect({
    clock,
    url: `ws://127.0.0.1:${proxy.port}`,
    token: TOKEN,
    silence_ms,
    connectTimeout_ms: 500,
    reconnectDelay_ms: 1,
    reconnectAttempts: 50,
  });
  const envs = [await client.make('Counter-v0', { lanes: LANES }), await client.make('Counter-v0', { lanes: LANES, delay_ms: 1 })];
  for (const env of envs) await env.reset({ seed: 0 });
  for (let i = 1; i <= STEPS; i++) {
    const results = await Promise.all(envs.map((env) => env.step(Float32Array.of(i, 0, -i, 0))));
    const sum = (i * (i + 1)) / 2;
    for (const { observation } of results) expect(numbersOf(observation)).to.deep.equal([i, sum, 300.5, i + 1, -sum, 300.5]);
  }
  expect(server.made.map((env) => env.steps)).to.deep.equal([STEPS, STEPS]);
  expect(server.stats()).to.include({ sessions: 1, envs: 2 });
  proxy.calm();
  await client.close();
  proxy.server.close();
  await server.close();
  return proxy.breaks();
}

describe('a broken network', () => {
  afterEach(stopAll);

  it(`cut at ${SEEDS} × random bytes, carries every step out once and loses no reply`, async function () {
    this.timeout(60_000);
    let breaks = 0;
    for (let seed = 1; seed <= SEEDS; seed++) breaks += await run(seed, ['cut'], 30_000);
    expect(breaks).to.be.greaterThan(2 * SEEDS);
  });

  it('gone silent with the sockets open, is noticed and left', async function () {
    this.timeout(60_000);
    expect(await run(99, ['stall', 'cut'], 60)).to.be.greaterThan(2);
  });
});
