import type { GraphBuilder } from './graph-builder.ts';
import type { Tensor } from './types.ts';

/** AdamW's constants; the learning rate is an input of the graph. */
export interface AdamWOptions {
  /** Decay of the first moment a step. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the second moment a step. Default 0.999. */
  readonly beta2?: number;
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled: each step multiplies a decayed parameter by `1 − learningRate · weightDecay`. Default 0. */
  readonly weightDecay?: number;
  /** Gradients are scaled down so that their joint Euclidean norm is at most this. Default: no clipping. */
  readonly maximumGradientNorm?: number;
}

/** What one update reads. Lists run over the parameters, in one order. */
export interface AdamWInputs {
  readonly parameters: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  /** First and second moments divided by `1 − beta`: kept so, each update saves two passes over the weights. Zeros at the start. */
  readonly first: readonly Tensor[];
  readonly second: readonly Tensor[];
  /** float64 `[]`: finite updates made so far. */
  readonly step: Tensor;
  /** float32 `[]`. */
  readonly learningRate: Tensor;
  /** float32 `[]`: the update is skipped when it is not finite. */
  readonly loss: Tensor;
  /** Whether weight decay applies, a parameter. Default: to all. */
  readonly decayed?: readonly boolean[];
}

export interface AdamWOutputs {
  readonly parameters: readonly Tensor[];
  readonly first: readonly Tensor[];
  readonly second: readonly Tensor[];
  readonly step: Tensor;
  /** float32 `[]`, before clipping. */
  readonly gradientNorm: Tensor;
  /** bool `[]`: whether the update was made. */
  readonly finite: Tensor;
}

interface Scalars {
  readonly clipping: Tensor | undefined;
  readonly beta1: number;
  readonly beta2: number;
  readonly stepSize: Tensor;
  readonly epsilon: Tensor;
  readonly keep: Tensor | undefined;
}

const FLOAT32_MAXIMUM = 3.4028234663852886e38;

/**
 * One AdamW update (Loshchilov and Hutter 2019) with bias correction, clipping by global norm and a guard:
 * when the loss or the gradient norm is not finite, parameters, moments and step stay as they are.
 *
 * With `u = m/(1 − β₁)` and `w = v/(1 − β₂)`: `u ← β₁u + g`, `w ← β₂w + g²`, `p ← p(1 − ηλ) − c·u/(√w + ε′)`.
 */
export function adamW(builder: GraphBuilder, inputs: AdamWInputs, options: AdamWOptions = {}): AdamWOutputs {
  return builder.scope('adam-w', () => {
    const gradientNorm = globalNorm(builder, inputs.gradients);
    const finite = builder.lessOrEqual(builder.add(builder.abs(inputs.loss), gradientNorm), FLOAT32_MAXIMUM);
    const count = inputs.parameters.length;
    const unchanged = [...inputs.parameters, ...inputs.first, ...inputs.second, inputs.step];
    const results = builder.conditional(
      finite,
      () => update(builder, inputs, gradientNorm, options),
      () => unchanged,
    );
    return {
      parameters: results.slice(0, count),
      first: results.slice(count, 2 * count),
      second: results.slice(2 * count, 3 * count),
      step: results[3 * count]!,
      gradientNorm,
      finite,
    };
  });
}

function globalNorm(builder: GraphBuilder, gradients: readonly Tensor[]): Tensor {
  const squares = gradients.map((gradient) => builder.reduceSumSquare(gradient));
  const total = squares
    .slice(1)
    .reduce((sum, square) => builder.add(sum, square), squares[0] ?? builder.fail('there is no parameter to train'));
  return builder.sqrt(total);
}

function update(builder: GraphBuilder, inputs: AdamWInputs, gradientNorm: Tensor, options: AdamWOptions): Tensor[] {
  const step = builder.add(inputs.step, 1);
  const scalars = updateScalars(builder, step, inputs.learningRate, gradientNorm, options);
  const updated = inputs.parameters.map((parameter, index) => {
    const decays = inputs.decayed?.[index] ?? true;
    return updateOne(builder, parameter, inputs.gradients[index]!, inputs.first[index]!, inputs.second[index]!, {
      ...scalars,
      keep: decays ? scalars.keep : undefined,
    });
  });
  return [...updated.map((one) => one.parameter), ...updated.map((one) => one.first), ...updated.map((one) => one.second), step];
}

/** The bias corrections are computed in float64: `1 − 0.999` in float32 is already wrong in the fifth digit. */
function updateScalars(builder: GraphBuilder, step: Tensor, learningRate: Tensor, gradientNorm: Tensor, options: AdamWOptions): Scalars {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, maximumGradientNorm } = options;
  const correction = (beta: number) => {
    const remaining = builder.node('Pow', [builder.constant(beta, 'float64'), step], 'float64', []);
    return builder.div(builder.sub(1, remaining), 1 - beta);
  };
  const root = builder.sqrt(correction(beta2));
  const rate = builder.cast(learningRate, 'float64');
  const narrow = (x: Tensor) => builder.cast(x, 'float32');
  return {
    clipping:
      maximumGradientNorm === undefined ? undefined : builder.min(builder.div(maximumGradientNorm, builder.add(gradientNorm, 1e-6)), 1),
    beta1,
    beta2,
    stepSize: narrow(builder.div(builder.mul(rate, root), correction(beta1))),
    epsilon: narrow(builder.mul(root, epsilon)),
    keep: weightDecay === 0 ? undefined : narrow(builder.sub(1, builder.mul(rate, weightDecay))),
  };
}

function updateOne(builder: GraphBuilder, parameter: Tensor, gradient: Tensor, first: Tensor, second: Tensor, scalars: Scalars) {
  const scaled = scalars.clipping ? builder.mul(gradient, scalars.clipping) : gradient;
  const nextFirst = builder.add(builder.mul(first, scalars.beta1), scaled);
  const nextSecond = builder.add(builder.mul(second, scalars.beta2), builder.square(scaled));
  const direction = builder.div(nextFirst, builder.add(builder.sqrt(nextSecond), scalars.epsilon));
  const kept = scalars.keep ? builder.mul(parameter, scalars.keep) : parameter;
  return { parameter: builder.sub(kept, builder.mul(direction, scalars.stepSize)), first: nextFirst, second: nextSecond };
}
