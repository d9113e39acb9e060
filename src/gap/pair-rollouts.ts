/** Plays the same starts and actions in truth and in a model, and packs the outcome for the metrics. */
import { elementsWithRole } from '../core/state-spec.ts';
import type { Transitions } from '../data/transitions.ts';
import type { Rng } from '../math/rng.ts';
import type { TaskEnv } from '../task/task-env.ts';
import { predictedEntries } from '../world-model/contract.ts';
import type { Counterfactuals } from './counterfactual.ts';
import { type HeldOut, predictedScale } from './held-out.ts';
import { fitLinearReference, rolloutLinear } from './linear-reference.ts';
import { type PairedRollouts, type Reals, rowsAtStep } from './paired-rollouts.ts';
import { angleElements, meanOverSamples, type Player, play, playerOf, playMean } from './play.ts';
import { type Subject, withPlayer } from './subject.ts';

/** Share of an element's standard deviation taken as sensor noise: where truth, started so far off, drifts to is the floor of any prediction. */
export const SENSOR_NOISE_SHARE = 0.0005;

export interface PairOptions {
  /** Truth without wrappers; any number of lanes. */
  readonly truth: TaskEnv;
  readonly subject: Subject;
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

/** @returns with the seed of the subject's first draws. */
export async function pairRollouts(options: PairOptions): Promise<{ rollouts: PairedRollouts; segments: SegmentReturns; seed: number }> {
  const { truth, heldOut, samples, rng } = options;
  const { task } = truth;
  const scale = predictedScale(task, options.all);
  const played = await play(truth, heldOut, 1, 0);
  const moved = await play(truth, { ...heldOut, state: perturb(truth, heldOut, scale, rng) }, 1, 0);
  const seed = rng.integer(1 << 20) * 64;
  const imagined = await withPlayer(options.subject, heldOut.starts * samples, (dream) =>
    dream.play(heldOut, samples, seed, options.onProgress),
  );
  const rollouts: PairedRollouts = {
    entries: predictedEntries(task),
    starts: heldOut.starts,
    horizon: heldOut.horizon,
    samples,
    truth: played.rows,
    imaginedMean: meanOverSamples(imagined.rows, heldOut.starts, samples, angleElements(predictedEntries(task))),
    imaginedSamples: imagined.rows,
    perturbed: moved.rows,
    linear: linearRollouts(truth, options.training, heldOut),
    scale,
  };
  return { rollouts, segments: { truth: played.returns, imagined: meanReturns(imagined.returns, samples) }, seed };
}

export interface CounterfactualOptions {
  readonly truth: TaskEnv;
  readonly subject: Subject;
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
  const seed = options.rng.integer(1 << 20) * 64;
  const width = options.scale.length;
  const ends = async (player: Player, count: number, plan: HeldOut) =>
    rowsAtStep(await playMean(player, plan, count, seed), plan.starts, plan.horizon, width, plan.horizon);
  /** Where the base leads, then each alternative. */
  const branches = async (player: Player, count: number) => {
    const found: Float64Array[] = [];
    for (const plan of [heldOut, ...alternatives.map((action) => ({ ...heldOut, action }))]) found.push(await ends(player, count, plan));
    return found;
  };
  const [truthBase, ...truthBranches] = await branches(playerOf(truth), 1);
  const [imaginedBase, ...imaginedBranches] = await withPlayer(options.subject, heldOut.starts * samples, (dream) =>
    branches(dream, samples),
  );
  return {
    entries,
    starts: heldOut.starts,
    alternatives: alternatives.length,
    horizon: heldOut.horizon,
    truthBase: truthBase!,
    imaginedBase: imaginedBase!,
    truthBranches: interleave(truthBranches, heldOut.starts, width),
    imaginedBranches: interleave(imaginedBranches, heldOut.starts, width),
    scale: options.scale,
  };
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
