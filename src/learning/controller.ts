import type { Policy } from '../core/policy.ts';
import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import { allocate, flatSizeOf, flattenInto, type Leaf, rowOf, type Space, sizeOf, type TypedArray } from '../spaces/space.ts';
import { countsOf } from './choices.ts';
import { MOST_DEVIATIONS } from './normalised.ts';

/** A controller as plain data: what JSON keeps. */
export interface ControllerData extends ControllerShape {
  /** Of the observations it sees: subtracted. */
  readonly mean: readonly number[];
  /** Of the observations it sees: divided by. */
  readonly deviation: readonly number[];
  /** Layer by layer, row by row, each row's bias last. */
  readonly weights: readonly number[];
}

export interface ControllerShape {
  /** How many elements of the observation it sees, from the first on; null = all. What seldom tells anything only adds noise to a search. */
  readonly observes: number | null;
  /** Units of the tanh layer between; 0 = linear. */
  readonly hidden: number;
  /**
   * Periods of clocks that it sees beside the observation, in control steps: with them a gait need not be found in the feedback alone.
   * @see Raffin et al. 2024, "An open-loop baseline for reinforcement learning locomotion tasks".
   */
  readonly clocks_steps: readonly number[];
}

/** What observations are turned into before the weights. */
export interface Normaliser {
  readonly mean: ArrayLike<number>;
  readonly deviation: ArrayLike<number>;
}

/** What a small policy is but for its weights: the same for all candidates of a search. Its buffers are reused from one call to the next. */
export class Controller {
  readonly weightCount: number;
  private readonly observationSpace: Space;
  private readonly actionSpace: Leaf;
  private readonly clocks_steps: readonly number[];
  private readonly hidden: number;
  private readonly whole: Float64Array;
  /** What it sees of the whole. */
  private readonly observed: Float64Array;
  private readonly inputs: Float64Array;
  private readonly between: Float64Array;
  private readonly outputs: Float64Array;

  /** @throws OPTION_INVALID for actions that are neither a bounded box nor integers. */
  constructor(observationSpace: Space, actionSpace: Space, shape: ControllerShape) {
    this.observationSpace = observationSpace;
    this.actionSpace = boundedLeaf(actionSpace);
    this.clocks_steps = shape.clocks_steps;
    this.hidden = shape.hidden;
    this.whole = new Float64Array(flatSizeOf(observationSpace));
    this.observed = this.whole.subarray(0, shape.observes ?? this.whole.length);
    this.inputs = new Float64Array(this.observed.length + 2 * this.clocks_steps.length);
    this.between = new Float64Array(this.hidden);
    this.outputs = new Float64Array(outputsOf(this.actionSpace));
    const below = this.hidden || this.inputs.length;
    this.weightCount = this.hidden * (this.inputs.length + 1) + this.outputs.length * (below + 1);
  }

  get observationSize(): number {
    return this.observed.length;
  }

  /** Weights to begin with: those of the hidden layer, which come first, are drawn so that its units neither sleep nor saturate; those of the last layer are 0. */
  firstWeights(rng: Rng): Float64Array {
    const weights = new Float64Array(this.weightCount);
    const deviation = 1 / Math.sqrt(this.inputs.length + 1);
    for (let i = 0; i < this.hidden * (this.inputs.length + 1); i++) weights[i] = deviation * rng.normal();
    return weights;
  }

  /** Takes one lane's observation. @returns what it sees of it; reused. */
  look(observation: Parameters<typeof flattenInto>[0], lane: number): Float64Array {
    flattenInto(rowOf(this.observationSpace, observation, lane), this.whole);
    return this.observed;
  }

  /**
   * Writes the action for what was last looked at.
   * @param step - since the start of the episode, for the clocks.
   */
  act(weights: ArrayLike<number>, { mean, deviation }: Normaliser, step: number, action: TypedArray): void {
    const { observed, inputs, clocks_steps } = this;
    for (let i = 0; i < observed.length; i++) inputs[i] = clip((observed[i]! - mean[i]!) / deviation[i]!, MOST_DEVIATIONS);
    for (let i = 0; i < clocks_steps.length; i++) {
      const phase = (2 * Math.PI * step) / clocks_steps[i]!;
      inputs[observed.length + 2 * i] = Math.sin(phase);
      inputs[observed.length + 2 * i + 1] = Math.cos(phase);
    }
    let at = 0;
    if (this.hidden > 0) {
      at = layer(weights, 0, inputs, this.between);
      for (let i = 0; i < this.hidden; i++) this.between[i] = Math.tanh(this.between[i]!);
    }
    layer(weights, at, this.hidden > 0 ? this.between : inputs, this.outputs);
    writeAction(this.actionSpace, this.outputs, action);
  }
}

/**
 * Acts as a policy that was found.
 * @param lanes - how many envs it acts in at once. Its clocks run from `reset` on, in all lanes alike.
 * @throws OPTION_INVALID for data of another shape than the spaces ask for.
 */
export function controllerPolicy(observationSpace: Space, actionSpace: Space, data: ControllerData, lanes: number): Policy {
  const controller = new Controller(observationSpace, actionSpace, data);
  const sizes = [data.weights.length, data.mean.length, data.deviation.length];
  const expected = [controller.weightCount, controller.observationSize, controller.observationSize];
  if (sizes.some((size, i) => size !== expected[i]))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'controller',
      option: 'policy',
      value: `${sizes.join(', ')} weights, means and deviations`,
      allowed: `${expected.join(', ')} of them, as this env's spaces ask for`,
    });
  const actions = allocate(actionSpace, lanes);
  const rows = Array.from({ length: lanes }, (_, lane) => rowOf(actionSpace, actions, lane) as TypedArray);
  let step = 0;
  return {
    name: 'controller',
    reset() {
      step = 0;
    },
    act(observation) {
      for (let lane = 0; lane < lanes; lane++) {
        controller.look(observation, lane);
        controller.act(data.weights, data, step, rows[lane]!);
      }
      step++;
      return actions;
    },
  };
}

/** @returns where its weights end. */
function layer(weights: ArrayLike<number>, from: number, inputs: Float64Array, outputs: Float64Array): number {
  let at = from;
  for (let output = 0; output < outputs.length; output++) {
    let sum = 0;
    for (let i = 0; i < inputs.length; i++) sum += weights[at++]! * inputs[i]!;
    outputs[output] = sum + weights[at++]!;
  }
  return at;
}

/** One output an element of a box, −1 … 1 over its range; one a choice of integers, of which the greatest wins. */
export function outputsOf(space: Leaf): number {
  return space.kind === 'box' ? sizeOf(space) : countsOf(space).reduce((sum, n) => sum + n, 0);
}

function writeAction(space: Leaf, outputs: Float64Array, action: TypedArray): void {
  if (space.kind === 'box') {
    for (let i = 0; i < action.length; i++) action[i] = space.low[i]! + ((clip(outputs[i]!, 1) + 1) / 2) * (space.high[i]! - space.low[i]!);
    return;
  }
  const counts = countsOf(space);
  let from = 0;
  for (let i = 0; i < counts.length; i++) {
    action[i] = greatest(outputs, from, counts[i]!);
    from += counts[i]!;
  }
}

function greatest(values: Float64Array, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[from + i]! > values[from + best]!) best = i;
  return best;
}

function clip(value: number, most: number): number {
  return Math.min(Math.max(value, -most), most);
}

/** @throws OPTION_INVALID for actions that are neither a bounded box nor integers. */
export function boundedLeaf(space: Space): Leaf {
  if (space.kind === 'dict' || (space.kind === 'box' && ![...space.low, ...space.high].every(Number.isFinite)))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'controller',
      option: 'env',
      value: space.kind,
      allowed: 'one whose actions are a bounded box or integers',
    });
  return space;
}
