import { expect } from 'chai';
import { dreamerDefaults } from '../../agents/dreamer/config.ts';
import { type ActionDistribution, distributionOf, draw, drawEvenly, toEnvAction } from '../../agents/dreamer/distribution.ts';
import { ExperienceLog, joined } from '../../agents/dreamer/experience-log.ts';
import { exportPolicy } from '../../agents/dreamer/export.ts';
import { DreamModel, fittedArrays, fittedOf } from '../../agents/dreamer/model.ts';
import { initialParameters, networksOf, openForward } from '../../agents/dreamer/networks.ts';
import { lambdaReturns, rangeOf, stepWeights, symexp, symlog } from '../../agents/dreamer/returns.ts';
import { compileUpdate } from '../../agents/dreamer/update.ts';
import { onnxPolicy } from '../../agents/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, TrainingProgram } from '../../src/onnx/index.ts';
import { box, dict, discrete, flatSizeOf, multiDiscrete, type Space, unbounded } from '../../src/spaces/space.ts';
import { MemoryLanes } from '../../src/world-model/memory-lanes.ts';

const runtime = nodeRuntime();
const near = (got: ArrayLike<number>, expected: readonly number[], within: number, what = '') => {
  expect(got.length, what).to.equal(expected.length);
  expected.forEach((value, i) => void expect(got[i], `${what} element ${i}`).to.be.closeTo(value, within));
};

describe('returns of dreams', () => {
  const dreams = 2;
  const horizon = 4;
  const rng = new Rng(1);
  const draws = (count: number) => Array.from({ length: count }, () => rng.uniform());
  const rows = { dreams, reward: draws(8), continues: draws(8), value: draws(10) };

  it('are the mixture of all lengths of looking ahead, weighed by λ', () => {
    // (1 − λ)·Σ λ^(n−1)·(n steps of reward, then the value), the longest taking what is left.
    const [discount, lambda] = [0.9, 0.7];
    const ahead = (dream: number, from: number, count: number) => {
      let [sum, share] = [0, 1];
      for (let step = from; step < from + count; step++) {
        sum += share * rows.reward[step * dreams + dream]!;
        share *= discount * rows.continues[step * dreams + dream]!;
      }
      return sum + share * rows.value[(from + count) * dreams + dream]!;
    };
    const expected = Array.from({ length: 8 }, (_, row) => {
      const [step, dream] = [Math.floor(row / dreams), row % dreams];
      const most = horizon - step;
      let sum = lambda ** (most - 1) * ahead(dream, step, most);
      for (let n = 1; n < most; n++) sum += (1 - lambda) * lambda ** (n - 1) * ahead(dream, step, n);
      return sum;
    });
    near(lambdaReturns(rows, discount, lambda), expected, 1e-6);
  });

  it('count as likely as it is to come to them', () => {
    const weights = stepWeights({ ...rows, continues: [0.5, 1, 0.2, 0, 1, 1, 1, 1] }, [1, 0.5], 0.9);
    near(weights, [1, 0.5, 0.45, 0.45, 0.45 * 0.18, 0, 0.45 * 0.18 * 0.9, 0], 1e-6);
  });

  it('range from the 5th to the 95th percentile', () => {
    expect(rangeOf(Array.from({ length: 101 }, (_, i) => 100 - i))).to.be.closeTo(90, 1e-9);
    expect(rangeOf([3, 3, 3])).to.equal(0);
  });

  it('are squeezed by the symmetric logarithm and back', () => {
    near([-10, 0, 1e-3, 500].map(symlog).map(symexp), [-10, 0, 1e-3, 500], 1e-9);
    expect(symlog(Math.E - 1)).to.be.closeTo(1, 1e-12);
  });
});

const deviationOf = (raw: number) => 0.1 + 0.9 / (1 + Math.exp(-raw - 2));
const softmax = (values: readonly number[]) => values.map((v) => Math.exp(v) / values.reduce((sum, w) => sum + Math.exp(w), 0));

/** Log probability of an action and entropy, from the paper. */
function referenceLikelihood(distribution: ActionDistribution, output: readonly number[], action: readonly number[]) {
  const { columns } = distribution;
  if (distribution.kind === 'bounded') {
    const sigma = output.slice(columns).map(deviationOf);
    const density = sigma.map(
      (s, i) => Math.exp(-((action[i]! - Math.tanh(output[i]!)) ** 2) / (2 * s * s)) / (s * Math.sqrt(2 * Math.PI)),
    );
    return {
      logProbability: density.reduce((sum, one) => sum + Math.log(one), 0),
      entropy: sigma.reduce((sum, s) => sum + 0.5 * Math.log(2 * Math.PI * Math.E * s * s), 0),
    };
  }
  let first = 0;
  let [logProbability, entropy] = [0, 0];
  distribution.counts.forEach((count, i) => {
    const odds = softmax(output.slice(first, first + count)).map((p) => 0.99 * p + 0.01 / count);
    logProbability += Math.log(odds[action[i]!]!);
    entropy -= odds.reduce((sum, p) => sum + p * Math.log(p), 0);
    first += count;
  });
  return { logProbability, entropy };
}

describe('actions of dreams', () => {
  const drawnOf = (space: Space, outputs: readonly number[], count: number) => {
    const distribution = distributionOf(space);
    const [rng, into] = [new Rng(1), new Float32Array(distribution.columns + 1)];
    return Array.from({ length: count }, () => {
      draw(distribution, Float32Array.from([9, ...outputs]), 1, rng, into, 1);
      return [...into.subarray(1)];
    });
  };

  it('are normal around a bounded mean, and clipped on their way to the env', () => {
    const space = box({ low: [-2, 0], high: [2, 10] });
    const all = drawnOf(space, [0.5, -1, 0, -4], 20_000);
    for (const i of [0, 1]) {
      const mean = all.reduce((sum, action) => sum + action[i]!, 0) / all.length;
      const deviation = Math.sqrt(all.reduce((sum, action) => sum + (action[i]! - mean) ** 2, 0) / all.length);
      expect(mean).to.be.closeTo(Math.tanh([0.5, -1][i]!), 0.02);
      expect(deviation).to.be.closeTo(deviationOf([0, -4][i]!), 0.02);
    }
    const distribution = distributionOf(space);
    expect([toEnvAction(distribution, 0, 0.5), toEnvAction(distribution, 1, -3)]).to.deep.equal([1, 0]);
  });

  it('are choices as often as they are likely, none of them never', () => {
    const all = drawnOf(multiDiscrete([3, 2]), [Math.log(5), Math.log(3), Math.log(2), 100, 0], 40_000);
    const share = (column: number, choice: number) => all.filter((action) => action[column] === choice).length / all.length;
    near(
      [share(0, 0), share(0, 1), share(0, 2)],
      [0.5, 0.3, 0.2].map((p) => 0.99 * p + 0.01 / 3),
      0.012,
    );
    expect(share(1, 1)).to.be.closeTo(0.005, 0.002);
  });

  it('are spread over the whole range at random', () => {
    const distribution = distributionOf(multiDiscrete([3, 2]));
    const into = new Float32Array(2);
    const seen = new Set<string>();
    const rng = new Rng(2);
    for (let i = 0; i < 100; i++) {
      drawEvenly(distribution, rng, into, 0);
      seen.add(`${into}`);
    }
    expect(seen.size).to.equal(6);
  });

  it('are refused where they are named or have no bounds', () => {
    expect(() => distributionOf(dict({ a: discrete(2) }))).to.throw(/dreamer.*bounded box of floats/);
    expect(() => distributionOf(box({ low: [-Infinity], high: [1] }))).to.throw(/bounded box of floats/);
  });
});

type Doubles = Readonly<Record<string, Float64Array>>;
const MEMORY = 2;
const HIDDEN = 3;

/** A network of one hidden layer, normalised, in plain float64. */
function outputsOf(weights: Doubles, name: string, x: readonly number[], outputs: number): number[] {
  const layer = (part: string, input: readonly number[], size: number) =>
    Array.from({ length: size }, (_, j) =>
      input.reduce((sum, value, i) => sum + value * weights[`${part}.weight`]![i * size + j]!, weights[`${part}.bias`]![j]!),
    );
  const sums = layer(`${name}.0`, x, HIDDEN);
  const mean = sums.reduce((a, b) => a + b) / HIDDEN;
  const variance = sums.reduce((sum, value) => sum + (value - mean) ** 2, 0) / HIDDEN;
  const hidden = sums
    .map((u, i) => ((u - mean) / Math.sqrt(variance + 1e-5)) * weights[`${name}.0.norm.scale`]![i]! + weights[`${name}.0.norm.shift`]![i]!)
    .map((u) => u / (1 + Math.exp(-u)));
  return layer(`${name}.1`, hidden, outputs);
}

describe('the update of actor and critic', () => {
  const config = { ...dreamerDefaults, dreams: 3, horizon: 2, entropyWeight: 0.3, slowShare: 0.1, maximumGradientNorm: 1e6 };
  const rows = 6;
  for (const [what, space] of [
    ['bounded numbers', box({ low: [-1, -2], high: [1, 2] })],
    ['choices', multiDiscrete([3, 2])],
  ] as const)
    it(`has the loss of the paper and its gradient: ${what}`, async () => {
      const distribution = distributionOf(space);
      const networks = networksOf(distribution, MEMORY, [HIDDEN]);
      const rng = new Rng(4);
      const shaken = () =>
        initialParameters(networks, rng).map((one) => ({ ...one, initial: one.initial.map((v) => v + 0.5 * rng.normal()) }));
      const [parameters, slow] = [shaken(), shaken()];
      const normals = (count: number) => Float32Array.from({ length: count }, () => rng.normal());
      const batch = {
        memory: normals(MEMORY * rows),
        action:
          space.kind === 'box' ? normals(2 * rows) : Float32Array.from({ length: 2 * rows }, (_, i) => rng.integer(i % 2 === 0 ? 3 : 2)),
        advantage: normals(rows),
        target: normals(rows),
        weight: normals(rows).map(Math.abs),
      };
      const program = await TrainingProgram.open(runtime, compileUpdate(networks, config, parameters));
      const named = (specs: typeof parameters) => Object.fromEntries(specs.map(({ name, initial }) => [name, initial]));
      const zeros = Object.fromEntries(parameters.map(({ name, initial }) => [name, new Float32Array(initial.length)]));
      program.load({ step: 0, parameters: named(parameters), first: zeros, second: zeros, averages: named(slow) });
      program.setTables(batch, rows);
      const chunk = await program.run(
        Int32Array.from({ length: rows }, (_, i) => i),
        0,
      );
      const state = program.state();
      await program.release();
      const doubles = (specs: typeof parameters): Doubles =>
        Object.fromEntries(specs.map(({ name, initial }) => [name, Float64Array.from(initial)]));
      const [live, averages] = [doubles(parameters), doubles(slow)];
      const lossOf = () => {
        let loss = 0;
        for (let row = 0; row < rows; row++) {
          const memory = [...batch.memory.subarray(MEMORY * row, MEMORY * row + MEMORY)];
          const action = [...batch.action.subarray(2 * row, 2 * row + 2)];
          const { logProbability, entropy } = referenceLikelihood(
            distribution,
            outputsOf(live, 'actor', memory, distribution.outputs),
            action,
          );
          const value = outputsOf(live, 'critic', memory, 1)[0]!;
          const still = outputsOf(averages, 'critic', memory, 1)[0]!;
          const critic = (value - batch.target[row]!) ** 2 + (value - still) ** 2;
          loss += (batch.weight[row]! / rows) * (critic - logProbability * batch.advantage[row]! - 0.3 * entropy);
        }
        return loss;
      };
      expect(chunk.loss[0]).to.be.closeTo(lossOf(), 1e-4);
      const h = 1e-5;
      for (const [name, values] of Object.entries(live)) {
        const gradient = [...values].map((value, i) => {
          values[i] = value + h;
          const above = lossOf();
          values[i] = value - h;
          const below = lossOf();
          values[i] = value;
          return (above - below) / (2 * h);
        });
        // After one step Adam's first moment, kept divided by 1 − β, is the gradient.
        near(state.first[name]!, gradient, 1e-3, name);
      }
    });

  it('begins without preference and without promise', () => {
    const networks = networksOf(distributionOf(discrete(2)), 4, [8]);
    const parameters = Object.fromEntries(initialParameters(networks, new Rng(1)).map(({ name, initial }) => [name, initial]));
    expect(Math.hypot(...parameters['actor.1.weight']!)).to.be.within(1e-4, 0.02);
    expect(Math.hypot(...parameters['critic.1.weight']!)).to.equal(0);
  });
});

describe('the log of experience', () => {
  it('keeps what came of each action beside it, lane after lane, however long it grows', () => {
    const logs = [new ExperienceLog(2, 1), new ExperienceLog(2, 1)];
    logs[0]!.begin([1, 2]);
    logs[0]!.step([0.5], 3, true, [4, 5]);
    logs[0]!.step([0.25], -1, false, [6, 7]);
    logs[0]!.begin([8, 9]);
    logs[1]!.begin([0, 0]);
    for (let i = 1; i <= 1500; i++) logs[1]!.step([i], i, true, [i, -i]);
    const all = joined(logs);
    expect(all.count).to.equal(4 + 1501);
    expect([...all.observation.subarray(0, 8)]).to.deep.equal([1, 2, 4, 5, 6, 7, 8, 9]);
    expect([...all.previousAction.subarray(0, 4)]).to.deep.equal([0, 0.5, 0.25, 0]);
    expect([...all.reward.subarray(0, 4)]).to.deep.equal([0, 3, -1, 0]);
    expect([...all.continues.subarray(0, 4)]).to.deep.equal([1, 1, 0, 1]);
    expect([...all.first.subarray(0, 5)]).to.deep.equal([1, 0, 0, 1, 1]);
    expect([...all.observation.subarray(-2)]).to.deep.equal([1500, -1500]);
    const copy = new ExperienceLog(2, 1);
    copy.load(logs[1]!.rows());
    for (const log of [copy, logs[1]!]) log.step([7], 7, true, [7, 7]);
    expect(copy.rows()).to.deep.equal(logs[1]!.rows());
  });
});

describe('the policy that Dreamer exports', () => {
  const config = { hidden: 8, latent: 2, width: 8, window: 4, batch: 4 };

  /** Of a world that answers with noise. */
  const dataOf = (seen: number, done: number) => {
    const [log, rng] = [new ExperienceLog(seen, done), new Rng(7)];
    const normals = (count: number) => Array.from({ length: count }, () => rng.normal());
    log.begin(normals(seen));
    for (let i = 0; i < 40; i++) log.step(normals(done).map(Math.round), rng.normal(), true, normals(seen));
    return joined([log]);
  };

  for (const [what, actionSpace, observationSpace] of [
    ['numbers', box({ low: [-2, 0], high: [2, 10] }), unbounded(['a', 'b', 'c'])],
    ['a choice, of named observations', discrete(3), dict({ near: unbounded(['a']), far: unbounded(['b', 'c']) })],
    ['choices', multiDiscrete([3, 2]), unbounded(['a', 'b', 'c'])],
  ] as const)
    it(`remembers as its model does, and begins anew when told: ${what}`, async () => {
      const done = flatSizeOf(actionSpace);
      const task = { id: 'Stub-v0', agents: 1, observationSpace, actionSpace, controlDt_s: 0.1 };
      const rng = new Rng(3);
      const [data, model] = [dataOf(3, done), new DreamModel(runtime, task, config)];
      await model.learn(data, 3, rng);
      const networks = networksOf(distributionOf(actionSpace), model.memorySize, [8]);
      const parameters = initialParameters(networks, rng).map((one) => ({
        ...one,
        initial: one.initial.map((v) => v + 0.3 * rng.normal()),
      }));
      const weights = Object.fromEntries(parameters.map(({ name, initial }) => [name, initial]));
      const lanes = 2;
      const player = await onnxPolicy(runtime, exportPolicy(networks, observationSpace, model.parts(), weights), {
        observationSpace,
        actionSpace,
        lanes,
      });
      const actor = await openForward(runtime, networks, 'actor', parameters);
      const played: number[][] = [];
      for (const episode of [0, 1]) {
        player.reset(episode);
        const memories = new MemoryLanes(model.now!, lanes);
        const initial = await model.now!.initial();
        for (let lane = 0; lane < lanes; lane++) memories.start(lane, lane, initial);
        let previous = new Float64Array(lanes * done);
        for (let step = 0; step < 4; step++) {
          const seen = Float32Array.from({ length: lanes * 3 }, (_, i) => Math.sin(3 * step + i));
          const parts = (from: number, to: number) => Float32Array.from([...seen.subarray(from, to), ...seen.subarray(3 + from, 3 + to)]);
          const shown = observationSpace.kind === 'dict' ? { near: parts(0, 1), far: parts(1, 3) } : seen;
          const action = (await player.act(shown)) as Float32Array;
          await memories.observe(previous, seen, new Uint8Array(lanes).fill(1));
          const output = await actor.run(weights, memories.memory);
          previous = new Float64Array(modesOf(distributionOf(actionSpace), output, lanes));
          near(action, [...previous], 1e-4, `episode ${episode}, step ${step},`);
          played.push([...action]);
        }
      }
      expect(played.slice(4)).to.deep.equal(played.slice(0, 4));
      await Promise.all([player.close(), actor.release(), model.release()]);
    });

  /** The likeliest actions, as the env takes them. */
  function modesOf(distribution: ActionDistribution, output: Float32Array, lanes: number): number[] {
    return Array.from({ length: lanes }, (_, lane) => {
      const own = [...output.subarray(lane * distribution.outputs, (lane + 1) * distribution.outputs)];
      if (distribution.kind === 'bounded')
        return own.slice(0, distribution.columns).map((raw, i) => toEnvAction(distribution, i, Math.tanh(raw)));
      return distribution.counts.map((count) => {
        const logits = own.splice(0, count);
        return logits.indexOf(Math.max(...logits));
      });
    }).flat();
  }

  it('comes of a model that can be saved as arrays', async () => {
    const task = { id: 'Stub-v0', agents: 1, observationSpace: unbounded(['a', 'b']), actionSpace: discrete(2), controlDt_s: 0.1 };
    const [data, model, other] = [dataOf(2, 1), new DreamModel(runtime, task, config), new DreamModel(runtime, task, config)];
    expect(await model.learn(data, 3, new Rng(3))).to.be.a('number');
    const fitted = fittedOf(fittedArrays(model.fitted!))!;
    expect(fitted).to.deep.equal(model.fitted);
    await other.load(fitted, data);
    expect(other.now!.fingerprint).to.equal(model.now!.fingerprint);
    expect(fittedOf({})).to.equal(undefined);
    await Promise.all([model.release(), other.release()]);
  });
});
