import { expect } from 'chai';
import { untrainedModel } from '../../bench/untrained-model.ts';
import { RandomActions } from '../../src/check/play.ts';
import { serverParts } from '../../src/cli/server-parts.ts';
import { type Client, connect, type RemoteMakeRequest, type RemoteVectorEnv } from '../../src/client/index.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { makeVector, registry } from '../../src/index.ts';
import { compileInference, type InferenceSpec } from '../../src/onnx/index.ts';
import type { MakeVectorOptions } from '../../src/registry/registry.ts';
import type { TypedArray, Values } from '../../src/spaces/space.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { layoutOf } from '../../src/world-model/ensemble.ts';
import { clock, codeOf, start, stopAll, TOKEN } from '../server/harness.ts';

const limits = { maxFrameBytes: 65_536 };

/** A graph over observations `[N, width]`. */
function policyGraph(width: number, build: InferenceSpec['build']): Uint8Array {
  return compileInference({ parameters: [], inputs: [{ name: 'observation', dtype: 'float32', shape: ['N', width] }], build });
}

const pushRight = policyGraph(4, (builder, _, { observation }) => {
  const zeros = builder.mul(builder.slice(observation!, 1, 0, 1), 0);
  return { action: builder.argMax(builder.concat([zeros, builder.add(zeros, 1)], 1)) };
});
/** Against the pendulum's speed, harder than it may. */
const brake = policyGraph(3, (builder, _, { observation }) => ({ action: builder.mul(builder.slice(observation!, 1, 2, 3), -50) }));

function modelOf(id: string, more: object = {}) {
  const { manifest, predict } = untrainedModel(registry.task(id), { members: 2, hidden: [8] });
  return { manifest: JSON.stringify({ ...manifest, ...more }), files: { [manifest.files.predict.path]: predict } };
}

/** What finds nothing strange. */
function calmTrust(id: string) {
  const { features, targets } = layoutOf(registry.task(id));
  const ones = (length: number) => new Array<number>(length).fill(1);
  const identity = Array.from({ length: features ** 2 }, (_, i) => (i % (features + 1) === 0 ? 1 : 0));
  const familiarity = { mean: ones(features), covariance: identity, spread: ones(targets.length), distance: [0, 1e9], disagreement: null };
  const drift = { factor: ones(targets.length), gate: 1, threshold: 1e6, falseAlarmsPerHour: 0.01, steps: 0, extrapolation: 0 };
  return { trust: { familiarity, drift } };
}

/** Stacks batches of actions. */
async function actionsFor(env: VectorEnv, steps: number): Promise<{ each: Values[]; stacked: Values }> {
  const random = new RandomActions(env, 9);
  const each = Array.from({ length: steps }, () => random.next());
  const arrays = each as TypedArray[];
  const stacked = new (arrays[0]!.constructor as new (length: number) => TypedArray)(steps * arrays[0]!.length);
  arrays.forEach((array, i) => void stacked.set(array, i * array.length));
  return { each, stacked };
}

const numbers = (values: unknown) => Array.from(values as TypedArray);

describe('a remote env on real envs', function () {
  this.timeout(20_000);
  let client: Client;

  async function connected(): Promise<Client> {
    const server = await start({ ...serverParts(registry), limits });
    client = await connect({ clock, url: server.url, token: TOKEN });
    return client;
  }
  async function made(id: string, request: RemoteMakeRequest & MakeVectorOptions = {}): Promise<RemoteVectorEnv> {
    return (await connected()).make(id, request);
  }

  afterEach(async () => {
    await client.close();
    await stopAll();
  });

  it('tells what an env is, and what one made can do', async () => {
    const env = await made('CartPole-v0', { lanes: 2 });
    expect([env.maxEpisodeSteps, env.renderModes, env.canBranch]).to.deep.equal([
      500,
      ['rgb_array', 'depth_array', 'segments', 'all'],
      true,
    ]);
    expect((await client.make('CartPole-v0', { maxEpisodeSteps: null })).maxEpisodeSteps).to.equal(null);
    const task = registry.task('CartPole-v0');
    const facts = await client.describe('CartPole-v0');
    expect([facts.id, facts.horizon, facts.params]).to.deep.equal([task.id, task.horizon, task.params]);
    expect(facts.reward).to.have.all.keys(...Object.keys(task.reward));
    expect((facts.state as { name: string }[]).map(({ name }) => name)).to.deep.equal(Object.keys(task.state));
    expect(await codeOf(client.describe('CartPole-v9'))).to.equal('ENV_UNKNOWN');
  });

  for (const autoreset of ['nextStep', 'sameStep'] as const)
    it(`rolls out to the bit as steps do, infos too, across ends of episodes (${autoreset})`, async () => {
      const options = { lanes: 3, autoreset, maxEpisodeSteps: 7 } as const;
      const env = await made('CartPole-v0', options);
      const home = await makeVector('CartPole-v0', options);
      const { each, stacked } = await actionsFor(home, 20);
      await env.reset({ seed: 5 });
      await home.reset({ seed: 5 });
      const there = await env.rollout(stacked, { info: true });
      expect(there.steps).to.equal(20);
      const terms = there.info!.rewardTerms as Record<string, Float64Array>;
      for (const [i, actions] of each.entries()) {
        const here = await home.step(actions);
        const at = (all: unknown, width: number) => numbers(all).slice(i * width, (i + 1) * width);
        expect(at(there.observation, 12)).to.deep.equal(numbers(here.observation));
        expect(at(there.reward, 3)).to.deep.equal(numbers(here.reward));
        expect(at(there.terminated, 3)).to.deep.equal(numbers(here.terminated));
        expect(at(there.truncated, 3)).to.deep.equal(numbers(here.truncated));
        for (const [name, column] of Object.entries(here.info.rewardTerms as Record<string, Float64Array>))
          expect(at(terms[name], 3)).to.deep.equal(numbers(column));
        const final = (there.info?.finalObservation as readonly (TypedArray | null)[] | undefined)?.[i] ?? null;
        expect(final && numbers(final)).to.deep.equal(here.info.finalObservation ? numbers(here.info.finalObservation) : null);
      }
      expect(await env.step(each[0]!)).to.deep.equal(await home.step(each[0]!));
      await home.close();
    });

  it('stops a rollout where a lane ended that is not reset by itself, and before a step that is refused', async () => {
    const env = await made('CartPole-v0', { lanes: 2, autoreset: 'disabled', maxEpisodeSteps: 4 });
    await env.reset({ seed: 1 });
    const there = await env.rollout(new Int32Array(2 * 10));
    expect([there.steps, numbers(there.truncated).slice(-2), there.observation]).to.deep.include.members([4]);
    expect(numbers(there.observation)).to.have.length(4 * 2 * 4);
    expect(await codeOf(env.rollout(new Int32Array(4)))).to.equal('ENV_NOT_RESET');
    await env.reset({ seed: 1 });
    const actions = Int32Array.of(0, 1, 1, 0, 5, 0);
    expect((await env.rollout(actions)).steps).to.equal(2);
    expect(await codeOf(env.rollout(actions.slice(4)))).to.equal('ACTION_OUTSIDE_SPACE');
    expect(await codeOf(env.rollout(new Int32Array(3)))).to.equal('ACTION_SHAPE');
    expect(await codeOf(env.rollout(new Int32Array(0)))).to.equal('ACTION_SHAPE');
  });

  it('refuses a rollout whose reply would be too large, saying how many steps fit, and stops where infos fill it', async () => {
    const server = await start({ ...serverParts(registry), limits: { maxReplyBytes: 65_536 } });
    client = await connect({ clock, url: server.url, token: TOKEN });
    const env = await client.make('CartPole-v0', { lanes: 4 });
    await env.reset({ seed: 1 });
    const refusal = await env.rollout(new Int32Array(4 * 5000)).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(GroundtwinError).with.property('code', 'ROLLOUT_TOO_LONG');
    const { fit } = (refusal as GroundtwinError<'ROLLOUT_TOO_LONG'>).details;
    expect((await env.rollout(new Int32Array(4 * fit))).steps).to.equal(fit);
    const short = await env.rollout(new Int32Array(4 * (fit - 20)), { info: true });
    expect(short.steps).to.be.within(1, fit - 21);
    expect(short.info!.rewardTerms)
      .to.have.property('alive')
      .with.length(4 * short.steps);
  });

  it('goes on from a snapshot of all lanes, in place and in an env made later, however large', async () => {
    const env = await made('Ant-v0', { lanes: 6 });
    const later = await client.make('Ant-v0', { lanes: 6 });
    const random = new RandomActions(env, 3);
    await env.reset({ seed: 4 });
    for (let i = 0; i < 5; i++) await env.step(random.next());
    const moment = await env.snapshotAll();
    expect(moment.length).to.be.greaterThan(limits.maxFrameBytes);
    const actions = random.next();
    const next = await env.step(actions);
    for (const other of [env, later]) {
      const seen = await other.restoreAll(moment);
      expect(numbers(seen)).to.have.length(6 * 105);
      expect(await other.step(actions)).to.deep.equal(next);
    }
    const fewer = await client.make('Ant-v0', { lanes: 5 });
    expect(await codeOf(fewer.restoreAll(moment))).to.equal('SNAPSHOT_INVALID');
    expect(await codeOf(env.restoreAll((await env.snapshot(0)).slice(0, 200)))).to.equal('SNAPSHOT_INVALID');
  });

  it('keeps lanes that were never reset as they are in a snapshot of all', async () => {
    const env = await made('CartPole-v0', { lanes: 2 });
    await env.reset({ seed: 1, mask: Uint8Array.of(0, 1) });
    const moment = await env.snapshotAll();
    const other = await client.make('CartPole-v0', { lanes: 2 });
    const seen = numbers(await other.restoreAll(moment));
    expect(seen.slice(0, 4)).to.deep.equal([0, 0, 0, 0]);
    expect(seen.slice(4)).not.to.deep.equal([0, 0, 0, 0]);
    expect(await codeOf(other.step(new Int32Array(2)))).to.equal('ENV_NOT_RESET');
  });

  it('branches a lane into others, here and in another env', async () => {
    const env = await made('Pendulum-v0', { lanes: 3 });
    const { observation } = await env.reset({ seed: 8 });
    const row = numbers(observation).slice(3, 6);
    expect(numbers(await env.branch(1, [0, 2]))).to.deep.equal([...row, ...row]);
    const next = await env.step(new Float32Array(3).fill(0.5));
    expect(numbers(next.observation).slice(0, 3)).to.deep.equal(numbers(next.observation).slice(3, 6));
    const other = await client.make('Pendulum-v0', { lanes: 2 });
    await other.reset({ seed: 1 });
    expect(await other.branch(0, [0])).to.have.length(3);
    await env.branch(2, [1], other);
    expect(numbers((await other.step(new Float32Array(2).fill(0.5))).observation).slice(3)).to.deep.equal(
      numbers((await env.step(new Float32Array(3).fill(0.5))).observation).slice(6),
    );
    for (const lanes of [[], [3], [-1], [0, 0, 0, 0]]) expect(await codeOf(env.branch(0, lanes))).to.equal('OPTION_INVALID');
    const foreign = await client.make('CartPole-v0');
    expect(await codeOf(env.branch(0, [0], foreign))).to.equal('SNAPSHOT_FOREIGN');
  });

  for (const workers of [undefined, 2])
    it(`shows the state, and changes the real thing (${workers ?? 'no'} workers)`, async () => {
      const env = await made('Pendulum-v0', { lanes: 2, ...(workers ? { workers } : {}) });
      expect(await codeOf(env.state())).to.equal('ENV_NOT_RESET');
      await env.reset({ seed: 2, params: { mass_kg: 1.5 } });
      const { state, params } = await env.state();
      const task = registry.task('Pendulum-v0');
      expect(state).to.have.all.keys(...Object.keys(task.state));
      expect(numbers(params.mass_kg)).to.deep.equal([1.5, 1.5]);
      await env.perturb(1, { mass_kg: 3 });
      expect(numbers((await env.state()).params.mass_kg)).to.deep.equal([1.5, 3]);
      expect(await codeOf(env.perturb(1, { mass: 3 }))).to.equal('OPTION_INVALID');
      expect(await codeOf(env.perturb(1, { mass_kg: -1 }))).to.equal('SCENE_INVALID');
      expect(await codeOf(env.perturb(2, { mass_kg: 3 }))).to.equal('OPTION_INVALID');
      expect(await codeOf(env.state('model'))).to.equal('OPTION_INVALID');
    });

  it('refuses options that strangers may not choose, and what makes none', async () => {
    await connected();
    const odd: Record<string, unknown>[] = [
      { wrappers: [] },
      { copy: false },
      { taskModules: ['file:///etc/passwd'] },
      { isolation: 'thread' },
      { drift: { remember: 1_000_000 } },
      { backend: { toString: 1 } },
      { condition: [{ valueOf: 1 }] },
      { engine: { constructor: {} } },
      { model: '../secrets', backend: 'model' },
      { model: { manifest: '{}', files: {} }, backend: 'model' },
      { workers: 0 },
      { workers: Number.NaN },
      { randomize: { mass_kg: { low: 2, high: 1 } } },
      { maxEpisodeSteps: 0 },
      { workers: 1, resync: { every: 1 } },
      { randomize: '' },
      { randomize: { mass_kg: null } },
      { randomize: { latency_steps: null } },
      { lanes: 100, randomize: { latency_steps: { low: 0, high: 1000 } } },
    ];
    for (const options of odd)
      expect(await codeOf(client.make('Pendulum-v0', options)), JSON.stringify(options)).to.equal('OPTION_INVALID');
    const drawn = await client.make('Pendulum-v0', { randomize: { mass_kg: { low: 1, high: 2 } }, lanes: 4 });
    const { info } = await drawn.reset({ seed: 1 });
    expect(new Set(numbers((info.params as Record<string, unknown>).mass_kg)).size).to.equal(4);
  });

  it('draws what the same env at home draws', async () => {
    const env = await made('Reacher-v0', { lanes: 2 });
    const home = await makeVector('Reacher-v0', { lanes: 2 });
    expect(await codeOf(env.render())).to.equal('ENV_NOT_RESET');
    for (const one of [env, home]) await one.reset({ seed: 3 });
    for (const mode of ['rgb_array', 'depth_array', 'segments', 'all'] as const) {
      const view = { lane: 1, width: 40, height: 30 };
      expect(await env.render(mode, view)).to.deep.equal(await home.render(mode, view));
    }
    const tilted = { position_m: Float64Array.of(0, 0, 2), target_m: Float32Array.of(0.5, 0, 0), fieldOfView_rad: 0.7 };
    expect((await env.render('rgb_array', { camera: tilted as never, width: 8, height: 8 })).data).to.have.length(192);
    const camera = { position_m: [0, 0, 2], target_m: [0, 0, 0], up: [0, 1, 0], fieldOfView_rad: 0.7 } as const;
    expect(await env.render('rgb_array', { camera, width: 8, height: 8 })).to.deep.equal(
      await home.render('rgb_array', { camera, width: 8, height: 8 }),
    );
    await home.close();
    for (const view of [
      { width: 4096, height: 4096 },
      { width: 2048, height: 2048 },
      { camera: 'none' },
      { lane: 2 },
      { side: 'model' as const },
    ])
      expect(await codeOf(env.render('rgb_array', view))).to.equal('OPTION_INVALID');
    for (const odd of [
      {},
      { position_m: 'here' },
      { ...camera, up: 'up' },
      { ...camera, target_m: [1, 2] },
      { ...camera, body: 7 },
      { position_m: [0, 0, Number.NaN], target_m: [0, 0, 0], fieldOfView_rad: 1 },
    ])
      expect(await codeOf(env.render('rgb_array', { camera: odd as never }))).to.equal('OPTION_INVALID');
  });

  it('evaluates at random as at home, and an uploaded policy', async () => {
    const env = await made('CartPole-v0', { lanes: 3 });
    const home = await makeVector('CartPole-v0', { lanes: 3 });
    const { randomPolicy } = await import('../../agents/index.ts');
    const here = await evaluate(home, randomPolicy(home.actionSpace, 3), { seed: 6, policySeed: 4, maxSteps: 500 });
    const there = await env.evaluate({ kind: 'random' }, { seed: 6, policySeed: 4 });
    expect(there).to.deep.equal({ returns: here.returns, lengths: here.lengths });
    const policy = await client.publishPolicy(pushRight);
    const right = await env.evaluate({ kind: 'onnx', policy }, { seed: [1, 2, 3] });
    expect(Math.max(...right.lengths)).to.be.below(15);
    expect(right.returns).to.deep.equal(Float64Array.from(right.lengths));
    await home.close();
    const disabled = await client.make('CartPole-v0', { lanes: 3, autoreset: 'disabled' });
    expect(await disabled.evaluate({ kind: 'onnx', policy }, { seed: [1, 2, 3] })).to.deep.equal(right);
    const pendulum = await client.make('Pendulum-v0');
    expect((await pendulum.evaluate({ kind: 'onnx', policy: await client.publishPolicy(brake) }, { seed: 1 })).lengths[0]).to.equal(200);
    expect(await codeOf(pendulum.evaluate({ kind: 'onnx', policy }, { seed: 1 }))).to.equal('MODEL_REFUSED');
    const endless = await client.make('Pendulum-v0', { maxEpisodeSteps: null });
    expect(await codeOf(endless.evaluate({ kind: 'random' }))).to.equal('OPTION_INVALID');
    expect((await endless.evaluate({ kind: 'random' }, { maxSteps: 30 })).lengths[0]).to.equal(30);
  });

  it('ends an evaluation when its env is closed, and serves others meanwhile', async () => {
    const env = await made('Pendulum-v0', { lanes: 64, maxEpisodeSteps: null });
    const other = await connect({ clock, url: (client as unknown as { channel: { url: string } }).channel.url, token: TOKEN });
    const evaluation = codeOf(env.evaluate({ kind: 'random' }, { maxSteps: 1_000_000, seed: 0 }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = performance.now();
    for (let i = 0; i < 5; i++) await other.ping();
    expect((performance.now() - began) / 5).to.be.below(60);
    await env.close();
    expect(await evaluation).to.equal('ENV_CLOSED');
    await other.close();
  });

  it('runs uploaded models as model and as twin, and tells of the twin', async () => {
    const [model, same] = [
      await (await connected()).publishModel(modelOf('Pendulum-v0')),
      await client.publishModel(modelOf('Pendulum-v0')),
    ];
    expect(model)
      .to.match(/^sha256:[0-9a-f]{64}$/)
      .and.to.equal(same);
    const imagined = await client.make('Pendulum-v0', { backend: 'model', model, lanes: 2 });
    expect(imagined.remoteKind).to.equal('model');
    await imagined.reset({ seed: 1 });
    await imagined.step(new Float32Array(2));
    expect(await codeOf(imagined.perturb(0, { mass_kg: 2 }))).to.equal('OPTION_INVALID');
    expect(await codeOf(imagined.recent())).to.equal('CALL_UNSUPPORTED');
    const twin = await client.make('Pendulum-v0', { backend: 'twin', model, resync: 'never', lanes: 2 });
    await twin.reset({ seed: 1 });
    const { info } = await twin.rollout(new Float32Array(2 * 8), { info: true });
    const column = (info!.twin as Record<string, Record<string, Float64Array>>).error!;
    for (const values of Object.values(column)) expect(values).to.have.length(8 * 2);
    const [truth, imagination] = [await twin.state(), await twin.state('model')];
    expect(truth.state).not.to.deep.equal(imagination.state);
    expect(await codeOf(twin.recent())).to.equal('OPTION_INVALID');
    expect((await twin.render('rgb_array', { side: 'model', width: 16, height: 16 })).data).to.have.length(768);
    expect(await codeOf(client.make('CartPole-v0', { backend: 'model', model }))).to.equal('MODEL_REFUSED');
    const watching = await client.publishModel(modelOf('Pendulum-v0', calmTrust('Pendulum-v0')));
    const watched = await client.make('Pendulum-v0', { backend: 'twin', model: watching, drift: true, lanes: 2 });
    await watched.reset({ seed: 1 });
    await watched.rollout(Float32Array.from({ length: 2 * 8 }, (_, i) => i / 16));
    const recent = await watched.recent();
    expect([recent.count, recent.state.length, recent.command.length, recent.episode.length]).to.deep.equal([16, 32, 16, 16]);
    expect([...recent.action].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 16 }, (_, i) => i / 16));
    const bad = await client.publishModel({ manifest: '{}', files: {} });
    expect(await codeOf(client.make('Pendulum-v0', { backend: 'model', model: bad }))).to.equal('MODEL_REFUSED');
    const none = `sha256:${'0'.repeat(64)}`;
    expect(await codeOf(client.make('Pendulum-v0', { backend: 'model', model: none }))).to.equal('BLOB_UNKNOWN');
  });
});
