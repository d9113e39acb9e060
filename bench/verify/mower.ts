/** A recorded log as truth: short stretches of it replayed by the simplest model of a mower, which is driven by its odometry. */
import type { Parameter } from '../../src/gap/index.ts';
import type { MowerLog } from './plaza-log.ts';

/** What odometry gets wrong, in the order of `mowerParameters`. */
export const mowerParameters: readonly Parameter[] = [
  { name: 'distanceScale', start: 1, low: 0.5, high: 2, scale: 'log' },
  { name: 'turnScale', start: 1, low: 0.5, high: 2, scale: 'log' },
  { name: 'turnBias_radps', start: 0, low: -0.1, high: 0.1, scale: 'linear' },
];
/** Odometry taken at its word. */
export const asLogged = Float64Array.from(mowerParameters, ({ start }) => start);

/** GPS says where the mower is, not where it looks: that is the course over so much ground. */
const COURSE_m = 1;
/** Rows are at most .2 s apart, so that one is this near to any moment. */
const TOLERANCE_s = 0.11;

export interface MowerSegments {
  readonly log: MowerLog;
  readonly seconds: number;
  /** Rows where they begin, all followed by so many seconds. */
  readonly starts: readonly number[];
}

/** @param every_s - from one start to the next: more than `seconds` for segments that share no measurement. */
export function mowerSegments(log: MowerLog, seconds: number, every_s: number): MowerSegments {
  const last_s = log.time_s.at(-1)! - seconds;
  const starts: number[] = [];
  for (let row = 0; row < log.count && log.time_s[row]! <= last_s; row++) {
    const isDue = starts.length === 0 || log.time_s[row]! - log.time_s[starts.at(-1)!]! >= every_s;
    if (isDue && headingAt(log, row) !== undefined) starts.push(row);
  }
  return { log, seconds, starts };
}

/**
 * Course over the last metre, brought forward by what odometry says was turned since its middle.
 * @returns rad; nothing before the first metre.
 */
export function headingAt({ x_m, y_m, turned_rad }: MowerLog, row: number, course_m = COURSE_m): number | undefined {
  let from = row;
  while (from > 0 && Math.hypot(x_m[row]! - x_m[from]!, y_m[row]! - y_m[from]!) < course_m) from--;
  if (Math.hypot(x_m[row]! - x_m[from]!, y_m[row]! - y_m[from]!) < course_m) return undefined;
  let turned = 0;
  let mean = 0;
  for (let step = row; step > from; step--) {
    mean += (turned + turned_rad[step]! / 2) / (row - from);
    turned += turned_rad[step]!;
  }
  return Math.atan2(y_m[row]! - y_m[from]!, x_m[row]! - x_m[from]!) + mean;
}

/**
 * Drives the unicycle through every segment.
 * @param values - of `mowerParameters`.
 * @returns float64 `[segments, seconds, 2]`: predicted less recorded position after each second, m east and north.
 */
export function mowerErrors({ log, seconds, starts }: MowerSegments, values: ArrayLike<number>): Float64Array {
  const errors = new Float64Array(starts.length * seconds * 2);
  starts.forEach((start, segment) => void drive(log, start, seconds, values, errors.subarray(segment * seconds * 2)));
  return errors;
}

function drive(log: MowerLog, start: number, seconds: number, values: ArrayLike<number>, errors: Float64Array): void {
  const [distanceScale, turnScale, turnBias_radps] = [values[0]!, values[1]!, values[2]!];
  let [x_m, y_m, heading_rad] = [log.x_m[start]!, log.y_m[start]!, headingAt(log, start)!];
  for (let row = start + 1, second = 1; second <= seconds; row++) {
    const turned_rad = turnScale * log.turned_rad[row]! + turnBias_radps * (log.time_s[row]! - log.time_s[row - 1]!);
    const forward_m = distanceScale * log.forward_m[row]!;
    x_m += forward_m * Math.cos(heading_rad + turned_rad / 2);
    y_m += forward_m * Math.sin(heading_rad + turned_rad / 2);
    heading_rad += turned_rad;
    // The end of the log may fall a hair short of the last second.
    const isThere = log.time_s[row]! - log.time_s[start]! >= second - TOLERANCE_s || row + 1 === log.count;
    if (!isThere) continue;
    errors[2 * (second - 1)] = x_m - log.x_m[row]!;
    errors[2 * (second - 1) + 1] = y_m - log.y_m[row]!;
    second++;
    if (row + 1 === log.count) return;
  }
}

/** float64 `[segments]`: how far off the end is, m. */
export function endErrors_m({ seconds, starts }: MowerSegments, errors: Float64Array): Float64Array {
  return Float64Array.from(starts, (_, segment) => {
    const end = ((segment + 1) * seconds - 1) * 2;
    return Math.hypot(errors[end]!, errors[end + 1]!);
  });
}
