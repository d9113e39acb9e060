import { elementDifference, type Kind, type StateEntry } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';

/** Row-major numbers; float32 as models give them, float64 as physics does. */
export type Reals = Float32Array | Float64Array;

/**
 * What the gap is measured on: the same held-out starts and the same actions, played by truth, by the model and by the references.
 * A row is the predicted entries packed one after another in the order of `entries` (their `offset` in the task's row is not used): `[size]`.
 * Step 0 is the common start; step h is h control steps later. Values are in the units of the entries.
 * Starts should come from separate episodes: the bootstrap takes them as independent.
 */
export interface PairedRollouts {
  readonly entries: readonly StateEntry[];
  readonly starts: number;
  /** Control steps predicted. */
  readonly horizon: number;
  /** Draws of the model per start; 0 for a deterministic model. */
  readonly samples: number;
  /** `[starts, horizon + 1, size]` */
  readonly truth: Reals;
  /** `[starts, horizon + 1, size]`: the model's best single guess. */
  readonly imaginedMean: Reals;
  /** `[starts, samples, horizon + 1, size]` */
  readonly imaginedSamples: Reals;
  /** `[starts, horizon + 1, size]`: truth run again from a start moved by sensor-sized noise; no model can be expected to do better. */
  readonly perturbed: Reals;
  /** `[starts, horizon + 1, size]`: see `rolloutLinear`. */
  readonly linear: Reals;
  /** `[size]`: standard deviation of each element over held-out truth, above 0. */
  readonly scale: Reals;
}

/** One number of a row, with what is needed to compare and to print it. */
export interface Element {
  /** `poleAngle`, `tip.x`, `ranges[3]` */
  readonly label: string;
  readonly kind: Kind;
  readonly unit: string;
  /** Where it lies in the packed row. */
  readonly index: number;
  /** Where its entry begins and how long it is. */
  readonly entryStart: number;
  readonly entrySize: number;
}

/** A prediction farther off than this many scales, or not a number at all, counts as this far off: it fails loudly without hiding the rest. */
export const DIVERGED_SCALES = 1000;

const AXES = ['x', 'y', 'z', 'w'];

/** The elements of a packed row, in order. */
export function elementsOf(entries: readonly StateEntry[]): Element[] {
  const elements: Element[] = [];
  for (const { name, kind, unit, size } of entries) {
    const entryStart = elements.length;
    for (let i = 0; i < size; i++) {
      const label = size === 1 ? name : size <= AXES.length ? `${name}.${AXES[i]}` : `${name}[${i}]`;
      elements.push({ label, kind, unit, index: entryStart + i, entryStart, entrySize: size });
    }
  }
  return elements;
}

/**
 * `a − b` of one element of two rows, in its unit: angles the short way round, quaternions with the sign of `a` that lies nearer to `b`.
 * @param aRow - where the row begins in `a`; likewise `bRow`.
 */
export function elementGap(element: Element, a: Reals, aRow: number, b: Reals, bRow: number): number {
  const of = a[aRow + element.index]!;
  const from = b[bRow + element.index]!;
  return element.kind === 'quaternion' ? of * nearerSign(element, a, aRow, b, bRow) - from : elementDifference(element.kind, of, from);
}

/** −1 if the quaternion this element belongs to must be negated in `a` to lie in `b`'s half of the sphere, else 1. */
export function nearerSign(element: Element, a: Reals, aRow: number, b: Reals, bRow: number): 1 | -1 {
  let dot = 0;
  for (let i = element.entryStart; i < element.entryStart + element.entrySize; i++) dot += a[aRow + i]! * b[bRow + i]!;
  return dot < 0 ? -1 : 1;
}

/** `[starts, horizon + 1, size]` → `[starts, size]`: the rows so many steps on. */
export function rowsAtStep(rows: Reals, starts: number, horizon: number, size: number, step: number): Float64Array {
  const out = new Float64Array(starts * size);
  for (let start = 0; start < starts; start++) {
    const from = (start * (horizon + 1) + step) * size;
    out.set(rows.subarray(from, from + size), start * size);
  }
  return out;
}

/** Bounds a difference to ±`DIVERGED_SCALES`·scale; what is not finite counts as the bound. */
export function boundedGap(gap: number, scale: number): number {
  const bound = DIVERGED_SCALES * scale;
  return Math.abs(gap) <= bound ? gap : gap < 0 ? -bound : bound;
}

/**
 * Checks what every metric relies on.
 * @throws GAP_SHAPE_MISMATCH when an array's length does not follow from starts, horizon, samples and entries.
 * @throws GAP_INPUT_INVALID when truth, a reference run by truth or the scale is not usable.
 */
export function checkRollouts(rollouts: PairedRollouts): void {
  const { starts, horizon, samples } = rollouts;
  const size = elementsOf(rollouts.entries).length;
  if (starts < 2 || horizon < 1 || size < 1)
    invalid('rollouts', `they need at least 2 starts, 1 step and 1 element, got ${starts}, ${horizon} and ${size}`);
  const rolled = starts * (horizon + 1) * size;
  for (const name of ['truth', 'imaginedMean', 'perturbed', 'linear'] as const) checkLength(name, rollouts[name], rolled);
  checkLength('imaginedSamples', rollouts.imaginedSamples, rolled * samples);
  checkScale(rollouts.scale, size);
  for (const name of ['truth', 'perturbed'] as const) checkFinite(name, rollouts[name]);
}

/** @throws GAP_SHAPE_MISMATCH */
export function checkLength(what: string, values: { readonly length: number }, expected: number): void {
  if (values.length !== expected) throw new GroundtwinError('GAP_SHAPE_MISMATCH', { what, expected, got: values.length });
}

/** @throws GAP_INPUT_INVALID when a value is not finite. */
export function checkFinite(what: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) invalid(what, `value ${i} is ${values[i]}; it must be finite`);
}

/** @throws GAP_SHAPE_MISMATCH, GAP_INPUT_INVALID unless there are `size` finite numbers above 0. */
export function checkScale(scale: Reals, size: number): void {
  checkLength('scale', scale, size);
  for (let i = 0; i < size; i++)
    if (!(scale[i]! > 0 && scale[i]! < Infinity)) invalid('scale', `element ${i} is ${scale[i]}; a standard deviation must be above 0`);
}

function invalid(what: string, problem: string): never {
  throw new GroundtwinError('GAP_INPUT_INVALID', { what, problem });
}
