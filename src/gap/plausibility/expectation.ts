/** P6: plays one step from every start and shows the subject what followed and what could not have. */
import type { Rng } from '../../math/rng.ts';
import { bodyStateSize } from '../../physics/joint-tree.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import type { AxisContext } from '../axis.ts';
import { drawHeldOut, type HeldOut } from '../held-out.ts';
import { elementsOf, rowsAtStep } from '../paired-rollouts.ts';
import { play, playMean } from '../play.ts';
import { withPlayer } from '../subject.ts';
import { centreOfMass } from './energy.ts';
import type { PhysicsProbe } from './physics-probe.ts';
import type { Probes } from './probes.ts';
import { sensorNoise } from './sensor-noise.ts';
import { type KindOutcome, surpriseAt, toldApart, type Units } from './surprise.ts';
import { VIOLATIONS, type Violation, type ViolationDirections, violationDirections } from './violations.ts';

/** Sizes of violations tried: the largest change of an element in units of its sensor noise. */
export const VIOLATION_LEVELS: readonly number[] = [0.25, 0.5, 1, 2, 3, 4, 5, 7, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
/** The other size: this share of a body's size. */
const TENTH = 0.1;
const BISECTIONS = 12;
/** Seeds between those of two starts. */
const MOST_SAMPLES = 64;

export type Expectations = Readonly<Record<Violation, KindOutcome>>;

export interface ExpectationOptions extends Pick<AxisContext, 'truth' | 'subject' | 'engine' | 'heldOut' | 'scale' | 'rng'> {
  readonly starts: number;
  /** Draws of each start, whose mean is the prediction. */
  readonly samples: number;
  readonly probes: Probes;
}

/**
 * The subject's mean prediction of one step is held against the true next state and against violated ones, all seen through the same sensor noise: without it the
 * smallest violation that truth tells apart would be none at all. Surprise is the error in sensor noises, not the likelihood under the subject's own
 * spread: it is there for subjects that state none, and H4 asks whether a stated spread is honest.
 */
export async function measureExpectations(options: ExpectationOptions): Promise<Expectations> {
  const { truth, engine, heldOut, scale, rng, starts } = options;
  const { task } = truth;
  const plan = drawHeldOut(task, heldOut, starts, 1, rng);
  const played = await play(truth, plan, 1, 0);
  const [now, next] = [0, 1].map((step) => rowsAtStep(played.rows, starts, 1, scale.length, step)) as [Float64Array, Float64Array];
  const directions = violationDirections({ task, engine, plan, now, next, scale, rng });
  const predicted = await meanPredictions(options, plan, rng.integer(1 << 20));
  const unit = sensorNoise(predictedEntries(task), scale, task.controlDt_s);
  return judged({ ...options, plan, next, unit, noise: noiseOf(unit, starts, rng), directions, predicted });
}

/** Every start from seeds of its own: with the same draws for all, their chance would look like a bias of the subject. @returns float64 `[starts, P]`. */
function meanPredictions({ subject, starts, samples, scale }: ExpectationOptions, plan: HeldOut, seed: number): Promise<Float64Array> {
  const out = new Float64Array(starts * scale.length);
  const part = (values: Float64Array, start: number) =>
    values.subarray((start * values.length) / starts, ((start + 1) * values.length) / starts);
  return withPlayer(subject, samples, async (player) => {
    for (let start = 0; start < starts; start++) {
      const [state, action, command, following] = [plan.state, plan.action, plan.command, plan.following].map((values) =>
        part(values, start),
      );
      const own = {
        starts: 1,
        horizon: 1,
        state: state!,
        action: action!,
        command: command!,
        following: following!,
        episode: plan.episode.subarray(start, start + 1),
      };
      const mean = await playMean(player, own, samples, (seed + start) * MOST_SAMPLES);
      out.set(mean.subarray(scale.length), start * scale.length);
    }
    return out;
  });
}

interface Shown extends ExpectationOptions, Units {
  readonly plan: HeldOut;
  readonly next: Float64Array;
  /** Drawn, float64 `[starts, P]`. */
  readonly noise: Float64Array;
  readonly directions: ViolationDirections;
  readonly predicted: Float64Array;
}

function noiseOf(unit: Float64Array, starts: number, rng: Rng): Float64Array {
  return Float64Array.from({ length: starts * unit.length }, (_, i) => unit[i % unit.length]! * rng.normal());
}

function judged(shown: Shown): Expectations {
  const { truth, unit, starts, next, noise, predicted } = shown;
  const elements = elementsOf(predictedEntries(truth.task));
  const size = unit.length;
  const seen = Float64Array.from(next, (value, i) => value + noise[i]!);
  const violated = new Float64Array(next.length);
  const tell = (direction: Float64Array, start: number, share: number): number => {
    for (let i = start * size; i < (start + 1) * size; i++) violated[i] = seen[i]! + share * direction[i]!;
    const surprise = (of: Float64Array) => surpriseAt(elements, shown, predicted, of, start * size);
    return toldApart(surprise(violated), surprise(seen));
  };
  const outcome = (kind: Violation): KindOutcome => {
    const direction = shown.directions[kind];
    const column = (shareOf: (start: number) => number | undefined) =>
      Float64Array.from({ length: starts }, (_, start) => {
        const share = shareOf(start);
        return share === undefined ? Number.NaN : tell(direction, start, share);
      });
    const noises = Float64Array.from({ length: starts }, (_, start) => largestChange(direction, start, unit));
    const atLevel = VIOLATION_LEVELS.map((level) => column((start) => (noises[start]! >= level ? level / noises[start]! : undefined)));
    return { atLevel, atTenthOfSize: column(tenthOfSize(shown, direction)) };
  };
  return Object.fromEntries(VIOLATIONS.map((kind) => [kind, outcome(kind)])) as Expectations;
}

/** In sensor noises. */
function largestChange(direction: Float64Array, start: number, unit: Float64Array): number {
  let most = 0;
  unit.forEach((noise, i) => {
    most = Math.max(most, Math.abs(direction[start * unit.length + i]!) / noise);
  });
  return most;
}

/** The share of a violation that displaces a body by a tenth of its size, where the whole of it displaces one so far. */
function tenthOfSize({ probes, plan, next, scale }: Shown, direction: Float64Array): (start: number) => number | undefined {
  const [size, stateSize] = [scale.length, plan.state.length / plan.starts];
  return (start) => {
    const state = plan.state.subarray(start * stateSize, (start + 1) * stateSize);
    const probe = probes.of(state);
    const displaced = displacementFrom(probe, state, next.subarray(start * size, (start + 1) * size));
    const whole = direction.subarray(start * size, (start + 1) * size);
    if (!(displaced(whole, 1) >= TENTH)) return undefined;
    let [low, high] = [0, 1];
    for (let i = 0; i < BISECTIONS; i++) {
      const middle = (low + high) / 2;
      if (displaced(whole, middle) < TENTH) low = middle;
      else high = middle;
    }
    return high;
  };
}

const [before, after] = [new Float64Array(6), new Float64Array(6)];

/** How far a share of a change displaces a body, now and after a control step at its velocity, in its sizes: the farthest of all. */
function displacementFrom(probe: PhysicsProbe, state: Float64Array, row: Float64Array): (change: Float64Array, share: number) => number {
  const { scene, parts, size_m, largest_m } = probe.facts;
  const [here, there] = [0, 1].map(() => new Float64Array(scene.bodies.length * bodyStateSize)) as [Float64Array, Float64Array];
  probe.bodiesIn(state, row, here);
  return (change, share) => {
    const moved = row.map((value, i) => value + share * change[i]!);
    if (!probe.bodiesIn(state, moved, there)) return Number.NaN;
    let most = 0;
    for (const { bodies } of parts)
      for (const body of bodies) {
        centreOfMass(scene, here, body, before);
        centreOfMass(scene, there, body, after);
        const off = [0, 1, 2].map((i) => after[i]! - before[i]! + (after[3 + i]! - before[3 + i]!) * probe.controlDt_s);
        most = Math.max(most, Math.hypot(...off) / (size_m[body]! || largest_m));
      }
    return most;
  };
}
