import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { onnxPolicy, type PpoConfig, type PpoOptions, type PpoProgress, PpoTraining, ppoDefaults, trainPpo } from '../../agents/index.ts';
import { checkpointFormat } from '../../agents/ppo/checkpoint.ts';
import { distributionOf } from '../../agents/ppo/distribution.ts';
import { exportPolicy, initialParameters, networksOf, type PpoWeights } from '../../agents/ppo/networks.ts';
import { Collector } from '../../agents/ppo/rollouts.ts';
import { untrainedModel } from '../../bench/untrained-model.ts';
import { cartPole } from '../../envs/cart-pole/task.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { serverParts } from '../../src/cli/server-parts.ts';
import { connect } from '../../src/client/index.ts';
import type { AutoresetMode, VectorEnv } from '../../src/core/vector-env.ts';
import { writeCheckpoint } from '../../src/data/checkpoint-file.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { makeVector, registry as whole } from '../../src/index.ts';
import { identityOf } from '../../src/learning/run-training.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { box, dict, discrete, multiDiscrete } from '../../src/spaces/space.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { registryOf } from '../contracts/stub-backends.ts';
import { bareTask } from '../contracts/stub-tasks.ts';
import { clock, start, stopAll, TOKEN } from '../server/harness.ts';
import { counting } from './counting-env.ts';

const runtime = nodeRuntime();

/** Hold a rod up that starts near upright and falls by itself. */
const held = anyTask(
  defineTask({
    ...pendulum,
    id: 'HeldPendulum-v0',
    horizon: 50,
    initial(rng, _params, start) {
      start.angle_rad = rng.uniform(-0.2, 0.2);
      start.velocity_radps = 0;
    },
  }),
);
const cart = anyTask(cartPole);
const registry = registryOf(held, cart);

const small: PpoConfig = { ...ppoDefaults, steps: 3 * 128, rolloutSteps: 64, minibatch: 32, epochs: 2, hidden: [8], learningRate: 1e-3 };

interface Made {
  readonly seed?: number;
  readonly lanes?: number;
  readonly autoreset?: AutoresetMode;
  readonly copy?: boolean;
}

async function train(
  id: string,
  config: PpoConfig,
  { seed = 1, lanes = 2, autoreset = 'nextStep', copy = false }: Made = {},
  options: PpoOptions = {},
) {
  const env = await registry.makeVector(id, { lanes, copy, autoreset });
  const progress: PpoProgress[] = [];
  const onProgress = (one: PpoProgress) => {
    progress.push(one);
    options.onProgress?.(one);
  };
  try {
    return { ...(await trainPpo(env, config, seed, runtime, { ...options, onProgress })), progress };
  } finally {
    await env.close();
  }
}

/** Mean return of an exported policy on starts that it never met. */
async function meanReturn(id: string, policy: Uint8Array): Promise<number> {
  const env = await registry.makeVector(id, { lanes: 8 });
  const player = await onnxPolicy(runtime, policy, env);
  const { returns } = await evaluate(env, player, { seed: 5, policySeed: 0, maxSteps: 500 });
  await player.close();
  await env.close();
  return returns.reduce((sum, value) => sum + value, 0) / 8;
}

describe('proximal policy optimization', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'ppo-'));
  after(() => void rmSync(folder, { recursive: true }));

  it('learns to balance by choices: CartPole from some 20 steps to 400 and more', async () => {
    const config = { ...ppoDefaults, steps: 14_336, rolloutSteps: 128, minibatch: 128, epochs: 4, learningRate: 1e-3 };
    const { policy, progress, steps } = await train(cart.id, config, { lanes: 8 });
    expect(steps).to.equal(14_336);
    expect(progress[0]!.return).to.be.within(10, 40);
    expect(await meanReturn(cart.id, policy)).to.be.above(400);
  });

  it('learns to push as hard as it must: a pendulum that is held up', async () => {
    const config = { ...ppoDefaults, steps: 8192, rolloutSteps: 64, learningRate: 2e-3, discount: 0.9 };
    const { policy, progress } = await train(held.id, config, { lanes: 8 });
    const first = progress.find((one) => one.return !== null)!.return!;
    expect(first).to.be.below(-150);
    expect(await meanReturn(held.id, policy)).to.be.above(-30);
    expect(Math.max(...progress.map(({ explainedVariance }) => explainedVariance ?? 0))).to.be.above(0.8);
  });

  it('gives the same bytes from the same seed, whatever becomes of lanes that ended, and others from another', async () => {
    const first = await train(cart.id, small);
    expect(first.progress.reduce((sum, { episodes }) => sum + episodes, 0)).to.be.above(8);
    for (const made of [
      {},
      { copy: true },
      { autoreset: 'sameStep' },
      { autoreset: 'disabled' },
      { autoreset: 'sameStep', copy: true },
    ] as const)
      expect(await train(cart.id, small, made)).to.deep.equal(first);
    expect((await train(cart.id, small, { seed: 2 })).policy).to.not.deep.equal(first.policy);
  });

  it('goes on after a stop with the same bytes, in weights, metrics and checkpoint', async () => {
    for (const task of [cart, held]) {
      const file = (name: string) => join(folder, `${task.id}-${name}`);
      const options = (name: string) => ({ metrics: file(`${name}.jsonl`), checkpoint: { path: file(`${name}.bin`), every: 1 } });
      const config = { ...small, steps: 5 * 128 };
      const whole = await train(task.id, config, {}, options('whole'));
      // Killed twice: once asked to stop, once in the midst of an iteration whose line of metrics was already written.
      let iterations = 0;
      await train(task.id, config, {}, { ...options('parts'), isStopped: () => ++iterations === 2 });
      const failing = { ...options('parts'), onProgress: ({ iteration }: PpoProgress) => iteration === 4 && expect.fail('killed') };
      const killed = await train(task.id, config, {}, failing as PpoOptions).catch((error: Error) => error.message);
      expect(killed).to.equal('killed');
      const parts = await train(task.id, config, {}, options('parts'));
      expect(parts.progress.map(({ iteration }) => iteration)).to.deep.equal([4, 5]);
      expect({ ...parts, progress: [] }).to.deep.equal({ ...whole, progress: [] });
      for (const kind of ['jsonl', 'bin']) expect(readFileSync(file(`parts.${kind}`))).to.deep.equal(readFileSync(file(`whole.${kind}`)));
      const lines = readFileSync(file('whole.jsonl'), 'utf8').trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line))).to.deep.equal(whole.progress);
    }
  });

  it('refuses a checkpoint that is damaged, or of another training', async () => {
    const path = join(folder, 'refused.bin');
    const options = { checkpoint: { path } };
    const run = (config: PpoConfig, made: Made = {}) =>
      train(cart.id, config, made, options).then(
        () => 'fine',
        (error: GroundtwinError) => `${error.code}: ${error.message}`,
      );
    expect(await run(small)).to.equal('fine');
    expect(existsSync(path)).to.equal(true);
    expect(await run({ ...small, clip: 0.3 })).to.match(/CHECKPOINT_FOREIGN.*clip is 0.2, here it is 0.3/);
    expect(await run(small, { seed: 2 })).to.match(/CHECKPOINT_FOREIGN.*seed is 1/);
    expect(await run(small, { lanes: 1 })).to.match(/CHECKPOINT_FOREIGN.*lanes is 2/);
    const bytes = readFileSync(path);
    const env = await registry.makeVector(cart.id, { lanes: 2, copy: false });
    const identity = identityOf(env, small, 1);
    await env.close();
    const head = { iteration: 1, rng: [1, 2, 3, 4, 0, 0], step: 8, names: [], counts: [1, 1], memory: 0 };
    for (const [change, parts, told] of [
      [{ iteration: -1 }, [new Uint8Array(8)], /CHECKPOINT_INVALID.*does not hold a state/],
      [{ rng: [1] }, [new Uint8Array(8)], /CHECKPOINT_INVALID.*does not hold a state/],
      [{ counts: null }, [new Uint8Array(8)], /CHECKPOINT_INVALID.*does not hold a state/],
      [{ memory: 1e9 }, [new Uint8Array(8)], /CHECKPOINT_INVALID.*does not hold a state/],
      [{}, [new Uint8Array(7)], /CHECKPOINT_INVALID.*does not hold a state/],
      [{}, [new Uint8Array(8)], /OPTION_INVALID.*state.parameters/],
    ] as const) {
      writeCheckpoint(path, checkpointFormat, identity, { ...head, ...change }, parts);
      expect(await run(small)).to.match(told);
    }
    for (const damaged of [
      bytes.subarray(0, bytes.length - 3),
      bytes.map((byte, i) => (i === bytes.length - 9 ? byte ^ 1 : byte)),
      new Uint8Array(2),
    ]) {
      writeFileSync(path, damaged);
      expect(await run(small)).to.match(/CHECKPOINT_INVALID/);
    }
  });

  it('begins anew in an env without snapshots, with the weights it had', async () => {
    const env = await registry.makeVector(cart.id, { lanes: 2 });
    const withoutSnapshots = new Proxy(env, { get: (target, key) => (key === 'canBranch' ? false : bound(target, key)) });
    const before = await PpoTraining.open(withoutSnapshots, small, 1, runtime);
    await before.iterate();
    const saved = await before.save();
    expect(saved.snapshots).to.deep.equal([]);
    const after = await PpoTraining.open(withoutSnapshots, small, 1, runtime, saved);
    expect(after.weights().parameters).to.deep.equal(before.weights().parameters);
    expect(await after.iterate()).to.include({ iteration: 2, skipped: 0 });
    await Promise.all([before.close(), after.close(), env.close()]);
  });

  it('ends the epochs of an update where the policy has gone too far, lowers the rate, and counts steps', async () => {
    const { progress, steps } = await train(cart.id, { ...small, epochs: 8, learningRate: 0.02, targetKl: 0.01 });
    expect(progress.every(({ epochs }) => epochs < 8)).to.equal(true);
    expect(progress.map(({ learningRate }) => learningRate)).to.deep.equal([0.02, 0.02 * (1 - 1 / 3), 0.02 * (1 - 2 / 3)]);
    expect(progress.map((one) => one.steps)).to.deep.equal([128, 256, 384]);
    expect(steps).to.equal(384);
    const constant = await train(cart.id, { ...small, annealRate: false });
    expect(constant.progress.map(({ learningRate, epochs }) => [learningRate, epochs])).to.deep.equal([1, 2, 3].map(() => [1e-3, 2]));
  });

  for (const [what, change, told] of [
    ['a minibatch that does not divide a rollout', { minibatch: 48 }, /minibatch.*48.*128 rows/],
    ['minibatches of one row with normalised advantages', { minibatch: 1 }, /at least 2/],
    ['half a layer', { hidden: [0.5] }, /hidden\[0\]/],
    ['a discount above 1', { discount: 1.1 }, /discount/],
    ['a clip of 0', { clip: 0 }, /clip/],
    ['no steps', { steps: 0 }, /steps/],
    ['a rate that is no number', { learningRate: Number.NaN }, /learningRate/],
  ] as const)
    it(`refuses ${what}`, async () => {
      const problem = await train(cart.id, { ...small, ...change }).catch((error: unknown) => error);
      expect(problem).to.be.instanceOf(GroundtwinError).with.property('code', 'OPTION_INVALID');
      expect((problem as Error).message).to.match(told);
    });
});

function bound(target: object, key: string | symbol): unknown {
  const value = Reflect.get(target, key);
  return typeof value === 'function' ? value.bind(target) : value;
}

describe('PPO in any env', function () {
  this.timeout(30_000);
  const id = 'CartPole-v0';
  const run = async (env: VectorEnv, options: PpoOptions = {}) => {
    const result = await trainPpo(env, small, 1, runtime, options);
    await env.close();
    return result;
  };

  it('gives over a socket the bytes that it gives here', async () => {
    const server = await start(serverParts(whole));
    const client = await connect({ clock, url: server.url, token: TOKEN });
    const there = await run(await client.make(id, { lanes: 2 }));
    await client.close();
    await stopAll();
    expect(there).to.deep.equal(await run(await makeVector(id, { lanes: 2 })));
  });

  for (const backend of ['model', 'twin'] as const)
    it(`trains in a ${backend}, and goes on there after a stop with the same bytes`, async () => {
      const { manifest, predict } = untrainedModel(whole.task(id), { members: 2, hidden: [8] });
      const model = { manifest: JSON.stringify(manifest), files: { [manifest.files.predict.path]: predict } };
      const made = () => makeVector(id, { backend, model, lanes: 2 });
      const straight = await run(await made());
      const folder = mkdtempSync(join(tmpdir(), 'ppo-'));
      const checkpoint = { path: join(folder, 'a.bin') };
      await run(await made(), { checkpoint, isStopped: () => true });
      expect(await run(await made(), { checkpoint })).to.deep.equal(straight);
      rmSync(folder, { recursive: true });
    });
});

describe('rollouts of PPO', () => {
  const counter = anyTask(bareTask({ id: 'Counter-v0', state: [] as never }));
  const networks = networksOf(distributionOf(counter.actionSpace), 1, [2]);
  const config = {
    ...small,
    rolloutSteps: 5,
    minibatch: 5,
    discount: 0.5,
    lambda: 1,
    normaliseObservations: false,
    normaliseRewards: false,
  };

  for (const autoreset of ['sameStep', 'nextStep', 'disabled'] as const)
    it(`go on in the last observation of a truncated episode, and in no other's (${autoreset})`, async () => {
      const collector = new Collector(counting(autoreset, counter), networks, config, new Rng(1));
      await collector.begin(0);
      const constant = {
        run: async (_: unknown, observation: Float32Array) => new Float32Array(observation.length),
        release: async () => {},
      };
      const tenfold = { ...constant, run: async (_: unknown, observation: Float32Array) => observation.map((value) => 10 * value) };
      const rollout = await collector.collect(constant, tenfold, { log_deviation: new Float32Array(1) });
      const lane = (values: Float32Array, which: number) => [...values].filter((_, row) => row % 2 === which);
      expect(lane(rollout.observation, 0)).to.deep.equal([0, 1, 2, 0, 1]);
      expect(lane(rollout.value, 0)).to.deep.equal([0, 10, 20, 0, 10]);
      // With λ 1 the discounted rewards, 1 a step; the first episode was cut at 3 (value 30), the second by the rollout's end at 2 (value 20).
      expect(lane(rollout.return, 0)).to.deep.equal([
        1 + 0.5 * (1 + 0.5 * (1 + 15)),
        1 + 0.5 * (1 + 15),
        1 + 15,
        1 + 0.5 * (1 + 10),
        1 + 10,
      ]);
      expect(lane(rollout.return, 1)).to.deep.equal([1.75, 1.5, 1, 1 + 0.5 * (1 + 10), 1 + 10]);
      rollout.advantage.forEach((advantage, row) => void expect(advantage).to.equal(rollout.return[row]! - rollout.value[row]!));
      expect(collector.episodes.take()).to.deep.equal({ episodes: 2, return: 3, length: 3 });
      // The next rollout begins where this one ended.
      const next = await collector.collect(constant, tenfold, { log_deviation: new Float32Array(1) });
      expect(lane(next.observation, 0)).to.deep.equal([2, 0, 1, 2, 0]);
      expect(collector.episodes.take()).to.deep.equal({ episodes: 4, return: 3, length: 3 });
    });
});

describe('the exported policy of PPO', () => {
  const seen = dict({ pose: dict({ arm: box({ low: -9, high: 9, shape: [2], dtype: 'float64' }) }), load: box({ low: [-9], high: [9] }) });
  const rows = 5;
  const rng = new Rng(3);
  const observation = {
    pose: { arm: Float64Array.from({ length: 2 * rows }, () => 20 * rng.normal()) },
    load: Float32Array.from({ length: rows }, () => rng.normal()),
  };
  const normaliser = { mean: Float64Array.of(1, -2, 0.5), deviation: Float64Array.of(3, 0.5, 2) };
  const made = (actionSpace: Parameters<typeof distributionOf>[0]) => {
    const networks = networksOf(distributionOf(actionSpace), 3, [4]);
    const parameters = Object.fromEntries(
      initialParameters(networks, 0, rng).map(({ name, initial }) => [name, initial.map(() => rng.normal())]),
    );
    return { networks, weights: { parameters, normaliser } as PpoWeights };
  };
  /** The actor's outputs for a lane, in plain float64. */
  const outputsOf = ({ parameters }: PpoWeights, lane: number, count: number, isNormalised = true) => {
    const flat = [observation.pose.arm[2 * lane]!, observation.pose.arm[2 * lane + 1]!, observation.load[lane]!];
    const normal = flat.map((value, i) => Math.min(Math.max((value - normaliser.mean[i]!) / normaliser.deviation[i]!, -10), 10));
    const layer = (name: string, x: readonly number[], size: number) =>
      Array.from({ length: size }, (_, j) =>
        x.reduce((sum, value, i) => sum + value * parameters[`${name}.weight`]![i * size + j]!, parameters[`${name}.bias`]![j]!),
      );
    return layer('actor.1', layer('actor.0', isNormalised ? normal : flat, 4).map(Math.tanh), count);
  };
  const play = async (actionSpace: Parameters<typeof distributionOf>[0], bytes: Uint8Array) => {
    const policy = await onnxPolicy(runtime, bytes, { observationSpace: seen, actionSpace, lanes: rows });
    const action = [...((await policy.act(observation)) as Float32Array)];
    await policy.close();
    return action;
  };

  it('normalises named observations, clips the mean and spans the range of each action', async () => {
    const space = box({ low: [-2, 0, Number.NEGATIVE_INFINITY], high: [4, 1, 0.1] });
    const { networks, weights } = made(space);
    const actions = await play(space, exportPolicy(networks, seen, weights));
    for (let lane = 0; lane < rows; lane++) {
      const [a, b, c] = outputsOf(weights, lane, 3);
      const unit = (value: number) => Math.min(Math.max(value, -1), 1);
      const expected = [1 + 3 * unit(a!), 0.5 + 0.5 * unit(b!), Math.min(c!, 0.1)];
      expected.forEach((value, i) => void expect(actions[3 * lane + i]).to.be.closeTo(value, 1e-5));
    }
  });

  it('takes the likeliest of choices, one or several', async () => {
    const argmax = (values: readonly number[]) => values.indexOf(Math.max(...values));
    const one = made(discrete(4));
    const chosen = await play(discrete(4), exportPolicy(one.networks, seen, one.weights));
    expect(chosen).to.deep.equal(Array.from({ length: rows }, (_, lane) => argmax(outputsOf(one.weights, lane, 4))));
    const several = made(multiDiscrete([3, 2]));
    const bytes = exportPolicy(several.networks, seen, { ...several.weights, normaliser: null });
    const all = Array.from({ length: rows }, (_, lane) => outputsOf(several.weights, lane, 5, false));
    expect(await play(multiDiscrete([3, 2]), bytes)).to.deep.equal(all.flatMap((row) => [argmax(row.slice(0, 3)), argmax(row.slice(3))]));
  });
});
