import type { StateEntry } from '../../src/core/state-spec.ts';
import { layOut, wrapAngle } from '../../src/core/state-spec.ts';
import type { GapMetadata, PairedRollouts } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';

export const entries: readonly StateEntry[] = layOut({
  cartPosition_m: { role: 'dynamic', kind: 'length', unit: 'm' },
  poleAngle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
  cartVelocity_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
}).entries;

export const metadata: GapMetadata = {
  task: 'CartPoleSwingUp-v0',
  model: 'runs/cart/model',
  command: 'groundtwin gap --model runs/cart/model --seed 7',
  seeds: [7],
  versions: { groundtwin: '0.1.0', node: '20.20.2' },
  machine: '2 cores',
  date: '2026-01-01T00:00:00Z',
  dataHash: 'sha256:0',
  controlDt_s: 0.05,
  trainingSteps: 12000,
};

export interface Synthetic {
  readonly starts?: number;
  readonly horizon?: number;
  readonly samples?: number;
  /** Error of the model's mean and true spread of its error, grown linearly over the horizon, in scales. */
  readonly error?: number;
  /** Spread of the samples over the true spread: 1 calibrated, below 1 overconfident. */
  readonly confidence?: number;
  readonly floor?: number;
  readonly seed?: number;
}

/** Swinging truth, a model whose error is normal with a known spread, a floor, and a linear reference that keeps drifting. */
export function syntheticRollouts(options: Synthetic = {}): PairedRollouts {
  const { starts = 128, horizon = 41, samples = 32, error = 0.08, confidence = 1, floor = 0.01, seed = 1 } = options;
  const rng = new Rng(seed);
  const size = entries.length;
  const steps = horizon + 1;
  const make = (count: number) => new Float64Array(count * steps * size);
  const [truth, imaginedMean, perturbed, linear] = [make(starts), make(starts), make(starts), make(starts)];
  const imaginedSamples = new Float32Array(starts * samples * steps * size);
  for (let n = 0; n < starts; n++) {
    for (let d = 0; d < size; d++) {
      const phase = rng.uniform(0, 2 * Math.PI);
      const drift = [rng.normal(), rng.normal(), rng.normal()];
      for (let h = 0; h < steps; h++) {
        const at = (n * steps + h) * size + d;
        const kept = (value: number) => (entries[d]!.kind === 'angle' ? wrapAngle(value) : value);
        const value = Math.SQRT2 * Math.sin(phase + h * 0.15) + (d === 1 ? 3 : 0);
        const spread = (error * h) / horizon;
        truth[at] = kept(value);
        imaginedMean[at] = kept(value + spread * drift[0]!);
        perturbed[at] = kept(value + floor * drift[1]!);
        linear[at] = kept(value + ((0.9 * h) / horizon) * drift[2]!);
        for (let s = 0; s < samples; s++)
          imaginedSamples[((n * samples + s) * steps + h) * size + d] = kept(value + spread * (drift[0]! + confidence * rng.normal()));
      }
    }
  }
  return { entries, starts, horizon, samples, truth, imaginedMean, imaginedSamples, perturbed, linear, scale: Float64Array.of(1, 1, 1) };
}
