import { expect } from 'chai';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { encodeFrame, PROTOCOL, REPLY_LIMITS } from '../../src/wire/index.ts';
import { action, eventually, open, openSession, type Raw, start, stopAll, TOKEN } from './harness.ts';

const FUZZ_FRAMES = 2000;
const FRAMES_PER_SOCKET = 1000;

async function isHealthy(url: string): Promise<void> {
  const { raw, env } = await openSession(url);
  const reply = await raw.ask({ op: 'step', seq: 2, env, action: action(1, 0) });
  expect(reply.ok).to.have.property('reward');
  raw.socket.close(1000);
}

/** Stops reading from the network, as a stuck peer does. */
function stopReading(raw: Raw): void {
  (raw.socket as unknown as { _socket: { pause(): void } })._socket.pause();
}

describe('connection', () => {
  afterEach(stopAll);

  it('closes on an oversize frame with 1009, alone', async () => {
    const server = await start();
    const { raw } = await openSession(server.url);
    raw.socket.send(new Uint8Array(1_048_577));
    expect((await raw.closed).code).to.equal(1009);
    await isHealthy(server.url);
  });

  it('answers garbage with BAD_MESSAGE, and closes after too much of it', async () => {
    const server = await start({ limits: { maxBadMessages: 4 } });
    const { raw } = await openSession(server.url);
    for (let i = 0; i < 3; i++) {
      raw.socket.send(Uint8Array.of(9, 0, 0, 0, 0xc1, i));
      const { seq, error } = await raw.reply();
      expect([seq, error?.code, error?.retryable]).to.deep.equal([null, 'BAD_MESSAGE', false]);
    }
    expect((await raw.ask({ op: 'ping', seq: 2 })).ok).to.deep.equal({});
    raw.socket.send(new Uint8Array(0));
    expect((await raw.reply()).error?.code).to.equal('BAD_MESSAGE');
    expect((await raw.closed).code).to.equal(1008);
    await isHealthy(server.url);
  });

  it('answers text frames, unknown ops and wrong fields with BAD_MESSAGE that repeats nothing', async () => {
    const server = await start();
    const { raw, env } = await openSession(server.url);
    raw.socket.send('{"op":"step","token":"hunter2"}');
    const answers = [await raw.reply()];
    const wrong: Record<string, unknown>[] = [
      { op: 'hunter2', seq: 2 },
      { op: 'step', seq: 3, env, action: action(1, 0), hunter2: 'hunter2' },
      { op: 'step', seq: 4, env: 'hunter2', action: action(1, 0) },
      { op: 'reset', seq: 5, env, params: { hunter2: 'hunter2' } },
      { op: 'hello', seq: 6, protocol: 'hunter2' },
      { op: 'ping', seq: 'hunter2' },
    ];
    for (const message of wrong) answers.push(await raw.ask(message));
    expect(answers.map(({ seq, error }) => [seq, error?.code])).to.deep.equal(
      [null, 2, 3, 4, 5, 6, null].map((seq) => [seq, 'BAD_MESSAGE']),
    );
    expect(JSON.stringify(answers)).not.to.include('hunter2');
    expect((await raw.ask({ op: 'ping', seq: 7 })).ok).to.deep.equal({});
  });

  it('survives a fuzzer on its sockets', async function () {
    this.timeout(60_000);
    const server = await start({ limits: { maxBadMessages: FUZZ_FRAMES } });
    const healthy = await openSession(server.url);
    const good = [
      encodeFrame({ op: 'step', seq: 2, env: 1, action: action(1, 0) }, REPLY_LIMITS),
      encodeFrame({ op: 'make', seq: 2, id: 'Counter-v0', lanes: 2, options: { a: [1, 2] } }, REPLY_LIMITS),
      encodeFrame({ op: 'restore', seq: 2, env: 1, snapshot: new Uint8Array(16) }, REPLY_LIMITS),
      encodeFrame({ op: 'rollout', seq: 2, env: 1, actions: new Float32Array(8), info: true }, REPLY_LIMITS),
      encodeFrame({ op: 'evaluate', seq: 2, env: 1, policy: { kind: 'random' }, maxSteps: 3 }, REPLY_LIMITS),
      encodeFrame({ op: 'branch', seq: 2, env: 1, lane: 0, lanes: new Int32Array(2) }, REPLY_LIMITS),
      encodeFrame({ op: 'upload', seq: 2, sha256: 'ab'.repeat(32), bytes: 9 }, REPLY_LIMITS),
      encodeFrame({ op: 'chunk', seq: 2, sha256: 'ab'.repeat(32), offset: 0, data: new Uint8Array(9) }, REPLY_LIMITS),
      encodeFrame({ op: 'publish', seq: 2, kind: 'model', files: { a: 'ab'.repeat(32) } }, REPLY_LIMITS),
    ];
    const edit = fc.tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }));
    const frames = fc.sample(
      fc.oneof(
        fc.uint8Array({ maxLength: 64 }),
        edit.map(([frame, edits]) => mutated(frame, edits)),
      ),
      { numRuns: FUZZ_FRAMES, seed: 7 },
    );
    for (let first = 0; first < frames.length; first += FRAMES_PER_SOCKET) {
      const { raw } = await openSession(server.url);
      for (const frame of frames.slice(first, first + FRAMES_PER_SOCKET)) raw.socket.send(frame);
      raw.socket.send('end');
      await eventually(() => raw.replies.some(({ error }) => String(error?.details?.expected).includes('binary WebSocket message')));
      for (const { error } of raw.replies) expect(error?.code ?? 'ok').to.not.equal('INTERNAL');
      raw.socket.close(1000);
    }
    expect((await healthy.raw.ask({ op: 'ping', seq: 2 })).ok).to.deep.equal({});
    await eventually(() => server.stats().sessions === 1);
  });

  it('closes a peer that does not read with 1013, and bounds what it keeps for it', async () => {
    const server = await start({ limits: { sendHighWaterBytes: 100_000, slowReader_ms: 60 } });
    const { raw, env } = await openSession(server.url, 'Counter-v0', { size: 20_000 });
    const healthy = await openSession(server.url);
    stopReading(raw);
    const before = process.memoryUsage().arrayBuffers;
    for (let seq = 2; seq < 400; seq++) raw.send({ op: 'reset', seq, env });
    await eventually(() => server.stats().connections === 1);
    expect(server.made[0]!.resets.length).to.be.lessThan(150);
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(64_000_000);
    expect((await healthy.raw.ask({ op: 'ping', seq: 2 })).ok).to.deep.equal({});
  });

  it('closes a peer with 1013 that asks for kept replies again and again without reading', async () => {
    const server = await start({ limits: { sendHighWaterBytes: 100_000 } });
    const { raw, env } = await openSession(server.url, 'Counter-v0', { size: 100_000 });
    await raw.ask({ op: 'reset', seq: 2, env });
    stopReading(raw);
    for (let i = 0; i < 500; i++) raw.send({ op: 'reset', seq: 2, env });
    await eventually(() => server.stats().connections === 0);
  });

  it('delivers large replies to a peer that reads slowly but reads', async () => {
    const server = await start({ limits: { sendHighWaterBytes: 100_000 } });
    const { raw, env } = await openSession(server.url, 'Counter-v0', { size: 50_000 });
    for (let seq = 2; seq < 32; seq++) raw.send({ op: 'reset', seq, env });
    stopReading(raw);
    await new Promise((resolve) => setTimeout(resolve, 100));
    (raw.socket as unknown as { _socket: { resume(): void } })._socket.resume();
    for (let seq = 2; seq < 32; seq++) expect((await raw.reply()).seq).to.equal(seq);
    expect(server.made[0]!.resets).to.have.length(30);
  });

  it('gives up on a socket that never says hello', async () => {
    const server = await start({ limits: { hello_ms: 40 } });
    const raw = await open(server.url);
    expect((await raw.closed).code).to.equal(1008);
    await eventually(() => server.stats().connections === 0);
  });

  it('gives up on a half-open socket, keeps the session; and on an idle one', async () => {
    const server = await start({ limits: { heartbeat_ms: 20, silence_ms: 100 } });
    const { raw } = await openSession(server.url);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(server.stats().connections).to.equal(1);
    stopReading(raw);
    await eventually(() => server.stats().connections === 0);
    expect(server.stats().sessions).to.equal(1);
    const idle = await start({ limits: { idle_ms: 40 } });
    expect((await (await openSession(idle.url)).raw.closed).code).to.equal(1008);
  });

  it('cuts a peer that does not answer the close', async () => {
    const server = await start({ limits: { hello_ms: 20 } });
    const raw = await open(server.url);
    stopReading(raw);
    await eventually(() => server.stats().connections === 0);
  });

  it('drains: the step under way is answered, new ones and new sockets are refused, envs are closed', async () => {
    const server = await start();
    const { raw, env } = await openSession(server.url, 'Counter-v0', { delay_ms: 60 });
    raw.send({ op: 'step', seq: 2, env, action: action(1, 0) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const closing = server.close();
    raw.send({ op: 'ping', seq: 3 });
    const replies = [await raw.reply(), await raw.reply()];
    expect(new Map(replies.map(({ seq, error }) => [seq, error?.code]))).to.deep.equal(
      new Map([
        [3, 'DRAINING'],
        [2, undefined],
      ]),
    );
    expect((await raw.closed).code).to.equal(1001);
    await closing;
    expect(server.made[0]!.closes).to.equal(1);
    const late = new WebSocket(server.url, PROTOCOL, { headers: { authorization: `Bearer ${TOKEN}` } });
    await new Promise<void>((resolve) => late.on('error', () => resolve()));
  });
});

function mutated(frame: Uint8Array, edits: readonly (readonly [number, number])[]): Uint8Array {
  const copy = frame.slice();
  for (const [where, value] of edits) copy[where % copy.length] = value;
  return copy;
}
