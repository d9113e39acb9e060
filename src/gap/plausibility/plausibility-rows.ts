/** From readings of rollouts to findings: each row against what truth itself does. Nothing here plays anything. */
import { type Finding, inconclusive, measured, notApplicable } from '../axis.ts';
import { plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { mean, quantileOfSorted } from '../statistics.ts';
import type { DriveReadings, Reading } from './read-rollouts.ts';

/** P1: an overlap counts from this share of a body's size on, or from so many times what truth does at its 99th percentile. */
const DEEP = 0.01;
const TIMES_TRUTH = 2;
/** P5: so much of its size may a body stray from where its velocities lead. */
const UNEXPLAINED = 0.05;
/** A rollout that is no longer finite counts as so many energy scales off, or so many times gravity. */
const BROKEN = 10;
/** P3 and P4: starts that must show what is measured. */
const FEWEST_STARTS = 5;

/** Of all readings, without the start, which is truth's own. */
function pooled(readings: readonly Reading[], of: (reading: Reading) => Float64Array): Float64Array {
  return Float64Array.from(readings.flatMap((reading) => [...of(reading).subarray(1)].filter(Number.isFinite))).sort();
}

function quantile(sorted: Float64Array, level: number): number {
  return sorted.length > 0 ? quantileOfSorted(sorted, level) : 0;
}

/**
 * Per start the share of moments over a limit, of all drives. Several draws of a start count by their mean, so that a stochastic model's honest noise, which presses
 * feet into the ground as often as it lifts them, is not taken for a ground that gives way. What is not finite is over it.
 */
function sharesOver(drives: readonly DriveReadings[], of: (reading: Reading) => Float64Array, limit: number, from: number): Float64Array {
  const share = (readings: readonly Reading[]) => {
    const columns = readings.map(of);
    return mean(Array.from(columns[0]!.subarray(from), (_, i) => (mean(columns.map((column) => column[from + i]!)) <= limit ? 0 : 1)));
  };
  return Float64Array.from(drives[0]!.subject, (_, start) => mean(drives.map(({ subject }) => share(subject[start]!))));
}

function perStart(drives: readonly DriveReadings[], of: (readings: readonly Reading[]) => number): Float64Array {
  return Float64Array.from(drives[0]!.subject, (_, start) => of(drives.flatMap(({ subject }) => subject[start]!)));
}

function truths(drives: readonly DriveReadings[]): Reading[] {
  return drives.flatMap(({ truth }) => truth);
}

const meanOf = ([column]: readonly Float64Array[]) => mean(column!);

/** Depth from which on an overlap counts, in sizes of the smaller body. */
export function deepFrom(drives: readonly DriveReadings[]): number {
  const deepest = pooled(truths(drives), ({ depth }) => depth);
  return Math.max(DEEP, TIMES_TRUTH * quantile(deepest, 0.99));
}

export function findPenetration(drives: readonly DriveReadings[], canTouch: boolean, plan: ResamplePlan): Finding {
  if (!canTouch) return notApplicable('No two shapes of this scene can touch.');
  const touches = (reading: Reading) => reading.depth.some((depth) => depth > 0);
  if (!drives.some(({ truth, subject }) => truth.some(touches) || subject.flat().some(touches)))
    return notApplicable('Nothing touched anything, in truth or in the dream.', plan.count);
  return measured(plannedInterval([sharesOver(drives, ({ depth }) => depth, deepFrom(drives), 1)], meanOf, plan), plan.count);
}

/**
 * What energy is counted in, J: all that a rollout of truth turns over. Mean kinetic energy, the standard deviation of potential energy, and what motors and
 * brakes move on the average, whether in or out.
 */
export function energyScaleOf(drives: readonly DriveReadings[]): number {
  const potential = pooled(truths(drives), ({ potential_J }) => potential_J);
  const kinetic = pooled(truths(drives), ({ kinetic_J }) => kinetic_J);
  const middle = mean(potential);
  const spread = Math.sqrt(mean(potential.map((value) => (value - middle) ** 2)));
  return mean(kinetic) + spread + mean(truths(drives).map(({ turnover_J }) => turnover_J));
}

/**
 * P2. Over starts: mean energy that the subject gains from nowhere, less what 95 % of truth's rollouts stay under; likewise what it loses, and with and without
 * actions; the largest of these counts. Gains and losses are apart because contacts take energy in truth too and never give any.
 * Of several draws of a start, half are held against the other half, √(gain₁ · gain₂): what a stochastic model's noise adds and takes at random cancels, what it
 * gains on the average does not. A model's honest noise of 2e-3 σ would else look like a leak of some hundredths.
 */
export function findEnergy(drives: readonly DriveReadings[], plan: ResamplePlan): Finding {
  const scale_J = energyScaleOf(drives);
  if (!(scale_J > 0)) return notApplicable('Nothing moves, in no drive and no rollout of truth.', plan.count);
  const columns = drives.flatMap(({ truth, subject }) =>
    [1, -1].flatMap((sign) => {
      const part = (reading: Reading) => Math.max(0, sign * endResidual(reading, sign) * (1 / scale_J));
      return [Float64Array.from(subject, (readings) => systematic(readings.map(part))), Float64Array.from(truth, part)];
    }),
  );
  const excess = (samples: readonly Float64Array[]) => {
    let most = -Infinity;
    for (let i = 0; i < samples.length; i += 2)
      most = Math.max(most, mean(samples[i]!) - quantileOfSorted(Float64Array.from(samples[i + 1]!).sort(), 0.95));
    return most;
  };
  return measured(plannedInterval(columns, excess, plan), plan.count);
}

/** Residual at the end of a rollout, J; one that broke counts as gain and as loss. */
function endResidual({ residual_J }: Reading, sign: number): number {
  const end = residual_J.at(-1)!;
  return Number.isFinite(end) ? end : sign * Number.MAX_VALUE;
}

function systematic(parts: readonly number[]): number {
  const half = (odd: number) => Math.min(BROKEN, mean(parts.filter((_, i) => parts.length === 1 || i % 2 === odd)));
  return Math.sqrt(half(0) * half(1));
}

export function findMomentum(drives: readonly DriveReadings[], hasLoosePair: boolean, plan: ResamplePlan): Finding {
  if (!hasLoosePair) return notApplicable('No two bodies are free of everything but each other.');
  const met = drives[0]!.truth.filter((_, start) => drives.some(({ truth }) => truth[start]!.collisions.length > 0)).length;
  if (met < FEWEST_STARTS) return notApplicable('Truth shows no isolated collision, or too few.', met);
  const columns = ratioColumns(drives, (reading) => [reading.collisions.reduce((sum, error) => sum + error, 0), reading.collisions.length]);
  if (columns[1].every((count) => count === 0)) return inconclusive('The subject shows no isolated collision; see P1.', plan.count);
  return measured(plannedInterval(columns, ratio, plan), columns[1].filter((count) => count > 0).length);
}

export function findGravity(drives: readonly DriveReadings[], canFall: boolean, plan: ResamplePlan): Finding {
  if (!canFall) return notApplicable('Joints hold everything that gravity pulls, or nothing pulls.');
  const flew = drives[0]!.truth.filter((_, start) => drives.some(({ truth }) => truth[start]!.fall.weight > 0)).length;
  if (flew < FEWEST_STARTS) return notApplicable('Nothing is in the air for long enough in truth, or too seldom.', flew);
  const weights = truths(drives).map(({ fall }) => fall.weight);
  const usual = mean(weights.filter((weight) => weight > 0));
  const columns = ratioColumns(drives, ({ fall, broken }) => {
    const lost = broken > 0 ? usual : 0;
    return [(fall.weight > 0 ? fall.error * fall.weight : 0) + BROKEN * lost, fall.weight + lost];
  });
  if (columns[1].every((count) => count === 0)) return inconclusive('The subject is never in the air, truth is.', plan.count);
  return measured(plannedInterval(columns, ratio, plan), columns[1].filter((count) => count > 0).length);
}

/** Sums of weighted values, and of weights, per start. */
function ratioColumns(drives: readonly DriveReadings[], of: (reading: Reading) => readonly [number, number]): [Float64Array, Float64Array] {
  const sum = (i: 0 | 1) => perStart(drives, (readings) => readings.reduce((total, reading) => total + of(reading)[i], 0));
  return [sum(0), sum(1)];
}

/** A resample without any weight says nothing, and is as good as the whole. */
function ratio([values, weights]: readonly Float64Array[]): number {
  const weight = mean(weights!);
  return weight > 0 ? mean(values!) / weight : 0;
}

/** Stray from which on a step counts, in sizes. */
export function unexplainedFrom(drives: readonly DriveReadings[]): number {
  const strays = Float64Array.from(truths(drives).flatMap(({ unexplained }) => [...unexplained].filter(Number.isFinite))).sort();
  return Math.max(UNEXPLAINED, TIMES_TRUTH * quantile(strays, 0.99));
}

/** Truth's own steps break the rule where a contact changes a velocity within the step: hence its 99th percentile, as for P1. */
export function findKinematics(drives: readonly DriveReadings[], plan: ResamplePlan): Finding {
  const shares = sharesOver(drives, ({ unexplained }) => unexplained, unexplainedFrom(drives), 0);
  return measured(plannedInterval([shares], meanOf, plan), plan.count);
}

/**
 * Mean over rollouts of the farthest that a reading goes, less the same of truth: its soft stops, which a hard landing overruns, and the rounding of numbers.
 */
export function findExcess(drives: readonly DriveReadings[], of: (reading: Reading) => Float64Array, plan: ResamplePlan): Finding {
  const farthest = (reading: Reading) =>
    Math.min(
      BROKEN,
      of(reading)
        .subarray(1)
        .reduce((high, value) => (Number.isFinite(value) ? Math.max(high, value) : BROKEN), 0),
    );
  const excess = Float64Array.from(drives[0]!.truth, (_, start) =>
    mean(drives.map(({ truth, subject }) => mean(subject[start]!.map(farthest)) - farthest(truth[start]!))),
  );
  return measured(plannedInterval([excess], meanOf, plan), plan.count);
}
