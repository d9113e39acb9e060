import { expect } from 'chai';
import { onnxPolicy } from '../../agents/index.ts';
import { ReplayTables } from '../../src/learning/replay-tables.ts';
import type { SacSettings } from '../../src/learning/sac-settings.ts';
import { drawSubset, SacLearner } from '../../src/learning/soft-actor-critic.ts';
import { compileSac, sacNetworks } from '../../src/learning/soft-actor-critic-losses.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, TrainingProgram } from '../../src/onnx/index.ts';
import { box, discrete } from '../../src/spaces/space.ts';
import { rejected, thrown } from '../onnx/run-graph.ts';
import { referenceActorLoss, referenceCriticLoss, type Weights } from './sac-reference.ts';

const runtime = nodeRuntime();
const settings: SacSettings = {
  hidden: [32, 32],
  critics: 2,
  targetCritics: 2,
  actorValue: 'least',
  layerNorm: false,
  batch: 64,
  learningRate: 3e-3,
  discount: 0.99,
  tau: 0.005,
  entropyWeight: 'auto',
  targetEntropy: null,
  policyEvery: 1,
};

const one = { observationSize: 1, actionSize: 1 };

/** One decision an episode: the best action for s is s/2. */
function decisions(rows: number, rng: Rng): ReplayTables {
  const ring = new ReplayTables({ ...one, capacity: rows });
  for (let row = 0; row < rows; row++) {
    const [s, a] = [rng.uniform(-1, 1), rng.uniform(-1, 1)];
    ring.add([s], [a], -10 * (a - s / 2) ** 2, [0], false);
  }
  return ring;
}

async function opened(changes: Partial<SacSettings> = {}, seed = 1) {
  const rng = new Rng(seed);
  const learner = await SacLearner.open(runtime, one, { ...settings, ...changes }, rng);
  const ring = decisions(500, rng);
  learner.setTables(ring.columns, ring.rows);
  return { learner, ring, rng };
}

describe('soft actor-critic', function () {
  this.timeout(30_000);

  it('learns the best action of a decision, with the entropy asked for, and exports what it plays', async () => {
    const { learner, ring, rng } = await opened({ targetEntropy: -1.2, learningRate: 5e-3 });
    let figures = await learner.update(ring.draw(rng, 64), rng);
    for (let call = 0; call < 60; call++) figures = await learner.update(ring.draw(rng, 20 * 64), rng);
    expect(figures.skipped).to.equal(0);
    expect(figures.entropy).to.be.closeTo(-1.2, 0.25);
    const observation = Float32Array.of(-1, -0.5, 0, 0.5, 1);
    const out = new Float32Array(5);
    await learner.act(observation, 5, out, null);
    for (const [i, best] of [-0.5, -0.25, 0, 0.25, 0.5].entries()) expect(out[i]).to.be.closeTo(best, 0.12);
    const spaces = { observationSpace: box({ low: -1, high: 1 }), actionSpace: box({ low: 2, high: 6 }), lanes: 5 };
    const player = await onnxPolicy(runtime, learner.policy(spaces.observationSpace, spaces.actionSpace), spaces);
    const played = [...((await player.act(observation)) as Float32Array)];
    played.forEach((value, i) => void expect(value).to.be.closeTo(4 + 2 * out[i]!, 1e-5));
    // A draw is around the mode, and another each time.
    const drawn = new Float32Array(5);
    await learner.act(observation, 5, drawn, rng);
    expect(drawn).to.not.deep.equal(out);
    drawn.forEach((value, i) => void expect(value).to.be.closeTo(out[i]!, 0.5));
    await Promise.all([player.close(), learner.close()]);
  });

  it('learns what a state is worth: rewards from here on, and no further than an end', async () => {
    // Two states: from 0 to 1 with reward 1, from 1 to the end with reward 2; entropy counts nothing.
    const { learner, rng } = await opened({ entropyWeight: 0, discount: 0.5, tau: 0.05 });
    const ring = new ReplayTables({ ...one, capacity: 200 });
    for (let row = 0; row < 100; row++) {
      ring.add([0], [rng.uniform(-1, 1)], 1, [1], true);
      ring.add([1], [rng.uniform(-1, 1)], 2, [9], false);
    }
    learner.setTables(ring.columns, ring.rows);
    for (let call = 0; call < 20; call++) await learner.update(ring.draw(rng, 30 * 64), rng);
    const even = Int32Array.from({ length: 64 }, (_, i) => 2 * i);
    expect((await learner.update(even, rng)).meanValue).to.be.closeTo(2, 0.05);
    expect(
      (
        await learner.update(
          even.map((row) => row + 1),
          rng,
        )
      ).meanValue,
    ).to.be.closeTo(2, 0.05);
    await learner.close();
  });

  it('gives the same bits in one call or many, and goes on from a saved state', async () => {
    const changes = { critics: 3, targetCritics: 2, policyEvery: 3, actorValue: 'mean', layerNorm: true } as const;
    const [whole, parts] = [await opened(changes), await opened(changes)];
    const indices = whole.ring.draw(whole.rng, 64 * 7);
    expect(parts.ring.draw(parts.rng, 64 * 7)).to.deep.equal(indices);
    await whole.learner.update(indices, whole.rng);
    for (const [from, to] of [
      [0, 1],
      [1, 5],
    ] as const)
      await parts.learner.update(indices.subarray(64 * from, 64 * to), parts.rng);
    const third = await opened(changes, 2);
    third.learner.load(parts.learner.save());
    third.learner.setTables(parts.ring.columns, parts.ring.rows);
    await third.learner.update(indices.subarray(64 * 5), parts.rng);
    expect(third.learner.save()).to.deep.equal(whole.learner.save());
    expect(whole.learner.save()).to.include({ step: 7, followUpStep: 2 });
    await Promise.all([whole, parts, third].map(({ learner }) => learner.close()));
  });

  it('moves targets by exactly tau of the way, and the actor in its turn alone', async () => {
    const { learner, ring, rng } = await opened({ policyEvery: 2, tau: 0.25 });
    const before = learner.save();
    const first = await learner.update(ring.draw(rng, 64), rng);
    const after = learner.save();
    expect([first.actorLoss, first.entropy, first.entropyWeight]).to.deep.equal([null, null, null]);
    for (const [name, values] of Object.entries(after.parameters)) {
      const own = name.startsWith('critic.');
      if (own) expect(values, name).to.not.deep.equal(before.parameters[name]);
      else expect([values, after.first[name]], name).to.deep.equal([before.parameters[name], before.first[name]]);
      expect(name in after.averages!, name).to.equal(own);
      after.averages![name]?.forEach((average, i) => {
        const old = before.averages![name]![i]!;
        expect(average).to.equal(Math.fround(old + Math.fround(Math.fround(values[i]! - old) * 0.25)));
      });
    }
    const second = await learner.update(ring.draw(rng, 64), rng);
    expect(second.entropyWeight).to.equal(1);
    expect(learner.save().parameters['actor.0.weight']).to.not.deep.equal(before.parameters['actor.0.weight']);
    await learner.close();
  });

  it('leaves out what is not finite, and says so', async () => {
    const { learner, ring, rng } = await opened();
    const before = learner.save();
    ring.columns.reward[3] = Number.POSITIVE_INFINITY;
    const figures = await learner.update(new Int32Array(64).fill(3), rng);
    expect(figures.skipped).to.equal(1);
    expect(learner.save().parameters['critic.0.weight']).to.deep.equal(before.parameters['critic.0.weight']);
    await learner.close();
  });

  it('draws subsets of different critics, any as often as any other', () => {
    const rng = new Rng(3);
    const counts = new Map<string, number>();
    for (let draw = 0; draw < 6000; draw++) {
      const key = [...drawSubset(rng, 2, 4)].sort().join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).to.deep.equal(['0,1', '0,2', '0,3', '1,2', '1,3', '2,3']);
    for (const count of counts.values()) expect(count).to.be.within(850, 1150);
  });

  for (const [what, changes, told] of [
    ['more targets than critics', { targetCritics: 3 }, /targetCritics is 3.*at most the 2 critics/],
    ['half a layer', { hidden: [0.5] }, /hidden\[0\]/],
    ['a batch of nothing', { batch: 0 }, /batch/],
    ['targets that stand still', { tau: 0 }, /tau/],
    ['a discount above 1', { discount: 1.5 }, /discount/],
    ['a policy that never learns', { policyEvery: 0 }, /policyEvery/],
    ['an entropy that costs', { entropyWeight: -1 }, /entropyWeight/],
  ] as const)
    it(`refuses ${what}`, async () => {
      const error = await rejected(() => SacLearner.open(runtime, one, { ...settings, ...changes }, new Rng(1)));
      expect(error.code).to.equal('OPTION_INVALID');
      expect(error.message).to.match(told);
    });

  it('refuses rows that are not there, and actions without bounds', async () => {
    const { learner, rng } = await opened();
    expect((await rejected(() => learner.update(new Int32Array(64).fill(500), rng))).message).to.match(/indices\[0\].*0 to 499/);
    const unbounded = box({ low: [Number.NEGATIVE_INFINITY], high: [1] });
    for (const space of [unbounded, discrete(3)])
      expect(thrown(() => learner.policy(box({ low: 0, high: 1 }), space)).message).to.match(/bounded box of floats/);
    await learner.close();
  });
});

describe('the losses of soft actor-critic', () => {
  const shape = { observationSize: 2, actionSize: 2 };
  const batch = 5;

  async function stepped(changes: Partial<SacSettings>) {
    const rng = new Rng(7);
    const all: SacSettings = { ...settings, hidden: [4], batch, ...changes };
    const compiled = compileSac(sacNetworks(shape, all), all, rng);
    const program = await TrainingProgram.open(runtime, compiled);
    const shaken = (values: Readonly<Record<string, Float32Array>>) =>
      Object.fromEntries(Object.entries(values).map(([name, array]) => [name, array.map((value) => value + 0.5 * rng.normal())]));
    const start = program.state();
    program.load({ ...start, parameters: shaken(start.parameters), averages: shaken(start.averages!) });
    const floats = (size: number) => Float32Array.from({ length: size }, () => rng.normal());
    const tables = {
      observation: floats(batch * 2),
      action: floats(batch * 2).map(Math.tanh),
      reward: floats(batch),
      next: floats(batch * 2),
      continues: Float32Array.of(1, 1, 0, 1, 1),
    };
    program.setTables(tables, batch);
    const streams = { noise: floats(batch * 2), actor_noise: floats(batch * 2), subset: Int32Array.of(2, 0) };
    const before = program.state();
    const chunk = await program.run(
      Int32Array.from({ length: batch }, (_, i) => i),
      0,
      streams,
    );
    const { first } = program.state();
    await program.release();
    return { all, chunk, first, before, given: { tables, streams } };
  }

  /** Central differences of `loss` by each of these weights. */
  function gradient(weights: Weights, names: readonly string[], loss: () => number): Record<string, number[]> {
    const h = 1e-5;
    const at = (values: Float64Array, i: number, value: number) => {
      values[i] = value;
      return loss();
    };
    return Object.fromEntries(
      names.map((name) => {
        const values = weights[name]!;
        const slopes = Array.from(values, (value, i) => {
          const slope = (at(values, i, value + h) - at(values, i, value - h)) / (2 * h);
          values[i] = value;
          return slope;
        });
        return [name, slopes];
      }),
    );
  }

  for (const [what, changes] of [
    ['as Haarnoja et al.', {}],
    ['as REDQ', { critics: 3, actorValue: 'mean' }],
    ['with layers normalised', { critics: 3, layerNorm: true }],
    ['with an entropy weight that is given', { entropyWeight: 0.3 }],
  ] as const satisfies readonly (readonly [string, Partial<SacSettings>])[])
    it(`are the papers', and so are their gradients: ${what}`, async () => {
      const { all, chunk, first, before, given } = await stepped(changes);
      const doubles = (group: Readonly<Record<string, Float32Array>>): Weights =>
        Object.fromEntries(Object.entries(group).map(([name, values]) => [name, Float64Array.from(values)]));
      const [weights, averages] = [doubles(before.parameters), doubles(before.averages!)];
      const criticLoss = () => referenceCriticLoss(shape, all, weights, averages, given);
      const actor = () => referenceActorLoss(shape, all, weights, given);
      expect(chunk.loss[0]).to.be.closeTo(criticLoss(), 2e-5 * Math.max(1, criticLoss()));
      expect(chunk.metrics.actor_loss![0]).to.be.closeTo(actor().loss, 2e-5);
      expect(chunk.metrics.entropy![0]).to.be.closeTo(actor().entropy, 2e-5);
      const names = Object.keys(weights);
      const expected = {
        ...gradient(
          weights,
          names.filter((name) => name.startsWith('critic.')),
          criticLoss,
        ),
        ...gradient(
          weights,
          names.filter((name) => name.startsWith('actor.')),
          () => actor().loss,
        ),
        // Of −log α · (log π + target), with what the policy draws held fast.
        ...('log_entropy_weight' in weights ? { log_entropy_weight: [actor().entropy + shape.actionSize] } : {}),
      };
      expect(Object.keys(expected)).to.have.members(names);
      // After one step Adam's first moment, kept divided by 1 − β, is the gradient.
      for (const [name, slopes] of Object.entries(expected))
        slopes.forEach((slope, i) => void expect(first[name]![i], `${name}[${i}]`).to.be.closeTo(slope, 5e-4));
    });

  it('compute no gradient of the weights that they do not train', () => {
    const all: SacSettings = { ...settings, hidden: [4, 4] };
    const { bytes } = compileSac(sacNetworks(shape, all), all, new Rng(1));
    const text = Buffer.from(bytes).toString('latin1');
    const count = (scope: string, op: string) => new Set(text.match(new RegExp(`${scope}/\\d/(gradient/)?${op}_\\d+`, 'g'))).size;
    const layers = 3;
    // Through the critics the actor's loss goes forward and, by what comes in alone, back: no products for weights, no sums for biases.
    expect(count('follow-up/loss/critic', 'MatMul')).to.equal(2 * layers);
    // One sum, over the critics, of what comes to the action.
    expect(count('follow-up/loss/critic', 'ReduceSum')).to.equal(1);
    // Targets are never gone back through.
    expect([count('target/actor', 'MatMul'), count('target/critic', 'MatMul')]).to.deep.equal([layers, layers]);
  });
});
