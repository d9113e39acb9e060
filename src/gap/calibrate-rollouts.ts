/** From dreams of many steps, held against what was recorded, to how persistent a model's noise has to be. */
import { elementsWithRole, layOut } from '../core/state-spec.ts';
import { sha256Hex } from '../math/hash.ts';
import type { AnyTask } from '../task/task.ts';
import { TaskEnv } from '../task/task-env.ts';
import { predictedEntries } from '../world-model/contract.ts';
import { ModelDynamics } from '../world-model/model-dynamics.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { meanCoverage } from './coverage.ts';
import type { HeldOut } from './held-out.ts';
import { play } from './play.ts';
import { mean } from './statistics.ts';
import { COVERAGE_LEVEL } from './thresholds.ts';

export interface CalibrateRolloutsOptions {
  readonly task: AnyTask;
  /** Calibrated one step ahead. */
  readonly model: WorldModel;
  /** Moments, of episodes that it was not trained on, that dreams begin from. */
  readonly heldOut: HeldOut;
  /** Steps ahead over which coverage is to be right on average, each at most `heldOut.horizon`. */
  readonly horizons: readonly number[];
  /** Imagined draws a start: 19 or more hold a 90 % interval. */
  readonly samples: number;
  /** Of the dreams. */
  readonly seed: number;
}

/** At 1 the noise would be drawn once an episode. */
const HIGHEST_CORRELATION = 0.98;
/** Halvings of its range, to .03: finer than a few hundred starts can tell. */
const HALVINGS = 5;

/**
 * The correlation, from step to step, of the noise of a dream for which its central 90 % holds what was recorded nine times of ten, on average over the horizons.
 * It changes nothing one step ahead, and dreams of persistent noise are the wider and hold the more: hence the bisection, every trial on the same draws.
 * @returns in [0, .98]; near an end where even that does not do.
 */
export async function rolloutCorrelation({ task, model, heldOut, horizons, samples, seed }: CalibrateRolloutsOptions): Promise<number> {
  let [low, high] = [0, HIGHEST_CORRELATION];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    const covered = await dreamsCover(withCorrelation(model, middle), task, heldOut, samples, seed);
    if (mean(horizons.map(covered)) < COVERAGE_LEVEL) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** @returns coverage by steps ahead. */
async function dreamsCover(model: WorldModel, task: AnyTask, heldOut: HeldOut, samples: number, seed: number) {
  const { starts, horizon } = heldOut;
  const dream = new TaskEnv(task, new ModelDynamics(task, model, starts * samples), starts * samples);
  const { rows } = await play(dream, heldOut, samples, seed);
  const dreams = { entries: predictedEntries(task), starts, horizon, samples, truth: recordedRows(task, heldOut), imaginedSamples: rows };
  return (steps: number) => meanCoverage(dreams, steps, COVERAGE_LEVEL);
}

function withCorrelation(model: WorldModel, correlation: number): WorldModel {
  const { manifest, fingerprint, takesShares = false } = model;
  return {
    manifest: { ...manifest, noise: { ...manifest.noise, correlation } },
    fingerprint: sha256Hex(JSON.stringify([fingerprint, correlation])),
    takesShares,
    predict: (input, spread) => model.predict(input, spread),
    close: () => model.close(),
  };
}

/** Predicted elements of each start and of what followed: float64 `[starts, horizon + 1, size]`. */
export function recordedRows(task: AnyTask, { starts, horizon, state, following }: HeldOut): Float64Array {
  const spec = layOut(task.state);
  const predicted = elementsWithRole(spec, 'dynamic', 'signal');
  const rows = new Float64Array(starts * (horizon + 1) * predicted.length);
  for (let row = 0; row < starts * (horizon + 1); row++) {
    const [start, step] = [Math.floor(row / (horizon + 1)), row % (horizon + 1)];
    const [from, at] = step === 0 ? [state, start] : [following, start * horizon + step - 1];
    predicted.forEach((element, i) => {
      rows[row * predicted.length + i] = from[at * spec.size + element]!;
    });
  }
  return rows;
}
