import { expect } from 'chai';
import { GroundtwinError } from '../../src/errors.ts';
import { Tensor } from '../../src/wire/index.ts';
import { action, openSession, type Raw, start, stopAll } from './harness.ts';
import { numbersOf, StubEnv } from './stub-env.ts';

const DELAY_MS = 8;

const codeOf = (reply: Awaited<ReturnType<Raw['ask']>>) => reply.error?.code ?? 'ok';

describe('calls of many steps', () => {
  afterEach(stopAll);

  it('may take longer than one request may, as long as each step is done in time', async () => {
    const server = await start({ limits: { request_ms: 60, sweep_ms: 5 } });
    const { raw, env } = await openSession(server.url, 'Counter-v0', { delay_ms: DELAY_MS });
    const policy = { kind: 'random' };
    expect(codeOf(await raw.ask({ op: 'reset', seq: 2, env, seed: 1000 }))).to.equal('ok');
    const rolled = await raw.ask({ op: 'rollout', seq: 3, env, actions: stacked(25) });
    expect(rolled.ok?.steps).to.equal(25);
    expect(codeOf(await raw.ask({ op: 'evaluate', seq: 4, env, policy, seed: 1, maxSteps: 40 }))).to.equal('ok');
    const hanging = await openSession(server.url, 'Counter-v0', { fault: 'hang' });
    expect(codeOf(await hanging.raw.ask({ op: 'rollout', seq: 2, env: hanging.env, actions: stacked(2) }))).to.equal('STEP_DEADLINE');
    expect(codeOf(await hanging.raw.ask({ op: 'ping', seq: 3 }))).to.equal('ok');
  });

  it('are no idleness, however long they take', async () => {
    const server = await start({ limits: { idle_ms: 60 } });
    const { raw, env } = await openSession(server.url, 'Counter-v0', { delay_ms: DELAY_MS });
    expect((await raw.ask({ op: 'rollout', seq: 2, env, actions: stacked(30) })).ok?.steps).to.equal(30);
    expect((await raw.closed).code).to.equal(1008);
  });

  it('are carried out once, even where the request is sent again', async () => {
    const server = await start();
    const { raw, env } = await openSession(server.url);
    await raw.ask({ op: 'reset', seq: 2, env, seed: 100 });
    const request = { op: 'rollout', seq: 3, env, actions: stacked(4) };
    raw.send(request);
    raw.send(request);
    const [first, second] = [await raw.reply(), await raw.ask(request)];
    expect(second).to.deep.equal(first);
    expect(server.made[0]!.steps).to.equal(4);
    expect(server.stats().steps).to.equal(4);
  });

  it('end when their env is closed, or their session', async () => {
    const server = await start();
    const first = await openSession(server.url, 'Counter-v0', { delay_ms: DELAY_MS });
    const evaluate = { op: 'evaluate', seq: 2, policy: { kind: 'random' }, seed: 1_000_001, maxSteps: 1_000_000 };
    // Lane ends come at counts that 5 divides; a lane is played to its first end.
    first.raw.send({ ...evaluate, env: first.env, seed: 1 });
    expect((await first.raw.reply()).ok?.lengths)
      .to.have.property('data')
      .deep.equal(Int32Array.of(4));
    const endless = await openSession(server.url, 'Counter-v0', { delay_ms: DELAY_MS, endless: true });
    endless.raw.send({ ...evaluate, env: endless.env });
    endless.raw.send({ op: 'close', seq: 3, env: endless.env });
    expect(codeOf(await endless.raw.reply())).to.equal('ENV_CLOSED');
    expect(codeOf(await endless.raw.reply())).to.equal('ok');
    const left = await openSession(server.url, 'Counter-v0', { delay_ms: DELAY_MS, endless: true });
    left.raw.send({ ...evaluate, env: left.env });
    await new Promise((resolve) => setTimeout(resolve, 30));
    left.raw.socket.close(1000);
    await left.raw.closed;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { steps } = server.made[2]!;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.made[2]!.steps).to.equal(steps);
  });

  it('are not ended by a close that is refused', async () => {
    const server = await start();
    const { raw, env } = await openSession(server.url, 'Counter-v0', { delay_ms: DELAY_MS });
    const evaluate = { op: 'evaluate', env, policy: { kind: 'random' }, seed: 1, maxSteps: 10 };
    raw.send({ ...evaluate, seq: 2 });
    raw.send({ op: 'close', seq: 3, env, now: true });
    expect([codeOf(await raw.reply()), codeOf(await raw.reply())]).to.deep.equal(['ok', 'BAD_MESSAGE']);
    expect(codeOf(await raw.ask({ ...evaluate, seq: 4 }))).to.equal('ok');
  });

  it('that overrun between two envs cost both', async () => {
    const server = await start({ limits: { request_ms: 40, sweep_ms: 5 } });
    const { raw, env } = await openSession(server.url);
    const into = (await raw.ask({ op: 'make', seq: 2, id: 'Counter-v0', lanes: 1 })).ok!.env;
    await raw.ask({ op: 'reset', seq: 3, env });
    let letGo: (() => void) | undefined;
    server.made[1]!.restore = () => new Promise((resolve) => (letGo = () => resolve(new Float64Array(3))));
    expect(codeOf(await raw.ask({ op: 'branch', seq: 4, env, into, lanes: Int32Array.of(0) }))).to.equal('STEP_DEADLINE');
    const codes = [codeOf(await raw.ask({ op: 'reset', seq: 5, env })), codeOf(await raw.ask({ op: 'reset', seq: 6, env: into }))];
    expect(codes).to.deep.equal(['ENV_HANDLE_UNKNOWN', 'ENV_HANDLE_UNKNOWN']);
    letGo!();
  });

  it('make as many steps with infos as fit, however many were asked for', async () => {
    const server = await start({ limits: { maxReplyBytes: 100_000 } });
    const { raw, env } = await openSession(server.url);
    await raw.ask({ op: 'reset', seq: 2, env, seed: 100 });
    const asked = 1950;
    const { ok } = await raw.ask({ op: 'rollout', seq: 3, env, actions: stacked(asked), info: true });
    expect(ok!.steps).to.be.within(300, asked);
    expect(server.made[0]!.steps).to.equal(ok!.steps);
  });

  it('keep the count of workers, whatever number is asked for', async () => {
    const make = async (id: string, options: { lanes: number; workers?: number }) => {
      if (!(options.workers! >= 1)) throw new GroundtwinError('OPTION_INVALID', { who: id, option: 'workers', value: '', allowed: '' });
      return new StubEnv(id, options);
    };
    const server = await start({ make, limits: { maxWorkers: 2 } });
    const { raw } = await openSession(server.url, 'Counter-v0', { workers: 2 });
    const codes: string[] = [];
    for (const [i, workers] of [Number.NaN, -3, 1].entries())
      codes.push(codeOf(await raw.ask({ op: 'make', seq: 2 + i, id: 'Counter-v0', lanes: 1, options: { workers } })));
    expect(codes).to.deep.equal(['OPTION_INVALID', 'OPTION_INVALID', 'CAPACITY']);
  });

  it('refuse what belongs to another session, and what makes no sense', async () => {
    const server = await start({ limits: { maxReplyBytes: 1_000_000 } });
    const mine = await openSession(server.url);
    const { raw, env } = await openSession(server.url);
    const foreign = mine.env;
    const snapshot = new Uint8Array(16);
    const lanes = Int32Array.of(0);
    const policy = { kind: 'random' };
    const none = `sha256:${'0'.repeat(64)}`;
    const cases: (readonly [string, Record<string, unknown>])[] = [
      ['ENV_HANDLE_UNKNOWN', { op: 'rollout', env: foreign, actions: stacked(1) }],
      ['ENV_HANDLE_UNKNOWN', { op: 'evaluate', env: foreign, policy }],
      ['ENV_HANDLE_UNKNOWN', { op: 'snapshot', env: foreign, all: true }],
      ['ENV_HANDLE_UNKNOWN', { op: 'restore', env: foreign, all: true, snapshot }],
      ['ENV_HANDLE_UNKNOWN', { op: 'branch', env: foreign, lanes }],
      ['ENV_HANDLE_UNKNOWN', { op: 'branch', env, into: foreign, lanes }],
      ['ENV_HANDLE_UNKNOWN', { op: 'state', env: foreign }],
      ['ENV_HANDLE_UNKNOWN', { op: 'perturb', env: foreign, params: {} }],
      ['ENV_HANDLE_UNKNOWN', { op: 'recent', env: foreign }],
      ['ENV_HANDLE_UNKNOWN', { op: 'render', env: foreign }],
      ['CALL_UNSUPPORTED', { op: 'state', env }],
      ['CALL_UNSUPPORTED', { op: 'perturb', env, params: {} }],
      ['CALL_UNSUPPORTED', { op: 'recent', env }],
      ['CALL_UNSUPPORTED', { op: 'evaluate', env, maxSteps: 1, policy: { kind: 'onnx', policy: none } }],
      ['OPTION_INVALID', { op: 'evaluate', env, maxSteps: 1, policy: { kind: 'onnx' } }],
      ['OPTION_INVALID', { op: 'evaluate', env, policy }],
      ['BAD_MESSAGE', { op: 'evaluate', env, policy, maxSteps: 2 ** 30 }],
      ['BAD_MESSAGE', { op: 'evaluate', env, policy: 'random' }],
      ['ROLLOUT_TOO_LONG', { op: 'rollout', env, actions: stacked(100_000) }],
      ['ACTION_SHAPE', { op: 'rollout', env, actions: new Float32Array(4) }],
      ['ACTION_SHAPE', { op: 'rollout', env, actions: {} }],
      ['ACTION_SHAPE', { op: 'rollout', env, actions: stacked(0) }],
      ['SNAPSHOT_INVALID', { op: 'restore', env, all: true, snapshot }],
      ['BLOB_UNKNOWN', { op: 'restore', env, snapshot: none }],
      ['OPTION_INVALID', { op: 'snapshot', env, all: true, lane: 0 }],
      ['OPTION_INVALID', { op: 'branch', env, lanes: Int32Array.of(1) }],
      ['OPTION_INVALID', { op: 'branch', env, lanes: new Int32Array(0) }],
      ['OPTION_INVALID', { op: 'render', env, width: 4096, height: 4096 }],
      ['BAD_MESSAGE', { op: 'render', env, width: 2 ** 20 }],
      ['BAD_MESSAGE', { op: 'render', env, width: Number.NaN }],
      ['ENV_UNKNOWN', { op: 'describe', id: 'Counter-v9' }],
      ['BLOB_UNKNOWN', { op: 'make', id: 'Counter-v0', lanes: 1, options: { model: none } }],
      ['CAPACITY', { op: 'make', id: 'Counter-v0', lanes: 1, options: { workers: 1000 } }],
    ];
    const codes: string[] = [];
    for (const [i, [, request]] of cases.entries()) codes.push(codeOf(await raw.ask({ ...request, seq: 2 + i })));
    expect(codes).to.deep.equal(cases.map(([code]) => code));
    expect(server.made.every(({ steps }) => steps === 0)).to.equal(true);
    expect((await raw.ask({ op: 'describe', seq: 2 + cases.length, id: 'Counter-v0' })).ok).to.deep.equal({ id: 'Counter-v0' });
    const reply = await raw.ask({ op: 'step', seq: 3 + cases.length, env, action: action(1, 0) });
    expect(numbersOf((reply.ok!.observation as { data: Float64Array }).data)[0]).to.equal(1);
  });
});

/** Actions of a stub of one lane. */
function stacked(steps: number): Tensor {
  return new Tensor(new Float32Array(2 * steps).fill(0.25), [steps, 1, 2]);
}
