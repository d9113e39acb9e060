/** What the actor's outputs mean: how actions are drawn of them, and how likely each was (Hafner et al. 2023). */
import { requireBoundedBox, scaledAction, toActionRange } from '../../src/learning/action-scale.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { GraphBuilder, Tensor } from '../../src/onnx/index.ts';
import { type Box, type Space, sizeOf } from '../../src/spaces/space.ts';

/**
 * Bounded: a normal distribution a number, its mean within −1 … 1 of the range and its deviation within `DEVIATION`.
 * Choices: one distribution an integer, with one output a choice, mixed with a little of the even one so that none is ever ruled out.
 */
export type ActionDistribution =
  | { readonly kind: 'bounded'; readonly space: Box; readonly outputs: number; readonly columns: number }
  | { readonly kind: 'choices'; readonly counts: readonly number[]; readonly outputs: number; readonly columns: number };

const DEVIATION = { low: 0.1, high: 1 } as const;
/** Of the raw output: what is learned from begins near the highest deviation. */
const DEVIATION_START = 2;
const EVEN_SHARE = 0.01;
const HALF_LOG_2_PI = 0.5 * Math.log(2 * Math.PI);

/** @throws OPTION_INVALID for actions that are neither a bounded box of floats nor integers. */
export function distributionOf(space: Space): ActionDistribution {
  if (space.kind === 'discrete' || space.kind === 'multiDiscrete') {
    const counts = space.kind === 'discrete' ? [space.n] : space.nvec;
    return { kind: 'choices', counts, outputs: counts.reduce((sum, n) => sum + n, 0), columns: counts.length };
  }
  const bounded = requireBoundedBox('dreamer', space);
  const columns = sizeOf(bounded);
  return { kind: 'bounded', space: bounded, outputs: 2 * columns, columns };
}

/**
 * Draws one action.
 * @param outputs - of the actor; those of this action begin at `from`.
 * @param into - what is drawn goes to `at` and after: of a number before scaling and clipping, since that is what was likely.
 */
export function draw(
  distribution: ActionDistribution,
  outputs: Float32Array,
  from: number,
  rng: Rng,
  into: Float32Array,
  at: number,
): void {
  const { columns } = distribution;
  if (distribution.kind === 'bounded') {
    for (let i = 0; i < columns; i++)
      into[at + i] = Math.tanh(outputs[from + i]!) + deviationOf(outputs[from + columns + i]!) * rng.normal();
    return;
  }
  let first = from;
  distribution.counts.forEach((count, i) => {
    into[at + i] = drawnChoice(outputs.subarray(first, first + count), rng);
    first += count;
  });
}

function deviationOf(raw: number): number {
  return DEVIATION.low + (DEVIATION.high - DEVIATION.low) / (1 + Math.exp(-raw - DEVIATION_START));
}

function drawnChoice(logits: Float32Array, rng: Rng): number {
  if (rng.uniform() < EVEN_SHARE) return rng.integer(logits.length);
  const highest = logits.reduce((most, logit) => Math.max(most, logit));
  const odds = logits.map((logit) => Math.exp(logit - highest));
  let left = rng.uniform() * odds.reduce((sum, one) => sum + one, 0);
  for (let choice = 0; choice + 1 < odds.length; choice++) {
    left -= odds[choice]!;
    if (left < 0) return choice;
  }
  // What rounding leaves over goes to the last choice.
  return odds.length - 1;
}

/** A drawn number as the env and the model of it take it. */
export function toEnvAction(distribution: ActionDistribution, column: number, drawn: number): number {
  return distribution.kind === 'bounded' ? toActionRange(distribution.space, column, drawn) : drawn;
}

/** Uniform over all actions, as `draw` would give it. */
export function drawEvenly(distribution: ActionDistribution, rng: Rng, into: Float32Array, at: number): void {
  for (let i = 0; i < distribution.columns; i++)
    into[at + i] = distribution.kind === 'bounded' ? rng.uniform(-1, 1) : rng.integer(distribution.counts[i]!);
}

/** float32 `[rows]` each. */
export interface Likelihood {
  readonly logProbability: Tensor;
  readonly entropy: Tensor;
}

/** @param output - of the actor, float32 `[rows, outputs]`. @param action - as `draw` gave it, float32 `[rows, columns]`. */
export function likelihood(builder: GraphBuilder, distribution: ActionDistribution, output: Tensor, action: Tensor): Likelihood {
  if (distribution.kind === 'choices') return choicesLikelihood(builder, distribution.counts, output, action);
  const { columns } = distribution;
  const [raw, spread] = builder.split(output, [columns, columns], 1) as [Tensor, Tensor];
  const share = builder.sigmoid(builder.add(spread, DEVIATION_START));
  const deviation = builder.add(builder.mul(share, DEVIATION.high - DEVIATION.low), DEVIATION.low);
  const noise = builder.div(builder.sub(action, builder.tanh(raw)), deviation);
  const spreads = builder.add(builder.reduceSum(builder.log(deviation), [1]), columns * HALF_LOG_2_PI);
  return {
    logProbability: builder.sub(builder.mul(builder.reduceSum(builder.square(noise), [1]), -0.5), spreads),
    entropy: builder.add(spreads, columns / 2),
  };
}

function choicesLikelihood(builder: GraphBuilder, counts: readonly number[], output: Tensor, action: Tensor): Likelihood {
  const each = builder.split(output, counts, 1).map((logits, i) => {
    const count = counts[i]!;
    const share = builder.add(builder.mul(builder.softmax(logits), 1 - EVEN_SHARE), EVEN_SHARE / count);
    const logs = builder.log(share);
    const numbers = Array.from({ length: count }, (_, choice) => choice);
    const chosen = builder.equal(builder.slice(action, 1, i, i + 1), builder.constant(numbers, 'float32', [1, count]));
    return {
      logProbability: builder.reduceSum(builder.where(chosen, logs, 0), [1]),
      entropy: builder.neg(builder.reduceSum(builder.mul(share, logs), [1])),
    };
  });
  const sum = (pick: (one: Likelihood) => Tensor) => each.map(pick).reduce((a, b) => builder.add(a, b));
  return { logProbability: sum((one) => one.logProbability), entropy: sum((one) => one.entropy) };
}

/** The likeliest action as the env takes it, in a graph: float32 `[N, size]`, or int64 `[N]` or `[N, choices]`; and the same as the model of it takes it, float32 `[N, columns]`. */
export function likeliestAction(
  builder: GraphBuilder,
  distribution: ActionDistribution,
  output: Tensor,
): { readonly action: Tensor; readonly flat: Tensor } {
  if (distribution.kind === 'bounded') {
    const action = scaledAction(builder, distribution.space, builder.tanh(builder.slice(output, 1, 0, distribution.columns)));
    return { action, flat: action };
  }
  const parts = builder.split(output, distribution.counts, 1).map((part) => builder.argMax(part));
  const columns = parts.map((part) => builder.reshape(part, [...part.shape, 1]));
  const all = builder.concat(columns, 1);
  return { action: parts.length === 1 ? parts[0]! : all, flat: builder.cast(all, 'float32') };
}
