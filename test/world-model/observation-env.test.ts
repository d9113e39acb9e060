import { expect } from 'chai';
import { box, dict } from '../../src/spaces/space.ts';
import { ObservationEnv } from '../../src/world-model/observation-env.ts';
import type { ObservationModel, OnnxObservationModel } from '../../src/world-model/observation-model.ts';
import { codeOf, keepsTheContract } from '../contracts/env-contract.ts';
import { registryOf } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';
import { stubModel } from './observation-stub.ts';

const registry = registryOf(walker);
const all = (lanes: number) => new Uint8Array(lanes).fill(1);
const positions = (env: ObservationEnv) =>
  Array.from({ length: env.lanes }, (_, lane) => (env.batch.observation as Float32Array)[lane * 3]!);

describe('a model of observations as an env', () => {
  let model: OnnxObservationModel;
  before(async () => {
    model = await stubModel(walker);
  });
  after(() => model.close());

  keepsTheContract((lanes) => registry.makeVector(walker.id, { lanes, backend: 'model', model, maxEpisodeSteps: 12 }), 30, { horizon: 12 });

  it('begins with what it imagines after its first memory, by the member of the seed', async () => {
    const env = new ObservationEnv(walker, model, 2);
    await env.reset({ mask: all(2), seeds: Float64Array.of(4, 5) });
    expect(positions(env)[0]).to.be.closeTo(0, 0.5);
    expect(positions(env)[1]).to.be.closeTo(5, 0.5);
    expect((env.batch.observation as Float32Array)[1]).to.equal(0);
  });

  it('steps each lane by its member, with the reward and the end that the model gives', async () => {
    const env = new ObservationEnv(walker, model, 2);
    await env.reset({ mask: all(2), seeds: Float64Array.of(4, 5) });
    const before = positions(env);
    await env.step(Float32Array.of(1, 1), all(2));
    const after = positions(env);
    expect(after[0]! - before[0]!).to.be.closeTo(1, 0.5);
    expect(after[1]! - before[1]!).to.be.closeTo(2, 0.5);
    expect(env.batch.reward[1]).to.be.closeTo(-(after[1]! ** 2), 1e-3);
    for (let step = 0; step < 3; step++) await env.step(Float32Array.of(0, 1), all(2));
    expect([...env.batch.terminated]).to.deep.equal([0, 1]);
  });

  it('cuts a lane off where what it imagines is not finite, and keeps what it saw last', async () => {
    const env = new ObservationEnv(walker, model, 1);
    await env.reset({ mask: all(1), seeds: Float64Array.of(4) });
    const before = positions(env);
    await env.step(Float32Array.of(Number.NaN), all(1));
    expect([...env.batch.truncated]).to.deep.equal([1]);
    expect(env.batch.problems[0]).to.have.property('code', 'PHYSICS_DIVERGED');
    expect(positions(env)).to.deep.equal(before);
  });

  it('is refused for another task, and with options of how it is to be loaded', async () => {
    const messages = registryOf(walker, { ...walker, id: 'Runner-v0' });
    expect(await codeOf(() => messages.make('Runner-v0', { backend: 'model', model }))).to.equal('MODEL_REFUSED');
    expect(await codeOf(() => messages.make(walker.id, { backend: 'model', model, modelIsolation: 'process' }))).to.equal('OPTION_INVALID');
  });

  it('gives each lane its own action, of named parts too', async () => {
    const part = box({ low: -100, high: 100, shape: [1] });
    const task = { ...walker, actionSpace: dict({ first: part, second: part }) };
    const asked: number[] = [];
    const manifest = { ...model.manifest, members: 1, action: { size: 2 } };
    const flat: ObservationModel = {
      manifest,
      fingerprint: '',
      initial: async () => new Float32Array(3),
      observe: async ({ memory }) => memory,
      predict: async ({ rows, memory, action }) => {
        asked.push(...action);
        return { nextMemory: memory, sample: memory, reward: new Float32Array(rows), continues: new Float32Array(rows).fill(1) };
      },
      decode: async (_rows, memory) => memory,
      close: async () => {},
    };
    const env = new ObservationEnv(task, flat, 2);
    await env.reset({ mask: all(2), seeds: Float64Array.of(4, 5) });
    asked.length = 0;
    await env.step({ first: Float32Array.of(1, 2), second: Float32Array.of(10, 20) }, all(2));
    expect(asked.slice(0, 4)).to.deep.equal([1, 10, 2, 20]);
  });

  it('refuses physical parameters, a twin, which it has no state for, several agents and no lanes', async () => {
    for (const make of [() => new ObservationEnv({ ...walker, agents: 2 }, model, 1), () => new ObservationEnv(walker, model, 0)])
      expect(await codeOf(async () => make())).to.equal('OPTION_INVALID');
    const env = new ObservationEnv(walker, model, 1);
    expect(await codeOf(() => env.reset({ mask: all(1), seeds: Float64Array.of(4), params: { gain: 2 } }))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => registry.makeVector(walker.id, { backend: 'twin', model }))).to.equal('OPTION_INVALID');
  });
});
