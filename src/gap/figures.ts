import type { Interval } from './bootstrap.ts';

/** A number in a report: null stands for what could not be computed, since JSON has no NaN. */
export type Figure = number | null;

export interface IntervalFigures {
  readonly measured: Figure;
  readonly low: Figure;
  readonly high: Figure;
}

/** Values by step, thinned out for drawing. Each as long as `steps`. */
export interface FanFigures {
  readonly measured: readonly Figure[];
  readonly low: readonly Figure[];
  readonly high: readonly Figure[];
}

/** Root-mean-square error of one element by step, in its unit. */
export interface ErrorFan {
  readonly label: string;
  /** The label in plain words: `pole angle`. */
  readonly name: string;
  readonly kind: string;
  readonly unit: string;
  /** Control steps ahead. */
  readonly steps: readonly number[];
  readonly model: FanFigures;
  readonly floor: readonly Figure[];
  readonly persistence: readonly Figure[];
  readonly linear: readonly Figure[];
}

const SIGNIFICANT_DIGITS = 6;

/** A number fit for JSON: six significant digits, null when not finite, no negative zero. */
export function figure(value: number): Figure {
  return Number.isFinite(value) ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) + 0 : null;
}

export function intervalFigures({ measured, low, high }: Interval): IntervalFigures {
  return { measured: figure(measured), low: figure(low), high: figure(high) };
}

/** Figures of the items at `indices`. */
export function picked(values: ArrayLike<number>, indices: readonly number[]): Figure[] {
  return indices.map((i) => figure(values[i]!));
}

/** At most `most` indices of `count`, evenly spread, with the first and the last. */
export function thinned(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * (count - 1)) / (most - 1)));
}

/** `poleAngle_rad` → `pole angle`, `tip.x` → `tip x`. */
export function words(label: string): string {
  const [name = '', ...rest] = label.split(/(?=[.[])/);
  const spaced = name
    .replace(/_[A-Za-z0-9]+$/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase();
  return [spaced, ...rest].join('').replace('.', ' ');
}
