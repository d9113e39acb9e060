import { expect } from 'chai';
import type { Experience } from '../../src/data/experience.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { box } from '../../src/spaces/space.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { fitRecurrent } from '../../src/world-model/fit-recurrent.ts';
import { MemoryLanes } from '../../src/world-model/memory-lanes.ts';
import type { SeenTask, TrainedObservationModel } from '../../src/world-model/observation-contract.ts';
import { trainObservationEnsemble } from '../../src/world-model/observation-ensemble.ts';
import { openObservationModel } from '../../src/world-model/observation-folder.ts';
import { type TrainRecurrentOptions, trainRecurrent } from '../../src/world-model/train-recurrent.ts';
import { codeOf } from '../contracts/env-contract.ts';

/** A mass on a spring, pushed; only where it is can be seen. The task ends beyond ±3. */
const task: SeenTask = {
  id: 'Spring-v0',
  observationSpace: box({ low: [-5], high: [5] }),
  actionSpace: box({ low: [-1], high: [1] }),
  controlDt_s: 0.2,
};
const steps = 25;

/** Episodes of `steps` random pushes. */
function springs(episodes: number, seed: number): Experience {
  const rng = new Rng(seed);
  const rows: number[][] = [];
  for (let episode = 0; episode < episodes; episode++) {
    let [there, speed] = [rng.normal(), rng.normal()];
    rows.push([there, 0, 0, 1, 1]);
    for (let step = 0; step < steps && Math.abs(there) <= 3; step++) {
      const push = rng.uniform(-1, 1);
      speed += 0.2 * (push - there);
      there += 0.2 * speed;
      rows.push([there, push, -there * there, Math.abs(there) > 3 ? 0 : 1, 0]);
    }
  }
  const column = (i: number) => Float32Array.from(rows, (row) => row[i]!);
  return {
    count: rows.length,
    observation: column(0),
    previousAction: column(1),
    reward: column(2),
    continues: column(3),
    first: column(4),
  };
}

const data = springs(60, 1);
const config = { hidden: 16, latent: 2, width: 16, window: 12, batch: 16 };
const train = ({
  learningRate = 5e-3,
  ...options
}: Partial<TrainRecurrentOptions> & { readonly updates: number; readonly learningRate?: number }) =>
  trainRecurrent(task, data, {
    name: 'spring',
    seed: 1,
    config: { ...config, learningRate },
    fit: (job, hooks) => fitRecurrent(nodeRuntime(), job, hooks),
    ...options,
  });

/** Root-mean-square error of the next observation and reward, on episodes never seen, from the fifth step of each on. */
async function errorsOf({ manifest, graphs }: TrainedObservationModel): Promise<{ sample: number; reward: number; continues: number }> {
  const model = await openObservationModel(nodeRuntime(), 'spring', manifest, graphs);
  const held = springs(20, 2);
  const lanes = new MemoryLanes(model, manifest.members);
  const all = new Uint8Array(manifest.members).fill(1);
  const every = (value: number) => new Float32Array(all.length).fill(value);
  const errors = { sample: 0, reward: 0, continues: 0 };
  let [age, count] = [0, 0];
  for (let row = 0; row < held.count - 1; row++) {
    if (held.first[row]) {
      age = 0;
      for (const lane of all.keys()) lanes.start(lane, lane, await model.initial());
    }
    await lanes.observe(every(held.previousAction[row]!), every(held.observation[row]!), all);
    if (++age < 5 || held.first[row + 1]) continue;
    const memory = lanes.memory.slice();
    await lanes.predict(every(held.previousAction[row + 1]!), all);
    const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    errors.sample += (mean(lanes.sample) - held.observation[row + 1]!) ** 2;
    errors.reward += (mean(lanes.reward) - held.reward[row + 1]!) ** 2;
    errors.continues += (mean(lanes.continues) - held.continues[row + 1]!) ** 2;
    lanes.memory.set(memory);
    count++;
  }
  await model.close();
  const root = (sum: number) => Math.sqrt(sum / count);
  return { sample: root(errors.sample), reward: root(errors.reward), continues: root(errors.continues) };
}

describe('the recurrent model', () => {
  it('knows from the past what an observation hides, where the ensemble cannot', async () => {
    const recurrent = await errorsOf(await train({ updates: 400 }));
    const memoryless = await errorsOf(
      await trainObservationEnsemble(task, data, {
        name: 'spring',
        updates: 400,
        seed: 1,
        config: { ...ensembleDefaults, members: 2, hidden: [32, 32] },
        fit: (job, hooks) => fitEnsemble(nodeRuntime(), job, hooks),
      }),
    );
    expect(recurrent.sample).to.be.below(0.01);
    expect(memoryless.sample).to.be.above(0.1);
    expect(recurrent.reward).to.be.below(0.4);
    for (const { continues } of [recurrent, memoryless]) expect(continues).to.be.below(0.1);
  });

  it('is the same to the bit by seed', async () => {
    const [a, b, other] = [await train({ updates: 5 }), await train({ updates: 5 }), await train({ updates: 5, seed: 2 })];
    expect(a.manifest.files).to.deep.equal(b.manifest.files);
    expect(a.manifest.files.predict.sha256).to.not.equal(other.manifest.files.predict.sha256);
    expect(a.manifest.training).to.include({ updates: 5, seed: 1, transitions: data.count - 60, stopped: false });
  });

  it('goes on from what it knew, with its scaling', async () => {
    const first = await train({ updates: 200 });
    const [warm, cold] = [await train({ updates: 10, warmStart: first.fitted, learningRate: 1e-4 }), await train({ updates: 10 })];
    expect(warm.fitted.scaling).to.equal(first.fitted.scaling);
    expect((await errorsOf(warm)).sample).to.be.below((await errorsOf(cold)).sample / 2);
  });

  it('tells how it goes, and stops when it is asked to', async () => {
    const seen: number[] = [];
    const { losses, manifest } = await train({
      updates: 100,
      onProgress: ({ update }) => seen.push(update),
      shouldStop: () => seen.length === 2,
    });
    expect(seen).to.deep.equal([10, 20]);
    expect(losses.map(({ update }) => update)).to.deep.equal(seen);
    expect(manifest.training).to.include({ updates: 20, stopped: true });
  });

  it('refuses less than a window of observations', async () => {
    const few = springs(1, 1);
    const short: Experience = { ...few, count: 5 };
    const refusal = await codeOf(() =>
      trainRecurrent(task, short, {
        name: 'spring',
        updates: 1,
        seed: 1,
        config,
        fit: (job, hooks) => fitRecurrent(nodeRuntime(), job, hooks),
      }),
    );
    expect(refusal).to.equal('TRAINING_FAILED');
  });
});
