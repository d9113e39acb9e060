/** What the actor's outputs mean: how actions are drawn of them, and how likely each was. */
import { GroundtwinError } from '../../src/errors.ts';
import { scaledAction, toActionRange } from '../../src/learning/action-scale.ts';
import { chosenAction, countsOf } from '../../src/learning/choices.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { GraphBuilder, Tensor } from '../../src/onnx/index.ts';
import { type Box, type Space, sizeOf, type TypedArray } from '../../src/spaces/space.ts';

/**
 * Gaussian: an independent normal a number, whose standard deviation does not depend on the state (Huang et al. 2022, continuous details 1–3).
 * Categorical: an independent choice an integer, with one output a choice (multi-discrete detail 1).
 */
export type ActionDistribution =
  | { readonly kind: 'gaussian'; readonly space: Box; readonly outputs: number; readonly columns: number }
  | { readonly kind: 'categorical'; readonly counts: readonly number[]; readonly outputs: number; readonly columns: number };

const HALF_LOG_2_PI = 0.5 * Math.log(2 * Math.PI);

/** @throws OPTION_INVALID for actions that are neither a box of floats nor integers. */
export function distributionOf(space: Space): ActionDistribution {
  if (space.kind === 'dict' || (space.kind === 'box' && space.dtype === 'uint8'))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'ppo',
      option: 'env',
      value: space.kind === 'dict' ? 'named actions' : 'actions that are bytes',
      allowed: 'one whose actions are a box of floats, or integers',
    });
  const columns = sizeOf(space);
  if (space.kind === 'box') return { kind: 'gaussian', space, outputs: columns, columns };
  const counts = countsOf(space);
  return { kind: 'categorical', counts, outputs: counts.reduce((sum, n) => sum + n, 0), columns };
}

/**
 * Draws one action.
 * @param outputs - of the actor; those of this action begin at `from`.
 * @param logDeviation - `[columns]`, of a Gaussian.
 * @param action - what is drawn goes to `at` and after: of a Gaussian before scaling and clipping, since that is what was likely.
 * @returns its log probability (density).
 */
export function draw(
  distribution: ActionDistribution,
  { outputs, from }: { readonly outputs: Float32Array; readonly from: number },
  logDeviation: Float32Array,
  rng: Rng,
  { action, at }: { readonly action: TypedArray; readonly at: number },
): number {
  let sum = 0;
  if (distribution.kind === 'gaussian') {
    for (let i = 0; i < distribution.columns; i++) {
      const noise = rng.normal();
      action[at + i] = outputs[from + i]! + Math.exp(logDeviation[i]!) * noise;
      sum -= 0.5 * noise * noise + logDeviation[i]! + HALF_LOG_2_PI;
    }
    return sum;
  }
  let first = from;
  for (let i = 0; i < distribution.columns; i++) {
    sum += drawChoice(outputs, first, distribution.counts[i]!, rng.uniform(), action, at + i);
    first += distribution.counts[i]!;
  }
  return sum;
}

/** By the inverse of the distribution function. @returns the log probability. */
function drawChoice(outputs: Float32Array, from: number, count: number, uniform: number, action: TypedArray, at: number): number {
  const highest = outputs[greatest(outputs, from, count)]!;
  let total = 0;
  for (let i = from; i < from + count; i++) total += Math.exp(outputs[i]! - highest);
  let left = uniform * total;
  let choice = 0;
  // What rounding leaves over goes to the last choice.
  for (; choice < count - 1; choice++) {
    left -= Math.exp(outputs[from + choice]! - highest);
    if (left < 0) break;
  }
  action[at] = choice;
  return outputs[from + choice]! - highest - Math.log(total);
}

function greatest(values: Float32Array, from: number, count: number): number {
  let best = from;
  for (let i = from + 1; i < from + count; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Turns drawn actions, of any number of lanes, into what the env takes: −1 … 1 spans a bounded number's range, and what is outside is clipped (continuous detail 5). */
export function toEnvActions(distribution: ActionDistribution, drawn: TypedArray, from: number, actions: TypedArray): void {
  for (let i = 0; i < actions.length; i++) {
    const value = drawn[from + i]!;
    actions[i] = distribution.kind === 'categorical' ? value : toActionRange(distribution.space, i % distribution.columns, value);
  }
}

/** Log probability and entropy in a graph. */
export interface Likelihood {
  /** float32 `[batch]` */
  readonly logProbability: Tensor;
  /** float32 `[]`, mean over the batch. */
  readonly entropy: Tensor;
}

/**
 * @param output - of the actor, float32 `[batch, outputs]`. @param logDeviation - float32 `[1, columns]`, of a Gaussian.
 * @param action - as `draw` gave it, `[batch, columns]`: float32, of a categorical int32.
 */
export function likelihood(
  builder: GraphBuilder,
  distribution: ActionDistribution,
  output: Tensor,
  logDeviation: Tensor | undefined,
  action: Tensor,
): Likelihood {
  return distribution.kind === 'gaussian'
    ? gaussianLikelihood(builder, output, logDeviation!, action)
    : categoricalLikelihood(builder, distribution.counts, output, action);
}

function gaussianLikelihood(builder: GraphBuilder, mean: Tensor, logDeviation: Tensor, action: Tensor): Likelihood {
  const noise = builder.mul(builder.sub(action, mean), builder.exp(builder.neg(logDeviation)));
  const columns = Number(logDeviation.shape[1]);
  const spread = builder.add(builder.reduceSum(logDeviation), columns * HALF_LOG_2_PI);
  return {
    logProbability: builder.sub(builder.mul(builder.reduceSum(builder.square(noise), [1]), -0.5), spread),
    entropy: builder.add(spread, columns / 2),
  };
}

function categoricalLikelihood(builder: GraphBuilder, counts: readonly number[], logits: Tensor, action: Tensor): Likelihood {
  const parts = counts.length === 1 ? [logits] : builder.split(logits, counts, 1);
  const each = parts.map((part, i) => {
    const logs = builder.logSoftmax(part);
    const chosen = builder.equal(builder.slice(action, 1, i, i + 1), builder.constant(choices(counts[i]!), 'int32', [1, counts[i]!]));
    return {
      logProbability: builder.reduceSum(builder.where(chosen, logs, 0), [1]),
      entropy: builder.neg(builder.reduceMean(builder.reduceSum(builder.mul(builder.exp(logs), logs), [1]))),
    };
  });
  return {
    logProbability: each.map((one) => one.logProbability).reduce((sum, one) => builder.add(sum, one)),
    entropy: each.map((one) => one.entropy).reduce((sum, one) => builder.add(sum, one)),
  };
}

/** The likeliest action as the env takes it, in a graph: float32 `[N, size]`, or int64 `[N]` or `[N, choices]`. @param output - of the actor, `[N, outputs]`. */
export function likeliestAction(builder: GraphBuilder, distribution: ActionDistribution, output: Tensor): Tensor {
  if (distribution.kind === 'gaussian') return scaledAction(builder, distribution.space, output);
  return chosenAction(builder, distribution.counts, output);
}

function choices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
