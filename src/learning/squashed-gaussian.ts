/**
 * Actions of a normal distribution squashed into −1 … 1: `a = tanh(u)`, `u = mean + deviation · noise` (Haarnoja et al. 2018, appendix C).
 * A network's output is `[rows, 2 · size]`: means, then logarithms of deviations, which are clipped.
 */
import type { GraphBuilder, Tensor } from '../onnx/index.ts';

/** As in Stable-Baselines3. */
const LOG_DEVIATION = { low: -20, high: 2 } as const;

const HALF_LOG_2_PI = 0.5 * Math.log(2 * Math.PI);

export interface SquashedDraw {
  /** float32 `[rows, size]`, −1 … 1. */
  readonly action: Tensor;
  /** float32 `[rows]`: logarithm of the density of the squashed action, summed over its numbers. */
  readonly logProbability: Tensor;
}

/**
 * Draws in a graph, so that gradients flow through the action to the network.
 *
 * `log p(a) = log N(u) − Σ log(1 − a²)` with `log(1 − tanh²u) = 2(log 2 − u − softplus(−2u))`, which is exact where 1 − a² is rounded to 0.
 *
 * @param output - float32 `[rows, 2 · size]`. @param noise - standard normal, float32 `[rows, size]`.
 */
export function squashedDraw(builder: GraphBuilder, output: Tensor, noise: Tensor): SquashedDraw {
  return builder.scope('squashed', () => {
    const size = Number(noise.shape.at(-1));
    const [mean, raw] = builder.split(output, [size, size], -1) as [Tensor, Tensor];
    const logDeviation = builder.clip(raw, LOG_DEVIATION.low, LOG_DEVIATION.high);
    const u = builder.add(mean, builder.mul(builder.exp(logDeviation), noise));
    // log N(u) without its constants: the noise is what it is, whatever the network says.
    const normal = builder.add(builder.mul(builder.square(noise), 0.5), logDeviation);
    const squash = builder.mul(builder.add(u, builder.softplus(builder.mul(u, -2))), 2);
    const constant = size * (2 * Math.LN2 + HALF_LOG_2_PI);
    return {
      action: builder.tanh(u),
      logProbability: builder.sub(builder.reduceSum(builder.sub(squash, normal), [-1]), constant),
    };
  });
}

/** The action of no noise: of the means in the output of a network, float32 `[rows, size]`. */
export function squashedMode(builder: GraphBuilder, output: Tensor): Tensor {
  return builder.tanh(builder.slice(output, 1, 0, Number(output.shape[1]) / 2));
}

/**
 * Draws here, of rows of a network's output.
 *
 * @param output - `[rows, 2 · size]`. @param noise - standard normal `[rows, size]`; null = the mode.
 * @param out - `[rows, size]`, gets the actions.
 */
export function squash(output: Float32Array, noise: Float32Array | null, size: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i++) {
    const at = 2 * size * Math.floor(i / size) + (i % size);
    const deviation = noise === null ? 0 : Math.exp(Math.min(Math.max(output[at + size]!, LOG_DEVIATION.low), LOG_DEVIATION.high));
    out[i] = Math.tanh(output[at]! + (noise === null ? 0 : deviation * noise[i]!));
  }
}
