import { expect } from 'chai';
import type { Transitions } from '../../src/data/transitions.ts';
import { Rng } from '../../src/math/rng.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { parseManifest } from '../../src/world-model/contract.ts';
import { FamiliarityMeter, measureFamiliarity, shareBelow } from '../../src/world-model/familiarity.ts';
import { ModelDynamics } from '../../src/world-model/model-dynamics.ts';
import { predictOneStep } from '../../src/world-model/one-step.ts';
import type { Trust } from '../../src/world-model/trust.ts';
import { manifestFor, registryOf, StubModel } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';
import { rejected, thrown } from '../onnx/run-graph.ts';

/** Positions and pushes bound together (push ≈ −position), the goal never moving: one episode of `count` steps a hundred. */
function walks(count: number, seed: number, width = 1): Transitions {
  const rng = new Rng(seed);
  const state = new Float64Array(count * 3);
  const command = new Float64Array(count);
  const next = new Float64Array(count * 3);
  for (let row = 0; row < count; row++) {
    state[row * 3] = width * rng.normal();
    command[row] = -0.2 * state[row * 3]! + 0.02 * rng.normal();
    next[row * 3] = state[row * 3]! + command[row]!;
  }
  return { count, state, action: command, command, next, episode: Int32Array.from({ length: count }, (_, row) => Math.floor(row / 100)) };
}

/** Members part by a tenth of the distance from the middle. */
const parting = (trust?: Trust) =>
  new StubModel(manifestFor(walker, { members: 2, ...(trust && { trust }) }), ({ state, action }, member) => {
    const mean = state[0]! + action[0]! + 0.1 * (member - 0.5) * state[0]!;
    return { sample: [mean], mean: [mean], scale: [0.1] };
  });

describe('what a model is familiar with', () => {
  const training = walks(4000, 1);
  const heldOut = walks(2000, 2);
  const measured = async (model = parting()) => measureFamiliarity(walker, training, heldOut, await predictOneStep(walker, model, heldOut));
  const strangeness = (familiarity: Awaited<ReturnType<typeof measured>>, position: number, push: number, apart = 0) => {
    const meter = new FamiliarityMeter(walker, familiarity, 1);
    meter.measure(Float64Array.of(position, 0, 0), Float64Array.of(push), Float64Array.of(apart), Uint8Array.of(1));
    return { distance: meter.columns.distance[0]!, share: meter.columns.outOfDistribution[0]! };
  };

  it('is as far as it should be: about 1 over the data, more across what always goes together than along it', async () => {
    const familiarity = await measured();
    const along = strangeness(familiarity, 1, -0.2);
    const across = strangeness(familiarity, 1, 0.2);
    // One deviation along the only free direction of three inputs.
    expect(along.distance).to.be.closeTo(Math.sqrt(1 / 3), 0.05);
    expect(across.distance).to.be.above(6);
    expect(along.share).to.be.below(0.9);
    expect(across.share).to.equal(1);
  });

  it('counts each held-out step as strange as it is among them', async () => {
    const familiarity = await measured();
    const said = await predictOneStep(walker, parting(), heldOut);
    const meter = new FamiliarityMeter(walker, familiarity, heldOut.count);
    meter.measure(heldOut.state, heldOut.command, said.disagreement, new Uint8Array(heldOut.count).fill(1));
    const shares = meter.columns.outOfDistribution;
    // The stranger of two signs that largely agree.
    expect(shares.filter((share) => share > 0.9).length / heldOut.count).to.be.within(0.1, 0.2);
    expect(familiarity.disagreement).to.have.length(familiarity.distance.length);
  });

  it('is strange by disagreement alone, too', async () => {
    const familiarity = await measured();
    expect(strangeness(familiarity, 0, 0, 0).share).to.be.below(0.5);
    expect(strangeness(familiarity, 0, 0, 5).share).to.equal(1);
    expect(strangeness(familiarity, 0, 0, Number.NaN).share, 'a prediction that is none').to.equal(1);
  });

  it('goes by distance where there is nobody to disagree', async () => {
    const alone = new StubModel(manifestFor(walker), ({ state }) => ({ sample: [state[0]!], mean: [state[0]!], scale: [1] }));
    const familiarity = await measured(alone);
    expect(familiarity.disagreement).to.equal(null);
    expect(strangeness(familiarity, 0, 0, 5).share).to.be.below(0.5);
  });

  it('finds the share below a value between quantiles', () => {
    const quantiles = [0, 1, 1, 3, 5];
    expect([-1, 0, 0.5, 1, 2, 5, 6, Number.NaN].map((value) => shareBelow(quantiles, value))).to.deep.equal([
      0, 0, 0.125, 0.25, 0.625, 1, 1, 1,
    ]);
  });

  it('refuses to be measured on nothing, and to judge another task', async () => {
    const nothing = walks(0, 1);
    const said = { error: new Float64Array(0), deviation: new Float64Array(0), disagreement: new Float64Array(0) };
    expect(thrown(() => measureFamiliarity(walker, training, nothing, said))).to.have.property('code', 'DATA_INVALID');
    const familiarity = { ...(await measured()), spread: [1, 1] };
    expect(thrown(() => new FamiliarityMeter(walker, familiarity, 1))).to.have.property('code', 'OPTION_INVALID');
  });

  describe('told by a dream', () => {
    const horizon = { steps: 3, honest: 5, accurate: 3, measured: 40, coverageFloor: 0.8, errorLimit: 0.4 };
    const told = (env: TaskEnv) => env.batch.info.model as unknown as Record<string, Float64Array>;

    it('counts steps, says how long to trust it, and where it leaves what it knows', async () => {
      const model = parting({ horizon, familiarity: await measured() });
      const env = await registryOf(walker).imagined(walker.id, model, 2, { trust: true });
      await env.reset({ mask: Uint8Array.of(1, 1), seeds: Float64Array.of(1, 2) });
      // At the middle of what it knows, and far outside.
      await env.setState(0, [0, 0, 0], 1);
      await env.setState(1, [60, 0, 0], 1);
      const within: number[] = [];
      for (let step = 0; step < 5; step++) {
        await env.step(new Float32Array(2), Uint8Array.of(1, 1));
        if (step === 0) expect([...told(env).outOfDistribution!].map((share) => share < 0.9)).to.deep.equal([true, false]);
        within.push(told(env).withinHorizon![0]!);
      }
      expect(within).to.deep.equal([1, 1, 1, 0, 0]);
      expect([...told(env).steps!]).to.deep.equal([5, 5]);
      const moment = env.save(0);
      await env.reset({ mask: Uint8Array.of(1, 0), seeds: Float64Array.of(1, 2) });
      expect([...told(env).steps!]).to.deep.equal([0, 5]);
      env.load(0, moment);
      expect([...told(env).steps!]).to.deep.equal([5, 5]);
    });

    it('dreams the same dream as without being asked', async () => {
      const model = parting({ horizon, familiarity: await measured() });
      const [plain, asked] = [false, true].map((trust) => new TaskEnv(walker, new ModelDynamics(walker, model, 3, { trust }), 3));
      const seen: Float64Array[] = [];
      for (const env of [plain!, asked!]) {
        await env.reset({ mask: new Uint8Array(3).fill(1), seeds: Float64Array.of(4, 5, 6) });
        for (let step = 0; step < 4; step++) await env.step(Float32Array.of(0.1, 0.2, 0.3), new Uint8Array(3).fill(1));
        seen.push(env.state.slice());
      }
      expect(seen[1]).to.deep.equal(seen[0]);
      expect(plain!.batch.info).to.not.have.property('model');
    });

    it('is refused of a model that does not say', async () => {
      expect(
        await rejected(() => registryOf(walker).make(walker.id, { backend: 'model', model: parting(), trust: true })),
      ).to.have.property('code', 'OPTION_INVALID');
    });
  });

  it('is read from a manifest, and refused where it is malformed', async () => {
    const familiarity = await measured();
    const drift = { factor: [1], gate: 0.9, threshold: 10, falseAlarmsPerHour: 0.01, steps: 5000, extrapolation: 3 };
    const parsed = (trust: unknown) => parseManifest('x', JSON.stringify(manifestFor(walker, { trust: trust as Trust })), walker);
    expect(parsed({ familiarity, drift }).trust).to.deep.equal({ familiarity, drift });
    for (const trust of [
      7,
      null,
      { horizon: { steps: -1 } },
      { horizon: 'long' },
      { familiarity: { ...familiarity, mean: 'none' } },
      { familiarity: { ...familiarity, covariance: [1] } },
      { familiarity: { ...familiarity, spread: [0] } },
      { familiarity: { ...familiarity, distance: [2, 1] } },
      { familiarity: { ...familiarity, disagreement: [1] } },
      { drift: { ...drift, factor: [-1] } },
      { drift: { ...drift, gate: 2 } },
      { drift: { ...drift, threshold: '9' } },
    ])
      expect(
        thrown(() => parsed(trust)),
        JSON.stringify(trust)?.slice(0, 60),
      ).to.have.property('code', 'MODEL_REFUSED');
  });
});
