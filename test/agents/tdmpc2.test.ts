import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  onnxPolicy,
  type TdMpc2Config,
  type TdMpc2Progress,
  type TdMpc2Result,
  TdMpc2Training,
  tdMpc2Defaults,
  tdMpc2Policy,
  trainTdMpc2,
} from '../../agents/index.ts';
import { Player } from '../../agents/tdmpc2/play.ts';
import { cartPole } from '../../envs/cart-pole/task.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import type { AutoresetMode, VectorEnv } from '../../src/core/vector-env.ts';
import { writeCheckpoint } from '../../src/data/checkpoint-file.ts';
import type { GroundtwinError } from '../../src/errors.ts';
import { identityOf, type TrainingOptions } from '../../src/learning/run-training.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { registryOf } from '../contracts/stub-backends.ts';

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
/** The same, over once the rod has fallen. */
const falling = anyTask(
  defineTask({ ...pendulum, id: 'FallingPendulum-v0', horizon: 50, terminated: ({ angle_rad }) => Math.cos(angle_rad) < 0.3 }),
);
const registry = registryOf(held, falling, anyTask(cartPole));

const small: TdMpc2Config = {
  ...tdMpc2Defaults,
  steps: 200,
  playSteps: 10,
  randomSteps: 100,
  updatesPerStep: 0.2,
  capacity: 500,
  batch: 8,
  horizon: 3,
  latent: 8,
  encoder: [8],
  hidden: [8],
  bins: 11,
  lookahead: 3,
  samples: 8,
  proposals: 2,
  elites: 4,
  iterations: 2,
};

interface Made {
  readonly seed?: number;
  readonly lanes?: number;
  readonly autoreset?: AutoresetMode;
  readonly copy?: boolean;
}

async function train(
  id: string,
  config: TdMpc2Config,
  { seed = 1, lanes = 2, autoreset = 'nextStep', copy = false }: Made = {},
  options: TrainingOptions<TdMpc2Progress> = {},
): Promise<TdMpc2Result & { readonly progress: readonly TdMpc2Progress[] }> {
  const env = await registry.makeVector(id, { lanes, copy, autoreset });
  const progress: TdMpc2Progress[] = [];
  const onProgress = (one: TdMpc2Progress) => {
    progress.push(one);
    options.onProgress?.(one);
  };
  try {
    return { ...(await trainTdMpc2(env, config, seed, runtime, { ...options, onProgress })), progress };
  } finally {
    await env.close();
  }
}

/** Mean returns of the agent that plans and of its policy alone, on starts that it never met. */
async function meanReturns(id: string, { weights, policy }: TdMpc2Result, config: TdMpc2Config) {
  const env = await registry.makeVector(id, { lanes: 8 });
  const players = [await tdMpc2Policy(runtime, weights, config, env), await onnxPolicy(runtime, policy, env)];
  const means: number[] = [];
  for (const player of players) {
    const { returns } = await evaluate(env, player, { seed: 5, policySeed: 0, maxSteps: 50 });
    means.push(returns.reduce((sum, value) => sum + value, 0) / 8);
    await player.close();
  }
  await env.close();
  return { planned: means[0]!, alone: means[1]! };
}

describe('TD-MPC2', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'tdmpc2-'));
  after(() => void rmSync(folder, { recursive: true }));

  it('learns to push as hard as it must: a pendulum that is held up', async () => {
    const config = {
      ...tdMpc2Defaults,
      steps: 800,
      randomSteps: 300,
      learningRate: 2e-3,
      discount: 0.9,
      batch: 32,
      horizon: 3,
      latent: 16,
      encoder: [32],
      hidden: [32],
      bins: 33,
      lookahead: 4,
      samples: 48,
      iterations: 2,
      elites: 8,
      proposals: 4,
    };
    const result = await train(held.id, config, { lanes: 1 });
    const first = result.progress.find((one) => one.return !== null)!.return!;
    expect(first).to.be.below(-100);
    const { planned, alone } = await meanReturns(held.id, result, config);
    expect(planned).to.be.above(-10);
    // Without planning it is not as good by far.
    expect(alone).to.be.above(first);
  });

  it('gives the same bytes from the same seed, whatever becomes of lanes that ended, and others from another', async () => {
    const first = await train(falling.id, small);
    expect(first.progress.reduce((sum, { episodes }) => sum + episodes, 0)).to.be.above(8);
    for (const made of [{ autoreset: 'sameStep' }, { autoreset: 'disabled', copy: true }] as const)
      expect(await train(falling.id, small, made)).to.deep.equal(first);
    expect((await train(falling.id, small, { seed: 2 })).policy).to.not.deep.equal(first.policy);
  });

  it('goes on after a stop with the same bytes, in weights, metrics and checkpoint', async () => {
    const file = (name: string) => join(folder, name);
    const options = (name: string) => ({ metrics: file(`${name}.jsonl`), checkpoint: { path: file(`${name}.bin`), every: 1 } });
    const whole = await train(falling.id, small, {}, options('whole'));
    // Killed twice: once asked to stop, amid random play, once in the midst of an iteration whose line of metrics was already written.
    let iterations = 0;
    await train(falling.id, small, {}, { ...options('parts'), isStopped: () => ++iterations === 2 });
    const failing = { ...options('parts'), onProgress: ({ iteration }: TdMpc2Progress) => iteration === 8 && expect.fail('killed') };
    const killed = await train(falling.id, small, {}, failing as TrainingOptions<TdMpc2Progress>).catch((error: Error) => error.message);
    expect(killed).to.equal('killed');
    const parts = await train(falling.id, small, {}, options('parts'));
    expect(parts.progress.map(({ iteration }) => iteration)).to.deep.equal([8, 9, 10]);
    expect({ ...parts, progress: [] }).to.deep.equal({ ...whole, progress: [] });
    for (const kind of ['jsonl', 'bin']) expect(readFileSync(file(`parts.${kind}`))).to.deep.equal(readFileSync(file(`whole.${kind}`)));
    const lines = readFileSync(file('whole.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).to.deep.equal(whole.progress);
  });

  it('plays at random first, then learns from all of it at once, and keeps count', async () => {
    const { progress, steps } = await train(held.id, { ...small, steps: 200 });
    expect(steps).to.equal(200);
    expect(progress.map((one) => one.steps)).to.deep.equal(Array.from({ length: 10 }, (_, i) => 20 * (i + 1)));
    expect(progress.map(({ updates }) => updates)).to.deep.equal([0, 0, 0, 0, 20, 4, 4, 4, 4, 4]);
    expect(progress[0]).to.include({ skipped: 0, valueLoss: null });
    expect(progress[4]!.valueLoss).to.be.a('number');
    expect(progress[4]!.episodes).to.equal(2);
  });

  it('refuses a checkpoint that is damaged, or of another training', async () => {
    const path = join(folder, 'refused.bin');
    const run = (config: TdMpc2Config, made: Made = {}) =>
      train(held.id, config, made, { checkpoint: { path } }).then(
        () => 'fine',
        (error: GroundtwinError) => `${error.code}: ${error.message}`,
      );
    expect(await run(small)).to.equal('fine');
    expect(await run({ ...small, rho: 0.6 })).to.match(/CHECKPOINT_FOREIGN.*rho is 0.5, here it is 0.6/);
    expect(await run(small, { seed: 2 })).to.match(/CHECKPOINT_FOREIGN.*seed is 1/);
    const bytes = readFileSync(path);
    const env = await registry.makeVector(held.id, { lanes: 2, copy: false });
    const identity = identityOf(env, small, 1);
    await env.close();
    const head = { iteration: 1, counts: {}, rng: [1, 2, 3, 4, 0, 0], steps: { step: 1 }, arrays: [] };
    for (const [change, told] of [
      [{ iteration: -1 }, /CHECKPOINT_INVALID.*does not hold a state/],
      [{ rng: [1] }, /CHECKPOINT_INVALID.*does not hold a state/],
      [{ arrays: [['arrays', 'x', 'float32']] }, /CHECKPOINT_INVALID.*does not hold a state/],
      [{}, /OPTION_INVALID.*saved.shown/],
    ] as const) {
      writeCheckpoint(path, 'groundtwin-tdmpc2.v1', identity, { ...head, ...change }, [new Uint8Array(7)]);
      expect(await run(small)).to.match(told);
    }
    for (const damaged of [bytes.subarray(0, bytes.length - 3), bytes.map((byte, i) => (i === bytes.length - 9 ? byte ^ 1 : byte))]) {
      writeFileSync(path, damaged);
      expect(await run(small)).to.match(/CHECKPOINT_INVALID/);
    }
  });

  it('begins anew in an env without snapshots, with the weights it had', async () => {
    const env = await registry.makeVector(held.id, { lanes: 2 });
    const withoutSnapshots = new Proxy(env, { get: (target, key) => (key === 'canBranch' ? false : bound(target, key)) });
    const before = await TdMpc2Training.open(withoutSnapshots, small, 1, runtime);
    for (let i = 0; i < 6; i++) await before.iterate();
    const saved = await before.save();
    expect(saved.snapshots).to.deep.equal([]);
    const after = await TdMpc2Training.open(withoutSnapshots, small, 1, runtime, saved);
    expect(after.weights()).to.deep.equal(before.weights());
    expect(await after.iterate()).to.include({ iteration: 7, skipped: 0, updates: 4 });
    await Promise.all([before.close(), after.close(), env.close()]);
  });

  it('keeps what it played: the last observation of an episode, never the next one’s first', async () => {
    const env = await registry.makeVector(held.id, { lanes: 2, copy: false, autoreset: 'sameStep' });
    const player = new Player(env, 300);
    await player.begin(3);
    for (let step = 1; step <= 50; step++) {
      const ended = await player.step(Float32Array.of(1, -1));
      expect([...ended]).to.deep.equal(step === 50 ? [1, 1] : [0, 0]);
    }
    expect(player.replay.steps).to.equal(100);
    expect(player.episodes.take()).to.include({ episodes: 2, length: 50 });
    // The rod has fallen by then; those that begin now are near upright.
    expect(Math.min(player.observation[0]!, player.observation[3]!)).to.be.above(0.9);
    const [, , reward, terminated, truncated] = player.replay.columns();
    expect(reward!.length).to.equal(300);
    expect([terminated!.includes(1), truncated!.filter((flag) => flag === 1).length]).to.deep.equal([false, 2]);
    await env.close();
  });

  it('refuses what it cannot learn', async () => {
    const refused = (config: Partial<TdMpc2Config>, id = held.id) =>
      train(id, { ...small, ...config }).catch((error: GroundtwinError) => `${error.code}: ${error.message}`);
    expect(await refused({}, 'CartPole-v0')).to.match(/OPTION_INVALID.*tdmpc2.*bounded box of floats/);
    expect(await refused({ latent: 12 })).to.match(/latent is 12; it must be a multiple of 8/);
    expect(await refused({ elites: 9 })).to.match(/elites is 9; it must be from 1 to 8/);
    expect(await refused({ hidden: [8, 0] })).to.match(/hidden\[1\] is 0/);
    expect(await refused({ deviation: { low: 3, high: 2 } })).to.match(/deviation.low is 3/);
    expect(await refused({ batch: 1.5 })).to.match(/batch is 1.5/);
    expect(await refused({ capacity: 3 })).to.match(/OPTION_INVALID.*capacity/);
  });
});

function bound(target: VectorEnv, key: string | symbol): unknown {
  const value = target[key as keyof VectorEnv] as unknown;
  return typeof value === 'function' ? value.bind(target) : value;
}
