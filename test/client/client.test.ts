import { expect } from 'chai';
import { type Client, connect } from '../../src/client/index.ts';
import { GroundtwinError } from '../../src/errors.ts';
import type { ServeOptions } from '../../src/server/index.ts';
import type { Values } from '../../src/spaces/space.ts';
import { clock, codeOf, eventually, type Started, start, stopAll, TOKEN } from '../server/harness.ts';
import { numbersOf, StubEnv } from '../server/stub-env.ts';

describe('client', () => {
  const clients: Client[] = [];
  const dial = async (server: Started, more: Partial<Parameters<typeof connect>[0]> = {}) => {
    const client = await connect({ clock, url: server.url, token: TOKEN, ...more });
    clients.push(client);
    return client;
  };
  const pair = async (options: Partial<ServeOptions> = {}, more: Partial<Parameters<typeof connect>[0]> = {}) => {
    const server = await start(options);
    return { server, client: await dial(server, more) };
  };

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await stopAll();
  });

  it('steps a remote env exactly as the same env at home', async () => {
    const { client } = await pair();
    for (const id of ['Counter-v0', 'Dict-v0']) {
      const remote = await client.make(id, { lanes: 3, autoreset: 'sameStep' });
      const home = new StubEnv(id, { lanes: 3, autoreset: 'sameStep' });
      const arm = Float32Array.of(0.5, -1, 0.25, 1, 0, 0);
      const actions: Values = id === 'Dict-v0' ? { arm, mode: Int32Array.of(0, 1, 2) } : arm;
      expect(remote.observationSpace).to.deep.equal(home.observationSpace);
      expect(remote.actionSpace).to.deep.equal(home.actionSpace);
      expect([remote.kind, remote.remoteKind, remote.lanes, remote.agents, remote.autoreset]).to.deep.equal([
        'remote',
        'truth',
        3,
        2,
        'sameStep',
      ]);
      expect(await remote.reset({ seed: 4 })).to.deep.equal(await home.reset({ seed: 4 }));
      for (let i = 0; i < 5; i++) {
        const [there, here] = [await remote.step(actions), await home.step(actions)];
        expect({ ...there, info: { ...there.info, problems: 0 } }).to.deep.equal({ ...here, info: { ...here.info, problems: 0 } });
        const problems = (result: typeof here) =>
          (result.info.problems as (GroundtwinError | null)[]).map((error) => error?.message ?? null);
        expect(problems(there)).to.deep.equal(problems(here));
      }
    }
  });

  it('hands over reset options: seeds, nulls, mask, params', async () => {
    const { server, client } = await pair();
    const env = await client.make('Counter-v0', { lanes: 3 });
    await env.reset({ seed: [4, null, 4294967295], mask: Uint8Array.of(1, 1, 0), params: { mass: 1.5 } });
    await env.reset();
    const [first, second] = server.made[0]!.resets;
    expect(first).to.deep.equal({ seed: [4, null, 4294967295], mask: Uint8Array.of(1, 1, 0), params: { mass: 1.5 } });
    expect(second).to.deep.equal({});
  });

  it('passes make options on, and brings typed errors back with their details', async () => {
    const { server, client } = await pair();
    await client.make('Counter-v0', { backend: 'twin', nested: { gain: [1, 2.5], grid: Float32Array.of(300.5) } });
    expect(server.made[0]!.options).to.deep.equal({ backend: 'twin', nested: { gain: [1, 2.5], grid: Float32Array.of(300.5) }, lanes: 1 });
    const error = await client.make('Contour-v0').then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(GroundtwinError);
    expect((error as GroundtwinError<'ENV_UNKNOWN'>).details.suggestion).to.equal('Counter-v0');
    expect(await client.list()).to.deep.equal([{ id: 'Counter-v0' }, { id: 'Dict-v0' }]);
  });

  it('sends NaN as it is, and the refusal names element and value', async () => {
    const { client } = await pair();
    const env = await client.make('Counter-v0');
    await env.reset({ seed: 0 });
    const error = (await env
      .step(Float32Array.of(1, Number.NaN))
      .catch((thrown: unknown) => thrown)) as GroundtwinError<'ACTION_NOT_FINITE'>;
    expect([error.code, error.details.index]).to.deep.equal(['ACTION_NOT_FINITE', 1]);
    expect(error.details.value).to.be.NaN;
    expect(numbersOf((await env.step(Float32Array.of(1, 1))).observation)).to.deep.equal([1, 1, 300.5]);
  });

  it('refuses actions of another size or type before they are sent', async () => {
    const { server, client } = await pair();
    const env = await client.make('Counter-v0', { lanes: 2 });
    expect(await codeOf(env.step(new Float32Array(3)))).to.equal('ACTION_SHAPE');
    expect(await codeOf(env.step(new Float64Array(4)))).to.equal('ACTION_SHAPE');
    expect(await codeOf(env.step({ arm: new Float32Array(4) }))).to.equal('ACTION_SHAPE');
    expect(server.made[0]!.steps).to.equal(0);
  });

  it('takes and restores snapshots, of any lane', async () => {
    const { client } = await pair();
    const env = await client.make('Counter-v0', { lanes: 2 });
    await env.reset({ seed: 10 });
    const here = await env.snapshot(1);
    await env.step(new Float32Array(4));
    expect(numbersOf(await env.restore(here, 1))).to.deep.equal([11, 0, 300.5]);
    expect(numbersOf((await env.step(new Float32Array(4))).observation)).to.deep.equal([12, 0, 300.5, 12, 0, 300.5]);
    expect(await codeOf(env.restore(new Uint8Array(3)))).to.equal('SNAPSHOT_INVALID');
  });

  it('says that no pictures come from a server', async () => {
    const { client } = await pair();
    const env = await client.make('Counter-v0', { lanes: 1 });
    expect(await codeOf(env.render())).to.equal('RENDER_UNAVAILABLE');
  });

  it('goes on after dropped sockets, each step carried out once', async () => {
    const { server, client } = await pair();
    const env = await client.make('Counter-v0');
    await env.reset({ seed: 0 });
    for (let i = 1; i <= 60; i++) {
      const stepping = env.step(Float32Array.of(1, 0));
      if (i % 3 === 0) client.dropSocket();
      if (i % 7 === 0) setImmediate(() => client.dropSocket());
      const { observation } = await stepping;
      expect(numbersOf(observation)).to.deep.equal([i, i, 300.5]);
    }
    expect(server.made[0]!.steps).to.equal(60);
    expect(client.resumes).to.be.greaterThan(10);
    expect(server.stats().sessions).to.equal(1);
  });

  it('keeps the order of many requests sent at once, across drops', async () => {
    const { server, client } = await pair();
    const envs = [await client.make('Counter-v0'), await client.make('Counter-v0', { delay_ms: 1 })];
    for (const env of envs) await env.reset({ seed: 0 });
    const steps = Array.from({ length: 24 }, (_, i) => envs[i % 2]!.step(Float32Array.of(i, 0)));
    client.dropSocket();
    const counts = (await Promise.all(steps)).map((result) => numbersOf(result.observation)[0]);
    expect(counts).to.deep.equal(Array.from({ length: 24 }, (_, i) => Math.floor(i / 2) + 1));
    expect(server.made.map((env) => env.steps)).to.deep.equal([12, 12]);
  });

  it('bounds how many requests wait', async () => {
    const { client } = await pair({ limits: { maxPendingRequests: 4 } });
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => client.ping()));
    expect(outcomes.map((outcome) => outcome.status)).to.deep.equal([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
  });

  it('says why a connection failed', async () => {
    const server = await start();
    expect(await codeOf(connect({ clock, url: server.url }))).to.equal('CONNECTION_UNAUTHORISED');
    expect(await codeOf(connect({ clock, url: server.url, token: 'wrong' }))).to.equal('CONNECTION_UNAUTHORISED');
    expect(await codeOf(connect({ clock, url: server.url, token: TOKEN, origin: 'http://evil.example' }))).to.equal('CONNECTION_ORIGIN');
    expect(await codeOf(connect({ clock, url: server.url.replace('ws:', 'gopher:'), token: TOKEN }))).to.equal('OPTION_INVALID');
    await server.close();
    expect(await codeOf(connect({ clock, url: server.url, token: TOKEN }))).to.equal('CONNECTION_REFUSED');
  });

  it('tells a server that is silent, or another one, from a refusal', async () => {
    const { createServer } = await import('node:http');
    const other = createServer((_request, response) => response.end('hello'));
    const silent = createServer();
    silent.on('upgrade', () => {});
    const urls = [];
    for (const http of [other, silent]) {
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
      urls.push(`ws://127.0.0.1:${(http.address() as { port: number }).port}`);
    }
    expect(await codeOf(connect({ clock, url: urls[0]! }))).to.equal('CONNECTION_VERSION');
    expect(await codeOf(connect({ clock, url: urls[1]!, connectTimeout_ms: 50 }))).to.equal('CONNECTION_TIMEOUT');
    for (const http of [other, silent]) {
      http.closeAllConnections();
      http.close();
    }
  });

  it('fails waiting requests when the server goes away for good', async () => {
    const { server, client } = await pair({ limits: { drain_ms: 50 } }, { reconnectAttempts: 2, reconnectDelay_ms: 5 });
    const env = await client.make('Counter-v0', { fault: 'hang' });
    const stepping = codeOf(env.step(new Float32Array(2)));
    await server.close();
    expect(await stepping).to.equal('CONNECTION_LOST');
    expect(await codeOf(client.ping())).to.equal('CONNECTION_LOST');
    await env.close();
  });

  it('fails with CONNECTION_LOST when the session expired before the client came back', async () => {
    const { server, client } = await pair({ limits: { resumeWindow_ms: 20 } }, { reconnectDelay_ms: 200 });
    const env = await client.make('Counter-v0');
    (client as unknown as { channel: { attempts: number } }).channel.attempts = 1;
    client.dropSocket();
    await eventually(() => server.made[0]!.closes === 1);
    expect(await codeOf(env.step(new Float32Array(2)))).to.equal('CONNECTION_LOST');
    expect(server.stats()).to.include({ sessions: 0, envs: 0, lanes: 0 });
  });

  it('times a request out without losing the order of those after it', async () => {
    const { client } = await pair({}, { requestTimeout_ms: 60 });
    const slow = await client.make('Counter-v0', { delay_ms: 150 });
    expect(await codeOf(slow.step(new Float32Array(2)))).to.equal('REQUEST_TIMEOUT');
    await new Promise((resolve) => setTimeout(resolve, 150));
    await client.ping();
  });

  it('gives every result its own memory', async () => {
    const { client } = await pair();
    const env = await client.make('Counter-v0', { lanes: 2 });
    const action = new Float32Array(4);
    const first = await env.step(action);
    const second = await env.step(action);
    const buffers = [first, second].flatMap(({ observation, reward, terminated }) =>
      [observation, reward, terminated].map((array) => (array as Float64Array).buffer),
    );
    expect(new Set(buffers).size).to.equal(6);
    for (const buffer of buffers) expect(buffer.byteLength).to.be.lessThan(100);
  });

  it('closes envs and session', async () => {
    const { server, client } = await pair();
    const [kept, dropped] = [await client.make('Counter-v0'), await client.make('Counter-v0')];
    await dropped.close();
    await dropped.close();
    expect(server.made.map((env) => env.closes)).to.deep.equal([0, 1]);
    expect(await codeOf(dropped.step(new Float32Array(2)))).to.equal('ENV_CLOSED');
    await client.close();
    expect(await codeOf(kept.step(new Float32Array(2)))).to.equal('CONNECTION_CLOSED');
    await eventually(() => server.made[0]!.closes === 1 && server.stats().sessions === 0);
  });

  it('refuses a frame larger than the server takes, before sending it', async () => {
    const { client } = await pair({ limits: { maxFrameBytes: 2000 } });
    const env = await client.make('Counter-v0');
    expect(await codeOf(env.restore(new Uint8Array(4000)))).to.equal('FRAME_TOO_LARGE');
    await client.ping();
  });

  it('is told when a reply is larger than it takes', async () => {
    const { client } = await pair({}, { maxFrameBytes: 65_536 });
    const env = await client.make('Counter-v0', { size: 20_000 });
    expect(await codeOf(env.reset())).to.equal('FRAME_TOO_LARGE');
    await client.ping();
  });
});
