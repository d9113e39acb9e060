import { expect } from 'chai';
import type { Transitions } from '../../src/data/transitions.ts';
import { drawHeldOut, rolloutCorrelation, trainCalibrated } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { accurateEnsemble } from '../../src/world-model/ensemble.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';
import { manifestFor } from '../contracts/stub-backends.ts';
import { bareTask } from '../contracts/stub-tasks.ts';
import { rejected } from '../onnx/run-graph.ts';

/** A number that is carried along by noise, which a force adds to. */
const drifting = bareTask({ id: 'Drifting-v0', state: { x: { role: 'dynamic', kind: 'scalar', unit: '1' } }, horizon: 50 });
const steps = 50;

/** Episodes in which x moves by noise of .1 that persists by `correlation`. */
function episodes(count: number, seed: number, correlation: number): Transitions {
  const rng = new Rng(seed);
  const rows = count * steps;
  const state = new Float64Array(rows);
  const next = new Float64Array(rows);
  const none = new Float64Array(rows);
  let noise = 0;
  for (let row = 0; row < rows; row++) {
    noise = row % steps === 0 ? rng.normal() : correlation * noise + Math.sqrt(1 - correlation ** 2) * rng.normal();
    state[row] = row % steps === 0 ? 0 : next[row - 1]!;
    next[row] = state[row]! + 0.1 * noise;
  }
  return {
    count: rows,
    state,
    next,
    action: none,
    command: none,
    episode: Int32Array.from({ length: rows }, (_, i) => Math.floor(i / steps)),
  };
}

/** Knows how far x moves a step, and that it cannot know where to. */
const honestOneStep: WorldModel = {
  manifest: manifestFor(drifting, { noise: { distribution: 'normal', size: 1 } }),
  fingerprint: '',
  predict: async ({ state, noise }) => ({ sample: state.map((x, i) => x + 0.1 * noise[i]!) }),
  close: async () => {},
};

describe('the noise of dreams', () => {
  for (const correlation of [0, 0.7])
    it(`is found to persist by ${correlation} where truth does`, async () => {
      const heldOut = drawHeldOut(drifting, episodes(150, 3, correlation), 300, 20, new Rng(1));
      const options = { task: drifting, model: honestOneStep, heldOut, horizons: [5, 20], samples: 30, seed: 2 };
      const found = await rolloutCorrelation(options);
      expect(found).to.be.closeTo(correlation, 0.15);
      expect(await rolloutCorrelation(options)).to.equal(found);
    });
});

describe('training with episodes held back', () => {
  const dreams = { starts: 150, samples: 25, horizons: [5, 20] };
  const config = { ...accurateEnsemble, members: 3, hidden: [8], batch: 64 };
  const options = {
    name: 'drift',
    updates: 150,
    seed: 1,
    config,
    fit: (job: Parameters<typeof fitEnsemble>[1]) => fitEnsemble(nodeRuntime(), job),
  };

  it('fits how wide and how persistent the noise is to the eighth of them', async () => {
    const { manifest } = await trainCalibrated(drifting, nodeRuntime(), episodes(160, 5, 0.7), options, dreams);
    expect(manifest.training).to.include({ transitions: 140 * steps });
    expect(manifest.calibration).to.include({ rows: 20 * steps });
    expect(manifest.noise.correlation).to.be.within(0.35, 0.9);
  });

  it('refuses too few episodes before it trains', async () => {
    const fit = () => expect.fail('trained');
    expect(await rejected(() => trainCalibrated(drifting, nodeRuntime(), episodes(20, 5, 0), { ...options, fit }))).to.include({
      code: 'DATA_INVALID',
    });
  });
});
