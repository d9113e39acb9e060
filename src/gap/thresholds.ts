import { unreachable } from '../errors.ts';
import type { Interval } from './bootstrap.ts';

export type Verdict = 'PASS' | 'FAIL' | 'INCONCLUSIVE' | 'NOT_APPLICABLE';

/** What an interval must satisfy, as a whole: the unlucky bound counts, not the measured value. */
export type Bound =
  | { readonly kind: 'atLeast'; readonly value: number }
  | { readonly kind: 'above'; readonly value: number }
  | { readonly kind: 'atMost'; readonly value: number }
  | { readonly kind: 'within'; readonly low: number; readonly high: number }
  | { readonly kind: 'magnitudeAtMost'; readonly value: number };

export type Measure = 'skill' | 'coverage' | 'effectR2' | 'direction' | 'returnBias';

/** One test of the suite. */
export interface GapTest {
  readonly id: string;
  readonly title: string;
  /** Control steps ahead. */
  readonly horizon?: number;
  readonly bound: Bound;
  /** What truth itself, started a sensor's error off, measures, where the row is told in units of that. */
  readonly floor?: number;
}

/** One that is read off paired rollouts, executed counterfactuals or paired returns. */
export interface PairedTest extends GapTest {
  readonly measure: Measure;
}

/** Central interval whose coverage is tested. */
export const COVERAGE_LEVEL = 0.9;
/** Policies must differ by this share of (expert − random) before anything about returns is conclusive. */
export const SMALLEST_POLICY_SPAN = 0.2;

/**
 * The tests of paired rollouts and what passes; each axis has its own beside them.
 * H4 is a first, wider gate than suite version 1 (.85–.95), which comes with its regression ECE, PIT and CRPS.
 */
export const GAP_TESTS: readonly PairedTest[] = [
  { id: 'H1', title: 'Prediction skill', measure: 'skill', horizon: 10, bound: { kind: 'atLeast', value: 0.8 }, floor: 1 },
  { id: 'H1', title: 'Prediction skill', measure: 'skill', horizon: 40, bound: { kind: 'atLeast', value: 0.5 }, floor: 1 },
  { id: 'H4', title: 'Coverage of the 90 % interval', measure: 'coverage', horizon: 1, bound: { kind: 'within', low: 0.8, high: 0.97 } },
  { id: 'H4', title: 'Coverage of the 90 % interval', measure: 'coverage', horizon: 10, bound: { kind: 'within', low: 0.8, high: 0.97 } },
  { id: 'H4', title: 'Coverage of the 90 % interval', measure: 'coverage', horizon: 40, bound: { kind: 'within', low: 0.8, high: 0.97 } },
  { id: 'C1', title: 'Effect of actions (R²)', measure: 'effectR2', bound: { kind: 'atLeast', value: 0.8 } },
  { id: 'C2', title: 'Direction of effects (cosine)', measure: 'direction', bound: { kind: 'atLeast', value: 0.9 } },
  { id: 'A1', title: 'Bias of imagined returns', measure: 'returnBias', bound: { kind: 'magnitudeAtMost', value: 0.1 } },
];

/** Whether the whole interval satisfies the bound; an interval that is not a number never does. */
export function meets(bound: Bound, { low, high }: Interval): boolean {
  switch (bound.kind) {
    case 'atLeast':
      return low >= bound.value;
    case 'above':
      return low > bound.value;
    case 'atMost':
      return high <= bound.value;
    case 'within':
      return low >= bound.low && high <= bound.high;
    case 'magnitudeAtMost':
      return Math.max(Math.abs(low), Math.abs(high)) <= bound.value;
    default:
      return unreachable(bound);
  }
}

/** Whether nothing in the interval satisfies the bound: the lucky end counts. One without ends is as good as its value. */
export function breaks(bound: Bound, { measured, ...ends }: Interval): boolean {
  const [low, high] = Number.isNaN(ends.low) || Number.isNaN(ends.high) ? [measured, measured] : [ends.low, ends.high];
  switch (bound.kind) {
    case 'atLeast':
      return high < bound.value;
    case 'above':
      return high <= bound.value;
    case 'atMost':
      return low > bound.value;
    case 'within':
      return high < bound.low || low > bound.high;
    case 'magnitudeAtMost':
      return low > bound.value || high < -bound.value;
    default:
      return unreachable(bound);
  }
}

/** The bound in words: `≥ 0.8`. */
export function boundText(bound: Bound): string {
  switch (bound.kind) {
    case 'atLeast':
      return `≥ ${bound.value}`;
    case 'above':
      return `> ${bound.value}`;
    case 'atMost':
      return `≤ ${bound.value}`;
    case 'within':
      return `${bound.low} to ${bound.high}`;
    case 'magnitudeAtMost':
      return `−${bound.value} to ${bound.value}`;
    default:
      return unreachable(bound);
  }
}

/** The bound as the ends of an interval, null where it is open. */
export function boundEnds(bound: Bound): { low: number | null; high: number | null } {
  switch (bound.kind) {
    case 'atLeast':
    case 'above':
      return { low: bound.value, high: null };
    case 'atMost':
      return { low: null, high: bound.value };
    case 'within':
      return { low: bound.low, high: bound.high };
    case 'magnitudeAtMost':
      return { low: -bound.value, high: bound.value };
    default:
      return unreachable(bound);
  }
}
