/** Plays the same starts and actions on both engines. */
import type { PhysicsEngine } from '../../../src/core/physics-world.ts';
import { elementsWithRole, layOut, type StateEntry } from '../../../src/core/state-spec.ts';
import {
  columnMeans,
  type Interval,
  percentileInterval,
  plannedInterval,
  type ResamplePlan,
  resampledMeans,
} from '../../../src/gap/bootstrap.ts';
import { counterfactualEffects } from '../../../src/gap/counterfactual.ts';
import { firstPassages, normalisedSquares, squaredErrors } from '../../../src/gap/error-over-horizon.ts';
import { type HeldOut, stepsOfPlan } from '../../../src/gap/held-out.ts';
import { persistencePrediction } from '../../../src/gap/linear-reference.ts';
import { rowsAtStep } from '../../../src/gap/paired-rollouts.ts';
import { play } from '../../../src/gap/play.ts';
import { median } from '../../../src/gap/statistics.ts';
import type { Rng } from '../../../src/math/rng.ts';
import type { Box } from '../../../src/spaces/space.ts';
import { PhysicsDynamics } from '../../../src/task/physics-dynamics.ts';
import type { AnyTask } from '../../../src/task/task.ts';
import { TaskEnv } from '../../../src/task/task-env.ts';
import { type Change, changedTask } from './changes.ts';
import type { Apart } from './fall.ts';

export interface Engines {
  readonly rapier: PhysicsEngine;
  readonly mujoco: PhysicsEngine;
}

const LANES = 16;
/** Of σ, what a start is moved by for the floor: as `SENSOR_NOISE_SHARE` of src/gap/pair-rollouts.ts. */
export const SENSOR_NOISE = 0.0005;

/** What bodies do: dynamic entries. What sensors say of a step (signals) is compared nowhere here. */
export function movingEntries(task: AnyTask): StateEntry[] {
  return layOut(task.state).entries.filter(({ role }) => role === 'dynamic');
}

/** Positions of the moving elements among all predicted ones. */
function movingColumns(task: AnyTask): Int32Array {
  const spec = layOut(task.state);
  const moving = new Set(elementsWithRole(spec, 'dynamic'));
  return Int32Array.from(
    [...elementsWithRole(spec, 'dynamic', 'signal').entries()].flatMap(([column, element]) => (moving.has(element) ? [column] : [])),
  );
}

function pickColumns(rows: Float64Array, width: number, columns: Int32Array): Float64Array {
  return Float64Array.from(
    { length: (rows.length / width) * columns.length },
    (_, i) => rows[Math.floor(i / columns.length) * width + columns[i % columns.length]!]!,
  );
}

/** One task as both engines play it, and σ of what moves. */
export class EnginePair {
  readonly entries: readonly StateEntry[];
  /** float64 `[M]` */
  readonly scale: Float64Array;
  private readonly task: AnyTask;
  private readonly engines: Engines;
  private readonly width: number;
  private readonly columns: Int32Array;

  constructor(task: AnyTask, engines: Engines, scale: Float64Array) {
    this.task = task;
    this.engines = engines;
    this.entries = movingEntries(task);
    this.columns = movingColumns(task);
    this.width = scale.length;
    this.scale = Float64Array.from(this.columns, (column) => scale[column]!);
  }

  get actionSpace(): Box {
    return this.task.actionSpace as Box;
  }

  /** float64 `[starts, horizon + 1, M]` */
  async rows(engine: keyof Engines, plan: HeldOut, changes: readonly Change[] = []): Promise<Float64Array> {
    const task = changedTask(this.task, changes);
    const env = new TaskEnv(task, new PhysicsDynamics(task, this.engines[engine]), LANES);
    try {
      return pickColumns((await play(env, plan, 1, 0)).rows, this.width, this.columns);
    } finally {
      await env.close();
    }
  }

  /** float64 `[starts, horizon + 1]`: mean over elements of the squared difference, σ². */
  squares(truth: Float64Array, other: Float64Array): Float64Array {
    const { entries, scale } = this;
    return normalisedSquares({ scale }, squaredErrors({ entries, truth, scale }, other));
  }

  /** How far apart the engines are at every step of a plan, with changes on both. */
  async differ(plan: HeldOut, changes: readonly Change[] = []): Promise<Difference> {
    const [rapier, mujoco] = [await this.rows('rapier', plan, changes), await this.rows('mujoco', plan, changes)];
    const still = persistencePrediction(rapier, plan.horizon, this.scale.length);
    return { horizon: plan.horizon, rapier, error: this.squares(rapier, mujoco), motion: this.squares(rapier, still) };
  }
}

export interface Difference {
  readonly horizon: number;
  /** float64 `[starts, horizon + 1, M]` */
  readonly rapier: Float64Array;
  /** float64 `[starts, horizon + 1]`, σ², see `Apart`. */
  readonly error: Float64Array;
  readonly motion: Float64Array;
}

export function apartAt({ error, motion, horizon }: Difference, step: number): Apart {
  return { error: columnAt(error, horizon + 1, step), motion: columnAt(motion, horizon + 1, step) };
}

function columnAt(values: Float64Array, width: number, column: number): Float64Array {
  return Float64Array.from({ length: values.length / width }, (_, row) => values[row * width + column]!);
}

/** E(h) in σ, h control steps ahead, with its 95 % interval over starts. */
export interface ErrorAt {
  readonly step: number;
  readonly value: Interval;
}

export const horizons = [1, 10, 40] as const;
/** Other actions that are tried from each start. */
const ALTERNATIVES = 4;

export function errorsOf({ error, horizon }: Difference, resamples: ResamplePlan): ErrorAt[] {
  return horizons.filter((step) => step <= horizon).map((step) => ({ step, value: errorAt(error, horizon + 1, step, resamples) }));
}

/** Median first step more than .4 σ off, over that of Rapier started again with sensor noise; both up to the horizon. */
export async function validShare(
  pair: EnginePair,
  plan: HeldOut,
  difference: Difference,
  resamples: ResamplePlan,
  rng: Rng,
): Promise<Interval> {
  const floor = pair.squares(difference.rapier, await pair.rows('rapier', { ...plan, state: noisyStarts(pair, plan, rng) }));
  const first = [difference.error, floor].map((squares) => firstPassages(squares.map(Math.sqrt), plan.horizon));
  return plannedInterval(first, ([one, other]) => median(one!) / median(other!), resamples);
}

function errorAt(squares: Float64Array, width: number, step: number, plan: ResamplePlan): Interval {
  const [measured, resampled] = [columnMeans(squares, width), resampledMeans(squares, width, plan)];
  return percentileInterval(
    Math.sqrt(measured[step]!),
    Float64Array.from({ length: plan.resamples }, (_, i) => Math.sqrt(resampled[i * width + step]!)),
  );
}

function noisyStarts({ entries, scale }: EnginePair, { starts, state }: HeldOut, rng: Rng): Float64Array {
  const noisy = state.slice();
  const elements = entries.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i));
  for (let start = 0; start < starts; start++)
    for (const [i, element] of elements.entries())
      noisy[(start * state.length) / starts + element]! += SENSOR_NOISE * scale[i]! * rng.normal();
  return noisy;
}

/** Share of what other actions change in one step on Rapier that MuJoCo gets right. */
export async function effectR2(
  pair: EnginePair,
  plan: HeldOut,
  changes: readonly Change[],
  resamples: ResamplePlan,
  rng: Rng,
): Promise<Interval> {
  const once = stepsOfPlan(plan, 0, 1);
  const others = Array.from({ length: ALTERNATIVES }, () => ({ ...once, action: randomActions(pair.actionSpace, plan.starts, rng) }));
  const size = pair.scale.length;
  const ends = async (engine: keyof Engines, one: HeldOut) => rowsAtStep(await pair.rows(engine, one, changes), plan.starts, 1, size, 1);
  const branches = async (engine: keyof Engines) => {
    const all = new Float64Array(plan.starts * ALTERNATIVES * size);
    for (const [k, other] of others.entries()) {
      const rows = await ends(engine, other);
      for (let start = 0; start < plan.starts; start++)
        all.set(rows.subarray(start * size, (start + 1) * size), (start * ALTERNATIVES + k) * size);
    }
    return all;
  };
  return counterfactualEffects(
    {
      entries: pair.entries,
      starts: plan.starts,
      alternatives: ALTERNATIVES,
      horizon: 1,
      truthBase: await ends('rapier', once),
      imaginedBase: await ends('mujoco', once),
      truthBranches: await branches('rapier'),
      imaginedBranches: await branches('mujoco'),
      scale: pair.scale,
    },
    resamples,
  ).effectR2;
}

function randomActions({ low, high }: Box, starts: number, rng: Rng): Float64Array {
  return Float64Array.from({ length: starts * low.length }, (_, i) => rng.uniform(low[i % low.length]!, high[i % low.length]!));
}
