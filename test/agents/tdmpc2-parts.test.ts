import { expect } from 'chai';
import { drawBatches } from '../../agents/tdmpc2/batches.ts';
import { type TdMpc2Config, tdMpc2Defaults } from '../../agents/tdmpc2/config.ts';
import { Forward } from '../../agents/tdmpc2/forward.ts';
import { initialParameters, networksOf, simNorm } from '../../agents/tdmpc2/networks.ts';
import { LatentSearch } from '../../agents/tdmpc2/search.ts';
import { expectation, symexp, symlog, twoHot } from '../../agents/tdmpc2/two-hot.ts';
import { compileUpdate, VALUE_SPREAD } from '../../agents/tdmpc2/update.ts';
import { ReplayBuffer } from '../../src/data/replay-buffer.ts';
import { Rng } from '../../src/math/rng.ts';
import { compileInference, type GraphBuilder, nodeRuntime, type Tensor, TrainingProgram } from '../../src/onnx/index.ts';
import { box } from '../../src/spaces/space.ts';

const runtime = nodeRuntime();
const near = (got: ArrayLike<number>, expected: readonly number[], within: number, what = '') => {
  expect(got.length, what).to.equal(expected.length);
  expected.forEach((value, i) => void expect(got[i], `${what} element ${i}`).to.be.closeTo(value, within));
};

/** What a graph makes of one float tensor. */
async function computed(x: readonly number[], shape: readonly number[], build: (builder: GraphBuilder, x: Tensor) => Tensor) {
  const bytes = compileInference({
    parameters: [],
    inputs: [{ name: 'x', dtype: 'float32', shape }],
    build: (builder, _, inputs) => ({ y: build(builder, inputs.x!) }),
  });
  const session = await runtime.load(bytes);
  const { y } = await session.run({ x: { type: 'float32', data: Float32Array.from(x), dims: shape } });
  await session.release();
  return y!.data as Float32Array;
}

describe('numbers as two-hot bins', () => {
  const bins = { bins: 5, reach: 2 };

  it('are squeezed by the symmetric logarithm and back', async () => {
    const values = [-1000, -1, 0, 0.5, Math.E - 1];
    near(await computed(values, [5], symlog), [-Math.log(1001), -Math.log(2), 0, Math.log(1.5), 1], 1e-5);
    near(await computed([-1, 0, 2], [3], symexp), [1 - Math.E, 0, Math.E ** 2 - 1], 1e-5);
  });

  it('share the two bins around them by nearness, the last one beyond reach', async () => {
    // Bins stand at −2, −1, 0, 1, 2 of symlog; e^0.25 − 1 is a quarter of the way from 0 to 1.
    const shares = await computed([Math.exp(0.25) - 1, 1 - Math.E, 1e6], [3], (builder, x) => twoHot(builder, x, bins));
    near(shares, [0, 0, 0.75, 0.25, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], 1e-6);
  });

  it('come back as the number that the shares tell', async () => {
    const logits = [-40, -40, Math.log(0.75), Math.log(0.25), -40, 0, 0, 0, 0, 0];
    near(await computed(logits, [2, 5], (builder, x) => expectation(builder, x, bins)), [Math.exp(0.25) - 1, 0], 1e-6);
  });
});

describe('simplicial normalisation', () => {
  it('is a softmax over each group of eight', async () => {
    const x = Array.from({ length: 16 }, (_, i) => (i < 8 ? i : 3));
    const total = Array.from({ length: 8 }, (_, i) => Math.exp(i)).reduce((a, b) => a + b);
    const y = await computed(x, [1, 16], simNorm);
    near(
      y,
      x.map((value, i) => (i < 8 ? Math.exp(value) / total : 1 / 8)),
      1e-6,
    );
  });
});

const config: TdMpc2Config = {
  ...tdMpc2Defaults,
  batch: 3,
  horizon: 2,
  lookahead: 2,
  discount: 0.9,
  rho: 0.5,
  tau: 0.1,
  weights: { consistency: 2, reward: 0.7, value: 0.4, continues: 0.6 },
  entropyWeight: 0.2,
  imitation: 0.3,
  maximumGradientNorm: 1e6,
  latent: 8,
  encoder: [3],
  hidden: [4],
  critics: 3,
  bins: 5,
  reach: 2,
  samples: 4,
  proposals: 0,
};
const networks = networksOf(2, 1, config);
type Doubles = Readonly<Record<string, Float64Array>>;
const doubles = (weights: Readonly<Record<string, Float32Array>>): Doubles =>
  Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, Float64Array.from(values)]));

function parametersAt(seed: number) {
  const rng = new Rng(seed);
  return initialParameters(networks, rng).map((spec) => ({ ...spec, initial: spec.initial.map((value) => value + 0.5 * rng.normal()) }));
}

/** The networks in plain float64, of one row; written from the paper. */
class Reference {
  private readonly weights: Doubles;

  constructor(weights: Doubles) {
    this.weights = weights;
  }

  encode(observation: readonly number[]): number[] {
    return this.latent('encoder', observation);
  }

  next(z: readonly number[], action: number): number[] {
    return this.latent('dynamics', [...z, action]);
  }

  reward(z: readonly number[], action: number): number[] {
    return this.mlp('reward', [...z, action]);
  }

  continues(z: readonly number[]): number {
    return this.mlp('continues', z)[0]!;
  }

  value(critic: number, z: readonly number[], action: number): number[] {
    return this.mlp('critic', [...z, action], critic);
  }

  policy(z: readonly number[], noise: number): { readonly action: number; readonly logDensity: number } {
    const [mean, logDeviation] = this.mlp('policy', z) as [number, number];
    const deviation = Math.exp(logDeviation);
    const action = Math.tanh(mean + deviation * noise);
    const density = Math.exp(-noise * noise * 0.5) / (deviation * Math.sqrt(2 * Math.PI) * (1 - action * action));
    return { action, logDensity: Math.log(density) };
  }

  private latent(name: string, x: readonly number[]): number[] {
    return softmax(this.normalised(`${name}.latent`, this.mlp(name, x), 0));
  }

  private mlp(name: string, x: readonly number[], member = 0): number[] {
    const hidden = this.normalised(`${name}.0.norm`, this.layer(`${name}.0`, x, member), member).map((u) => u / (1 + Math.exp(-u)));
    return this.layer(`${name}.1`, hidden, member);
  }

  private layer(name: string, x: readonly number[], member: number): number[] {
    const [weight, bias] = [this.weights[`${name}.weight`]!, this.weights[`${name}.bias`]!];
    const size = name.startsWith('critic') ? bias.length / config.critics : bias.length;
    return Array.from({ length: size }, (_, j) =>
      x.reduce((sum, value, i) => sum + value * weight[(member * x.length + i) * size + j]!, bias[member * size + j]!),
    );
  }

  private normalised(name: string, x: readonly number[], member: number): number[] {
    const mean = x.reduce((a, b) => a + b) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const at = (part: string, i: number) => this.weights[`${name}.${part}`]![member * x.length + i]!;
    return x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * at('scale', i) + at('shift', i));
  }
}

function softmax(x: readonly number[]): number[] {
  const total = x.reduce((sum, value) => sum + Math.exp(value), 0);
  return x.map((value) => Math.exp(value) / total);
}

/** The number that bins tell. */
function told(logits: readonly number[]): number {
  const mean = softmax(logits).reduce((sum, share, i) => sum + share * (i - 2), 0);
  return Math.sign(mean) * (Math.exp(Math.abs(mean)) - 1);
}

function crossEntropyOf(logits: readonly number[], number: number): number {
  const place = Math.min(Math.max(Math.sign(number) * Math.log(1 + Math.abs(number)), -2), 2) + 2;
  return -softmax(logits).reduce((sum, share, i) => sum + Math.max(0, 1 - Math.abs(place - i)) * Math.log(share), 0);
}

type Fed = Readonly<Record<string, Float32Array>>;

/** The loss as the paper has it. @param live - weights that are differentiated. @param fixed - the same ones, where no gradient flows. */
function referenceLoss(live: Doubles, fixed: Doubles, averages: Doubles, fed: Fed, spread: number) {
  const { batch, horizon, rho, discount, weights, entropyWeight, imitation } = config;
  const [net, still, slow] = [new Reference(live), new Reference(fixed), new Reference(averages)];
  const [wide, mean] = [(sum: number) => sum / (batch * horizon), (sum: number) => sum / (batch * (horizon + 1))];
  const at = (name: string, step: number, row: number) => fed[name]![step * batch + row]!;
  const seenAt = (step: number, row: number) => [...fed.observation!.subarray((step * batch + row) * 2, (step * batch + row) * 2 + 2)];
  const critics = [0, 1, 2].filter((critic) => fed.chosen![critic] === 1);
  let loss = 0;
  const firstValues: number[] = [];
  for (let row = 0; row < batch; row++) {
    let [z, stillZ] = [net.encode(seenAt(0, row)), still.encode(seenAt(0, row))];
    for (let step = 0; step <= horizon; step++) {
      const { action, logDensity } = net.policy(stillZ, at('policy_noise', step, row));
      const worth = [0, 1, 2].reduce((sum, critic) => sum + told(still.value(critic, stillZ, action)) / 3, 0);
      if (step === 0) firstValues.push(worth);
      loss -= mean(rho ** step * (worth / Math.max(spread, 1) - entropyWeight * logDensity));
      if (step === horizon) break;
      const done = at('action', step, row);
      loss += imitation * wide(rho ** step * (net.policy(stillZ, 0).action - done) ** 2);
      const [reward, goesOn] = [at('reward', step, row), at('continues', step, row)];
      loss += weights.reward * wide(rho ** step * crossEntropyOf(net.reward(z, done), reward));
      const seen = still.encode(seenAt(step + 1, row));
      const then = still.policy(seen, at('target_noise', step, row)).action;
      const least = Math.min(...critics.map((critic) => told(slow.value(critic, seen, then))));
      for (const critic of [0, 1, 2])
        loss += (weights.value / 3) * wide(rho ** step * crossEntropyOf(net.value(critic, z, done), reward + discount * goesOn * least));
      [z, stillZ] = [net.next(z, done), still.next(stillZ, done)];
      const error = z.reduce((sum, value, i) => sum + (value - seen[i]!) ** 2, 0) / z.length;
      loss += weights.consistency * wide(rho ** step * error);
      const p = 1 / (1 + Math.exp(-net.continues(z)));
      loss -= weights.continues * wide(Math.log(goesOn === 1 ? p : 1 - p));
    }
  }
  return { loss, firstValues };
}

describe('the update of TD-MPC2', () => {
  const parameters = parametersAt(3);
  const averages = Object.fromEntries(parametersAt(4).map(({ name, initial }) => [name, initial]));
  const weights = Object.fromEntries(parameters.map(({ name, initial }) => [name, initial]));
  const fed = (() => {
    const rng = new Rng(5);
    const normals = (count: number) => Float32Array.from({ length: count }, () => rng.normal());
    return {
      observation: normals(18),
      action: normals(6).map(Math.tanh),
      reward: normals(6),
      continues: Float32Array.of(1, 1, 1, 1, 0, 1),
      target_noise: normals(6),
      policy_noise: normals(9),
      chosen: Float32Array.of(1, 0, 1),
    };
  })();
  const step = async (learningRate: number) => {
    const program = await TrainingProgram.open(runtime, compileUpdate(networks, config, parameters));
    const zeros = Object.fromEntries(parameters.map(({ name, initial }) => [name, new Float32Array(initial.length)]));
    const carried = { [VALUE_SPREAD]: Float32Array.of(3) };
    program.load({ step: 0, parameters: weights, first: zeros, second: zeros, averages, carried });
    const chunk = await program.run(new Int32Array(1), learningRate, fed);
    const state = program.state();
    await program.release();
    return { chunk, state };
  };

  it('has the loss of the paper and its gradient, which flows nowhere else', async () => {
    const { chunk, state } = await step(0);
    const [live, fixed, slow] = [doubles(weights), doubles(weights), doubles(averages)];
    const { firstValues } = referenceLoss(live, fixed, slow, fed, 1);
    const mean = firstValues.reduce((a, b) => a + b) / 3;
    const deviation = Math.sqrt(firstValues.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 3);
    const spread = 3 + 0.1 * (3.29 * deviation - 3);
    near(state.carried![VALUE_SPREAD] as Float32Array, [spread], 1e-5);
    const lossOf = () => referenceLoss(live, fixed, slow, fed, spread).loss;
    expect(chunk.loss[0]).to.be.closeTo(lossOf(), 1e-5);
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
      near(state.first[name]!, gradient, 2e-4, name);
    }
  });

  it('lets the slow critics follow by τ', async () => {
    const { state } = await step(0.01);
    for (const [name, values] of Object.entries(averages))
      near(
        state.averages![name]!,
        [...values].map((value, i) => value + 0.1 * (state.parameters[name]![i]! - value)),
        1e-6,
        name,
      );
  });

  it('values plans by rewards on the way and what the policy makes of the end, as far as the task goes on', async () => {
    const lanes = 2;
    const forward = await Forward.open(runtime, networks, config, lanes, parameters);
    const observation = Float32Array.of(0.3, -1, 0.5, 2);
    const actions = Float32Array.from({ length: lanes * 4 * 2 }, (_, i) => Math.sin(i));
    const { latent } = await forward.propose(weights, observation, new Float32Array(0));
    const value = await forward.value(weights, latent, actions);
    await forward.release();
    const net = new Reference(doubles(weights));
    const expected = Array.from({ length: lanes * 4 }, (_, plan) => {
      const lane = Math.floor(plan / 4);
      let z = net.encode([...observation.subarray(2 * lane, 2 * lane + 2)]);
      let [sum, share] = [0, 1];
      for (const action of actions.subarray(2 * plan, 2 * plan + 2)) {
        sum += share * told(net.reward(z, action));
        z = net.next(z, action);
        share *= config.discount / (1 + Math.exp(-net.continues(z)));
      }
      // Of no noise: the mode.
      const { action } = net.policy(z, 0);
      return sum + share * [0, 1, 2].reduce((total, critic) => total + told(net.value(critic, z, action)) / 3, 0);
    });
    near(value, expected, 1e-5);
  });

  it('proposes what the policy would do in the model', async () => {
    const forward = await Forward.open(runtime, networks, { ...config, proposals: 2 }, 1, parameters);
    const noise = Float32Array.of(0.5, -1, 2, 0.1);
    const { latent, actions } = await forward.propose(weights, Float32Array.of(0.3, -1), noise);
    await forward.release();
    const net = new Reference(doubles(weights));
    const start = net.encode([Math.fround(0.3), -1]);
    near(latent, start, 1e-6);
    const expected = [0, 1].flatMap((proposal) => {
      const first = net.policy(start, noise[proposal]!).action;
      return [first, net.policy(net.next(start, first), noise[2 + proposal]!).action];
    });
    near(actions, expected, 1e-5);
  });
});

describe('batches of TD-MPC2', () => {
  it('are sequences of one episode, time-major, with noise and two critics each', () => {
    const spec = {
      env: '',
      observationSpace: box({ low: [-1e9, -1e9], high: [1e9, 1e9] }),
      actionSpace: box({ low: -1, high: 1, shape: [1] }),
      agents: 1,
    };
    const replay = new ReplayBuffer(spec, { capacity: 40 });
    for (let episode = 0; episode < 3; episode++) {
      replay.begin(0, Float32Array.of(episode, 0));
      for (let time = 0; time < 5; time++)
        replay.add(0, Float32Array.of(time / 10), [episode * 10 + time], time === 4, false, Float32Array.of(episode, time + 1));
    }
    const updates = 7;
    const fed = drawBatches(replay, networks, config, updates, new Rng(1));
    const seen = new Set<string>();
    let ends = 0;
    for (let update = 0; update < updates; update++) {
      expect([...fed.chosen!.subarray(3 * update, 3 * update + 3)].sort()).to.deep.equal([0, 1, 1]);
      for (let row = 0; row < 3; row++) {
        const at = (step: number) => 2 * ((update * 3 + step) * 3 + row);
        const [episode, start] = [fed.observation![at(0)]!, fed.observation![at(0) + 1]!];
        seen.add(`${episode},${start}`);
        for (let step = 0; step <= 2; step++)
          expect([fed.observation![at(step)], fed.observation![at(step) + 1]]).to.deep.equal([episode, start + step]);
        for (let step = 0; step < 2; step++) {
          const one = (update * 2 + step) * 3 + row;
          expect(fed.action![one]).to.be.closeTo((start + step) / 10, 1e-6);
          expect(fed.reward![one]).to.equal(episode * 10 + start + step);
          expect(fed.continues![one]).to.equal(start + step === 4 ? 0 : 1);
          ends += 1 - fed.continues![one]!;
        }
      }
    }
    expect(seen.size).to.be.above(8);
    expect(ends).to.be.above(0);
    expect(new Set(fed.policy_noise).size).to.be.above(50);
  });
});

describe('the search of TD-MPC2', () => {
  const settings = { samples: 64, proposals: 2, elites: 8, temperature: 0.5, deviation: { low: 0.05, high: 2 }, lookahead: 2 };

  /** Plans towards an action sequence; the score is how near it is, as the planner would ask. */
  function search(target: readonly number[], iterations: number, explores = false) {
    const [one, rng] = [new LatentSearch(settings, 1), new Rng(3)];
    const [mean, candidates] = [new Float64Array(2), new Float64Array(settings.samples * 2)];
    one.proposals = Float32Array.of(0.1, 0.2, 0.3, 0.4);
    one.explores = explores;
    one.begin(rng, mean);
    for (let iteration = 0; iteration < iterations; iteration++) {
      one.draw(rng, iteration, mean, candidates);
      candidates.set(candidates.map((value) => Math.min(Math.max(value, -1), 1)));
      const scores = Float64Array.from(
        { length: settings.samples },
        (_, i) => -100 * ((candidates[2 * i]! - target[0]!) ** 2 + (candidates[2 * i + 1]! - target[1]!) ** 2),
      );
      one.learn(iteration, mean, candidates, scores);
    }
    return { search: one, candidates, mean, chosen: one.chosen(mean) };
  }

  it('tries what the policy proposes, and comes to where the score is highest', () => {
    const { candidates, mean, chosen } = search([-0.6, 0.35], 8);
    near(candidates.subarray(0, 4), [0.1, 0.2, 0.3, 0.4], 1e-6);
    near(mean, [-0.6, 0.35], 0.05);
    expect(chosen).to.deep.equal(mean);
  });

  it('begins the next decision one step on, and anew with an episode', () => {
    const { search: one, mean } = search([-0.6, 0.35], 8);
    const begun = new Float64Array(2);
    one.begin(new Rng(1), begun);
    expect([...begun]).to.deep.equal([mean[1], 0]);
    one.reset();
    one.begin(new Rng(1), begun);
    expect([...begun]).to.deep.equal([0, 0]);
  });

  it('keeps the best: elites weigh by the exponential of how far they lead, and those that broke not at all', () => {
    const one = new LatentSearch({ ...settings, elites: 3, samples: 4, proposals: 0 }, 1);
    const mean = new Float64Array(2);
    one.begin(new Rng(1), mean);
    const candidates = Float64Array.of(0.1, 0, 0.5, 0, -0.3, 0, 0.9, 0);
    one.learn(0, mean, candidates, Float64Array.of(1, 3, Number.NEGATIVE_INFINITY, 2));
    // Weights exp(½ · (score − best)): 1 of 0.5, e^−½ of 0.9, e^−1 of 0.1.
    const [a, b] = [Math.exp(-0.5), Math.exp(-1)];
    near(mean, [(0.5 + 0.9 * a + 0.1 * b) / (1 + a + b), 0], 1e-12);
    const before = mean.slice();
    one.learn(1, mean, candidates, new Float64Array(4).fill(Number.NEGATIVE_INFINITY));
    expect(mean).to.deep.equal(before);
  });

  it('explores around elites, inside the bounds', () => {
    const { chosen, mean } = search([1, 1], 8, true);
    expect(chosen[0]).to.not.equal(mean[0]);
    expect(chosen[0]).to.be.within(0.5, 1);
  });
});
