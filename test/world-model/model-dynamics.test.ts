import { expect } from 'chai';
import { bytesOf, packSections, unpackSections } from '../../src/core/sections.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { Rng } from '../../src/math/rng.ts';
import { mlpParameters, nodeRuntime } from '../../src/onnx/index.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { filesOf, predictedEntries, widthOf } from '../../src/world-model/contract.ts';
import { ensembleDefaults, layoutOf, networkSpec } from '../../src/world-model/ensemble.ts';
import { compileEnsemblePredict } from '../../src/world-model/ensemble-predict.ts';
import { ModelDynamics } from '../../src/world-model/model-dynamics.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';
import { keepsTheContract } from '../contracts/env-contract.ts';
import { manifestFor, registryOf, StubModel } from '../contracts/stub-backends.ts';
import { goalArm, walker } from '../contracts/stub-tasks.ts';
import { rejected } from '../onnx/run-graph.ts';

const all = (lanes: number) => new Uint8Array(lanes).fill(1);
const seeds = (lanes: number, first = 0) => Float64Array.from({ length: lanes }, (_, lane) => first + lane);
const endless: AnyTask = { ...walker, terminated: () => false };

function dreamOf(task: AnyTask, model: WorldModel, lanes: number, disagreement = false): { env: TaskEnv; dynamics: ModelDynamics } {
  const dynamics = new ModelDynamics(task, model, lanes, { disagreement });
  return { env: new TaskEnv(task, dynamics, lanes), dynamics };
}

/** An untrained ensemble of real size: its weights are as odd as any. */
async function untrained(task: AnyTask, members: number, hidden: number[] = [48, 48]): Promise<WorldModel> {
  const layout = layoutOf(task);
  const targets = widthOf(predictedEntries(task));
  const config = { ...ensembleDefaults, members, hidden };
  const parameters = mlpParameters(networkSpec(layout.features, targets, config), new Rng(5));
  const values = Object.fromEntries(parameters.map(({ name, initial }) => [name, initial as Float32Array]));
  const ones = (size: number, value: number) => new Float64Array(size).fill(value);
  const scaling = {
    inputMean: ones(layout.features, 0.1),
    inputScale: ones(layout.features, 1.3),
    targetMean: ones(targets, 0.01),
    targetScale: ones(targets, 0.07),
  };
  const ensemble = { layout, config, values, scaling, calibration: 1 };
  const bytes = compileEnsemblePredict(ensemble);
  const manifest = manifestFor(task, {
    members,
    noise: { distribution: 'normal', size: targets },
    files: filesOf(bytes),
  });
  return openModel(nodeRuntime(), 'untrained', manifest, bytes, task);
}

describe('a model stepped as an env', () => {
  describe('with noise and members', () => {
    const noisy = () =>
      new StubModel(
        manifestFor(walker, { members: 3, noise: { distribution: 'normal', size: 1 } }),
        ({ state, action, noise }, member) => ({
          sample: [state[0]! + action[0]! + 0.1 * noise[0]! + 0.01 * member],
        }),
      );
    keepsTheContract((lanes) => registryOf(walker).makeVector(walker.id, { lanes, backend: 'model', model: noisy() }), 40);
  });

  describe('with noise that persists', () => {
    const correlation = 0.8;
    const drifting = () =>
      new StubModel(
        manifestFor(walker, { members: 2, noise: { distribution: 'normal', size: 1, correlation } }),
        ({ noise }) => ({ sample: [noise[0]!] }), // the position is the noise itself
      );
    keepsTheContract((lanes) => registryOf(walker).makeVector(walker.id, { lanes, backend: 'model', model: drifting() }), 40);

    it('draws standard normals that are alike from step to step', async () => {
      const lanes = 400;
      const { env } = dreamOf(endless, drifting(), lanes);
      await env.reset({ mask: all(lanes), seeds: seeds(lanes) });
      const steps: Float64Array[] = [];
      for (let step = 0; step < 25; step++) {
        await env.step(new Float32Array(lanes), all(lanes));
        steps.push(Float64Array.from({ length: lanes }, (_, lane) => env.state[lane * env.spec.size]!));
      }
      const moment = (lag: number) => {
        let sum = 0;
        for (let step = lag; step < steps.length; step++)
          for (let lane = 0; lane < lanes; lane++) sum += steps[step]![lane]! * steps[step - lag]![lane]!;
        return sum / lanes / (steps.length - lag);
      };
      expect(moment(0)).to.be.closeTo(1, 0.08);
      expect(steps[0]!.reduce((sum, value) => sum + value * value, 0) / lanes, 'from the first step on').to.be.closeTo(1, 0.2);
      expect(moment(1)).to.be.closeTo(correlation, 0.08);
      expect(moment(5)).to.be.closeTo(correlation ** 5, 0.1);
    });
  });

  for (const hidden of [
    [48, 48],
    [150, 40],
  ])
    it(`gives a lane the same bits whatever its neighbours, ${hidden} wide: 1, 7, 64 and 300 lanes, sampled noise and all`, async () => {
      const task = { ...goalArm, horizon: 9 };
      const model = await untrained(task, 5, hidden);
      const runs: string[][] = [];
      for (const lanes of [1, 7, 64, 300])
        for (const disagreement of [false, true]) {
          const { env } = dreamOf(task, model, lanes, disagreement);
          await env.reset({ mask: all(lanes), seeds: seeds(lanes, 40) });
          const seen: string[] = [];
          for (let step = 0; step < 8; step++) {
            const actions = new Float32Array(2 * lanes);
            for (let i = 0; i < actions.length; i++) actions[i] = Math.sin(i + step);
            await env.step(actions, all(lanes));
            seen.push([...env.state.subarray(0, env.spec.size)].join());
          }
          runs.push(seen);
        }
      for (const run of runs) expect(run).to.deep.equal(runs[0]);
      await model.close();
    });

  it('answers each share of the rows by its member, the same bits however the others are long', async () => {
    const model = await untrained(goalArm, 3, [24, 24]);
    const { manifest } = model;
    const rng = new Rng(8);
    const inputOf = (rows: number) => {
      const columns = (width: number) => Float32Array.from({ length: rows * width }, () => rng.normal());
      return {
        rows,
        state: columns(widthOf(manifest.state)),
        action: columns(manifest.action.length),
        context: columns(widthOf(manifest.context)),
        noise: columns(manifest.noise.size),
        memory: columns(0),
      };
    };
    const input = inputOf(24);
    const [{ sample: equal }, { sample: packed }] = [
      await model.predict(input),
      await model.predict({ ...input, shares: BigInt64Array.of(16n, 0n, 8n) }),
    ];
    const width = equal.length / 24;
    const rows = (sample: Float32Array, from: number, to: number) => sample.subarray(from * width, to * width);
    expect(rows(packed, 0, 8), 'of the first member either way').to.deep.equal(rows(equal, 0, 8));
    expect(rows(packed, 8, 16), 'of another member').to.not.deep.equal(rows(equal, 8, 16));
    expect(rows(packed, 16, 24), 'of the last member either way').to.deep.equal(rows(equal, 16, 24));
    for (const shares of [BigInt64Array.of(8n, 8n, 4n), BigInt64Array.of(-8n, 24n, 8n)])
      expect((await rejected(() => model.predict({ ...input, shares }))).code).to.equal('RUNTIME_FAILED');
    await model.close();
  });

  it('packs the rows of a model that takes shares, and pads them to equal blocks for any other', async () => {
    const model = await untrained(endless, 3, [8]);
    const asked: (readonly number[])[] = [];
    const watched = (takesShares: boolean): WorldModel => ({
      manifest: model.manifest,
      fingerprint: model.fingerprint,
      takesShares,
      predict: (input) => {
        asked.push([input.rows, ...Array.from(input.shares ?? [], Number)]);
        return model.predict(input);
      },
      close: async () => {},
    });
    const states: number[][] = [];
    for (const takesShares of [true, false]) {
      const { env } = dreamOf(endless, watched(takesShares), 12);
      // Nine lanes of the first member, one and two of the others.
      await env.reset({ mask: all(12), seeds: Float64Array.of(0, 3, 6, 9, 12, 15, 18, 21, 24, 1, 2, 5) });
      await env.step(new Float32Array(12), all(12));
      states.push([...env.state]);
    }
    expect(asked).to.deep.equal([[20, 12, 4, 4], [36]]);
    expect(states[1]).to.deep.equal(states[0]);
    await model.close();
  });

  it('keeps one member an episode, seed mod members, in blocks padded to four', async () => {
    // Each member moves a metre more than the one before it.
    const model = new StubModel(manifestFor(endless, { members: 3 }), ({ state }, member) => ({ sample: [state[0]! + 1 + member] }));
    const lanes = 40;
    const { env } = dreamOf(endless, model, lanes);
    await env.reset({ mask: all(lanes), seeds: seeds(lanes, 2) });
    const start = env.state.slice();
    await env.step(new Float32Array(lanes), all(lanes));
    for (let lane = 0; lane < lanes; lane++) expect(env.state[lane * 3]! - start[lane * 3]!).to.be.closeTo(1 + ((2 + lane) % 3), 1e-5);
    // Fourteen lanes a member at most, so a tile of sixteen, a multiple of four; lanes are not all asked of all members.
    expect(model.rowsOfCalls).to.deep.equal([48]);
  });

  it('moves a lane to another member with its next episode', async () => {
    const model = new StubModel(manifestFor(endless, { members: 2 }), ({ state }, member) => ({ sample: [state[0]! + 1 + member] }));
    const { env } = dreamOf(endless, model, 2);
    await env.reset({ mask: all(2), seeds: Float64Array.of(0, 1) });
    await env.step(new Float32Array(2), all(2));
    await env.reset({ mask: Uint8Array.of(1, 0), seeds: Float64Array.of(5, 0) });
    const start = env.state.slice();
    await env.step(new Float32Array(2), all(2));
    expect(env.state[0]! - start[0]!).to.be.closeTo(2, 1e-6);
    expect(env.state[3]! - start[3]!).to.be.closeTo(2, 1e-6);
  });

  it('draws noise by the seed of the episode, and only where the model wants some', async () => {
    const noisy = new StubModel(manifestFor(endless, { noise: { distribution: 'normal', size: 1 } }), ({ noise }) => ({
      sample: [noise[0]!],
    }));
    const quiet = new StubModel(manifestFor(endless, { noise: { distribution: 'none', size: 1 } }), ({ noise }) => ({
      sample: [noise[0]!],
    }));
    const drawn = async (model: WorldModel, seed: number) => {
      const { env } = dreamOf(endless, model, 1);
      await env.reset({ mask: all(1), seeds: seeds(1, seed) });
      const values: number[] = [];
      for (let step = 0; step < 3; step++) {
        await env.step(new Float32Array(1), all(1));
        values.push(env.state[0]!);
      }
      return values;
    };
    const first = await drawn(noisy, 1);
    expect(new Set(first).size).to.equal(3);
    expect(await drawn(noisy, 1)).to.deep.equal(first);
    expect(await drawn(noisy, 2)).to.not.deep.equal(first);
    expect(await drawn(quiet, 1)).to.deep.equal([0, 0, 0]);
  });

  it('wraps angles, makes quaternions whole, and leaves the rest of the state to the task', async () => {
    const task: AnyTask = {
      ...endless,
      id: 'Tumbler-v0',
      state: {
        turn: { role: 'dynamic', kind: 'quaternion', unit: '1', size: 4 },
        angle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
        goal: { role: 'context', kind: 'scalar', unit: '1' },
      },
      initial: (_rng, _params, state) => void Object.assign(state, { goal: 4 }),
      actuate: () => {},
      advance: (_state, _action, next) => void Object.assign(next, { goal: 5 }),
      observe: () => {},
      sense: () => {},
      reward: {},
    };
    const model = new StubModel(manifestFor(task), () => ({ sample: [3, 0, 4, 0, 4] }));
    const { env } = dreamOf(task, model, 1);
    await env.reset({ mask: all(1), seeds: seeds(1) });
    await env.step(new Float32Array(1), all(1));
    const [x, y, z, w, angle, goal] = env.state;
    expect([x, y, z, w].map((value) => Math.round(value! * 1e6) / 1e6)).to.deep.equal([0.6, 0, 0.8, 0]);
    expect(angle).to.be.closeTo(4 - 2 * Math.PI, 1e-6);
    expect(goal).to.equal(5);
  });

  it('tells what members disagree on, angles the short way, and what its own member is unsure of', async () => {
    const task = goalArm;
    // Members say 3.1 and −3.1 for the shoulder: .083 apart across π, not 6.2.
    const model = new StubModel(manifestFor(task, { members: 2 }), (_, member) => {
      const mean = [member === 0 ? 3.1 : -3.1, 0.5, member, 0];
      return { sample: mean, mean, scale: [0.1 + member, 0, 0, 0] };
    });
    const { env, dynamics } = dreamOf(task, model, 2, true);
    await env.reset({ mask: all(2), seeds: Float64Array.of(0, 1) });
    for (const figure of dynamics.uncertainty.disagreement) expect(figure).to.be.NaN;
    await env.step(new Float32Array(4), all(2));
    const half_rad = Math.PI - 3.1;
    for (const lane of [0, 1]) {
      expect(dynamics.uncertainty.disagreement[lane * 4]).to.be.closeTo(half_rad, 1e-5);
      expect(dynamics.uncertainty.disagreement[lane * 4 + 1]).to.equal(0);
      expect(dynamics.uncertainty.disagreement[lane * 4 + 2]).to.be.closeTo(0.5, 1e-6);
      expect(dynamics.uncertainty.scale[lane * 4]).to.be.closeTo(0.1 + lane, 1e-6);
    }
    expect(env.state[0]).to.be.closeTo(3.1, 1e-6);
    expect(env.state[env.spec.size]).to.be.closeTo(-3.1, 1e-6);
    await env.reset({ mask: Uint8Array.of(1, 0), seeds: Float64Array.of(2, 0) });
    expect(dynamics.uncertainty.disagreement[0], 'an episode knows nothing of the one before it').to.be.NaN;
    expect(dynamics.uncertainty.disagreement[4]).to.be.closeTo(half_rad, 1e-5);
  });

  it('cuts off a lane whose prediction is not finite, and that lane only', async () => {
    const model = new StubModel(manifestFor(endless), ({ state, action }) => ({ sample: [action[0]! < 0 ? Number.NaN : state[0]! + 1] }));
    const { env } = dreamOf(endless, model, 2);
    await env.reset({ mask: all(2), seeds: seeds(2) });
    const start = env.state.slice();
    await env.step(Float32Array.of(-1, 1), all(2));
    expect([...env.batch.truncated]).to.deep.equal([1, 0]);
    expect(env.batch.problems[0]).to.have.property('code', 'PHYSICS_DIVERGED');
    expect(env.state[0]).to.equal(start[0]);
    expect(env.state[3]! - start[3]!).to.be.closeTo(1, 1e-6);
  });

  it('refuses saved lanes of another model', async () => {
    const model = new StubModel(manifestFor(endless, { members: 2, memorySize: 2 }), ({ state, memory }) => ({
      sample: [...state],
      memory: [...memory],
    }));
    const smaller = new StubModel(manifestFor(endless, { members: 1, memorySize: 1 }), ({ state, memory }) => ({
      sample: [...state],
      memory: [...memory],
    }));
    const [{ dynamics }, { dynamics: other }] = [dreamOf(endless, model, 1), dreamOf(endless, smaller, 1)];
    expect(() => other.load(0, dynamics.save(0))).to.throw(/does not fit this model/);
  });

  it('refuses saved lanes that nobody saved, and keeps what it has', async () => {
    const model = new StubModel(manifestFor(endless, { memorySize: 2 }), ({ state, memory }) => ({
      sample: [...state],
      memory: [...memory],
    }));
    const { dynamics } = dreamOf(endless, model, 1);
    const saved = dynamics.save(0);
    const { head, parts } = unpackSections<object>(saved);
    const memory = Float32Array.of(1, Number.NaN);
    for (const bytes of [
      packSections({ ...head, steps: -1 }, parts),
      packSections({ ...head, steps: 2 ** 60 }, parts),
      packSections({ ...head, member: -1 }, parts),
      packSections({ ...head, rng: [1, 2, 3, 4, 5, null] }, parts),
      packSections(null, parts),
      packSections(head, [bytesOf(memory), parts[1]!]),
      packSections(head, parts.slice(1)),
    ])
      expect(() => dynamics.load(0, bytes))
        .to.throw(GroundtwinError)
        .with.property('code', 'SNAPSHOT_INVALID');
    expect(dynamics.save(0)).to.deep.equal(saved);
  });
});
