import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { cem, cemDefaults, type PetsProgress, petsDefaults, trainPets } from '../../agents/index.ts';
import { registry } from '../../src/index.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';
import { scratch } from '../cli/harness.ts';

const config = {
  ...petsDefaults,
  explorationSteps: 40,
  rounds: 2,
  episodesPerRound: 1,
  episodeSteps: 15,
  updates: 30,
  finalUpdates: 40,
  ensemble: { ...ensembleDefaults, members: 2, hidden: [8], batch: 32 },
};
const planner = cem({ ...cemDefaults, population: 6, elites: 2, iterations: 1, horizon: 4 });
const task = registry.task('Pendulum-v0');

describe('learning by planning', function () {
  this.timeout(30_000);
  const place = scratch();
  after(() => place.remove());

  async function train(options: Parameters<typeof trainPets>[6] = {}, changed: Partial<typeof config> = {}, seed = 3) {
    const env = await registry.makeVector(task.id);
    return trainPets(env, task, planner, { ...config, ...changed }, seed, nodeRuntime(), options).finally(() => env.close());
  }

  it('explores, then learns and acts in turns, and learns from each step it took', async () => {
    const told: PetsProgress[] = [];
    const { model, transitions, steps } = await train({ onProgress: (progress) => told.push(progress), metrics: place.in('m.jsonl') });
    expect(told.map(({ round, steps: taken, episodes }) => [round, taken, episodes])).to.deep.equal([
      [0, 40, 1],
      [1, 55, 1],
      [2, 70, 1],
    ]);
    expect(told.map(({ loss }) => loss === null)).to.deep.equal([true, false, false]);
    expect(steps).to.equal(70);
    expect([...new Set(transitions.episode)]).to.deep.equal([0, 1, 2]);
    expect(model.manifest.training).to.include({ transitions: 70, updates: 40 });
    const lines = readFileSync(place.in('m.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).to.deep.equal(told.map(({ decision_ms: _, ...line }) => line));
  });

  it('gives the same bytes from the same seed, and after stops', async () => {
    const whole = await train({ metrics: place.in('whole.jsonl') });
    const path = place.in('checkpoint.bin');
    const options = { checkpoint: { path }, metrics: place.in('parts.jsonl') };
    for (let stop = 1; stop <= 2; stop++) {
      let rounds = 0;
      await train({ ...options, isStopped: () => rounds++ === 1 });
    }
    const resumed = await train(options);
    expect(Buffer.from(resumed.model.predict).equals(Buffer.from(whole.model.predict))).to.equal(true);
    expect(readFileSync(place.in('parts.jsonl'), 'utf8')).to.equal(readFileSync(place.in('whole.jsonl'), 'utf8'));
    expect(Buffer.from((await train({}, {}, 4)).model.predict).equals(Buffer.from(whole.model.predict))).to.equal(false);
    const refused = await train(options, { updates: 31 }).catch((error) => error);
    expect(refused).to.include({ code: 'CHECKPOINT_FOREIGN' });
  });

  it('refuses settings that cannot be', async () => {
    for (const changed of [{ updates: 0 }, { rounds: 0.5 }, { calibrationShare: 0 }])
      expect(await train({}, changed).catch((error) => error)).to.include({ code: 'OPTION_INVALID' });
  });
});
