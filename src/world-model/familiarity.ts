/**
 * How far a step lies from what a model has learned, by two signs: how much its members disagree, and how far its input is from the training inputs.
 * Either is told as the share of held-out steps that look less strange, so that .99 means the same for every model.
 */
import type { Transitions } from '../data/transitions.ts';
import { GroundtwinError } from '../errors.ts';
import type { AnyTask } from '../task/task.ts';
import { columnScale, type EnsembleLayout, encodeInputs, encodeTargets, layoutOf } from './ensemble.ts';
import type { OneStep } from './one-step.ts';
import { type Familiarity, maxFamiliarInputs } from './trust.ts';

/** Of the stored distributions: one a percent. */
const levels = 101;
/** Added to the variance of each normalised input, so that inputs bound to each other (sine and cosine) or constant can be inverted. */
const ridge = 1e-3;

/** The three signs of a step; the columns of `info`. float64 `[lanes]`; NaN before the first step. */
export interface Strangeness {
  /** Mahalanobis distance of the encoded input from the training inputs, a root mean over inputs: about 1 within the data. */
  readonly distance: Float64Array;
  /** Standard deviation of the members' means over that of a step's change, a root mean over elements; NaN where members cannot disagree. */
  readonly disagreement: Float64Array;
  /** Share of the held-out steps that look less strange by the stranger of the two signs, 0 to 1. */
  readonly outOfDistribution: Float64Array;
}

/** Measures steps of several lanes against a stored `Familiarity`. Its columns are reused. */
export class FamiliarityMeter {
  readonly columns: Strangeness;
  private readonly familiarity: Familiarity;
  private readonly layout: EnsembleLayout;
  private readonly metric: Metric;
  private readonly inputs: Float64Array;
  private readonly lanes: number;

  /** @throws OPTION_INVALID when it was measured on other inputs than the task's. */
  constructor(task: AnyTask, familiarity: Familiarity, lanes: number) {
    this.familiarity = familiarity;
    this.layout = layoutOf(task);
    if (familiarity.mean.length !== this.layout.features || familiarity.spread.length !== this.layout.targets.length)
      throw new GroundtwinError('OPTION_INVALID', {
        who: task.id,
        option: 'trust.familiarity',
        value: `of ${familiarity.mean.length} inputs and ${familiarity.spread.length} predicted elements`,
        allowed: `of ${this.layout.features} and ${this.layout.targets.length}, as the task has`,
      });
    this.metric = metricOf(familiarity.mean, familiarity.covariance);
    this.lanes = lanes;
    this.inputs = new Float64Array(lanes * this.layout.features);
    const figures = () => new Float64Array(lanes).fill(Number.NaN);
    this.columns = { distance: figures(), disagreement: figures(), outOfDistribution: figures() };
  }

  begin(lane: number): void {
    for (const column of Object.values(this.columns) as Float64Array[]) column[lane] = Number.NaN;
  }

  /**
   * @param state - float64 `[lanes, stateSize]`, before the step. @param command - float64 `[lanes, commands]`.
   * @param disagreement - float64 `[lanes, P]`, in the entries' units.
   */
  measure(state: Float64Array, command: Float64Array, disagreement: Float64Array, active: Uint8Array): void {
    const { columns, familiarity, metric, lanes } = this;
    encodeInputs(this.layout, { count: lanes, state, command }, this.inputs);
    for (let lane = 0; lane < lanes; lane++) {
      if (!active[lane]) continue;
      const distance = distanceOf(metric, this.inputs, lane);
      const apart = relativeDisagreement(disagreement, familiarity.spread, lane);
      columns.distance[lane] = distance;
      columns.disagreement[lane] = familiarity.disagreement ? apart : Number.NaN;
      const far = shareBelow(familiarity.distance, distance);
      columns.outOfDistribution[lane] = familiarity.disagreement ? Math.max(far, shareBelow(familiarity.disagreement, apart)) : far;
    }
  }
}

/**
 * @param said - what the model says of `heldOut`, see `predictOneStep`.
 * @throws OPTION_INVALID for a task of over 256 encoded inputs, DATA_INVALID without data.
 */
export function measureFamiliarity(task: AnyTask, training: Transitions, heldOut: Transitions, said: OneStep): Familiarity {
  const layout = layoutOf(task);
  if (layout.features > maxFamiliarInputs)
    throw new GroundtwinError('OPTION_INVALID', {
      who: task.id,
      option: 'trust.familiarity',
      value: `${layout.features} inputs`,
      allowed: `measured for tasks of at most ${maxFamiliarInputs}`,
    });
  if (training.count === 0 || heldOut.count === 0)
    throw new GroundtwinError('DATA_INVALID', { path: 'training and held-out episodes', problem: 'one of them holds no transitions' });
  const { mean, covariance } = momentsOf(encodeInputs(layout, training), layout.features);
  const spread = columnScale(encodeTargets(layout, heldOut), layout.targets.length).scale;
  const inputs = encodeInputs(layout, heldOut);
  const metric = metricOf(mean, covariance);
  const distances = Float64Array.from({ length: heldOut.count }, (_, row) => distanceOf(metric, inputs, row));
  const apart = Float64Array.from({ length: heldOut.count }, (_, row) => relativeDisagreement(said.disagreement, spread, row));
  return {
    mean: rounded(mean),
    covariance: rounded(covariance),
    spread: rounded(spread),
    distance: quantiles(distances),
    disagreement: apart.every((value) => Number.isFinite(value)) && apart.some((value) => value > 0) ? quantiles(apart) : null,
  };
}

/** Root mean square over the elements of one row. */
export function relativeDisagreement(disagreement: Float64Array, spread: ArrayLike<number>, row: number): number {
  let squares = 0;
  for (let i = 0; i < spread.length; i++) squares += (disagreement[row * spread.length + i]! / spread[i]!) ** 2;
  return Math.sqrt(squares / spread.length);
}

/** Share of a distribution, given by its quantiles at even levels, that lies below a value; 1 for what is not a number. */
export function shareBelow(sorted: readonly number[], value: number): number {
  const last = sorted.length - 1;
  if (!(value <= sorted[last]!)) return 1;
  let [low, high] = [-1, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle;
    else high = middle;
  }
  if (low < 0) return 0;
  return (low + (value - sorted[low]!) / (sorted[high]! - sorted[low]!)) / last;
}

interface Metric {
  readonly mean: ArrayLike<number>;
  readonly scale: Float64Array;
  /** Lower Cholesky factor of the normalised covariance, `[F, F]`. */
  readonly factor: Float64Array;
  readonly scratch: Float64Array;
}

function momentsOf(inputs: Float64Array, width: number): { mean: Float64Array; covariance: Float64Array } {
  const rows = inputs.length / width;
  const { mean } = columnScale(inputs, width);
  const covariance = new Float64Array(width * width);
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < width; i++) {
      const offset = (inputs[row * width + i]! - mean[i]!) / rows;
      for (let j = 0; j <= i; j++) covariance[i * width + j] = covariance[i * width + j]! + offset * (inputs[row * width + j]! - mean[j]!);
    }
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) covariance[j * width + i] = covariance[i * width + j]!;
  return { mean, covariance };
}

function metricOf(mean: ArrayLike<number>, covariance: ArrayLike<number>): Metric {
  const width = mean.length;
  const scale = Float64Array.from({ length: width }, (_, i) => Math.sqrt(Math.max(0, covariance[i * width + i]!)) || 1);
  const factor = new Float64Array(width * width);
  for (let i = 0; i < width; i++)
    for (let j = 0; j <= i; j++) {
      let sum = covariance[i * width + j]! / (scale[i]! * scale[j]!) + (i === j ? ridge : 0);
      for (let k = 0; k < j; k++) sum -= factor[i * width + k]! * factor[j * width + k]!;
      // A stored matrix may be no covariance at all; what it then gives is still a number.
      factor[i * width + j] = i === j ? Math.sqrt(Math.max(ridge / 2, sum)) : sum / factor[j * width + j]!;
    }
  return { mean, scale, factor, scratch: new Float64Array(width) };
}

/** Solves L y = x; the distance is |y|. */
function distanceOf({ mean, scale, factor, scratch }: Metric, inputs: Float64Array, row: number): number {
  const width = mean.length;
  let squares = 0;
  for (let i = 0; i < width; i++) {
    let sum = (inputs[row * width + i]! - mean[i]!) / scale[i]!;
    for (let k = 0; k < i; k++) sum -= factor[i * width + k]! * scratch[k]!;
    scratch[i] = sum / factor[i * width + i]!;
    squares += scratch[i]! ** 2;
  }
  return Math.sqrt(squares / width);
}

function quantiles(values: Float64Array): number[] {
  const sorted = values.slice().sort();
  return rounded(Float64Array.from({ length: levels }, (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (levels - 1))]!));
}

/** Six significant digits: they are kept as text. */
function rounded(values: Float64Array): number[] {
  return Array.from(values, (value) => Number(value.toPrecision(6)));
}
