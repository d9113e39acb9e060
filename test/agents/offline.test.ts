import { readFileSync, truncateSync } from 'node:fs';
import { expect } from 'chai';
import { type OfflineConfig, type OfflineProgress, offlineDefaults, onnxPolicy, trainOffline } from '../../agents/index.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { RealReplay } from '../../src/learning/real-replay.ts';
import { RealSteps } from '../../src/learning/real-steps.ts';
import { recordedTables } from '../../src/learning/recorded-replay.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { scratch } from '../cli/harness.ts';
import { registryOf } from '../contracts/stub-backends.ts';

const runtime = nodeRuntime();

/** Hold a rod up that starts near upright and falls by itself. */
const held = anyTask(
  defineTask({
    ...pendulum,
    id: 'HeldPendulum-v0',
    horizon: 50,
    initial(rng, _params, begun) {
      begun.angle_rad = rng.uniform(-0.2, 0.2);
      begun.velocity_radps = 0;
    },
  }),
);
const registry = registryOf(held);

/** What random actions did, in two lanes. */
async function record(steps: number): Promise<RealReplay> {
  const env = await registry.makeVector(held.id, { lanes: 2 });
  const [real, data, rng] = [new RealSteps(env, held), new RealReplay(held, 2, steps), new Rng(1)];
  const action = new Float32Array(2);
  await real.begin(1);
  for (let step = 0; step < steps / 2; step++) {
    for (const lane of action.keys()) action[lane] = rng.uniform(-1, 1);
    await real.step(action, (rows) => void data.add(rows));
  }
  await env.close();
  return data;
}

const { sac, model } = offlineDefaults;
const small: OfflineConfig = {
  ...offlineDefaults,
  steps: 30,
  updatesPerIteration: 10,
  rollouts: 50,
  rolloutLength: 3,
  sac: { ...sac, hidden: [8], batch: 16 },
  model: { ...model, ensemble: { ...model.ensemble, members: 3, hidden: [8], batch: 32 }, elites: 2, freshUpdates: 100 },
};

async function meanReturn(policy: Uint8Array): Promise<number> {
  const env = await registry.makeVector(held.id, { lanes: 8 });
  const player = await onnxPolicy(runtime, policy, env);
  const { returns } = await evaluate(env, player, { seed: 5, policySeed: 0, maxSteps: 500 });
  await player.close();
  await env.close();
  return returns.reduce((sum, value) => sum + value, 0) / 8;
}

describe('offline model-based training', function () {
  this.timeout(120_000);

  it('works rows out of transitions that are those of the steps themselves', async () => {
    const data = await record(120);
    const { columns, rows } = recordedTables(held, data.transitions);
    expect(rows).to.equal(120);
    // The recorder holds lane after lane, the tables step after step.
    const { columns: stepped } = data.tables;
    for (const [name, width] of [
      ['observation', 3],
      ['action', 1],
      ['reward', 1],
      ['next', 3],
      ['continues', 1],
    ] as const)
      for (let row = 0; row < rows; row++) {
        const at = 2 * (row % 60) + Math.floor(row / 60);
        const [got, expected] = [
          columns[name].subarray(row * width, (row + 1) * width),
          stepped[name].subarray(at * width, (at + 1) * width),
        ];
        got.forEach((value, i) => void expect(value).to.be.closeTo(expected[i]!, 1e-6));
      }
  });

  it('learns to hold a rod up from 400 random steps of others', async () => {
    const { transitions } = await record(400);
    const config: OfflineConfig = {
      ...offlineDefaults,
      steps: 2500,
      updatesPerIteration: 250,
      rollouts: 400,
      rolloutLength: 10,
      sac: { ...sac, hidden: [32], batch: 64, discount: 0.9, tau: 0.02, entropyWeight: 0.05 },
      model: { ...model, ensemble: { ...model.ensemble, members: 3, hidden: [32] }, elites: 3, freshUpdates: 800 },
    };
    const progress: OfflineProgress[] = [];
    const { policy, steps } = await trainOffline(held, transitions, config, 1, runtime, { onProgress: (one) => void progress.push(one) });
    expect(steps).to.equal(2500);
    expect(progress[0]!.rollouts.disagreement).to.be.above(0);
    expect(progress.slice(1).every((one) => one.model === null)).to.equal(true);
    expect(await meanReturn(policy)).to.be.above(-20);
  });

  it('gives the same bytes from the same data and seed, and stops when asked', async () => {
    const { transitions } = await record(100);
    const run = (seed: number) => trainOffline(held, transitions, small, seed, runtime);
    const first = await run(1);
    expect((await run(1)).policy).to.deep.equal(first.policy);
    expect((await run(2)).policy).to.not.deep.equal(first.policy);
    expect(await trainOffline(held, transitions, small, 1, runtime, { isStopped: () => true })).to.include({ steps: 10 });
  });

  it('goes on after a stop with the same bytes, in policy, metrics and checkpoint', async () => {
    const { transitions } = await record(100);
    const place = scratch();
    const files = (name: string) => ({ metrics: place.in(`${name}.jsonl`), checkpoint: { path: place.in(`${name}.bin`) } });
    const straight = await trainOffline(held, transitions, small, 1, runtime, files('whole'));
    for (const ended of [10, 20])
      expect(await trainOffline(held, transitions, small, 1, runtime, { ...files('parts'), isStopped: () => true })).to.include({
        steps: ended,
      });
    expect(await trainOffline(held, transitions, small, 1, runtime, files('parts'))).to.deep.equal(straight);
    for (const kind of ['jsonl', 'bin'])
      expect(readFileSync(place.in(`parts.${kind}`))).to.deep.equal(readFileSync(place.in(`whole.${kind}`)));
    const other = trainOffline(held, transitions, { ...small, penalty: 2 }, 1, runtime, files('parts'));
    expect(await other.catch((error: Error) => error.message)).to.match(/penalty is 1, here it is 2/);
    truncateSync(place.in('parts.bin'), 1000);
    const damaged = trainOffline(held, transitions, small, 1, runtime, files('parts'));
    expect(await damaged.catch((error) => error)).to.include({ code: 'CHECKPOINT_INVALID' });
    place.remove();
  });

  it('refuses settings that cannot be', async () => {
    const { transitions } = await record(40);
    const problem = (change: Partial<OfflineConfig>) =>
      trainOffline(held, transitions, { ...small, ...change }, 1, runtime).catch((error: Error) => error.message);
    expect(await problem({ rolloutLength: 0 })).to.match(/rolloutLength/);
    expect(await problem({ penalty: -1 })).to.match(/penalty/);
    expect(await problem({ halt: { above: Number.NaN, cost: 0 } })).to.match(/halt\.above/);
  });
});
