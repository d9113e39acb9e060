import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type DreamerConfig,
  type DreamerProgress,
  DreamerTraining,
  dreamerDefaults,
  onnxPolicy,
  type TrainingOptions,
  trainDreamer,
} from '../../agents/index.ts';
import { cartPole } from '../../envs/cart-pole/task.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import type { AutoresetMode, VectorEnv } from '../../src/core/vector-env.ts';
import type { GroundtwinError } from '../../src/errors.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { box } from '../../src/spaces/space.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { registryOf } from '../contracts/stub-backends.ts';

const runtime = nodeRuntime();
const cart = anyTask(cartPole);
const swinging = anyTask(defineTask({ ...pendulum, id: 'ShortPendulum-v0', horizon: 30 }));
const registry = registryOf(cart, swinging);

const small: DreamerConfig = {
  ...dreamerDefaults,
  steps: 160,
  playSteps: 20,
  randomSteps: 80,
  firstModelUpdates: 4,
  modelUpdates: 2,
  behaviourUpdates: 2,
  dreams: 4,
  context: 3,
  horizon: 3,
  hidden: [8],
  model: { hidden: 8, latent: 2, width: 8, window: 4, batch: 4 },
};

interface Made {
  readonly seed?: number;
  readonly lanes?: number;
  readonly autoreset?: AutoresetMode;
  readonly copy?: boolean;
}

async function train(
  id: string,
  config: DreamerConfig,
  { seed = 1, lanes = 2, autoreset = 'nextStep', copy = false }: Made = {},
  options: TrainingOptions<DreamerProgress> = {},
) {
  const env = await registry.makeVector(id, { lanes, copy, autoreset });
  const progress: DreamerProgress[] = [];
  const onProgress = (one: DreamerProgress) => {
    progress.push(one);
    options.onProgress?.(one);
  };
  try {
    return { ...(await trainDreamer(env, config, seed, runtime, { ...options, onProgress })), progress };
  } finally {
    await env.close();
  }
}

describe('Dreamer', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'dreamer-'));
  after(() => void rmSync(folder, { recursive: true }));

  it('learns to balance in dreams: CartPole from some 20 steps to more than 70, in 700 real ones', async () => {
    const config: DreamerConfig = {
      ...dreamerDefaults,
      steps: 700,
      randomSteps: 200,
      firstModelUpdates: 150,
      modelUpdates: 40,
      behaviourUpdates: 60,
      dreams: 32,
      context: 4,
      learningRate: 3e-3,
      hidden: [32],
      model: { hidden: 32, width: 32, window: 8, batch: 16 },
    };
    const { policy, progress, steps } = await train(cart.id, config, { lanes: 1 });
    expect(steps).to.equal(700);
    expect(progress[0]!.return).to.be.within(10, 40);
    const env = await registry.makeVector(cart.id, { lanes: 8 });
    const player = await onnxPolicy(runtime, policy!, env);
    const { returns } = await evaluate(env, player, { seed: 5, policySeed: 0, maxSteps: 500 });
    await player.close();
    await env.close();
    expect(returns.reduce((sum, value) => sum + value, 0) / 8).to.be.above(70);
  });

  it('gives the same bytes from the same seed, whatever becomes of lanes that ended, and others from another', async () => {
    const first = await train(cart.id, small);
    expect(first.progress.reduce((sum, { episodes }) => sum + episodes, 0)).to.be.above(4);
    for (const made of [{ autoreset: 'sameStep' }, { autoreset: 'disabled', copy: true }] as const)
      expect(await train(cart.id, small, made)).to.deep.equal(first);
    expect((await train(cart.id, small, { seed: 2 })).policy).to.not.deep.equal(first.policy);
  });

  it('goes on after a stop with the same bytes, in weights, metrics and checkpoint', async () => {
    const file = (name: string) => join(folder, name);
    const options = (name: string) => ({ metrics: file(`${name}.jsonl`), checkpoint: { path: file(`${name}.bin`), every: 1 } });
    const whole = await train(swinging.id, small, {}, options('whole'));
    expect(whole.progress.map(({ modelLoss }) => modelLoss === null)).to.deep.equal([true, false, false, false]);
    // Stopped before there is a model, and after.
    for (const stop of [1, 2]) {
      let iterations = 0;
      await train(swinging.id, small, {}, { ...options('parts'), isStopped: () => ++iterations === stop });
    }
    const parts = await train(swinging.id, small, {}, options('parts'));
    expect(parts.progress.map(({ iteration }) => iteration)).to.deep.equal([4]);
    expect({ ...parts, progress: [] }).to.deep.equal({ ...whole, progress: [] });
    for (const kind of ['jsonl', 'bin']) expect(readFileSync(file(`parts.${kind}`))).to.deep.equal(readFileSync(file(`whole.${kind}`)));
  });

  it('begins anew in an env without snapshots, with the weights it had', async () => {
    const env = await registry.makeVector(cart.id, { lanes: 2 });
    const withoutSnapshots = new Proxy(env, { get: (target, key) => (key === 'canBranch' ? false : bound(target, key)) });
    const before = await DreamerTraining.open(withoutSnapshots, small, 1, runtime);
    for (let i = 0; i < 3; i++) await before.iterate();
    const saved = await before.save();
    expect(saved.snapshots).to.deep.equal([]);
    const after = await DreamerTraining.open(withoutSnapshots, small, 1, runtime, saved);
    expect(after.weights()).to.deep.equal(before.weights());
    expect(after.policy()).to.deep.equal(before.policy());
    expect(await after.iterate()).to.include({ iteration: 4, skipped: 0 });
    await Promise.all([before.close(), after.close(), env.close()]);
  });

  it('refuses a checkpoint of another training, and what it cannot learn', async () => {
    const path = join(folder, 'refused.bin');
    const refused = (config: Partial<DreamerConfig>, made: Made = {}) =>
      train(cart.id, { ...small, ...config }, made, { checkpoint: { path } }).then(
        () => 'fine',
        (error: GroundtwinError) => `${error.code}: ${error.message}`,
      );
    expect(await refused({})).to.equal('fine');
    expect(await refused({ lambda: 0.5 })).to.match(/CHECKPOINT_FOREIGN.*lambda is 0.95, here it is 0.5/);
    const unfit = (config: Partial<DreamerConfig>) =>
      train(cart.id, { ...small, ...config }).catch((error: GroundtwinError) => error.message);
    expect(await unfit({ horizon: 0 })).to.match(/horizon is 0/);
    expect(await unfit({ discount: 1.5 })).to.match(/discount is 1.5/);
    expect(await unfit({ hidden: [0] })).to.match(/hidden\[0\] is 0/);
    const endless = anyTask(defineTask({ ...pendulum, id: 'Endless-v0', actionSpace: box({ low: [-Infinity], high: [Infinity] }) }));
    const env = await registryOf(endless).makeVector('Endless-v0', { lanes: 1 });
    const error = await trainDreamer(env, small, 1, runtime).catch((one: GroundtwinError) => one.message);
    expect(error).to.match(/dreamer.*bounded box of floats/);
    await env.close();
  });
});

function bound(target: VectorEnv, key: string | symbol): unknown {
  const value = target[key as keyof VectorEnv] as unknown;
  return typeof value === 'function' ? value.bind(target) : value;
}
