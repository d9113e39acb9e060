import { expect } from 'chai';
import { encodeFrame, REPLY_LIMITS, Tensor } from '../../src/wire/index.ts';
import { action, eventually, open, openSession, type Raw, type RawReply, start, stopAll } from './harness.ts';

const dataOf = (reply: RawReply, key = 'observation') => [...(reply.ok![key] as Tensor).data];
const credentialsOf = (hello: RawReply) => ({ session: hello.ok!.sessionId, resumeToken: hello.ok!.resumeToken });

async function drop(raw: Raw): Promise<void> {
  raw.socket.terminate();
  await raw.closed;
}

describe('session', () => {
  afterEach(stopAll);

  it('greets with what it is and what it takes', async () => {
    const server = await start({ serverVersion: '1.2.3' });
    const { ok } = await (await open(server.url)).hello();
    expect(ok).to.include({ protocol: 'groundtwin.v1', serverVersion: '1.2.3', resumed: false, lastSeq: 0, resumeWindow_s: 60 });
    expect(ok!.limits).to.include({ maxFrameBytes: 1_048_576, keptReplies: 64 });
    expect(String(ok!.sessionId).length).to.be.greaterThan(20);
  });

  it('wants hello first, and of its own protocol', async () => {
    const server = await start();
    const raw = await open(server.url);
    expect((await raw.ask({ op: 'list', seq: 1 })).error?.code).to.equal('BAD_MESSAGE');
    expect((await raw.ask({ op: 'hello', seq: 0, protocol: 'other' })).error?.code).to.equal('VERSION');
    expect((await raw.closed).code).to.equal(1008);
  });

  it('answers a re-sent request from its memory and does not step twice', async () => {
    const server = await start();
    const { raw, env } = await openSession(server.url);
    const step = { op: 'step', seq: 2, env, action: action(1, 0) };
    const first = await raw.ask(step);
    for (let i = 0; i < 5; i++) expect(await raw.ask(step)).to.deep.equal(first);
    expect(dataOf(await raw.ask({ ...step, seq: 3 }))).to.deep.equal([2, 2, 300.5]);
    expect(server.made[0]!.steps).to.equal(2);
  });

  it('does not step twice when a request comes again while the first is under way', async () => {
    const server = await start();
    const { raw, env } = await openSession(server.url, 'Counter-v0', { delay_ms: 40 });
    for (let i = 0; i < 4; i++) raw.send({ op: 'step', seq: 2, env, action: action(1, 0) });
    raw.send({ op: 'step', seq: 3, env, action: action(1, 0) });
    expect([(await raw.reply()).seq, (await raw.reply()).seq]).to.deep.equal([2, 3]);
    expect(server.made[0]!.steps).to.equal(2);
    expect(raw.replies).to.have.length(0);
  });

  it('refuses to repeat what left its memory, and says so', async () => {
    const server = await start({ limits: { keptReplies: 4 } });
    const { raw } = await openSession(server.url);
    for (let seq = 2; seq <= 10; seq++) await raw.ask({ op: 'ping', seq });
    expect((await raw.ask({ op: 'ping', seq: 7 })).ok).to.deep.equal({});
    const { error } = await raw.ask({ op: 'ping', seq: 6 });
    expect([error?.code, error?.details]).to.deep.equal(['REPLY_EXPIRED', { seq: 6, oldest: 7 }]);
  });

  it('bounds kept replies by bytes, but keeps the latest', async () => {
    const server = await start({ limits: { keptReplyBytes: 1000 } });
    const { raw, env } = await openSession(server.url, 'Counter-v0', { size: 1000 });
    const big = await raw.ask({ op: 'reset', seq: 2, env });
    expect(await raw.ask({ op: 'reset', seq: 2, env })).to.deep.equal(big);
    await raw.ask({ op: 'ping', seq: 3 });
    expect((await raw.ask({ op: 'reset', seq: 2, env })).error?.code).to.equal('REPLY_EXPIRED');
    expect(server.stats().keptReplyBytes).to.be.lessThan(1000);
  });

  it('refuses requests out of order', async () => {
    const server = await start();
    const { raw, env } = await openSession(server.url);
    const { error } = await raw.ask({ op: 'step', seq: 4, env, action: action(1, 0) });
    expect([error?.code, error?.details]).to.deep.equal(['SEQ_INVALID', { expected: 2, got: 4 }]);
    expect(server.made[0]!.steps).to.equal(0);
    expect((await raw.ask({ op: 'ping', seq: 2 })).ok).to.deep.equal({});
  });

  it('goes on over another socket, with a step that was under way carried out once', async () => {
    const server = await start();
    const { raw, env, hello } = await openSession(server.url, 'Counter-v0', { delay_ms: 50 });
    await raw.ask({ op: 'reset', seq: 2, env, seed: 10 });
    const step = { op: 'step', seq: 3, env, action: action(1, 0) };
    raw.send(step);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await drop(raw);
    const again = await open(server.url);
    expect((await again.hello(credentialsOf(hello))).ok).to.include({ resumed: true, lastSeq: 3, sessionId: hello.ok!.sessionId });
    expect(dataOf(await again.ask(step))).to.deep.equal([11, 1, 300.5]);
    expect(server.made[0]!.steps).to.equal(1);
    expect(server.stats()).to.include({ sessions: 1, resumes: 1 });
  });

  it('closes the socket it had when it goes on over another', async () => {
    const server = await start();
    const { raw, hello } = await openSession(server.url);
    const again = await open(server.url);
    await again.hello(credentialsOf(hello));
    expect((await raw.closed).code).to.equal(4001);
    expect((await again.ask({ op: 'ping', seq: 2 })).ok).to.deep.equal({});
  });

  it('does not resume with a wrong token, another session, or none, and does not say which was wrong', async () => {
    const server = await start();
    const [mine, other] = [await openSession(server.url), await openSession(server.url)];
    const { session, resumeToken } = credentialsOf(mine.hello);
    const tries = [
      { session, resumeToken: credentialsOf(other.hello).resumeToken },
      { session },
      { session, resumeToken: '' },
      { session: 'unknown', resumeToken },
      { session: '__proto__', resumeToken },
    ];
    const answers = [];
    for (const attempt of tries) {
      const raw = await open(server.url);
      answers.push((await raw.hello(attempt)).error);
      expect((await raw.closed).code).to.equal(1008);
    }
    expect(new Set(answers.map((error) => JSON.stringify(error))).size).to.equal(1);
    expect(answers[0]?.code).to.equal('SESSION_UNKNOWN');
    expect((await mine.raw.ask({ op: 'ping', seq: 2 })).ok).to.deep.equal({});
  });

  it('frees its envs when nobody came back in time', async () => {
    const server = await start({ limits: { resumeWindow_ms: 50 } });
    const { raw, hello } = await openSession(server.url);
    await drop(raw);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server.made[0]!.closes).to.equal(0);
    await eventually(() => server.made[0]!.closes === 1);
    expect(server.stats()).to.include({ sessions: 0, envs: 0, lanes: 0, keptReplyBytes: 0 });
    expect((await (await open(server.url)).hello(credentialsOf(hello))).error?.code).to.equal('SESSION_UNKNOWN');
  });

  it('refuses the env of another session', async () => {
    const server = await start();
    const [mine, other] = [await openSession(server.url), await openSession(server.url)];
    expect(mine.env).not.to.equal(other.env);
    const requests: Record<string, unknown>[] = [
      { op: 'step', action: action(1, 0) },
      { op: 'reset' },
      { op: 'snapshot' },
      { op: 'restore', snapshot: new Uint8Array(16) },
      { op: 'close' },
    ];
    for (const [i, request] of requests.entries()) {
      expect((await mine.raw.ask({ ...request, seq: i + 2, env: other.env })).error?.code).to.equal('ENV_HANDLE_UNKNOWN');
    }
    expect([server.made[1]!.steps, server.made[1]!.closes, server.made[1]!.resets.length]).to.deep.equal([0, 0, 0]);
  });

  it('keeps two servers apart', async () => {
    const [first, second] = [await start(), await start()];
    const { hello } = await openSession(first.url);
    expect((await (await open(second.url)).hello(credentialsOf(hello))).error?.code).to.equal('SESSION_UNKNOWN');
    await first.close();
    const { raw } = await openSession(second.url);
    expect((await raw.ask({ op: 'ping', seq: 2 })).ok).to.deep.equal({});
  });

  it('limits envs, lanes of a session and lanes of the server', async () => {
    const server = await start({ limits: { maxEnvsPerSession: 2, maxLanesPerSession: 8, maxLanes: 12 } });
    const { raw } = await openSession(server.url);
    const make = (seq: number, lanes: number) => raw.ask({ op: 'make', seq, id: 'Counter-v0', lanes });
    expect((await make(2, 8)).error?.details).to.deep.equal({ what: 'lanes a session', limit: 8 });
    expect((await make(3, 7)).ok).to.include({ lanes: 7 });
    expect((await make(4, 1)).error?.details).to.deep.equal({ what: 'envs a session', limit: 2 });
    const second = await openSession(server.url, 'Counter-v0', {}, 4);
    expect((await second.raw.ask({ op: 'make', seq: 2, id: 'Counter-v0', lanes: 1 })).error?.details).to.deep.equal({
      what: 'lanes',
      limit: 12,
    });
    expect(server.stats()).to.include({ envs: 3, lanes: 12 });
    second.raw.socket.close(1000);
    await eventually(() => server.stats().lanes === 8);
  });

  it('gives room back when making an env fails', async () => {
    const server = await start({ limits: { maxLanesPerSession: 4 } });
    const { raw } = await openSession(server.url);
    for (let seq = 2; seq < 6; seq++)
      expect((await raw.ask({ op: 'make', seq, id: 'Nothing-v0', lanes: 3 })).error?.code).to.equal('ENV_UNKNOWN');
    expect((await raw.ask({ op: 'make', seq: 6, id: 'Counter-v0', lanes: 3 })).ok).to.include({ lanes: 3 });
  });

  it('says what is wrong with the shape, dtype or parts of an action', async () => {
    const server = await start();
    const { raw, env } = await openSession(server.url, 'Counter-v0', {}, 2);
    const wrong = [
      new Tensor(new Float32Array(4), [4]),
      new Tensor(new Float32Array(4), [1, 4]),
      new Tensor(new Float32Array(2), [1, 2]),
      new Tensor(new Float64Array(4), [2, 2]),
      { arm: new Tensor(new Float32Array(4), [2, 2]) },
    ];
    for (const [i, bad] of wrong.entries()) {
      const { error } = await raw.ask({ op: 'step', seq: i + 2, env, action: bad });
      expect([error?.code, error?.details?.expected]).to.deep.equal(['ACTION_SHAPE', 'Box([2], float32) × 2 lanes']);
    }
    expect(server.made[0]!.steps).to.equal(0);
  });

  it('turns errors that are not ours into INTERNAL, logs their place and not their text', async () => {
    const lines: string[] = [];
    const log = (event: string, fields?: object) => void lines.push(JSON.stringify([event, fields]));
    const server = await start({ logger: { info: log, warn: log, error: log } });
    const [bad, good] = [await openSession(server.url, 'Counter-v0', { fault: 'throw' }), await openSession(server.url)];
    const { error } = await bad.raw.ask({ op: 'step', seq: 2, env: bad.env, action: action(1, 0) });
    expect(error?.code).to.equal('INTERNAL');
    expect(JSON.stringify(error)).not.to.include('secret');
    expect(lines.join()).to.include('stub-env').and.not.include('secret');
    expect(dataOf(await good.raw.ask({ op: 'step', seq: 2, env: good.env, action: action(1, 0) }))).to.deep.equal([1, 1, 300.5]);
    expect((await bad.raw.ask({ op: 'ping', seq: 3 })).ok).to.deep.equal({});
  });

  it('says which value of an info has no form on the wire', async () => {
    const server = await start();
    const { raw, env } = await openSession(server.url, 'Counter-v0', { fault: 'date' });
    const { error } = await raw.ask({ op: 'step', seq: 2, env, action: action(1, 0) });
    expect([error?.code, error?.details]).to.deep.equal(['WIRE_VALUE', { path: 'ok.info.when', what: 'a Date' }]);
  });

  it('gives up a request that hangs, and its env with it; others go on', async () => {
    const server = await start({ limits: { request_ms: 40 } });
    const { raw, env } = await openSession(server.url, 'Counter-v0', { fault: 'hang' });
    const { error } = await raw.ask({ op: 'step', seq: 2, env, action: action(1, 0) });
    expect(error?.code).to.equal('STEP_DEADLINE');
    expect((await raw.ask({ op: 'step', seq: 3, env, action: action(1, 0) })).error?.code).to.equal('ENV_HANDLE_UNKNOWN');
    expect(server.made[0]!.closes).to.equal(1);
    expect(server.stats()).to.include({ envs: 0, lanes: 0 });
  });

  it('closes an env that was made too late, or after its session ended', async () => {
    const server = await start({ limits: { request_ms: 40, resumeWindow_ms: 20 } });
    const { raw } = await openSession(server.url);
    expect((await raw.ask({ op: 'make', seq: 2, id: 'Counter-v0', lanes: 2, options: { fault: 'slowMake' } })).error?.code).to.equal(
      'STEP_DEADLINE',
    );
    raw.send({ op: 'make', seq: 3, id: 'Counter-v0', lanes: 2, options: { fault: 'slowMake' } });
    await new Promise((resolve) => setTimeout(resolve, 10));
    await drop(raw);
    await eventually(() => server.made.length === 3 && server.made.every((env) => env.closes === 1));
    expect(server.stats()).to.include({ envs: 0, lanes: 0, sessions: 0 });
  });

  it('carries requests out in order, and reads no further while too many wait', async () => {
    const server = await start({ limits: { maxPendingRequests: 4 } });
    const { raw, env } = await openSession(server.url, 'Counter-v0', { delay_ms: 2 });
    for (let seq = 2; seq <= 9; seq++) raw.send({ op: 'step', seq, env, action: action(1, 0) });
    for (let seq = 2; seq <= 9; seq++) {
      const reply = await raw.reply();
      expect([reply.seq, dataOf(reply)[0]]).to.deep.equal([seq, seq - 1]);
    }
    // Whether a burst is slowed by the socket or refused depends on how it was cut into chunks: either way each is answered once, in order.
    const frames = Array.from({ length: 200 }, (_, i) => encodeFrame({ op: 'step', seq: 10 + i, env, action: action(1, 0) }, REPLY_LIMITS));
    for (const frame of frames) raw.socket.send(frame);
    const codes = new Map<number, string>();
    while (codes.size < 200) {
      const reply = await raw.reply();
      codes.set(reply.seq!, reply.error?.code ?? 'ok');
    }
    expect(new Set(codes.values())).to.include('ok');
    expect([...codes.values()].filter((code) => code === 'ok')).to.have.length(server.made[0]!.steps - 8);
    expect(new Set([...codes.values()].filter((code) => code !== 'ok'))).to.satisfy((others: Set<string>) =>
      [...others].every((code) => code === 'SERVER_BUSY'),
    );
  });
});
