import { elementDifference, type StateEntry, wrapAngle } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { checkFinite, checkLength, DIVERGED_SCALES, type Element, elementsOf, type Reals } from './paired-rollouts.ts';

/** Transitions to fit on, and to be kept apart from the held-out starts. Rows are packed as in `PairedRollouts`. */
export interface Transitions {
  readonly entries: readonly StateEntry[];
  readonly commandSize: number;
  /** `[count, size]` */
  readonly states: Reals;
  /** `[count, commandSize]` */
  readonly commands: Reals;
  /** `[count, size]`, one control step after `states`. */
  readonly next: Reals;
}

/** The best linear model of a step: what a learned model must beat to have learned anything. */
export interface LinearReference {
  readonly entries: readonly StateEntry[];
  readonly commandSize: number;
  /** `[features, size]`: change of each element in its unit per unit of feature; features are the state (sin, cos for angles), the command, 1. */
  readonly weights: Float64Array;
  /** `[2, size]`: lowest and highest value seen; a rollout is kept within reach of them so that an unstable fit stays finite. */
  readonly range: Float64Array;
}

/** Share of the features' mean square added to the diagonal: keeps the normal equations solvable when features are collinear, far too little to bias the fit. */
const DEFAULT_RIDGE = 1e-8;

/**
 * Least squares of the change of state over one control step on [state (sin, cos for angles), command, 1] (a linear ARX model of order 1).
 * @param ridge - dimensionless, relative to each feature's mean square.
 * @throws GAP_SHAPE_MISMATCH, GAP_INPUT_INVALID when an array is not finite or there are fewer transitions than features.
 */
export function fitLinearReference(transitions: Transitions, ridge = DEFAULT_RIDGE): LinearReference {
  const { entries, commandSize, states, commands, next } = transitions;
  const elements = elementsOf(entries);
  const size = elements.length;
  const count = states.length / size;
  checkLength('next', next, states.length);
  checkLength('commands', commands, count * commandSize);
  for (const [name, values] of Object.entries({ states, commands, next })) checkFinite(name, values);
  const features = featureCount(elements, commandSize);
  if (count < features)
    throw new GroundtwinError('GAP_INPUT_INVALID', {
      what: 'transitions',
      problem: `${count} of them cannot determine ${features} features`,
    });
  const { gram, moments } = normalEquations(transitions, elements, features, count);
  for (let i = 0; i < features; i++) gram[i * features + i]! += ridge * gram[i * features + i]! + Number.MIN_VALUE;
  return { entries, commandSize, weights: solvePositive(gram, moments, features, size), range: rangeOf(next, size) };
}

/**
 * Rolls the linear model out by itself.
 * @param starts - `[count, size]`. @param commands - `[count, horizon, commandSize]`.
 * @returns float64 `[count, horizon + 1, size]`, angles in (−π, π], quaternions of length 1.
 * @throws GAP_SHAPE_MISMATCH
 */
export function rolloutLinear(reference: LinearReference, starts: Reals, commands: Reals, horizon: number): Float64Array {
  const elements = elementsOf(reference.entries);
  const size = elements.length;
  const count = starts.length / size;
  const width = reference.commandSize;
  checkLength('commands', commands, count * horizon * width);
  const out = new Float64Array(count * (horizon + 1) * size);
  const features = new Float64Array(featureCount(elements, width));
  for (let start = 0; start < count; start++) {
    const first = start * (horizon + 1) * size;
    for (let d = 0; d < size; d++) out[first + d] = starts[start * size + d]!;
    for (let step = 0; step < horizon; step++) {
      const row = first + step * size;
      writeFeatures(elements, out, row, commands, (start * horizon + step) * width, features);
      advanceRow(reference, elements, features, out, row);
    }
  }
  return out;
}

/**
 * Nothing moves: the start repeated.
 * @param truth - `[starts, horizon + 1, size]`.
 * @returns the same shape and units, every step equal to step 0.
 */
export function persistencePrediction(truth: Reals, horizon: number, size: number): Float64Array {
  const stride = (horizon + 1) * size;
  const out = new Float64Array(truth.length);
  for (let i = 0; i < out.length; i++) out[i] = truth[i - (i % stride) + (i % size)]!;
  return out;
}

function featureCount(elements: readonly Element[], commandSize: number): number {
  return elements.reduce((sum, { kind }) => sum + (kind === 'angle' ? 2 : 1), 0) + commandSize + 1;
}

function writeFeatures(
  elements: readonly Element[],
  states: Reals,
  row: number,
  commands: Reals,
  commandRow: number,
  out: Float64Array,
): void {
  let at = 0;
  for (const { kind, index } of elements) {
    const value = states[row + index]!;
    if (kind === 'angle') out[at++] = Math.sin(value);
    out[at++] = kind === 'angle' ? Math.cos(value) : value;
  }
  for (let i = commandRow; at < out.length - 1; i++) out[at++] = commands[i]!;
  out[at] = 1;
}

function normalEquations(transitions: Transitions, elements: readonly Element[], width: number, count: number) {
  const size = elements.length;
  const gram = new Float64Array(width * width);
  const moments = new Float64Array(width * size);
  const features = new Float64Array(width);
  for (let row = 0; row < count; row++) {
    writeFeatures(elements, transitions.states, row * size, transitions.commands, row * transitions.commandSize, features);
    for (let i = 0; i < width; i++) {
      const feature = features[i]!;
      for (let j = 0; j < width; j++) gram[i * width + j]! += feature * features[j]!;
      for (let d = 0; d < size; d++) {
        const change = elementDifference(elements[d]!.kind, transitions.next[row * size + d]!, transitions.states[row * size + d]!);
        moments[i * size + d]! += feature * change;
      }
    }
  }
  return { gram, moments };
}

/** Solves `gram · x = moments` for a symmetric positive definite `[n, n]` and `[n, columns]` by Cholesky, scaled to a unit diagonal first. */
function solvePositive(gram: Float64Array, moments: Float64Array, n: number, columns: number): Float64Array {
  const unit = Float64Array.from({ length: n }, (_, i) => 1 / Math.sqrt(Math.max(gram[i * n + i]!, Number.MIN_VALUE)));
  const lower = choleskyOf(
    gram.map((value, at) => value * unit[Math.floor(at / n)]! * unit[at % n]!),
    n,
  );
  const x = moments.map((value, at) => value * unit[Math.floor(at / columns)]!);
  for (let i = 0; i < n; i++) substitute(x, columns, i, 0, i, (j) => lower[i * n + j]!, lower[i * n + i]!);
  for (let i = n - 1; i >= 0; i--) substitute(x, columns, i, i + 1, n, (j) => lower[j * n + i]!, lower[i * n + i]!);
  return x.map((value, at) => value * unit[Math.floor(at / columns)]!);
}

/** `x[i] = (x[i] − Σ_{from ≤ j < to} factor(j)·x[j]) / pivot`, for all columns. A zero pivot marks a feature that adds nothing: its weight is 0. */
function substitute(
  x: Float64Array,
  columns: number,
  i: number,
  from: number,
  to: number,
  factor: (j: number) => number,
  pivot: number,
): void {
  for (let c = 0; c < columns; c++) {
    let value = x[i * columns + c]!;
    for (let j = from; j < to; j++) value -= factor(j) * x[j * columns + c]!;
    x[i * columns + c] = pivot === 0 ? 0 : value / pivot;
  }
}

const SMALLEST_PIVOT = 1e-12;

function choleskyOf(matrix: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let value = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) value -= lower[i * n + k]! * lower[j * n + k]!;
      if (i === j) lower[i * n + i] = value > SMALLEST_PIVOT ? Math.sqrt(value) : 0;
      else lower[i * n + j] = lower[j * n + j] === 0 ? 0 : value / lower[j * n + j]!;
    }
  }
  return lower;
}

function advanceRow(
  reference: LinearReference,
  elements: readonly Element[],
  features: Float64Array,
  out: Float64Array,
  row: number,
): void {
  const size = elements.length;
  for (const { kind, index } of elements) {
    let value = out[row + index]!;
    for (let i = 0; i < features.length; i++) value += features[i]! * reference.weights[i * size + index]!;
    out[row + size + index] =
      kind === 'angle' ? wrapAngle(value) : withinReach(value, reference.range[index]!, reference.range[size + index]!);
  }
  for (const element of elements)
    if (element.kind === 'quaternion' && element.index === element.entryStart)
      normalise(out, row + size + element.index, element.entrySize);
}

function withinReach(value: number, lowest: number, highest: number): number {
  const reach = DIVERGED_SCALES * (highest - lowest);
  return Math.max(lowest - reach, Math.min(highest + reach, value));
}

function normalise(values: Float64Array, from: number, size: number): void {
  const part = values.subarray(from, from + size);
  const length = Math.hypot(...part);
  if (length > 0) for (let i = 0; i < size; i++) part[i]! /= length;
}

function rangeOf(values: Reals, size: number): Float64Array {
  const range = new Float64Array(2 * size).fill(Infinity, 0, size).fill(-Infinity, size);
  for (let i = 0; i < values.length; i++) {
    const d = i % size;
    range[d] = Math.min(range[d]!, values[i]!);
    range[size + d] = Math.max(range[size + d]!, values[i]!);
  }
  return range;
}
