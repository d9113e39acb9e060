import { sha256Hex } from '../../math/hash.ts';
import { Rng } from '../../math/rng.ts';
import type { PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import { remembering } from '../controls/remembering.ts';

/**
 * A model that errs, and knows by how much: what H4 must pass.
 * To every step it adds an error that all draws of a start share and no other start does, and as much noise again, of which each draw has its own. So truth is to its
 * draws what they are to each other. Exact physics with noise of its own is not that: truth then always lies in the middle of its draws, and it is rightly found too modest.
 *
 * @param model - without noise; rows of a start must begin bit for bit alike. @param deviation - float64 `[P]`: of error and noise in a step.
 */
export function doubting(model: WorldModel, deviation: Float64Array): WorldModel {
  const size = deviation.length;
  const rng = new Rng(0);
  const honest = remembering(model, 'doubting', 1, 2, async (input, memory) => {
    const prediction = await model.predict({ ...input, noise: new Float32Array(0) });
    const mean = (prediction.mean ?? prediction.sample).slice();
    const kept = memory.slice();
    for (let row = 0; row < input.rows; row++) {
      if (kept[2 * row] === 0) kept[2 * row + 1] = startOf(input, row, size);
      rng.seed(kept[2 * row + 1]!, kept[2 * row]!);
      kept[2 * row]!++;
      for (let i = 0; i < size; i++) mean[row * size + i]! += deviation[i]! * rng.normal();
    }
    const scale = mean.map((_, i) => deviation[i % size]!);
    const sample = mean.map((value, i) => value + scale[i]! * input.noise[i]!);
    return { prediction: { ...prediction, sample, mean, scale }, memory: kept };
  });
  const { manifest } = honest;
  return {
    ...honest,
    fingerprint: sha256Hex(`${honest.fingerprint} ${deviation.join()}`),
    manifest: {
      ...manifest,
      name: `doubting ${model.manifest.name}`,
      noise: { distribution: 'normal', size },
      outputs: ['sample', 'mean', 'scale'],
    },
  };
}

/** Names the state of a row, exact in single precision. */
function startOf({ state }: PredictionInput, row: number, size: number): number {
  return Number.parseInt(sha256Hex(state.subarray(row * size, (row + 1) * size).join()).slice(0, 6), 16);
}
