/** From what members say of rows they were kept from to how wide, and how persistent, the noise of a dream has to be. */
import { normalShareBelow } from '../math/normal.ts';

/** What calibration reads: float32 `[members, rows, targets]` and `[rows, targets]`, all normalised. */
export interface EnsembleOutputs {
  readonly members: number;
  readonly rows: number;
  readonly targets: number;
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
  readonly target: Float32Array;
  /** int32 `[rows]`: the member that was kept from a row; see `keptFrom`. */
  readonly keptFrom: Int32Array;
  /** int32 `[rows]`, non-decreasing. */
  readonly episode: Int32Array;
  /** First row to calibrate on. */
  readonly from: number;
}

export interface Calibration {
  /** What to multiply predicted deviations with. One for all elements: fitted one by one to so few rows, factors scatter more than they differ. */
  readonly factor: number;
  /** Rows it was fitted on: 0 when no member was kept from any of them, and then the deviations stand as they are. */
  readonly rows: number;
  /** Correlation of the noise from one step of a dream to the next, 0 to `highestCorrelation`. */
  readonly correlation: number;
}

/** Quantile of |N(0, 1)| that the central 90 % reaches. */
const normal90 = 1.6448536269514722;
/**
 * Never below .2: where the members' disagreement alone holds the errors, some noise stays, or the draws of a dream stand on as many points as there are members
 * and truth falls between them. Above 20 the deviations say nothing.
 */
const factorRange = { low: 0.2, high: 20 } as const;
/** Of a mixture known in full: it tells by itself when the draws stand on too few points. */
const lowestUnseenFactor = 0.005;
const highestCorrelation = 0.9;
/** Errors over the claimed deviation are cut to this: one beyond counts no more. */
const largestResidual = 3;
/** Rows that are kept back together: neighbours in time are near copies, so keeping single rows back would hide nothing. */
const blockRows = 25;
/** One block in so many is kept from a member. More would cost skill and make members differ by more than they err. */
const keptOneIn = 3;

/**
 * Which member never sees a row: every third block of 25 rows (fewer where there is little data) is kept from one member, in turn.
 * @returns int32 `[rows]`; −1 for rows that all may see, so throughout for a single member.
 */
export function keptFrom(rows: number, members: number): Int32Array {
  if (members === 1) return new Int32Array(rows).fill(-1);
  const block = Math.max(1, Math.min(blockRows, Math.floor(rows / (keptOneIn * members))));
  return Int32Array.from({ length: rows }, (_, row) => {
    const at = Math.floor(row / block);
    return at % keptOneIn === 0 ? (at / keptOneIn) % members : -1;
  });
}

/**
 * The factor c of the deviation σ: members disagree by δ, so a dream of the mixture is spread by √(c²σ² + δ²), and this must hold 90 % of the errors of
 * the members' mean, whose variance is b² + δ²/M. No row is unseen by all, but the member kept from it errs by b² + δ². So c is the one for which
 * √(c²σ² + δ²(2 − 1/M)) holds 90 % of that member's errors.
 *
 * The correlation: a model errs alike at neighbouring steps, and errors that persist add up faster than white noise of the same size.
 * It is the lag-1 correlation of the same errors over σ.
 */
export function calibrateEnsemble(outputs: EnsembleOutputs): Calibration {
  const residuals = residualsOf(outputs);
  return {
    factor: residuals.length > 0 ? coverageFactor(residuals) : 1,
    rows: residuals.length / outputs.targets,
    correlation: Math.min(highestCorrelation, Math.max(0, lagCorrelation(outputs, residuals))),
  };
}

/** Of one row and element. */
interface Residual {
  readonly row: number;
  /** What the judging member got wrong, signed. */
  readonly error: number;
  /** Mean variance the members claim. */
  readonly variance: number;
  /** Variance that the members' differences add to it. */
  readonly disagreement: number;
}

/** By row, then element. A single member that was kept from no row is judged on them all. */
function residualsOf(outputs: EnsembleOutputs): Residual[] {
  const residuals: Residual[] = [];
  const isSeenByAll = outputs.keptFrom.every((member) => member === -1);
  for (let row = outputs.from; row < outputs.rows; row++) {
    const judge = outputs.members === 1 && isSeenByAll ? 0 : outputs.keptFrom[row]!;
    if (judge >= 0) for (let element = 0; element < outputs.targets; element++) residuals.push(residualOf(outputs, row, element, judge));
  }
  return residuals;
}

function residualOf(
  { members, rows, targets, mean, deviation, target }: EnsembleOutputs,
  row: number,
  element: number,
  judge: number,
): Residual {
  const at = (member: number) => (member * rows + row) * targets + element;
  let centre = 0;
  let variance = 0;
  let spread = 0;
  for (let member = 0; member < members; member++) {
    centre += mean[at(member)]! / members;
    variance += deviation[at(member)]! ** 2 / members;
  }
  for (let member = 0; member < members; member++) spread += (mean[at(member)]! - centre) ** 2 / Math.max(1, members - 1);
  return { row, error: target[row * targets + element]! - mean[at(judge)]!, variance, disagreement: spread * (2 - 1 / members) };
}

/** What rows that no member has seen are calibrated on. */
export type UnseenOutputs = Omit<EnsembleOutputs, 'keptFrom' | 'episode'>;

/**
 * The same from rows that no member has seen: what a dream draws one step ahead is then known in full, a mixture of the members' normal distributions,
 * and c is the one for which its central 90 % holds as many of what came next. How persistent the noise has to be is left to dreams of many steps.
 */
export function calibrateOnUnseen(outputs: UnseenOutputs): Calibration {
  const factor = bisectFactor((tried) => mixtureCoverage(outputs, tried), lowestUnseenFactor);
  return { factor, rows: outputs.rows - outputs.from, correlation: 0 };
}

/**
 * The factor c with which √(c²·variance + disagreement) holds 90 % of the errors, within .2 … 20.
 */
export function coverageFactor(residuals: readonly Omit<Residual, 'row'>[]): number {
  return bisectFactor((factor) => coverage(residuals, factor));
}

/** Bisection on log c: coverage grows with c. */
function bisectFactor(coverageOf: (factor: number) => number, lowest: number = factorRange.low): number {
  let [low, high] = [Math.log(lowest), Math.log(factorRange.high)];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (coverageOf(Math.exp(middle)) < 0.9) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

function mixtureCoverage({ members, rows, targets, mean, deviation, target, from }: UnseenOutputs, factor: number): number {
  let inside = 0;
  for (let at = from * targets; at < rows * targets; at++) {
    let below = 0;
    for (let member = 0; member < members; member++) {
      const i = member * rows * targets + at;
      below += normalShareBelow((target[at]! - mean[i]!) / (factor * deviation[i]!)) / members;
    }
    if (below >= 0.05 && below <= 0.95) inside++;
  }
  return inside / ((rows - from) * targets);
}

function coverage(residuals: readonly Omit<Residual, 'row'>[], factor: number): number {
  let inside = 0;
  for (const { error, variance, disagreement } of residuals)
    if (Math.abs(error) <= normal90 * Math.sqrt(factor * factor * variance + disagreement)) inside++;
  return inside / residuals.length;
}

/** Of neighbours in time that the same member judges. */
function lagCorrelation({ targets, episode, keptFrom: kept }: EnsembleOutputs, residuals: readonly Residual[]): number {
  let products = 0;
  let squares = 0;
  for (let i = targets; i < residuals.length; i++) {
    const [before, now] = [residuals[i - targets]!, residuals[i]!];
    const follows = before.row + 1 === now.row && episode[before.row] === episode[now.row] && kept[before.row] === kept[now.row];
    if (!follows) continue;
    const [a, b] = [standardised(before), standardised(now)];
    products += a * b;
    squares += (a * a + b * b) / 2;
  }
  return squares > 0 ? products / squares : 0;
}

function standardised({ error, variance }: Residual): number {
  const value = error / Math.sqrt(variance);
  return Number.isFinite(value) ? Math.max(-largestResidual, Math.min(largestResidual, value)) : 0;
}
