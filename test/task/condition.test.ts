import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { untrainedModel } from '../../bench/untrained-model.ts';
import { verifyReplay } from '../../src/check/verify-replay.ts';
import { packSections, unpackSections } from '../../src/core/sections.ts';
import { readReplay } from '../../src/data/read-replay.ts';
import { type MakeVectorOptions, make, makeVector, nodeRuntime, recordReplay, registry } from '../../src/index.ts';
import { conditionOn } from '../../src/task/condition.ts';
import type { AnyTask } from '../../src/task/task.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import type { TwinEnv } from '../../src/twin/twin-env.ts';
import { contextEntries, parseManifest } from '../../src/world-model/contract.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { messageOf } from '../contracts/message-of.ts';
import { contactBox, goalArm } from '../contracts/stub-tasks.ts';

const id = 'CartPoleSwingUp-v0';
const plain = registry.task(id);
const theta = ['poleMass_kg', 'poleLength_m', 'hingeDamping_Nmsprad'] as const;
const task = conditionOn(plain, theta);
const randomize = {
  poleMass_kg: { low: 0.05, high: 0.2, scale: 'log' },
  poleLength_m: { low: 0.5, high: 2, scale: 'log' },
  hingeDamping_Nmsprad: { low: 0, high: 0.02 },
} as const;
const one = Uint8Array.of(1);
const leaning = [0.1, 0.2, 2, -1];

/** Where a lane is after so many pushes. */
async function pushed(env: TaskEnv, steps = 5): Promise<number[]> {
  for (let step = 0; step < steps; step++) await env.step(Float32Array.of(0.7), one);
  return [...env.state.slice(0, 4)];
}

const open = (of: AnyTask) => {
  const { manifest, predict } = untrainedModel(of, { members: 2, hidden: [8] });
  return openModel(nodeRuntime(), 'untrained', manifest, predict, of);
};

describe('a task conditioned on physical parameters', () => {
  it('has them as context, with kind and unit from their names, in the order of its parameters', () => {
    const contexts = contextEntries(conditionOn(plain, [...theta].reverse()));
    expect(contexts.map(({ name, kind, unit, size }) => [name, kind, unit, size])).to.deep.equal([
      ['poleMass_kg', 'mass', 'kg', 1],
      ['poleLength_m', 'length', 'm', 1],
      ['hingeDamping_Nmsprad', 'scalar', 'N·m·s/rad', 1],
    ]);
    expect(contextEntries(conditionOn(contactBox, ['friction']))[0]).to.include({ kind: 'scalar', unit: '1' });
    expect(contextEntries(plain), 'the task itself is as it was').to.deep.equal([]);
  });

  it('is the same object for the same parameters, and the task itself for none', () => {
    expect(conditionOn(plain, [...theta].reverse())).to.equal(task);
    expect(conditionOn(plain, theta, { observe: true })).to.not.equal(task);
    expect(conditionOn(plain, [])).to.equal(plain);
  });

  it('carries the parameters of each episode, drawn or given, and changes nothing else', async () => {
    const [without, within] = [
      await makeVector(id, { lanes: 2, randomize }),
      await makeVector(id, { lanes: 2, randomize, condition: theta }),
    ];
    for (const seed of [1, 2]) {
      const [a, b] = [await without.reset({ seed }), await within.reset({ seed })];
      expect(b).to.deep.equal(a);
      const drawn = b.info.params as Record<string, Float64Array>;
      for (let step = 0; step < 5; step++) {
        const push = Float32Array.of(0.3, -0.8);
        expect(await within.step(push)).to.deep.equal(await without.step(push));
        const env = within.backend as TaskEnv;
        for (const lane of [0, 1]) for (const name of theta) expect(env.stateView(lane)[name]).to.equal(drawn[name]![lane]);
      }
    }
    await within.reset({ seed: 3, params: { poleMass_kg: 0.3 } });
    expect((within.backend as TaskEnv).stateView(1).poleMass_kg).to.equal(0.3);
    await without.close();
    await within.close();
  });

  it('shows them to the agent if asked, after all else, and reads them back', async () => {
    const env = await make(id, { randomize, condition: true, observeCondition: true });
    const { observation, info } = await env.reset({ seed: 4 });
    const drawn = theta.map((name) => (info.params as Record<string, number>)[name]!);
    expect([...(observation as Float32Array).slice(5)]).to.deep.equal([...Float32Array.from(drawn)]);
    expect(env.observationSpace).to.deep.include({ shape: [8] });
    expect((env.observationSpace as { names?: readonly string[] }).names!.slice(5)).to.deep.equal(theta);
    await env.close();
    const seeing = conditionOn(plain, theta, { observe: true });
    const state = Object.fromEntries(Object.keys(seeing.state).map((name) => [name, 0]));
    seeing.infer!(observation as Float32Array, state as never);
    expect(theta.map((name) => Math.fround(state[name]!))).to.deep.equal([...Float32Array.from(drawn)]);
    expect(task.infer, 'an observation without them does not determine the state').to.equal(undefined);
  });
});

describe('a state that carries its parameters', () => {
  it('moves by its own physics wherever it is placed, lane by lane and back again', async () => {
    const [conditioned, reference] = [await registry.truth(task, 1), await registry.truth(id, 1)];
    const results: number[][] = [];
    for (const [poleMass_kg, poleLength_m] of [
      [0.1, 1],
      [0.2, 0.5],
      [0.1, 1],
    ] as const) {
      await conditioned.setState(0, [...leaning, poleMass_kg, poleLength_m, 0.01], 1);
      expect(conditioned.paramsOf(0)).to.deep.equal({ ...plain.params, poleMass_kg, poleLength_m, hingeDamping_Nmsprad: 0.01 });
      await reference.setState(0, leaning, 1, { ...plain.params, poleMass_kg, poleLength_m, hingeDamping_Nmsprad: 0.01 });
      results.push(await pushed(conditioned));
      expect(results.at(-1)).to.deep.equal(await pushed(reference));
    }
    expect(results[0]).to.not.deep.equal(results[1]);
    expect(results[0]).to.deep.equal(results[2]);
    // What it says of itself wins over what it is given; what it does not carry is taken.
    await conditioned.setState(0, [...leaning, 0.1, 1, 0.01], 1, { ...plain.params, poleMass_kg: 5, cartMass_kg: 2 });
    expect(conditioned.paramsOf(0)).to.include({ poleMass_kg: 0.1, cartMass_kg: 2 });
    await conditioned.close();
    await reference.close();
  });

  it('of which no world can be made is refused', async () => {
    const env = await registry.truth(task, 1);
    expect(await codeOf(async () => env.setState(0, [...leaning, -1, 1, 0], 1))).to.equal('SCENE_INVALID');
    await env.setState(0, [...leaning, 0.1, 1, 0], 1);
    expect(await pushed(env)).to.satisfy((row: number[]) => row.every(Number.isFinite));
    await env.close();
  });

  it('brings its world along in a snapshot, which is refused if the two disagree', async () => {
    const env = await registry.truth(task, 1);
    await env.setState(0, [...leaning, 0.2, 0.5, 0.02], 1);
    const saved = env.save(0);
    const after = await pushed(env);
    await env.setState(0, [...leaning, 0.1, 1, 0], 1);
    env.load(0, saved);
    expect(await pushed(env)).to.deep.equal(after);
    const { head, parts } = unpackSections<{ params: Record<string, number> }>(saved);
    const forged = packSections({ ...head, params: { ...head.params, poleMass_kg: 0.1 } }, parts);
    expect(await codeOf(async () => env.load(0, forged))).to.equal('SNAPSHOT_INVALID');
    await env.close();
  });

  it('takes the model with it: in dreams, in a twin, through resync and snapshots', async () => {
    const model = await open(task);
    const dream = await makeVector(id, { lanes: 2, backend: 'model', model, randomize, condition: theta });
    const truth = await makeVector(id, { lanes: 2, randomize, condition: theta });
    const [imagined, real] = [await dream.reset({ seed: 6 }), await truth.reset({ seed: 6 })];
    expect(imagined.info.params, 'a dream of the same seed is of the same physics').to.deep.equal(real.info.params);
    await dream.step(Float32Array.of(0, 0));
    const dreamt = dream.backend as TaskEnv;
    expect(dreamt.stateView(1).poleLength_m).to.equal((imagined.info.params as Record<string, Float64Array>).poleLength_m![1]);

    const twin = await makeVector(id, { backend: 'twin', model, randomize, condition: theta, resync: { every: 2 } });
    const { info } = await twin.reset({ seed: 7 });
    const [poleMass_kg] = (info.params as Record<string, Float64Array>).poleMass_kg!;
    const { model: modelSide, truth: truthSide } = twin.backend as TwinEnv;
    const masses = () => [modelSide, truthSide].flatMap((side) => [side.stateView(0).poleMass_kg, side.paramsOf(0).poleMass_kg]);
    const same = new Array(4).fill(poleMass_kg);
    for (let step = 0; step < 3; step++) {
      await twin.step(Float32Array.of(0.2));
      expect(masses()).to.deep.equal(same);
    }
    const moment = await twin.snapshot();
    await twin.reset({ seed: 8 });
    expect(masses()).to.not.deep.equal(same);
    await twin.restore(moment);
    expect(masses()).to.deep.equal(same);
    for (const env of [dream, truth, twin]) await env.close();
    for (const backend of ['model', 'twin'] as const)
      expect(await codeOf(() => make(id, { backend, model, randomize })), 'loaded, and not told').to.equal('MODEL_REFUSED');
    await model.close();
  });
});

describe('what does not fit a conditioned task is refused', () => {
  it('a model without the parameters, and one with them elsewhere', async () => {
    const of = (made: AnyTask, wanted: AnyTask) => {
      const { manifest } = untrainedModel(made, { members: 1, hidden: [4] });
      return messageOf(async () => parseManifest('it', JSON.stringify(manifest), wanted));
    };
    expect(await of(plain, task)).to.match(/^MODEL_REFUSED: .*its context entries are \(\), the task has \(poleMass_kg\[1\] mass kg/);
    expect(await of(task, plain)).to.match(/^MODEL_REFUSED: .*the task has \(\)/);
    expect(await of(task, task)).to.equal('nothing was thrown');
  });

  it('names that are none, taken or missing, and observations that nothing can be added to', async () => {
    const wrong: [MakeVectorOptions, string][] = [
      [{ condition: ['poleMas_kg'] }, 'poleMass_kg'],
      [{ condition: true }, 'a list of parameters'],
      [{ condition: true, randomize: { latency_steps: { low: 0, high: 1 } } }, 'a list of parameters'],
      [{ condition: 'poleMass_kg' as never }, 'a list of parameters'],
      [{ observeCondition: true }, 'given together with condition'],
      [{ conditions: ['poleMass_kg'] } as never, 'condition'],
    ];
    for (const [options, says] of wrong)
      expect(await messageOf(() => makeVector(id, options)))
        .to.include('OPTION_INVALID')
        .and.include(says);
    expect(() => conditionOn(task, ['poleMass_kg'])).to.throw('entry of that name');
    expect(() => conditionOn(goalArm, [Object.keys(goalArm.params)[0]!], { observe: true })).to.throw('no row of floats');
  });
});

describe('a conditioned env is made again elsewhere', () => {
  const options = { lanes: 2, randomize, condition: true, observeCondition: true } as const;

  it('in workers, to the bit', async function () {
    this.timeout(20_000);
    const [here, there] = [await makeVector(id, options), await makeVector(id, { ...options, workers: 1, isolation: 'thread' })];
    expect((await there.reset({ seed: 3 })).observation).to.deep.equal((await here.reset({ seed: 3 })).observation);
    const push = Float32Array.of(0.5, -0.5);
    expect((await there.step(push)).observation).to.deep.equal((await here.step(push)).observation);
    await here.close();
    await there.close();
  });

  it('from a replay', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'groundtwin-condition-'));
    const env = recordReplay(await makeVector(id, options), join(folder, 'replay'));
    await env.reset({ seed: 5 });
    for (let step = 0; step < 3; step++) await env.step(Float32Array.of(0.5, -0.5));
    await env.close();
    const replay = readReplay(join(folder, 'replay'));
    expect(replay.head).to.deep.include({ condition: theta, observeCondition: true });
    expect(await verifyReplay(registry, replay)).to.include({ holds: true, steps: 3 });
    rmSync(folder, { recursive: true });
  });
});
