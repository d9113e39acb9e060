import type { Policy } from '../../src/core/policy.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { allocate, flatSizeOf, flattenInto, type Leaf, rowOf, type Space, sizeOf, type TypedArray } from '../../src/spaces/space.ts';

/** A policy as plain data: what JSON keeps. */
export interface ArsPolicyData extends ArsShape {
  /** Of the observations it sees: subtracted. */
  readonly mean: readonly number[];
  /** Of the observations it sees: divided by. */
  readonly deviation: readonly number[];
  /** Layer by layer, row by row, each row's bias last. */
  readonly weights: readonly number[];
}

export interface ArsShape {
  /** Elements of the observation that it sees, from the first on; null = all. */
  readonly observes: number | null;
  /** Units of the tanh layer between; 0 = none. */
  readonly hidden: number;
  /** Periods of its clocks, in control steps. */
  readonly clocks_steps: readonly number[];
}

/** What observations are turned into before the weights. */
export interface Normaliser {
  readonly mean: ArrayLike<number>;
  readonly deviation: ArrayLike<number>;
}

/** Normalised observations further out say no more than this: a policy must survive what it seldom saw. */
const MOST_DEVIATIONS = 10;

/** What a policy is but for its weights: the same for all candidates of a search. Its buffers are reused from one call to the next. */
export class Network {
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
  constructor(observationSpace: Space, actionSpace: Space, shape: ArsShape) {
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

  /** Weights of the hidden layer, drawn so that its units neither sleep nor saturate, come first; those of the last layer are 0. */
  firstLayer(): { readonly weights: number; readonly deviation: number } {
    return { weights: this.hidden * (this.inputs.length + 1), deviation: 1 / Math.sqrt(this.inputs.length + 1) };
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
export function arsPolicy(observationSpace: Space, actionSpace: Space, data: ArsPolicyData, lanes: number): Policy {
  const network = new Network(observationSpace, actionSpace, data);
  const sizes = [data.weights.length, data.mean.length, data.deviation.length];
  const expected = [network.weightCount, network.observationSize, network.observationSize];
  if (sizes.some((size, i) => size !== expected[i]))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'ars',
      option: 'policy',
      value: `${sizes.join(', ')} weights, means and deviations`,
      allowed: `${expected.join(', ')} of them, as this env's spaces ask for`,
    });
  const actions = allocate(actionSpace, lanes);
  const rows = Array.from({ length: lanes }, (_, lane) => rowOf(actionSpace, actions, lane) as TypedArray);
  let step = 0;
  return {
    name: 'ars',
    reset() {
      step = 0;
    },
    act(observation) {
      for (let lane = 0; lane < lanes; lane++) {
        network.look(observation, lane);
        network.act(data.weights, data, step, rows[lane]!);
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
function outputsOf(space: Leaf): number {
  switch (space.kind) {
    case 'box':
      return sizeOf(space);
    case 'discrete':
      return space.n;
    case 'multiDiscrete':
      return space.nvec.reduce((sum, n) => sum + n, 0);
  }
}

function writeAction(space: Leaf, outputs: Float64Array, action: TypedArray): void {
  if (space.kind === 'box') {
    for (let i = 0; i < action.length; i++) action[i] = space.low[i]! + ((clip(outputs[i]!, 1) + 1) / 2) * (space.high[i]! - space.low[i]!);
    return;
  }
  const counts = space.kind === 'discrete' ? [space.n] : space.nvec;
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

function boundedLeaf(space: Space): Leaf {
  if (space.kind === 'dict' || (space.kind === 'box' && ![...space.low, ...space.high].every(Number.isFinite)))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'ars',
      option: 'env',
      value: space.kind,
      allowed: 'one whose actions are a bounded box or integers',
    });
  return space;
}
