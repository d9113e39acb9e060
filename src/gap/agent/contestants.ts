/** Policies that are compared: each acts in closed loop, on what it is shown, in truth and in a dream alike. */
import type { Policy } from '../../core/policy.ts';
import type { Rng } from '../../math/rng.ts';
import { actionRange } from '../../planning/action-range.ts';
import { allocate, flatSizeOf, flattenInto, type Leaf, rowOf, type Space, type TypedArray, type Values } from '../../spaces/space.ts';
import { type FeedbackShape, featureCount, feedBack, feedbackSize, writeFeatures } from './feedback.ts';

/** What a policy acts in. */
export interface PolicyPlace {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly lanes: number;
}

/** A policy of the comparison. Opened anew for every env that it acts in. */
export interface Contestant {
  readonly name: string;
  /** Share of its actions, 0 to 1, that is replaced by actions drawn evenly from the action space. Default 0. */
  readonly randomness?: number;
  /** Whoever opens it closes what it gets, where that can be closed. */
  open(place: PolicyPlace): OpenedPolicy | Promise<OpenedPolicy>;
}

export type OpenedPolicy = Policy & { close?(): Promise<void> };

/** Does nothing: 0, or what of the action space is nearest to it. */
export const idle: Contestant = { name: 'idle', open: ({ actionSpace, lanes }) => constantPolicy('idle', actionSpace, lanes, 0) };

export const randomActions: Contestant = { ...idle, name: 'random', randomness: 1 };

/** The same with a share of its actions random. */
export function mixedWithRandom(contestant: Contestant, randomness: number): Contestant {
  return { ...contestant, name: `${contestant.name}, ${Math.round(100 * randomness)} % random`, randomness };
}

function constantPolicy(name: string, space: Space, lanes: number, value: number): Policy {
  const actions = allocate(space, lanes);
  const fill = (part: Space, values: Values): void => {
    if (part.kind === 'dict') for (const [key, inner] of Object.entries(part.spaces)) fill(inner, (values as Record<string, Values>)[key]!);
    else fillLeaf(part, values as TypedArray, value);
  };
  fill(space, actions);
  return { name, reset() {}, act: () => actions };
}

function fillLeaf(space: Leaf, values: TypedArray, value: number): void {
  if (space.kind !== 'box') return;
  const size = space.low.length;
  for (let i = 0; i < values.length; i++) values[i] = Math.min(Math.max(value, space.low[i % size]!), space.high[i % size]!);
}

/** How feedback sees: each element of a flat observation less its mean, over its deviation. float64 `[observationSize]`. */
export interface Lens {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** What feedback policies of a task are made of. */
export interface FeedbackKind {
  readonly shape: FeedbackShape;
  readonly lens: Lens;
}

export function feedbackKind(
  { observationSpace, actionSpace }: Pick<PolicyPlace, 'observationSpace' | 'actionSpace'>,
  lens: Lens,
): FeedbackKind {
  return { shape: { inputs: flatSizeOf(observationSpace), outputs: flatSizeOf(actionSpace) }, lens };
}

/**
 * Acts by feedback: lane i by the i-th policy, again and again.
 * @param parameters - float64 `[policies, feedbackSize]`.
 * @throws OPTION_INVALID for actions that have names or no bounds.
 */
export function feedbackPolicy({ shape, lens }: FeedbackKind, parameters: Float64Array, place: PolicyPlace): Policy {
  const { observationSpace, actionSpace, lanes } = place;
  const range = actionRange('feedback', actionSpace);
  const size = feedbackSize(shape);
  const count = parameters.length / size;
  const actions = allocate(actionSpace, lanes);
  const rows = Array.from({ length: lanes }, (_, lane) => rowOf(actionSpace, actions, lane) as TypedArray);
  const seen = new Float64Array(shape.inputs);
  const features = new Float64Array(featureCount(shape));
  const output = new Float64Array(shape.outputs);
  return {
    name: 'feedback',
    reset() {},
    act(observation) {
      for (let lane = 0; lane < lanes; lane++) {
        flattenInto(rowOf(observationSpace, observation, lane), seen);
        for (let i = 0; i < seen.length; i++) seen[i] = (seen[i]! - lens.mean[i]!) / lens.deviation[i]!;
        writeFeatures(shape, seen, features);
        feedBack(features, parameters, (lane % count) * size, output);
        for (let i = 0; i < output.length; i++) rows[lane]![i] = range.toAction(output[i]!, i);
      }
      return actions;
    },
  };
}

export function feedbackContestant(name: string, kind: FeedbackKind, parameters: Float64Array): Contestant {
  return { name, open: (place) => feedbackPolicy(kind, parameters, place) };
}

/** Draws, lane by lane, whether an action is replaced, and by what. @param rngs - one a lane. */
export function replaceAtRandom(
  space: Space,
  actions: Values,
  randomness: number,
  rngs: readonly Rng[],
  draw: (rng: Rng, row: Values) => void,
): void {
  if (randomness === 0) return;
  rngs.forEach((rng, lane) => {
    if (rng.uniform() < randomness) draw(rng, rowOf(space, actions, lane));
  });
}
