/** A small fit for tests: 200 rows of two inputs, of which one target is made. */
import { Rng } from '../../src/math/rng.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';
import type { FitJob } from '../../src/world-model/fit-ensemble.ts';

/** @param noise - standard deviation of what nobody can predict. */
export function fitJob(rest: Partial<FitJob> = {}, noise = 0): FitJob {
  const rng = new Rng(1);
  const rows = rest.rows ?? 200;
  const input = Float32Array.from({ length: rows * 2 }, () => rng.normal());
  const target = Float32Array.from({ length: rows }, (_, row) => input[row * 2]! - 0.5 * input[row * 2 + 1]! + noise * rng.normal());
  return {
    input,
    target,
    rows,
    features: 2,
    targets: 1,
    episode: new Int32Array(rows),
    calibrateFrom: 0,
    config: { ...ensembleDefaults, members: 2, hidden: [16], batch: 32 },
    updates: 300,
    seed: 3,
    ...rest,
  };
}
