import type { Rng } from '../math/rng.ts';
import type { ParameterSpec, TensorsByName } from './compile-training.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Tensor } from './types.ts';

export type Activation = 'silu' | 'relu' | 'tanh' | 'sigmoid' | 'none';

/** Fixed soft bounds of a predicted log variance; fixed ones work better than learned ones (reference: world-models.md). */
export const LOG_VARIANCE_BOUNDS = { low: -10, high: 0.5 } as const;

/** Draws starting values for a weight or bias with `inputs` inputs. */
export type Initializer = (rng: Rng, size: number, inputs: number) => Float32Array;

/** Uniform within ±1/√inputs: what torch.nn.Linear starts from, weights and biases alike. */
export const uniformFanIn: Initializer = (rng, size, inputs) => {
  const bound = 1 / Math.sqrt(inputs);
  return Float32Array.from({ length: size }, () => rng.uniform(-bound, bound));
};

/** Normal with deviation 1/(2√inputs), drawn again beyond two deviations: what PETS starts weights from (Chua et al. 2018). */
export const truncatedNormalFanIn: Initializer = (rng, size, inputs) => {
  const deviation = 1 / (2 * Math.sqrt(inputs));
  return Float32Array.from({ length: size }, () => deviation * truncatedNormal(rng));
};

export interface MlpSpec {
  /** Prefix of the parameter names. */
  readonly name: string;
  /** Widths, from input to output: `[24, 200, 200, 36]`. */
  readonly sizes: readonly number[];
  /** Independent networks side by side; weights get a leading axis of this size. Default: one network without that axis. */
  readonly members?: number;
  /** Between layers; the last layer is linear. Default silu. */
  readonly activation?: Activation;
  /** Whether each layer's sum but the last's is normalised before its activation, with a scale and a shift of its own. Default false. */
  readonly layerNorm?: boolean;
  /** Default `uniformFanIn`. Biases start as torch's with it, at 0 with another one. */
  readonly initializer?: Initializer;
}

/** Parameters of an MLP or ensemble: weights `[members?, in, out]` and biases `[members?, 1, out]`, in the order of the layers. */
export function mlpParameters(spec: MlpSpec, rng: Rng): ParameterSpec[] {
  const lead = spec.members === undefined ? [] : [spec.members];
  const copies = spec.members ?? 1;
  const initializer = spec.initializer ?? uniformFanIn;
  return layers(spec).flatMap(({ inputs, outputs, weight, bias, norm }) => [
    { name: weight, shape: [...lead, inputs, outputs], initial: initializer(rng, copies * inputs * outputs, inputs) },
    {
      name: bias,
      shape: [...lead, 1, outputs],
      initial: initializer === uniformFanIn ? uniformFanIn(rng, copies * outputs, inputs) : new Float32Array(copies * outputs),
    },
    ...(norm === undefined ? [] : layerNormParameters(norm, outputs, spec.members)),
  ]);
}

/**
 * The forward pass of `mlpParameters`.
 *
 * @param x - float `[…, batch, in]`; with members, `[members, batch, in]`, or `[batch, in]` to give all members the same.
 * @returns float `[…, batch, out]`; with members, `[members, batch, out]`.
 */
export function mlp(builder: GraphBuilder, parameters: TensorsByName, x: Tensor, spec: MlpSpec): Tensor {
  const all = layers(spec);
  return builder.scope(spec.name, () =>
    all.reduce((hidden, layer, index) => {
      const last = index === all.length - 1;
      return builder.scope(`${index}`, () => {
        const sum = linear(
          builder,
          hidden,
          parameters[layer.weight] ?? builder.fail(`there is no parameter '${layer.weight}'`),
          parameters[layer.bias],
        );
        const normal = layer.norm === undefined ? sum : layerNorm(builder, parameters, layer.norm, sum);
        return last ? sum : activate(builder, normal, spec.activation ?? 'silu');
      });
    }, x),
  );
}

/** `x · weight + bias`. */
export function linear(builder: GraphBuilder, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const product = builder.matmul(x, weight);
  return bias ? builder.add(product, bias) : product;
}

export function activate(builder: GraphBuilder, x: Tensor, activation: Activation): Tensor {
  return activation === 'none' ? x : builder[activation](x);
}

/** A normal distribution by entry: float, both of one shape. */
export interface Gaussian {
  readonly mean: Tensor;
  readonly logVariance: Tensor;
}

/**
 * Splits a network's output `[…, 2·size]` into a mean and a log variance held softly inside the bounds:
 * `v = high − softplus(high − v)`, then `v = low + softplus(v − low)` (Chua et al. 2018).
 */
export function gaussianHead(
  builder: GraphBuilder,
  output: Tensor,
  bounds: { readonly low: number; readonly high: number } = LOG_VARIANCE_BOUNDS,
): Gaussian {
  return builder.scope('gaussian', () => {
    const size = Number(output.shape.at(-1)) / 2;
    if (!Number.isInteger(size)) builder.fail(`a Gaussian head needs an even last axis, got ${output.shape.at(-1)}`);
    const [mean, raw] = builder.split(output, [size, size], -1);
    const below = builder.sub(bounds.high, builder.softplus(builder.sub(bounds.high, raw!)));
    return { mean: mean!, logVariance: builder.add(builder.softplus(builder.sub(below, bounds.low)), bounds.low) };
  });
}

/**
 * Gaussian negative log likelihood, without its constant and factor ½: `(mean − target)² · exp(−logVariance) + logVariance`,
 * summed over the last axis and any leading ones (members), averaged over the batch axis (the one before the last).
 *
 * @param target - of the mean's shape, or broadcasting to it.
 * @param beta - terms weigh by the variance to this power, which is not differentiated: 0 = likelihood; 1 = gradients of the mean as with squared errors.
 * @returns float `[]`.
 * @see Seitzer et al. 2022, "On the pitfalls of heteroscedastic uncertainty estimation with probabilistic neural networks", for beta.
 */
export function gaussianLoss(builder: GraphBuilder, { mean, logVariance }: Gaussian, target: Tensor, beta = 0): Tensor {
  return builder.scope('gaussian-loss', () => {
    const squared = builder.square(builder.sub(mean, target));
    const terms = builder.add(builder.mul(squared, builder.exp(builder.neg(logVariance))), logVariance);
    const weighted = beta === 0 ? terms : builder.mul(terms, builder.stopGradient(builder.exp(builder.mul(logVariance, beta))));
    return builder.reduceSum(builder.reduceMean(weighted, [-2]));
  });
}

/** Mean of squared differences over all axes, float `[]`. */
export function meanSquaredError(builder: GraphBuilder, prediction: Tensor, target: Tensor): Tensor {
  return builder.reduceMean(builder.square(builder.sub(prediction, target)));
}

/** Weights of a GRU cell in torch's layout, transposed: gates reset, update, new side by side. */
export function gruParameters(name: string, inputs: number, size: number, rng: Rng): ParameterSpec[] {
  const draw = (count: number) => uniformFanIn(rng, count, size);
  return [
    { name: `${name}.input`, shape: [inputs, 3 * size], initial: draw(inputs * 3 * size) },
    { name: `${name}.hidden`, shape: [size, 3 * size], initial: draw(size * 3 * size) },
    { name: `${name}.inputBias`, shape: [3 * size], initial: draw(3 * size) },
    { name: `${name}.hiddenBias`, shape: [3 * size], initial: draw(3 * size) },
  ];
}

/**
 * One step of a gated recurrent unit (Cho et al. 2014, in PyTorch's form: the reset gate acts on `h · W + b`).
 *
 * @param x - float `[batch, inputs]`. @param hidden - float `[batch, size]`.
 * @returns the next hidden state, `[batch, size]`.
 */
export function gruCell(builder: GraphBuilder, parameters: TensorsByName, name: string, x: Tensor, hidden: Tensor): Tensor {
  return builder.scope(name, () => gruStep(builder, gruWeights(builder, parameters, name), x, hidden));
}

/**
 * A gated recurrent unit over a sequence.
 *
 * @param x - float `[steps, batch, inputs]`, steps fixed. @param start - hidden state before the first step, float `[batch, size]`.
 * @returns the hidden states after each step, `[steps, batch, size]`.
 */
export function gru(builder: GraphBuilder, parameters: TensorsByName, name: string, x: Tensor, start: Tensor): Tensor {
  return builder.scope(name, () => {
    const steps = x.shape[0];
    if (typeof steps !== 'number') builder.fail(`the number of steps must be fixed, not '${steps}'`);
    const weights = gruWeights(builder, parameters, name);
    const all: Tensor[] = [];
    let hidden = start;
    for (let step = 0; step < steps; step++) {
      const given = builder.reshape(builder.slice(x, 0, step, step + 1), x.shape.slice(1));
      hidden = gruStep(builder, weights, given, hidden);
      all.push(builder.reshape(hidden, [1, ...hidden.shape]));
    }
    return builder.concat(all, 0);
  });
}

interface Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** Weights as a step uses them: cutting and joining these once costs less than cutting and adding what comes of them at every step. */
interface GruWeights {
  /** Reset and update side by side; the biases of both are added to what comes in. */
  readonly openInput: Layer;
  readonly openHidden: Tensor;
  /** The new gate, which needs them apart. */
  readonly freshInput: Layer;
  readonly freshHidden: Layer;
}

function gruWeights(builder: GraphBuilder, parameters: TensorsByName, name: string): GruWeights {
  const get = partsOf(builder, parameters, name);
  const cut = (part: string) => {
    const size = Number(get(part).shape.at(-1)) / 3;
    return builder.split(get(part), [2 * size, size], -1) as [Tensor, Tensor];
  };
  const [openInput, freshInput] = cut('input');
  const [openHidden, freshHidden] = cut('hidden');
  const [openInputBias, freshInputBias] = cut('inputBias');
  const [openHiddenBias, freshHiddenBias] = cut('hiddenBias');
  return {
    openInput: { weight: openInput, bias: builder.add(openInputBias, openHiddenBias) },
    openHidden,
    freshInput: { weight: freshInput, bias: freshInputBias },
    freshHidden: { weight: freshHidden, bias: freshHiddenBias },
  };
}

function gruStep(builder: GraphBuilder, { openInput, openHidden, freshInput, freshHidden }: GruWeights, x: Tensor, hidden: Tensor): Tensor {
  const size = Number(hidden.shape.at(-1));
  const through = (input: Tensor, { weight, bias }: Layer) => linear(builder, input, weight, bias);
  const gates = builder.sigmoid(builder.add(builder.matmul(hidden, openHidden), through(x, openInput)));
  const [reset, keep] = builder.split(gates, [size, size], -1) as [Tensor, Tensor];
  const candidate = builder.tanh(builder.add(through(x, freshInput), builder.mul(reset, through(hidden, freshHidden))));
  return builder.add(candidate, builder.mul(keep, builder.sub(hidden, candidate)));
}

/** Looks up the parameters `name.part`. @throws GRAPH_INVALID, from what it returns, for one that there is none of. */
export function partsOf(builder: GraphBuilder, parameters: TensorsByName, name: string): (part: string) => Tensor {
  return (part) => parameters[`${name}.${part}`] ?? builder.fail(`there is no parameter '${name}.${part}'`);
}

/** Parameters of `layerNorm`: scale 1 and shift 0, free of weight decay. @param members - networks side by side, each with its own: `[members, 1, size]`. */
export function layerNormParameters(name: string, size: number, members?: number): ParameterSpec[] {
  const shape = members === undefined ? [size] : [members, 1, size];
  const count = (members ?? 1) * size;
  return [
    { name: `${name}.scale`, shape, initial: new Float32Array(count).fill(1), decay: false },
    { name: `${name}.shift`, shape, initial: new Float32Array(count), decay: false },
  ];
}

/** Layer normalisation over the last axis (Ba et al. 2016). */
export function layerNorm(builder: GraphBuilder, parameters: TensorsByName, name: string, x: Tensor, epsilon = 1e-5): Tensor {
  return builder.scope(name, () => {
    const get = partsOf(builder, parameters, name);
    const centred = builder.sub(x, builder.reduceMean(x, [-1], true));
    const variance = builder.reduceMean(builder.square(centred), [-1], true);
    const normal = builder.div(centred, builder.sqrt(builder.add(variance, epsilon)));
    return builder.add(builder.mul(normal, get('scale')), get('shift'));
  });
}

interface MlpLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: string;
  readonly bias: string;
  /** Prefix of scale and shift; absent where nothing is normalised. */
  readonly norm: string | undefined;
}

function layers(spec: MlpSpec): MlpLayer[] {
  return spec.sizes.slice(1).map((outputs, index) => ({
    inputs: spec.sizes[index]!,
    outputs,
    weight: `${spec.name}.${index}.weight`,
    bias: `${spec.name}.${index}.bias`,
    norm: spec.layerNorm && index < spec.sizes.length - 2 ? `${spec.name}.${index}.norm` : undefined,
  }));
}

function truncatedNormal(rng: Rng): number {
  let draw = rng.normal();
  while (Math.abs(draw) > 2) draw = rng.normal();
  return draw;
}
