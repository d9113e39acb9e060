import { expect } from 'chai';
import { advantages, explainedVariance } from '../../agents/ppo/advantages.ts';
import { distributionOf, draw } from '../../agents/ppo/distribution.ts';
import { initialParameters, networksOf, orthogonal } from '../../agents/ppo/networks.ts';
import { ObservationNormaliser, RewardScale } from '../../agents/ppo/normalise.ts';
import { compileUpdate, type PpoLossConfig } from '../../agents/ppo/update.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, TrainingProgram } from '../../src/onnx/index.ts';
import { box, dict, discrete, multiDiscrete, type Space } from '../../src/spaces/space.ts';

const runtime = nodeRuntime();
const near = (got: ArrayLike<number>, expected: readonly number[], within: number) => {
  expect(got.length).to.equal(expected.length);
  expected.forEach((value, i) => void expect(got[i], `element ${i}`).to.be.closeTo(value, within));
};

describe('advantages of PPO', () => {
  it('are those worked out by hand, where an episode terminates, is cut off, or goes on', () => {
    // γ ½, λ ½. Lane 0 terminates at its second step: −1 + 0 − 2 = −3; before it 1 + ½·2 − 1 = 1 and 1 + ¼·(−3) = ¼; after it, cut by the rollout's end, 4 + ½·6 − 3 = 4.
    // Lane 1 is truncated at its second step, in a state worth 8: 0 + ½·8 − 1 = 3; before it 2 + ½·1 − 0 = 2½ and 2½ + ¼·3 = 3¼; after it 0 + ½·2 − 5 = −4.
    const rows = {
      lanes: 2,
      reward: [1, 2, -1, 0, 4, 0],
      value: [1, 0, 2, 1, 3, 5],
      nextValue: [2, 1, 0, 8, 6, 2],
      ended: [0, 0, 1, 1, 0, 0],
    };
    const into = new Float32Array(6);
    advantages(rows, 0.5, 0.5, into);
    expect([...into]).to.deep.equal([0.25, 3.25, -3, 3, 4, -4]);
  });

  it('with λ 1 are discounted returns less values, and with λ 0 one step', () => {
    const rows = { lanes: 1, reward: [1, 1, 1], value: [5, 6, 7], nextValue: [6, 7, 8], ended: [0, 0, 0] };
    const into = new Float32Array(3);
    advantages(rows, 0.5, 1, into);
    expect([...into]).to.deep.equal([1 + 0.5 + 0.25 + 1 - 5, 1 + 0.5 + 2 - 6, 1 + 4 - 7]);
    advantages(rows, 0.5, 0, into);
    expect([...into]).to.deep.equal([-1, -1.5, -2]);
  });

  it('tell how much of the returns the values explained', () => {
    expect(explainedVariance([1, 2, 3], [2, 3, 4])).to.equal(1);
    expect(explainedVariance([0, 0, 0], [1, 2, 3])).to.equal(0);
    expect(explainedVariance([3, 2, 1], [1, 2, 3])).to.be.closeTo(-3, 1e-12);
    expect(explainedVariance([1, 2], [3, 3])).to.satisfy((value: number) => !Number.isFinite(value));
  });
});

describe('normalisation in PPO', () => {
  it('takes the mean off observations and divides by their deviation so far, within 10 of it', () => {
    const normaliser = new ObservationNormaliser(2, true);
    for (const row of [Float64Array.of(1, 5), Float64Array.of(3, 5)]) normaliser.see(row);
    const into = new Float32Array(4);
    normaliser.write(Float64Array.of(3.5, 6), into, 1);
    expect([...into]).to.deep.equal([0, 1.5, 1, 0]);
    normaliser.write(Float64Array.of(-100, 1000), into, 0);
    expect([...into.subarray(0, 2)]).to.deep.equal([-10, 10]);
    expect(normaliser.now()).to.deep.equal({ mean: Float64Array.of(2, 5), deviation: Float64Array.of(1, 1) });
    const none = new ObservationNormaliser(2, false);
    none.see(Float64Array.of(4, 4));
    none.write(Float64Array.of(-100, 1000), into, 0);
    expect([...into.subarray(0, 2)]).to.deep.equal([-100, 1000]);
    expect(none.now()).to.equal(null);
  });

  it('divides rewards by the deviation of the discounted return, which begins anew with the episode', () => {
    const scale = new RewardScale(2, 0.5, true);
    expect(scale.scale(0, 2, false)).to.equal(2);
    // Returns so far 2 and 6: deviation 2. Then 2, 6 and ½·2 + 3 = 4, so √(8/3); then, the episode over, 2, 6, 4 and 4, so √2.
    expect(scale.scale(1, 6, false)).to.equal(3);
    expect(scale.scale(0, 3, true)).to.be.closeTo(3 / Math.sqrt(8 / 3), 1e-12);
    expect(scale.scale(0, 4, false)).to.be.closeTo(4 / Math.SQRT2, 1e-12);
    expect(scale.scale(1, -1e9, false)).to.be.within(-10, -1);
    expect(new RewardScale(1, 0.5, false).scale(0, 123, false)).to.equal(123);
  });
});

describe('distributions of PPO', () => {
  const drawn = (space: Space, outputs: readonly number[], logDeviation: readonly number[], count: number) => {
    const distribution = distributionOf(space);
    const rng = new Rng(1);
    const action = new Float64Array(distribution.columns);
    const from = { outputs: Float32Array.from([9, ...outputs]), from: 1 };
    return Array.from({ length: count }, () => {
      const logProbability = draw(distribution, from, Float32Array.from(logDeviation), rng, { action, at: 0 });
      return { action: [...action], logProbability };
    });
  };

  it('draw normals with the density of each', () => {
    const all = drawn(box({ low: [-1, -1], high: [1, 1] }), [3, -1], [0, Math.log(2)], 20_000);
    const mean = (value: (a: readonly number[]) => number) => all.reduce((sum, { action }) => sum + value(action), 0) / all.length;
    near([mean((a) => a[0]!), mean((a) => a[1]!)], [3, -1], 0.05);
    near([mean((a) => (a[0]! - 3) ** 2), mean((a) => (a[1]! + 1) ** 2)], [1, 4], 0.15);
    const { action, logProbability } = all[7]!;
    const density = (Math.exp(-((action[0]! - 3) ** 2) / 2) * Math.exp(-((action[1]! + 1) ** 2) / 8)) / (2 * Math.PI * 2);
    expect(logProbability).to.be.closeTo(Math.log(density), 1e-6);
  });

  it('draw choices as often as they are likely', () => {
    const odds = [0.5, 0.3, 0.2];
    const all = drawn(multiDiscrete([3, 2]), [...odds.map((p) => Math.log(p) + 50), -1000, 0], [], 20_000);
    odds.forEach((p, choice) => {
      const chosen = all.filter(({ action }) => action[0] === choice);
      expect(chosen.length / all.length).to.be.closeTo(p, 0.015);
      near([chosen[0]!.logProbability], [Math.log(p)], 1e-5);
    });
    expect(all.every(({ action }) => action[1] === 1)).to.equal(true);
  });

  it('refuse actions that are named, or bytes', () => {
    expect(() => distributionOf(dict({ a: discrete(2) }))).to.throw(/box of floats, or integers/);
    expect(() => distributionOf(box({ low: 0, high: 9, dtype: 'uint8' }))).to.throw(/box of floats, or integers/);
  });
});

describe('orthogonal weights', () => {
  for (const [rows, columns] of [
    [5, 3],
    [3, 5],
    [4, 4],
    [1, 1],
  ] as const)
    it(`of ${rows} by ${columns} have orthogonal vectors of the gain's length`, () => {
      const matrix = orthogonal(new Rng(2), rows, columns, 0.5);
      const at = rows < columns ? (v: number, i: number) => matrix[v * columns + i]! : (v: number, i: number) => matrix[i * columns + v]!;
      const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
      for (let a = 0; a < count; a++)
        for (let b = 0; b < count; b++) {
          let product = 0;
          for (let i = 0; i < length; i++) product += at(a, i) * at(b, i);
          expect(product).to.be.closeTo(a === b ? 0.25 : 0, 1e-6);
        }
    });

  it('start with biases of 0, the actor near 0, and the deviation asked for', () => {
    const networks = networksOf(distributionOf(box({ low: [-1, -1], high: [1, 1] })), 3, [4, 5]);
    const parameters = Object.fromEntries(initialParameters(networks, -0.5, new Rng(1)).map(({ name, initial }) => [name, initial]));
    const length = (name: string) => Math.hypot(...parameters[name]!);
    expect(parameters['actor.0.bias']).to.deep.equal(new Float32Array(4));
    near([length('actor.0.weight'), length('actor.1.weight')], [Math.SQRT2 * Math.sqrt(3), Math.SQRT2 * 2], 1e-5);
    near([length('actor.2.weight'), length('critic.2.weight')], [0.01 * Math.SQRT2, 1], 1e-6);
    expect(parameters.log_deviation).to.deep.equal(new Float32Array([-0.5, -0.5]));
  });
});

/** A minibatch for a network of 2 inputs and 3 hidden units. */
interface Minibatch {
  readonly observation: Float32Array;
  readonly action: Float32Array | Int32Array;
  readonly log_probability: Float32Array;
  readonly value: Float32Array;
  readonly advantage: Float32Array;
  readonly return: Float32Array;
}

const HIDDEN = 3;
const BATCH = 6;

type Doubles = Readonly<Record<string, Float64Array>>;

/** The outputs of a network for a row of the minibatch, in plain float64. */
function outputsOf(weights: Doubles, name: string, batch: Minibatch, row: number, outputs: number): number[] {
  const layer = (part: string, x: readonly number[], size: number) =>
    Array.from({ length: size }, (_, j) =>
      x.reduce((sum, value, i) => sum + value * weights[`${part}.weight`]![i * size + j]!, weights[`${part}.bias`]![j]!),
    );
  const x = [...batch.observation.subarray(2 * row, 2 * row + 2)];
  return layer(`${name}.1`, layer(`${name}.0`, x, HIDDEN).map(Math.tanh), outputs);
}

/** The loss, written from the papers' formulas. */
function referenceLoss(space: Space, config: PpoLossConfig, weights: Doubles, batch: Minibatch): number {
  const adv = [...batch.advantage];
  const mean = adv.reduce((a, b) => a + b) / BATCH;
  const deviation = Math.sqrt(adv.reduce((sum, a) => sum + (a - mean) ** 2, 0) / (BATCH - 1));
  let [policy, value, entropy] = [0, 0, 0];
  for (let row = 0; row < BATCH; row++) {
    const { logProbability, entropy: own } = referenceLikelihood(space, weights, batch, row);
    const ratio = Math.exp(logProbability - batch.log_probability[row]!);
    const a = config.normaliseAdvantages ? (adv[row]! - mean) / (deviation + 1e-8) : adv[row]!;
    policy -= Math.min(ratio * a, Math.min(Math.max(ratio, 1 - config.clip), 1 + config.clip) * a) / BATCH;
    const v = outputsOf(weights, 'critic', batch, row, 1)[0]!;
    const old = batch.value[row]!;
    const target = batch.return[row]!;
    const limit = config.clipValue ?? Number.POSITIVE_INFINITY;
    value += Math.max((v - target) ** 2, (old + Math.min(Math.max(v - old, -limit), limit) - target) ** 2) / BATCH;
    entropy += own / BATCH;
  }
  return policy + config.valueWeight * value - config.entropyWeight * entropy;
}

function referenceLikelihood(space: Space, weights: Doubles, batch: Minibatch, row: number) {
  const { action } = batch;
  if (space.kind === 'box') {
    const mu = outputsOf(weights, 'actor', batch, row, 2);
    const sigma = [...weights.log_deviation!].map(Math.exp);
    const density = mu.map(
      (m, i) => Math.exp(-((action[2 * row + i]! - m) ** 2) / (2 * sigma[i]! ** 2)) / (sigma[i]! * Math.sqrt(2 * Math.PI)),
    );
    return {
      logProbability: Math.log(density[0]! * density[1]!),
      entropy: sigma.reduce((sum, s) => sum + 0.5 * Math.log(2 * Math.PI * Math.E * s * s), 0),
    };
  }
  const logits = outputsOf(weights, 'actor', batch, row, 5);
  const softmax = (values: readonly number[]) => values.map((v) => Math.exp(v) / values.reduce((sum, w) => sum + Math.exp(w), 0));
  const parts = [softmax(logits.slice(0, 3)), softmax(logits.slice(3))];
  return {
    logProbability: Math.log(parts[0]![action[2 * row]!]! * parts[1]![action[2 * row + 1]!]!),
    entropy: -parts.flat().reduce((sum, p) => sum + p * Math.log(p), 0),
  };
}

describe('the update of PPO', () => {
  const continuous = box({ low: [-1, -1], high: [1, 1] });
  const integers = multiDiscrete([3, 2]);
  const base: PpoLossConfig = {
    minibatch: BATCH,
    clip: 0.2,
    clipValue: null,
    entropyWeight: 0.3,
    valueWeight: 0.5,
    maximumGradientNorm: 1e6,
    normaliseAdvantages: true,
  };
  const minibatch = (space: Space, rng: Rng): Minibatch => {
    const floats = (count: number) => Float32Array.from({ length: count }, () => rng.normal());
    return {
      observation: floats(2 * BATCH),
      action: space.kind === 'box' ? floats(2 * BATCH) : Int32Array.from({ length: 2 * BATCH }, (_, i) => rng.integer(i % 2 === 0 ? 3 : 2)),
      log_probability: new Float32Array(BATCH),
      value: floats(BATCH),
      advantage: floats(BATCH),
      return: floats(BATCH),
    };
  };
  const offsets = [0.5, -0.4, 0.01, -0.02, 0.1, -0.12];
  const doubles = (parameters: readonly { readonly name: string; readonly initial: Float32Array }[]): Doubles =>
    Object.fromEntries(parameters.map(({ name, initial }) => [name, Float64Array.from(initial)]));
  const step = async (space: Space, config: PpoLossConfig, rate = 0) => {
    const rng = new Rng(4);
    const networks = networksOf(distributionOf(space), 2, [HIDDEN]);
    const parameters = initialParameters(networks, -0.3, rng).map((spec) => ({
      ...spec,
      initial: spec.initial.map((value) => value + 0.5 * rng.normal()),
    }));
    const batch = minibatch(space, rng);
    // What the old policy would have said: some ratios are clipped, on either side, and some are not.
    offsets.forEach((offset, row) => {
      batch.log_probability[row] = referenceLikelihood(space, doubles(parameters), batch, row).logProbability + offset;
    });
    const program = await TrainingProgram.open(runtime, compileUpdate(networks, config, parameters));
    program.setTables({ ...batch }, BATCH);
    const chunk = await program.run(
      Int32Array.from({ length: BATCH }, (_, i) => BATCH - 1 - i),
      rate,
    );
    const state = program.state();
    await program.release();
    return { chunk, state, before: doubles(parameters), batch };
  };

  for (const [what, space, config] of [
    ['continuous actions', continuous, base],
    ['continuous actions, values clipped, advantages as they are', continuous, { ...base, clipValue: 0.3, normaliseAdvantages: false }],
    ['integers', integers, base],
    ['integers, without entropy', integers, { ...base, entropyWeight: 0, clip: 0.05 }],
  ] as const)
    it(`has the loss of the papers and its gradient: ${what}`, async () => {
      const { chunk, state, before: weights, batch } = await step(space, config);
      expect(chunk.loss[0]).to.be.closeTo(referenceLoss(space, config, weights, batch), 1e-5);
      const h = 1e-5;
      for (const [name, values] of Object.entries(weights)) {
        const gradient = [...values].map((value, i) => {
          values[i] = value + h;
          const above = referenceLoss(space, config, weights, batch);
          values[i] = value - h;
          const below = referenceLoss(space, config, weights, batch);
          values[i] = value;
          return (above - below) / (2 * h);
        });
        // After one step Adam's first moment, kept divided by 1 − β, is the gradient.
        near(state.first[name]!, gradient, 2e-4);
      }
      expect(chunk.metrics.clip_fraction![0]).to.be.closeTo(config.clip === 0.2 ? 2 / 6 : 4 / 6, 1e-6);
    });

  it('scales the gradient to its largest norm, and steps as Adam does', async () => {
    const rate = 0.01;
    const { chunk, state, before } = await step(continuous, { ...base, maximumGradientNorm: 0.1 }, rate);
    expect(chunk.gradientNorm[0]).to.be.above(0.2);
    const gradients = Object.values(state.first).flatMap((values) => [...values]);
    expect(Math.hypot(...gradients)).to.be.closeTo(0.1, 1e-5);
    for (const [name, gradient] of Object.entries(state.first))
      near(
        state.parameters[name]!,
        [...before[name]!].map((value, i) => value - (rate * gradient[i]!) / (Math.abs(gradient[i]!) + 1e-5)),
        1e-5,
      );
  });

  it('knows no distance from the policy that played', async () => {
    const space = discrete(3);
    const networks = networksOf(distributionOf(space), 1, [2]);
    const parameters = initialParameters(networks, 0, new Rng(1)).map((spec) => ({
      ...spec,
      initial: new Float32Array(spec.initial.length),
    }));
    const program = await TrainingProgram.open(runtime, compileUpdate(networks, { ...base, minibatch: 2 }, parameters));
    const pair = Float32Array.of(0, 1);
    const same = new Float32Array(2).fill(-Math.log(3));
    program.setTables(
      { observation: pair, action: Int32Array.of(0, 2), log_probability: same, value: pair, advantage: pair, return: pair },
      2,
    );
    const { metrics } = await program.run(Int32Array.of(0, 1), 0);
    await program.release();
    near([metrics.approximate_kl![0]!, metrics.clip_fraction![0]!, metrics.entropy![0]!], [0, 0, Math.log(3)], 1e-6);
  });
});
