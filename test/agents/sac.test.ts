import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type OffPolicyProgress,
  OffPolicyTraining,
  onnxPolicy,
  redqDefaults,
  redqSmall,
  type SacConfig,
  sacDefaults,
  trainRedq,
  trainSac,
} from '../../agents/index.ts';
import { cartPole } from '../../envs/cart-pole/task.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import type { AutoresetMode } from '../../src/core/vector-env.ts';
import { writeCheckpoint } from '../../src/data/checkpoint-file.ts';
import { ReplayCollector } from '../../src/learning/replay-collector.ts';
import { identityOf, type TrainingOptions } from '../../src/learning/run-training.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { box } from '../../src/spaces/space.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { registryOf } from '../contracts/stub-backends.ts';
import { rejected } from '../onnx/run-graph.ts';
import { counting } from './counting-env.ts';

const runtime = nodeRuntime();
const pole = anyTask({ ...pendulum, horizon: 50 });
/** Starts near upright, and falls by itself. */
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
const registry = registryOf(pole, held, anyTask(cartPole));

const small: SacConfig = {
  ...sacDefaults,
  steps: 240,
  capacity: 150,
  learningStarts: 40,
  reportEvery: 30,
  hidden: [8],
  batch: 16,
};

interface Made {
  readonly seed?: number;
  readonly lanes?: number;
  readonly autoreset?: AutoresetMode;
  readonly copy?: boolean;
}

async function train(
  config: SacConfig,
  { seed = 1, lanes = 2, autoreset = 'nextStep', copy = false }: Made = {},
  options: TrainingOptions<OffPolicyProgress> = {},
  agent = trainSac,
) {
  const env = await registry.makeVector(pole.id, { lanes, copy, autoreset });
  const progress: OffPolicyProgress[] = [];
  const onProgress = (one: OffPolicyProgress) => {
    progress.push(one);
    options.onProgress?.(one);
  };
  try {
    return { ...(await agent(env, config, seed, runtime, { ...options, onProgress })), progress };
  } finally {
    await env.close();
  }
}

describe('soft actor-critic in an env', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'sac-'));
  after(() => void rmSync(folder, { recursive: true }));

  it('holds a pendulum up, after 1,500 steps', async () => {
    const env = await registry.makeVector(held.id, { lanes: 2, copy: false });
    const config = {
      ...sacDefaults,
      steps: 1500,
      capacity: 1500,
      updates: 2,
      hidden: [32, 32],
      batch: 64,
      learningRate: 2e-3,
      discount: 0.9,
    };
    const progress: OffPolicyProgress[] = [];
    const { policy, steps } = await trainSac(env, { ...config, reportEvery: 100 }, 1, runtime, {
      onProgress: (one) => void progress.push(one),
    });
    await env.close();
    expect(steps).to.equal(1500);
    expect(progress.map(({ updates }) => updates)).to.deep.equal([100, 200, 200, 200, 200, 200, 200, 100]);
    expect(progress[0]!.return).to.be.below(-100);
    const judged = await registry.makeVector(held.id, { lanes: 8 });
    const player = await onnxPolicy(runtime, policy, judged);
    const { returns } = await evaluate(judged, player, { seed: 5, policySeed: 0, maxSteps: 50 });
    await player.close();
    await judged.close();
    expect(returns.reduce((sum, value) => sum + value, 0) / 8).to.be.above(-15);
  });

  it('gives the same bytes from the same seed, whatever becomes of lanes that ended, and others from another', async () => {
    const first = await train(small);
    expect(first.progress.reduce((sum, { episodes }) => sum + episodes, 0)).to.equal(4);
    for (const made of [
      { copy: true },
      { autoreset: 'sameStep' },
      { autoreset: 'disabled' },
      { autoreset: 'sameStep', copy: true },
    ] as const)
      expect(await train(small, made)).to.deep.equal(first);
    expect((await train(small, { seed: 2 })).policy).to.not.deep.equal(first.policy);
  });

  for (const [what, agent, changes] of [
    ['sac', trainSac, {}],
    ['redq', trainRedq, { ...redqSmall, critics: 3, updates: 10, policyEvery: 7, layerNorm: true }],
  ] as const)
    it(`goes on after a stop with the same bytes, in weights, metrics, replayed steps and checkpoint: ${what}`, async () => {
      const file = (name: string) => join(folder, `${what}-${name}`);
      const options = (name: string) => ({ metrics: file(`${name}.jsonl`), checkpoint: { path: file(`${name}.bin`), every: 1 } });
      const { steps, capacity, learningStarts, reportEvery, hidden, batch } = small;
      const config = { ...small, ...changes, steps, capacity, learningStarts, reportEvery, hidden, batch };
      const whole = await train(config, {}, options('whole'), agent);
      expect(whole.progress.map((one) => one.steps)).to.deep.equal([60, 120, 180, 240]);
      // Killed twice: once asked to stop, once in the midst of an iteration whose line of metrics was already written.
      await train(config, {}, { ...options('parts'), isStopped: () => true }, agent);
      const onProgress = ({ iteration }: OffPolicyProgress) => iteration === 3 && expect.fail('killed');
      const killed = await train(config, {}, { ...options('parts'), onProgress } as never, agent).catch((error: Error) => error.message);
      expect(killed).to.equal('killed');
      const parts = await train(config, {}, options('parts'), agent);
      expect(parts.progress.map(({ iteration }) => iteration)).to.deep.equal([3, 4]);
      expect({ ...parts, progress: [] }).to.deep.equal({ ...whole, progress: [] });
      for (const kind of ['jsonl', 'bin']) expect(readFileSync(file(`parts.${kind}`))).to.deep.equal(readFileSync(file(`whole.${kind}`)));
      const lines = readFileSync(file('whole.jsonl'), 'utf8').trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line))).to.deep.equal(whole.progress);
    });

  it('refuses a checkpoint that is damaged, or of another training', async () => {
    const path = join(folder, 'refused.bin');
    const run = async (config: SacConfig, made: Made = {}, agent = trainSac) =>
      train(config, made, { checkpoint: { path } }, agent).then(
        () => 'fine',
        (error: Error & { code: string }) => `${error.code}: ${error.message}`,
      );
    const config = { ...small, steps: 60 };
    expect(await run(config)).to.equal('fine');
    expect(await run({ ...config, tau: 0.3 })).to.match(/CHECKPOINT_FOREIGN.*tau is 0.005, here it is 0.3/);
    expect(await run(config, { lanes: 1 })).to.match(/CHECKPOINT_FOREIGN.*lanes is 2/);
    expect(await run(config, {}, trainRedq)).to.match(/CHECKPOINT_INVALID.*not of format groundtwin-redq.v1/);
    const bytes = readFileSync(path);
    const env = await registry.makeVector(pole.id, { lanes: 2, copy: false });
    const identity = identityOf(env, config, 1);
    await env.close();
    const head = { iteration: 1, counts: { played: 1, written: 1 }, rng: [1, 2, 3, 4, 0, 0], steps: { step: 1 }, arrays: [] };
    for (const [change, told] of [
      [{ iteration: -1 }, /does not hold a state/],
      [{ counts: null }, /does not hold a state/],
      [{ rng: [1] }, /does not hold a state/],
      [{ arrays: [['first', 'w', 'float32']] }, /does not hold a state/],
      [{ arrays: [['first', 'w', 'text']] }, /does not hold a state/],
      [{}, /OPTION_INVALID.*state.parameters/],
    ] as const) {
      writeCheckpoint(path, 'groundtwin-sac.v1', identity, { ...head, ...change }, []);
      expect(await run(config)).to.match(told);
    }
    writeFileSync(path, bytes.subarray(0, bytes.length - 3));
    expect(await run(config)).to.match(/CHECKPOINT_INVALID/);
  });

  it('begins anew in an env without snapshots, with what it had learned and seen', async () => {
    const env = await registry.makeVector(pole.id, { lanes: 2 });
    const bound = (value: unknown) => (typeof value === 'function' ? value.bind(env) : value);
    const withoutSnapshots = new Proxy(env, { get: (target, key) => (key === 'canBranch' ? false : bound(Reflect.get(target, key))) });
    const before = await OffPolicyTraining.open('sac', withoutSnapshots, small, 1, runtime);
    await before.iterate();
    const saved = await before.save();
    expect(saved.snapshots).to.deep.equal([]);
    const after = await OffPolicyTraining.open('sac', withoutSnapshots, small, 1, runtime, saved);
    expect(after.weights()).to.deep.equal(before.weights());
    expect(await after.iterate()).to.include({ iteration: 2, steps: 120, skipped: 0 });
    await Promise.all([before.close(), after.close(), env.close()]);
  });

  it('learns as often as it is asked to, once it has begun to', async () => {
    const { progress } = await train({ ...small, trainEvery: 4, updates: 10, learningStarts: 60, reportEvery: 20 });
    expect(progress.map(({ updates }) => updates)).to.deep.equal([0, 30, 50, 50, 50, 50]);
    expect(progress[0]).to.include({ criticLoss: null, entropy: null, steps: 40 });
    expect(progress[1]!.criticLoss).to.be.above(0);
  });

  for (const [what, change, told] of [
    ['no room for what is seen', { capacity: 0 }, /capacity/],
    ['half a step', { trainEvery: 0.5 }, /trainEvery/],
    ['a beginning before the beginning', { learningStarts: -1 }, /learningStarts/],
    ['updates of nothing', { updates: 0 }, /updates/],
    ['a batch of nothing', { batch: 0 }, /batch/],
    ['a ring beyond all memory', { capacity: 2 ** 40 }, /replay ring/],
  ] as const)
    it(`refuses ${what}`, async () => {
      expect((await rejected(() => train({ ...small, ...change }))).message).to.match(told);
    });

  it('refuses an env whose actions are no bounded box', async () => {
    const env = await registry.makeVector(cartPole.id, { lanes: 1 });
    const error = await rejected(() => trainSac(env, small, 1, runtime));
    expect(error.message).to.match(/bounded box of floats/);
    await env.close();
  });

  it('has the defaults of the papers', () => {
    expect(sacDefaults).to.include({
      learningStarts: 100,
      batch: 256,
      discount: 0.99,
      tau: 0.005,
      learningRate: 3e-4,
      trainEvery: 1,
      updates: 1,
    });
    expect(redqDefaults).to.include({ updates: 20, critics: 10, targetCritics: 2, policyEvery: 20, actorValue: 'mean' });
  });
});

describe('what off-policy agents keep', () => {
  const spaces = { observationSpace: box({ low: 0, high: 9 }), actionSpace: box({ low: -3, high: 3 }) };

  for (const autoreset of ['sameStep', 'nextStep', 'disabled'] as const)
    it(`ends where an episode terminated, goes on where it was truncated, and never crosses into the next (${autoreset})`, async () => {
      const collector = new ReplayCollector('sac', counting(autoreset, spaces), 100);
      await collector.begin(0);
      for (let step = 0; step < 5; step++) await collector.step(new Float32Array(2));
      const { columns, rows } = collector.ring;
      expect(rows).to.equal(10);
      const lane = (values: Float32Array, which: number) => [...values.subarray(0, 10)].filter((_, row) => row % 2 === which);
      for (const which of [0, 1]) {
        expect(lane(columns.observation, which)).to.deep.equal([0, 1, 2, 0, 1]);
        expect(lane(columns.next, which)).to.deep.equal([1, 2, 3, 1, 2]);
      }
      // Truncated at 3 in lane 0, terminated there in lane 1.
      expect(lane(columns.continues, 0)).to.deep.equal([1, 1, 1, 1, 1]);
      expect(lane(columns.continues, 1)).to.deep.equal([1, 1, 0, 1, 1]);
      expect(collector.episodes.take()).to.deep.equal({ episodes: 2, return: 3, length: 3 });
    });
});
