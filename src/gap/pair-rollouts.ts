/** Plays the same starts and actions in truth and in a model, and packs the outcome for the metrics. */
import { elementsWithRole, type StateEntry } from '../core/state-spec.ts';
import type { Transitions } from '../data/transitions.ts';
import type { Rng } from '../math/rng.ts';
import { allocate, rowOf, type TypedArray, unflattenInto } from '../spaces/space.ts';
import type { TaskEnv } from '../task/task-env.ts';
import { predictedEntries } from '../world-model/contract.ts';
import type { Counterfactuals } from './counterfactual.ts';
import { type HeldOut, predictedScale } from './held-out.ts';
import { fitLinearReference, rolloutLinear } from './linear-reference.ts';
import { type PairedRollouts, type Reals, rowsAtStep } from './paired-rollouts.ts';

/** Share of an element's standard deviation taken as sensor noise: where truth, started so far off, drifts to is the floor of any prediction. */
export const SENSOR_NOISE_SHARE = 0.0005;

export interface PairOptions {
  /** Truth without wrappers; any number of lanes. */
  readonly truth: TaskEnv;
  /** Makes the subject with this many lanes, without wrappers. */
  readonly subject: (lanes: number) => Promise<TaskEnv>;
  readonly heldOut: HeldOut;
  /** What the linear reference is fitted on, and the scale of each element taken from: not the held-out starts. */
  readonly training: Transitions;
  /** All held-out transitions, for the scale. */
  readonly all: Transitions;
  /** Imagined draws a start. */
  readonly samples: number;
  readonly rng: Rng;
  readonly onProgress?: (done: number, of: number) => void;
}

/** Rewards of the same actions: sums over the horizon, float64 `[starts]`. */
export interface SegmentReturns {
  readonly truth: Float64Array;
  readonly imagined: Float64Array;
}

export async function pairRollouts(options: PairOptions): Promise<{ rollouts: PairedRollouts; segments: SegmentReturns }> {
  const { truth, heldOut, samples, rng } = options;
  const { task } = truth;
  const scale = predictedScale(task, options.all);
  const played = await play(truth, heldOut, 1, 0);
  const moved = await play(truth, { ...heldOut, state: perturb(truth, heldOut, scale, rng) }, 1, 0);
  const dream = await options.subject(heldOut.starts * samples);
  const imagined = await play(dream, heldOut, samples, rng.integer(1 << 20) * 64, options.onProgress);
  await dream.close();
  const size = scale.length;
  const rollouts: PairedRollouts = {
    entries: predictedEntries(task),
    starts: heldOut.starts,
    horizon: heldOut.horizon,
    samples,
    truth: played.rows,
    imaginedMean: meanOverSamples(
      imagined.rows,
      heldOut.starts,
      samples,
      (heldOut.horizon + 1) * size,
      angleElements(predictedEntries(task)),
    ),
    imaginedSamples: imagined.rows,
    perturbed: moved.rows,
    linear: linearRollouts(truth, options.training, heldOut),
    scale,
  };
  return { rollouts, segments: { truth: played.returns, imagined: meanReturns(imagined.returns, samples) } };
}

export interface CounterfactualOptions {
  readonly truth: TaskEnv;
  readonly subject: (lanes: number) => Promise<TaskEnv>;
  readonly heldOut: HeldOut;
  readonly scale: Float64Array;
  /** float64 `[alternatives, starts, horizon, actionSize]` */
  readonly alternatives: readonly Float64Array[];
  readonly samples: number;
  readonly rng: Rng;
}

/** Executes the alternatives from every start in truth and in the subject, each from the same state and (in the subject) with the same noise. */
export async function playCounterfactuals(options: CounterfactualOptions): Promise<Counterfactuals> {
  const { truth, heldOut, samples, alternatives } = options;
  const entries = predictedEntries(truth.task);
  const dream = await options.subject(heldOut.starts * samples);
  const seed = options.rng.integer(1 << 20) * 64;
  const width = options.scale.length;
  const ends = async (env: TaskEnv, count: number, plan: HeldOut) =>
    rowsAtStep(await playMean(env, plan, count, seed), plan.starts, plan.horizon, width, plan.horizon);
  const truthBranches: Float64Array[] = [];
  const imaginedBranches: Float64Array[] = [];
  for (const action of alternatives) {
    truthBranches.push(await ends(truth, 1, { ...heldOut, action }));
    imaginedBranches.push(await ends(dream, samples, { ...heldOut, action }));
  }
  const result: Counterfactuals = {
    entries,
    starts: heldOut.starts,
    alternatives: alternatives.length,
    horizon: heldOut.horizon,
    truthBase: await ends(truth, 1, heldOut),
    imaginedBase: await ends(dream, samples, heldOut),
    truthBranches: interleave(truthBranches, heldOut.starts, width),
    imaginedBranches: interleave(imaginedBranches, heldOut.starts, width),
    scale: options.scale,
  };
  await dream.close();
  return result;
}

/**
 * Plays every start and takes the mean over copies, of angles the circular one.
 * @param copies - of each start, copy c with seed + c. @returns float64 `[starts, horizon + 1, size]`, predicted elements.
 */
export async function playMean(env: TaskEnv, heldOut: HeldOut, copies: number, seed: number): Promise<Float64Array> {
  const { rows } = await play(env, heldOut, copies, seed);
  if (copies === 1) return rows;
  return meanOverSamples(rows, heldOut.starts, copies, rows.length / heldOut.starts / copies, angleElements(predictedEntries(env.task)));
}

export interface Played {
  /** float64 `[starts, copies, horizon + 1, size]`, predicted elements. */
  readonly rows: Float64Array;
  /** float64 `[starts, copies]` */
  readonly returns: Float64Array;
}

/** Plays every start `copies` times (copy c with seed + c), as many at once as the env has lanes. */
export async function play(
  env: TaskEnv,
  heldOut: HeldOut,
  copies: number,
  seed: number,
  onProgress?: (done: number, of: number) => void,
): Promise<Played> {
  const predicted = elementsWithRole(env.spec, 'dynamic', 'signal');
  const total = heldOut.starts * copies;
  const played: Played = { rows: new Float64Array(total * (heldOut.horizon + 1) * predicted.length), returns: new Float64Array(total) };
  for (let first = 0; first < total; first += env.lanes) {
    const count = Math.min(env.lanes, total - first);
    const active = Uint8Array.from({ length: env.lanes }, (_, lane) => (lane < count ? 1 : 0));
    for (let lane = 0; lane < count; lane++) {
      const start = Math.floor((first + lane) / copies);
      await env.setState(
        lane,
        heldOut.state.subarray(start * env.spec.size, (start + 1) * env.spec.size),
        seed + ((first + lane) % copies),
      );
    }
    copyRows(env, predicted, played, first, count, 0, heldOut.horizon);
    await playChunk(env, heldOut, { copies, first, count, active, predicted, played });
    onProgress?.(first + count, total);
  }
  return played;
}

interface Chunk {
  readonly copies: number;
  readonly first: number;
  readonly count: number;
  readonly active: Uint8Array;
  readonly predicted: Int32Array;
  readonly played: Played;
}

async function playChunk(env: TaskEnv, heldOut: HeldOut, { copies, first, count, active, predicted, played }: Chunk): Promise<void> {
  const actions = allocate(env.actionSpace, env.lanes);
  const rows = Array.from({ length: count }, (_, lane) => rowOf(env.actionSpace, actions, lane));
  const actionSize = heldOut.action.length / heldOut.starts / heldOut.horizon;
  for (let step = 0; step < heldOut.horizon; step++) {
    for (let lane = 0; lane < count; lane++)
      unflattenInto(heldOut.action, rows[lane] as TypedArray, (Math.floor((first + lane) / copies) * heldOut.horizon + step) * actionSize);
    await env.step(actions, active);
    for (let lane = 0; lane < count; lane++)
      for (let agent = 0; agent < env.agents; agent++)
        played.returns[first + lane] = played.returns[first + lane]! + env.batch.reward[lane * env.agents + agent]!;
    copyRows(env, predicted, played, first, count, step + 1, heldOut.horizon);
  }
}

function copyRows(env: TaskEnv, predicted: Int32Array, played: Played, first: number, count: number, step: number, horizon: number): void {
  const size = predicted.length;
  for (let lane = 0; lane < count; lane++) {
    const at = ((first + lane) * (horizon + 1) + step) * size;
    // A lane that broke down keeps its last good state; what it predicts from then on is not a number.
    const broken = env.batch.problems[lane] != null;
    for (let i = 0; i < size; i++) played.rows[at + i] = broken ? Number.NaN : env.state[lane * env.spec.size + predicted[i]!]!;
  }
}

/** The starts, each dynamic element moved by normal noise of a share of its scale. @param scale - of each predicted element. */
export function perturb(truth: TaskEnv, heldOut: HeldOut, scale: Reals, rng: Rng, share = SENSOR_NOISE_SHARE): Float64Array {
  const state = heldOut.state.slice();
  const dynamic = new Set(elementsWithRole(truth.spec, 'dynamic'));
  // The scale has an element for every predicted one; signals arise anew and are left alone.
  const predicted = elementsWithRole(truth.spec, 'dynamic', 'signal');
  for (let start = 0; start < heldOut.starts; start++)
    predicted.forEach((element, i) => {
      if (!dynamic.has(element)) return;
      const at = start * truth.spec.size + element;
      state[at] = state[at]! + share * scale[i]! * rng.normal();
    });
  return state;
}

function linearRollouts(truth: TaskEnv, training: Transitions, heldOut: HeldOut): Float64Array {
  const { task, spec } = truth;
  const predicted = elementsWithRole(spec, 'dynamic', 'signal');
  const pick = (rows: Float64Array) => {
    const count = rows.length / spec.size;
    return Float64Array.from(
      { length: count * predicted.length },
      (_, i) => rows[Math.floor(i / predicted.length) * spec.size + predicted[i % predicted.length]!]!,
    );
  };
  const entries = predictedEntries(task);
  const reference = fitLinearReference({
    entries,
    commandSize: task.commands.length,
    states: pick(training.state),
    commands: training.command,
    next: pick(training.next),
  });
  return rolloutLinear(reference, pick(heldOut.state), heldOut.command, heldOut.horizon);
}

function angleElements(entries: readonly StateEntry[]): Uint8Array {
  return Uint8Array.from(entries.flatMap((entry) => new Array<number>(entry.size).fill(entry.kind === 'angle' ? 1 : 0)));
}

/** Mean over copies; of angles, the circular mean. `[starts, copies, width]` → `[starts, width]`. */
function meanOverSamples(rows: Float64Array, starts: number, copies: number, width: number, angles: Uint8Array): Float64Array {
  const out = new Float64Array(starts * width);
  for (let start = 0; start < starts; start++)
    for (let i = 0; i < width; i++) {
      const isAngle = angles[i % angles.length] === 1;
      let sum = 0;
      let cosine = 0;
      for (let copy = 0; copy < copies; copy++) {
        const value = rows[(start * copies + copy) * width + i]!;
        sum += isAngle ? Math.sin(value) : value;
        cosine += isAngle ? Math.cos(value) : 0;
      }
      out[start * width + i] = isAngle ? Math.atan2(sum, cosine) : sum / copies;
    }
  return out;
}

function meanReturns(returns: Float64Array, copies: number): Float64Array {
  return Float64Array.from(
    { length: returns.length / copies },
    (_, start) => returns.subarray(start * copies, (start + 1) * copies).reduce((sum, value) => sum + value, 0) / copies,
  );
}

/** K arrays `[starts, width]` → `[starts, K, width]`. */
function interleave(branches: readonly Float64Array[], starts: number, width: number): Float64Array {
  const out = new Float64Array(starts * branches.length * width);
  branches.forEach((branch, k) => {
    for (let start = 0; start < starts; start++)
      out.set(branch.subarray(start * width, (start + 1) * width), (start * branches.length + k) * width);
  });
  return out;
}
