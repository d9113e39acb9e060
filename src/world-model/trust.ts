/** What a manifest may say under `trust`: how far its model may be believed, measured on episodes that it never saw. */

export interface Trust {
  readonly horizon?: TrustHorizon;
  readonly familiarity?: Familiarity;
  readonly drift?: DriftCalibration;
}

/** Control steps that a dream can be trusted for. */
export interface TrustHorizon {
  /** The smaller of the two below. */
  readonly steps: number;
  /** Steps through which the 90 % interval keeps its promise: it holds at least `coverageFloor` of the truths. Null for a model that states no uncertainty. */
  readonly honest: number | null;
  /** Steps through which the error stays below `errorLimit` standard deviations of the data. */
  readonly accurate: number;
  /** Longest that was looked at: a horizon as long may be longer. */
  readonly measured: number;
  readonly coverageFloor: number;
  readonly errorLimit: number;
}

/** What inputs were learned from, and how strange held-out ones look. F encoded inputs (angles as sine and cosine), P predicted elements. */
export interface Familiarity {
  /** `[F]` and, row-major, `[F, F]`: of the training inputs. */
  readonly mean: readonly number[];
  readonly covariance: readonly number[];
  /** `[P]`: standard deviation of a control step's change, what disagreement is measured by. */
  readonly spread: readonly number[];
  /** Of the held-out steps, ascending, at levels evenly spaced from 0 to 1. */
  readonly distance: readonly number[];
  /** Likewise; null for a model whose members cannot disagree. */
  readonly disagreement: readonly number[] | null;
}

/** What a drift monitor holds a running truth against. */
export interface DriftCalibration {
  /** `[P]`: what a stated deviation is multiplied with, so that it holds on held-out steps. */
  readonly factor: readonly number[];
  /** Most of the held-out steps (a share) that a step may look stranger than and still be evidence. */
  readonly gate: number;
  /** The statistic raises the alarm here. */
  readonly threshold: number;
  /** Wanted: probability of a false alarm in an hour of simulated time, at most. */
  readonly falseAlarmsPerHour: number;
  /** Held-out steps the threshold was found on, and how many times the wanted rate they are short of showing it without a model of the tail. */
  readonly steps: number;
  readonly extrapolation: number;
}

/** Inputs beyond this many have no stored covariance: it would outgrow the manifest. */
export const maxFamiliarInputs = 256;
const maxLevels = 4096;

/**
 * Reads the untrusted `trust` of a manifest.
 * @param predicted - P. @param refuse - never returns.
 */
export function checkTrust(trust: unknown, predicted: number, refuse: (problem: string) => never): void {
  if (trust === undefined) return;
  if (typeof trust !== 'object' || trust === null) refuse('trust must be an object');
  const { horizon, familiarity, drift } = trust as Trust;
  if (horizon !== undefined && !(isRecord(horizon) && Number.isInteger(horizon.steps) && horizon.steps >= 0))
    refuse('trust.horizon.steps must be an integer of at least 0');
  if (familiarity !== undefined) checkFamiliarity(familiarity, predicted, refuse);
  if (drift !== undefined) checkDrift(drift, predicted, refuse);
}

/** @param refuse - never returns. */
export function checkFamiliarity(familiarity: Familiarity, predicted: number, refuse: (problem: string) => never): void {
  if (!isRecord(familiarity) || !isNumbers(familiarity.mean, 1, maxFamiliarInputs))
    refuse(`trust.familiarity.mean must be 1 to ${maxFamiliarInputs} numbers`);
  const inputs = familiarity.mean.length;
  if (!isNumbers(familiarity.covariance, inputs ** 2)) refuse(`trust.familiarity.covariance must be ${inputs ** 2} numbers`);
  if (!isNumbers(familiarity.spread, predicted) || familiarity.spread.some((value) => value <= 0))
    refuse(`trust.familiarity.spread must be ${predicted} numbers above 0`);
  if (!isAscending(familiarity.distance)) refuse('trust.familiarity.distance must be ascending numbers');
  if (familiarity.disagreement !== null && !isAscending(familiarity.disagreement))
    refuse('trust.familiarity.disagreement must be ascending numbers, or null');
}

/** @param refuse - never returns. */
export function checkDrift(drift: DriftCalibration, predicted: number, refuse: (problem: string) => never): void {
  if (!isRecord(drift) || !isNumbers(drift.factor, predicted) || drift.factor.some((value) => value <= 0))
    refuse(`trust.drift.factor must be ${predicted} numbers above 0`);
  if (!(Number.isFinite(drift.gate) && drift.gate > 0 && drift.gate <= 1)) refuse('trust.drift.gate must be a share in (0, 1]');
  if (!(Number.isFinite(drift.threshold) && drift.threshold > 0)) refuse('trust.drift.threshold must be a number above 0');
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function isNumbers(values: unknown, least: number, most = least): values is readonly number[] {
  return Array.isArray(values) && values.length >= least && values.length <= most && values.every(Number.isFinite);
}

function isAscending(values: unknown): boolean {
  return isNumbers(values, 2, maxLevels) && values.every((value, i) => i === 0 || value >= values[i - 1]!);
}
