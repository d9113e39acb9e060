import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { suggest } from '../../src/core/suggest.ts';
import type { WrapperFactory } from '../../src/core/wrapper.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { compileInference, nodeRuntime, type OnnxRuntime } from '../../src/onnx/index.ts';
import { mujocoEngine } from '../../src/physics/mujoco-engine.ts';
import { liveRapierWorlds, rapierEngine } from '../../src/physics/rapier-engine.ts';
import { type MakeVectorOptions, Registry } from '../../src/registry/registry.ts';
import { discrete } from '../../src/spaces/space.ts';
import { writeModel } from '../../src/world-model/model-folder.ts';
import { clipAction } from '../../src/wrappers/clip-action.ts';
import { rescaleAction } from '../../src/wrappers/rescale-action.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { messageOf } from '../contracts/message-of.ts';
import { manifestFor, registryOf, StubModel } from '../contracts/stub-backends.ts';
import { delayedCart, twoCarts, walker } from '../contracts/stub-tasks.ts';

const cart = delayedCart(1);
const registry = registryOf(cart, twoCarts, walker);

describe('suggestions', () => {
  const known = ['CartPole-v0', 'CartPoleSwingUp-v0', 'Pendulum-v0'];
  const cases: Readonly<Record<string, string>> = {
    'CartPole-v1': 'CartPole-v0',
    cartpole: 'CartPole-v0',
    'cart-pole-v0': 'CartPole-v0',
    Pendulm: 'Pendulum-v0',
    'CartpoleSwingup-v0': 'CartPoleSwingUp-v0',
    Humanoid: '',
    '': '',
  };
  for (const [typed, wanted] of Object.entries(cases))
    it(`for '${typed}' are '${wanted}'`, () => expect(suggest(typed, known)).to.equal(wanted));
  it('are none among none', () => expect(suggest('CartPole-v0', [])).to.equal(''));
  it('take no time for endless names', () => expect(suggest('x'.repeat(1e6), known)).to.equal(''));
});

describe('a registry', () => {
  it('lists its ids in order and names the nearest', async () => {
    expect(registry.ids()).to.deep.equal(['DelayedCart1-v0', 'TwoCarts-v0', 'Walker-v0']);
    expect(await messageOf(() => registry.make('twocarts-v1'))).to.include(
      "ENV_UNKNOWN: There is no env 'twocarts-v1'. Did you mean 'TwoCarts-v0'?",
    );
    expect(await messageOf(() => registry.make('Ant-v0'))).to.not.include('Did you mean');
  });

  for (const id of ['', 'walker-v0', 'Walker', 'Walker-v', 'Walker-v0 ', 'Two Carts-v0', 'Walker-v0/../x', 'Walker-vx'])
    it(`refuses to register '${id}'`, () => expect(() => registryOf({ ...walker, id })).to.throw(/option id/));

  it('refuses an id twice', () => expect(() => registryOf(walker, walker)).to.throw(/not yet taken/));

  it('makes one env, or lanes of it', async () => {
    const env = await registry.make('TwoCarts-v0');
    const vector = await registry.makeVector('TwoCarts-v0', { lanes: 3 });
    expect([env.vector.lanes, env.vector.autoreset, vector.lanes, vector.autoreset, vector.kind]).to.deep.equal([
      1,
      'disabled',
      3,
      'nextStep',
      'truth',
    ]);
    await env.close();
    await vector.close();
  });

  it('ends episodes at the horizon of the task, at another step, or never', async () => {
    const lengthOf = async (maxEpisodeSteps?: number | null) => {
      const env = await registry.make('TwoCarts-v0', maxEpisodeSteps === undefined ? {} : { maxEpisodeSteps });
      await env.reset({ seed: 1 });
      let steps = 0;
      for (let ended = false; !ended && steps < 80; steps++) ended = (await env.step([0, 0])).truncated;
      await env.close();
      return steps;
    };
    expect([await lengthOf(), await lengthOf(7), await lengthOf(null)]).to.deep.equal([60, 7, 80]);
  });

  const wrong: readonly (readonly [what: string, options: object, says: string])[] = [
    ['an unknown backend', { backend: 'dream' }, "option backend is dream; it must be 'truth', 'model' or 'twin'"],
    ['a model backend without a model', { backend: 'model' }, 'option model is missing'],
    ['a twin without a model', { backend: 'twin' }, 'option model is missing'],
    ['no lanes', { lanes: 0 }, 'option lanes is 0'],
    ['half a lane', { lanes: 1.5 }, 'option lanes is 1.5'],
    ['too many lanes', { lanes: 1e6 }, 'option lanes is 1000000'],
    ['no steps', { maxEpisodeSteps: 0 }, 'option steps is 0'],
    ['trust where no model steps', { trust: true }, "option trust is true; it must be absent for backend 'truth'"],
    ['drift where nothing is compared', { drift: true }, "it is for backend 'twin'"],
    ['observations of a model that there is none of', { observe: 'model' }, "it is for backend 'twin'"],
    ['a model that is never set right', { backend: 'model', resync: 3 }, "it is for backend 'twin'"],
  ];
  for (const [what, options, says] of wrong)
    it(`refuses ${what}`, async () =>
      expect(await messageOf(() => registry.makeVector(cart.id, options as MakeVectorOptions)))
        .to.include('OPTION_INVALID: ')
        .and.to.include(says));

  it('refuses options that there are none of, and names the one that was meant', async () => {
    const messageOf = (act: () => Promise<unknown>) => act().then(String, ({ message }: Error) => message);
    const misspelt = { enigne: 'mujoco' } as object;
    expect(await messageOf(() => registry.make(twoCarts.id, misspelt))).to.match(/option enigne is given; it must be engine/);
    expect(await messageOf(() => registry.make(twoCarts.id, { lanes: 4 } as object))).to.match(
      /option lanes is given; it must be left out/,
    );
    const env = await registry.make(twoCarts.id);
    expect(await messageOf(() => env.reset({ sed: 7 } as object))).to.match(/option sed is given; it must be seed/);
    expect(await messageOf(() => env.reset(7 as unknown as object))).to.match(/option of reset is 7/);
    await env.reset();
    expect(await messageOf(() => env.render('rgb_array', { widht: 3 } as object))).to.match(/it must be width/);
  });

  it('refuses wrappers that are none, and makers of them that were not called', async () => {
    for (const wrappers of [['clipAction'], 'clipAction', [clipAction]] as unknown as WrapperFactory[][])
      expect(await codeOf(() => registry.make(twoCarts.id, { wrappers }))).to.equal('OPTION_INVALID');
  });

  it('says where a model is missing', async () => {
    expect(await messageOf(() => registry.make(cart.id, { backend: 'model', model: 'no/such/folder' }))).to.include(
      "MODEL_MISSING: There is no model at 'no/such/folder'",
    );
  });

  it('refuses a model of another task', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'groundtwin-registry-'));
    writeModel(folder, manifestFor(walker), new Uint8Array(0));
    expect(await messageOf(() => registry.make(cart.id, { backend: 'model', model: folder })))
      .to.include('MODEL_REFUSED: ')
      .and.to.include("made for 'Walker-v0'");
    rmSync(folder, { recursive: true });
  });

  it('leaves no world behind when a wrapper does not fit', async () => {
    const before = liveRapierWorlds();
    const stubborn = registryOf({ ...cart, actionSpace: discrete(2) });
    expect(await codeOf(() => stubborn.makeVector(cart.id, { wrappers: [rescaleAction()] }))).to.equal('OPTION_INVALID');
    expect(liveRapierWorlds()).to.equal(before);
  });

  describe('with a model', () => {
    let released = 0;
    /** Counts what is loaded and not yet released. */
    const counting: OnnxRuntime = {
      async load(bytes, options) {
        const session = await nodeRuntime().load(bytes, options);
        released--;
        return {
          ...session,
          inputNames: session.inputNames,
          outputNames: session.outputNames,
          inputs: session.inputs,
          outputs: session.outputs,
          run: (feeds, outputs) => session.run(feeds, outputs),
          release: () => {
            released++;
            return session.release();
          },
        };
      },
    };
    const counted = new Registry({
      tasks: [cart],
      engines: { rapier: rapierEngine, mujoco: mujocoEngine },
      runtime: counting,
      entropy: () => 1,
    });
    const bytes = compileInference({
      parameters: [],
      inputs: [
        { name: 'state', dtype: 'float32', shape: ['rows', 2] },
        { name: 'action', dtype: 'float32', shape: ['rows', 1] },
      ],
      build: (builder, _, { state }) => ({ sample: builder.mul(state!, 0.5) }),
    });
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'groundtwin-registry-'));
      writeModel(folder, manifestFor(cart, { files: { predict: { path: 'predict.onnx', sha256: sha256Hex(bytes) } } }), bytes);
    });
    after(() => rmSync(folder, { recursive: true }));

    const isolating = new Registry({
      tasks: [cart],
      engines: { rapier: rapierEngine, mujoco: mujocoEngine },
      runtime: nodeRuntime(),
      entropy: () => 1,
      modelWorker: new URL('../../src/model-worker.ts', import.meta.url),
    });

    it('is closed again where the env that it was loaded for is refused', async () => {
      for (const options of [
        { backend: 'twin', drift: true },
        { backend: 'twin', engine: 'bullet' },
        { backend: 'twin', resync: { every: 0 } },
        { backend: 'model', randomize: { nothing: { low: 0, high: 1 } } },
        { backend: 'model', trust: true },
      ]) {
        released = 0;
        const refused = await codeOf(() => counted.make(cart.id, { ...(options as object), model: folder }));
        expect(refused, JSON.stringify(options)).to.equal('OPTION_INVALID');
        expect(released, JSON.stringify(options)).to.equal(0);
      }
    });

    it('in a process of its own steps to the same bits as in this one', async () => {
      const dreamt: number[][] = [];
      for (const modelIsolation of ['none', 'process'] as const) {
        const env = await isolating.make(cart.id, { backend: 'model', model: folder, modelIsolation });
        await env.reset({ seed: 1 });
        dreamt.push(Array.from((await env.step([0])).observation as Float32Array));
        await env.close();
      }
      expect(dreamt[1]).to.deep.equal(dreamt[0]);
    });

    it('refuses to run it in ways that there are none of', async () => {
      const refusal = (options: object) => codeOf(() => isolating.make(cart.id, { backend: 'model', model: folder, ...options }));
      expect(await refusal({ modelIsolation: 'thread' })).to.equal('OPTION_INVALID');
      expect(await refusal({ modelLimits: { call_ms: 0 } })).to.equal('OPTION_INVALID');
      expect(await refusal({ modelLimits: { memory_MB: Number.NaN } })).to.equal('OPTION_INVALID');
      expect(await refusal({ modelLimits: { memory_GB: 1 } })).to.equal('OPTION_INVALID');
      expect(await refusal({ model: new StubModel(manifestFor(cart), () => ({ sample: [0, 0] })), modelIsolation: 'process' })).to.equal(
        'OPTION_INVALID',
      );
      expect(await codeOf(() => counted.make(cart.id, { backend: 'model', model: folder, modelIsolation: 'process' }))).to.equal(
        'MODEL_REFUSED',
      );
    });

    for (const backend of ['model', 'twin'] as const)
      it(`from a folder steps a ${backend}, and closes the model with it`, async () => {
        const env = await counted.make(cart.id, { backend, model: folder, ...(backend === 'twin' && { observe: 'model' }) });
        const { observation } = await env.reset({ seed: 1 });
        const next = await env.step([0]);
        expect(env.vector.kind).to.equal(backend);
        expect((next.observation as Float32Array)[0]).to.equal(Math.fround((observation as Float32Array)[0]! / 2));
        await env.close();
        expect(released).to.equal(0);
      });

    it('of the caller leaves it open', async () => {
      const model = new StubModel(manifestFor(cart), ({ state }) => ({ sample: [...state] }));
      for (const backend of ['model', 'twin'] as const) await (await counted.make(cart.id, { backend, model })).close();
      expect(model.closed).to.equal(0);
    });
  });
});
