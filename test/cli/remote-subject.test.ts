import { expect } from 'chai';
import { openSubject } from '../../src/cli/gap-subject.ts';
import { serverParts } from '../../src/cli/server-parts.ts';
import { type Client, connect, RemoteTaskEnv } from '../../src/client/index.ts';
import { elementsWithRole } from '../../src/core/state-spec.ts';
import { type HeldOut, playerOf, type Subject } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { RunningServer } from '../../src/server/index.ts';
import { allocate, type TypedArray } from '../../src/spaces/space.ts';
import { conditionOn } from '../../src/task/condition.ts';
import type { AnyTask } from '../../src/task/task.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { tileRows } from '../../src/world-model/contract.ts';
import type { PredictionInput } from '../../src/world-model/world-model.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { clock, openSession, start, stopAll, TOKEN } from '../server/harness.ts';

const served = () => start(serverParts(registry, 'examples'));
const at = ({ url }: RunningServer, more = '') => `${url}${more}`;

/** Drawn starts and drawn actions. */
async function planOf(task: AnyTask, starts: number, horizon: number): Promise<HeldOut> {
  const truth = await registry.truth(task, starts);
  await truth.reset({ mask: new Uint8Array(starts).fill(1), seeds: Float64Array.from({ length: starts }, (_, i) => 100 + i) });
  const rng = new Rng(5);
  const size = (allocate(task.actionSpace, 1) as TypedArray).length;
  const action = Float64Array.from({ length: starts * horizon * size }, () => Math.fround(2 * rng.uniform() - 1));
  const plan = {
    starts,
    horizon,
    state: truth.state.slice(),
    action,
    command: new Float64Array(starts * horizon * task.commands.length),
    following: new Float64Array(0),
    episode: new Int32Array(starts),
  };
  await truth.close();
  return plan;
}

async function played(subject: Subject, plan: HeldOut, copies: number) {
  if (subject.play) return subject.play(plan, copies, 40);
  const env = await subject.open(plan.starts * copies);
  const result = await playerOf(env).play(plan, copies, 40);
  await env.close();
  return result;
}

/** Steps lanes, of which some sit out, and keeps what is seen. */
async function stepped(env: TaskEnv, plan: HeldOut): Promise<number[]> {
  const { size } = env.spec;
  for (let lane = 0; lane < env.lanes; lane++) await env.setState(lane, plan.state.subarray(lane * size, (lane + 1) * size), 7 + lane);
  const actions = allocate(env.actionSpace, env.lanes) as TypedArray;
  const seen: number[] = [];
  for (let step = 0; step < plan.horizon; step++) {
    actions.forEach((_, i) => {
      actions[i] = plan.action[step * actions.length + i]!;
    });
    const active = Uint8Array.from({ length: env.lanes }, (_, lane) => Number(lane !== 1 || step < 3));
    await env.step(actions, active);
    seen.push(...env.state, ...env.batch.reward, ...(env.batch.observation as TypedArray), ...env.batch.terminated);
  }
  await env.close();
  return seen;
}

describe('a subject on a server', () => {
  afterEach(stopAll);

  it('plays whole plans to the bit as one in this process does: physics, another engine, what the state carries', async () => {
    const server = await served();
    const reacher = registry.task('Reacher-v0');
    const told = conditionOn(registry.task('Pendulum-v0'), ['mass_kg']);
    for (const [task, own, there, starts] of [
      [reacher, 'truth', '', 150],
      [told, 'truth', '/Pendulum-v0', 5],
      [registry.task('Pendulum-v0'), 'engine:mujoco', '?engine=mujoco', 5],
    ] as const) {
      const plan = await planOf(task, starts, 12);
      const here = await openSubject(task, undefined, own);
      const remote = await openSubject(task, undefined, at(server, there), undefined, TOKEN);
      const [expected, found] = [await played(here, plan, 1), await played(remote, plan, 1)];
      expect(found.rows, there).to.deep.equal(expected.rows);
      expect(found.returns, there).to.deep.equal(expected.returns);
      expect(new Set(expected.rows).size).to.be.above(plan.horizon);
      await here.close();
      await remote.close();
    }
  });

  it('is stepped to the bit as one in this process is, some lanes sitting out', async () => {
    const server = await served();
    const task = registry.task('Reacher-v0');
    const plan = await planOf(task, 3, 8);
    const subject = await openSubject(task, undefined, at(server), undefined, TOKEN);
    const env = await subject.open(3);
    expect(env).to.be.instanceOf(RemoteTaskEnv);
    expect(await stepped(env, plan)).to.deep.equal(await stepped(await registry.truth(task, 3), plan));
    await subject.close();
  });

  it('is a model that can be asked as any: the same bits, however many messages a call takes', async () => {
    const server = await start({ ...serverParts(registry, 'examples'), limits: { maxFrameBytes: 5000 } });
    const task = registry.task('Pendulum-v0');
    const subject = await openSubject(task, undefined, at(server, '?model=pytorch-model'), undefined, TOKEN);
    const own = await registry.loadModel(task, 'examples/pytorch-model');
    expect(subject.model!.manifest).to.deep.equal(own.manifest);
    expect(subject.model!.fingerprint).to.equal(own.fingerprint);
    const input = inputOf(own.manifest, 50 * tileRows);
    for (const spread of [true, false]) expect(await subject.model!.predict(input, spread)).to.deep.equal(await own.predict(input, spread));
    const plan = await planOf(task, 4, 6);
    const env = await registry.imagined(task, own, 8);
    const expected = await playerOf(env).play(plan, 2, 40);
    expect(await played(subject, plan, 2)).to.deep.equal(expected);
    await env.close();
    await own.close();
    await subject.close();
  });

  it('that breaks down says so at that step', async () => {
    const server = await served();
    const client = await connect({ url: server.url, token: TOKEN, clock });
    const task = registry.task('Pendulum-v0');
    const [remote, own] = [
      new RemoteTaskEnv(task, await client.make(task.id, { lanes: 1, autoreset: 'disabled' })),
      await registry.truth(task, 1),
    ];
    for (const env of [remote, own]) {
      await env.setState(0, [1, 1e300], 0);
      await env.step(Float32Array.of(0), Uint8Array.of(1));
    }
    expect(remote.batch.problems[0] === null).to.equal(own.batch.problems[0] === null);
    expect(remote.batch.problems[0]).to.not.equal(null);
    expect([...remote.state]).to.deep.equal([...own.state]);
    expect(await codeOf(async () => remote.setState(0, [1, 0], 0, { ...task.params, mass_kg: 9 }))).to.equal('CALL_UNSUPPORTED');
    expect(await codeOf(async () => remote.save(0))).to.equal('CALL_UNSUPPORTED');
    await own.close();
    await client.close();
  });

  it('is refused where it is none, of another task, or cannot be put into a state', async () => {
    const server = await served();
    const task = registry.task('Pendulum-v0');
    const asked = (more: string) => codeOf(() => openSubject(task, undefined, at(server, more), undefined, TOKEN));
    for (const more of ['?x=1', '?model=a&engine=b', '#model', '/Reacher-v0', '?model=..'])
      expect(await asked(more), more).to.equal('OPTION_INVALID');
    expect(await asked('/Nowhere-v0')).to.equal('ENV_UNKNOWN');
    expect(await asked('?model=none')).to.equal('MODEL_MISSING');
    expect(await codeOf(() => openSubject(task, undefined, 'ws://', undefined, TOKEN))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => openSubject(task, undefined, at(server), undefined, 'wrong'))).to.equal('CONNECTION_UNAUTHORISED');
    const reacher = registry.task('Reacher-v0');
    expect(await codeOf(() => openSubject(reacher, undefined, at(server, '/Reacher-v0?model=pytorch-model'), undefined, TOKEN))).to.equal(
      'MODEL_REFUSED',
    );
    const stub = await start();
    expect(await codeOf(() => openSubject(task, undefined, at(stub), undefined, TOKEN))).to.equal('ENV_UNKNOWN');
  });
});

describe('play, model and predict', () => {
  let client: Client;
  let url: string;

  beforeEach(async () => {
    const server = await start({ ...serverParts(registry, 'examples'), limits: { maxReplyBytes: 1 << 17 } });
    url = server.url;
    client = await connect({ url, token: TOKEN, clock });
  });
  afterEach(async () => {
    await client.close();
    await stopAll();
  });

  it('take nothing that no lane can be put into, and touch no lane that was never placed', async () => {
    const env = await client.make('Pendulum-v0', { lanes: 3 });
    const state = (...values: number[]) => Float64Array.from(values);
    const refused: [string, Parameters<typeof env.play>[0], string][] = [
      ['a state cut short', { state: state(1) }, 'OPTION_INVALID'],
      ['what is not finite', { state: state(1, Number.NaN) }, 'OPTION_INVALID'],
      ['a lane there is none of', { state: state(1, 0), lanes: Int32Array.of(3) }, 'OPTION_INVALID'],
      ['a lane below none', { state: state(1, 0), lanes: Int32Array.of(-1) }, 'OPTION_INVALID'],
      ['more states than lanes', { state: state(1, 0, 1, 0), lanes: Int32Array.of(0) }, 'OPTION_INVALID'],
      ['a seed that is none', { state: state(1, 0), seeds: state(0.5) }, 'OPTION_INVALID'],
      ['too few seeds', { state: state(1, 0), seeds: state() }, 'OPTION_INVALID'],
      ['a lane nobody placed', { actions: new Float32Array(3), active: Uint8Array.of(1, 0, 0) }, 'ENV_NOT_RESET'],
      ['too few marks', { actions: new Float32Array(3), active: Uint8Array.of(1) }, 'OPTION_INVALID'],
      ['actions of other lanes', { actions: new Float32Array(2) }, 'ACTION_SHAPE'],
      ['more steps than a reply holds', { actions: new Float32Array(3 * 5000) }, 'ROLLOUT_TOO_LONG'],
    ];
    for (const [what, request, code] of refused) expect(await codeOf(() => env.play(request)), what).to.equal(code);
    await env.play({ state: state(1, 0) });
    expect(await codeOf(() => env.play({ actions: Float32Array.of(9, 0, 0), active: Uint8Array.of(1, 0, 0) }))).to.equal(
      'ACTION_OUTSIDE_SPACE',
    );
    const { state: after } = await env.play({ actions: new Float32Array(3) });
    expect(after[0]).to.not.equal(1);
    expect([...after.subarray(2)]).to.deep.equal([0, 0, 0, 0]);
  });

  it('are not for twins, nor for physics where a model is asked', async () => {
    const truth = await client.make('Pendulum-v0');
    expect(await codeOf(() => truth.model(registry.task('Pendulum-v0')))).to.equal('CALL_UNSUPPORTED');
    const twin = await client.make('Pendulum-v0', { backend: 'twin', model: 'pytorch-model' });
    expect(await codeOf(() => twin.play({ state: Float64Array.of(1, 0) }))).to.equal('CALL_UNSUPPORTED');
    const workers = await client.make('Pendulum-v0', { workers: 1 });
    expect(await codeOf(() => workers.play({ state: Float64Array.of(1, 0) }))).to.equal('CALL_UNSUPPORTED');
  });

  it('ask a model nothing but what fits it', async () => {
    const env = await client.make('Pendulum-v0', { backend: 'model', model: 'pytorch-model' });
    const model = await env.model(registry.task('Pendulum-v0'));
    const input = inputOf(model.manifest, tileRows);
    expect((await model.predict(input)).sample).to.have.lengthOf(
      tileRows * elementsWithRole((await registry.truth('Pendulum-v0')).spec, 'dynamic').length,
    );
    for (const name of ['state', 'action', 'noise'] as const)
      expect(await codeOf(() => model.predict({ ...input, [name]: new Float32Array(3) })), name).to.equal('OPTION_INVALID');
    expect(await codeOf(() => model.predict({ ...input, shares: BigInt64Array.of(4n) }))).to.equal('OPTION_INVALID');
    // Past the client's own checks.
    const { raw, env: handle } = await openSession(url, 'Pendulum-v0', { backend: 'model', model: 'pytorch-model' });
    const { rows: _, ...columns } = input;
    const { noise, state, action } = columns;
    const codes: unknown[] = [];
    let seq = 2;
    for (const wrong of [{ rows: 5 }, { rows: 4, state: new Float32Array(3) }, { rows: 4, shares: Int32Array.of(4) }, { rows: 4 }])
      codes.push((await raw.ask({ op: 'predict', seq: seq++, env: handle, state, action, noise, ...wrong })).error?.code);
    expect(codes).to.deep.equal(['OPTION_INVALID', 'OPTION_INVALID', 'OPTION_INVALID', undefined]);
  });
});

function inputOf(manifest: Awaited<ReturnType<typeof registry.loadModel>>['manifest'], rows: number): PredictionInput {
  const rng = new Rng(3);
  const drawn = (width: number) => Float32Array.from({ length: rows * width }, () => rng.normal());
  const width = (entries: readonly { readonly size: number }[]) => entries.reduce((sum, { size }) => sum + size, 0);
  return {
    rows,
    state: drawn(width(manifest.state)),
    action: drawn(manifest.action.length),
    context: drawn(width(manifest.context)),
    noise: drawn(manifest.noise.size),
    memory: drawn(manifest.memorySize),
  };
}
