/** Loss and gradients of four networks against what PyTorch gave for the same weights and inputs; scripts/goldens made the files. */
import { readFileSync } from 'node:fs';
import {
  type ConvNetSpec,
  convNet,
  GraphBuilder,
  gaussianHead,
  gaussianLoss,
  grad,
  gruCell,
  layerNorm,
  linear,
  mlp,
  nodeRuntime,
  type Tensor,
  type TensorsByName,
  transformerBlock,
} from '../../src/onnx/index.ts';

interface Golden {
  readonly loss: number;
  readonly parameters: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

interface GoldenCase<G extends Golden> {
  readonly name: string;
  /** Of test/goldens. */
  readonly file: string;
  /** Data go in as constants. @returns the loss, and what else the golden tells, by its name there. */
  readonly build: (
    builder: GraphBuilder,
    parameters: TensorsByName,
    golden: G,
  ) => { loss: Tensor; others?: Readonly<Record<string, Tensor>> };
}

export interface GoldenError {
  readonly name: string;
  /** The worst of loss, other results and every weight's gradient: `max|ours − torch's| / max|torch's|`. */
  readonly error: number;
}

export function readGolden<G extends Golden>(file: string): G {
  return JSON.parse(readFileSync(new URL(`../../test/goldens/${file}`, import.meta.url), 'utf8')) as G;
}

export interface EnsembleGolden extends Golden {
  readonly members: number;
  readonly batch: number;
  readonly sizes: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
}

const ensemble: GoldenCase<EnsembleGolden> = {
  name: 'ensemble',
  file: 'ensemble-gradients.golden.json',
  build: (builder, parameters, { members, batch, sizes, x, y }) => {
    const input = floats(builder, x, [members, batch, sizes[0]!]);
    const head = gaussianHead(builder, mlp(builder, parameters, input, { name: 'ensemble', sizes, members }));
    return { loss: gaussianLoss(builder, head, floats(builder, y, [members, batch, sizes.at(-1)! / 2])) };
  },
};

interface GruGolden extends Golden {
  readonly inputs: number;
  readonly size: number;
  readonly batch: number;
  readonly steps: number;
  readonly x: readonly number[];
}

const gru: GoldenCase<GruGolden> = {
  name: 'GRU, unrolled, with layer norm',
  file: 'gru-gradients.golden.json',
  build: (builder, parameters, { inputs, size, batch, steps, x }) => {
    const all = floats(builder, x, [steps, batch, inputs]);
    let hidden = floats(builder, new Array<number>(batch * size).fill(0), [batch, size]);
    let loss = builder.constant(0);
    for (let step = 0; step < steps; step++) {
      const input = builder.reshape(builder.slice(all, 0, step, step + 1), [batch, inputs]);
      hidden = gruCell(builder, parameters, 'gru', input, hidden);
      loss = builder.add(loss, builder.reduceMean(builder.power(layerNorm(builder, parameters, 'norm', hidden), 3)));
    }
    return { loss, others: { last: hidden } };
  },
};

interface TransformerGolden extends Golden {
  readonly size: number;
  readonly heads: number;
  readonly hidden: number;
  readonly batch: number;
  readonly tokens: number;
  readonly x: readonly number[];
}

const transformer: GoldenCase<TransformerGolden> = {
  name: 'transformer block, causal',
  file: 'transformer-gradients.golden.json',
  build: (builder, parameters, { size, heads, hidden, batch, tokens, x }) => {
    const input = floats(builder, x, [batch, tokens, size]);
    const output = transformerBlock(builder, parameters, input, { name: 'block', size, heads, hidden, causal: true });
    return { loss: builder.reduceMean(builder.power(output, 3)), others: { output } };
  },
};

interface VaeGolden extends Golden {
  readonly side: number;
  readonly channels: number;
  readonly latent: number;
  readonly batch: number;
  readonly images: readonly number[];
  readonly noise: readonly number[];
}

const vae: GoldenCase<VaeGolden> = {
  name: 'convolutional VAE',
  file: 'vae-gradients.golden.json',
  build: (builder, parameters, { side, channels, latent, batch, images, noise }) => {
    const encoder: ConvNetSpec = {
      name: 'encoder',
      channels,
      layers: [
        { channels: 4, kernel: 4, stride: 2 },
        { channels: 6, kernel: 3, stride: 2 },
      ],
    };
    const decoder: ConvNetSpec = {
      name: 'decoder',
      channels: 6,
      transposed: true,
      lastActivation: 'sigmoid',
      layers: [
        { channels: 4, kernel: 4, stride: 2 },
        { channels, kernel: 4, stride: 2 },
      ],
    };
    const layer = (x: Tensor, name: string) => linear(builder, x, parameters[`${name}.weight`]!, parameters[`${name}.bias`]);
    const x = floats(builder, images, [batch, channels, side, side]);
    const flat = builder.reshape(convNet(builder, parameters, x, encoder), [batch, 24]);
    const [mean, logVariance] = builder.split(layer(flat, 'latent'), [latent, latent], -1) as [Tensor, Tensor];
    const deviation = builder.exp(builder.mul(logVariance, 0.5));
    const z = builder.add(mean, builder.mul(deviation, floats(builder, noise, [batch, latent])));
    const seed = builder.reshape(builder.relu(layer(z, 'expand')), [batch, 6, 2, 2]);
    const difference = builder.sub(convNet(builder, parameters, seed, decoder), x);
    const error = builder.mul(builder.reduceSumSquare(difference), 1 / batch);
    const spread = builder.sub(builder.sub(builder.add(logVariance, 1), builder.square(mean)), builder.exp(logVariance));
    return { loss: builder.add(error, builder.mul(builder.reduceSum(spread), -0.5 / batch)) };
  },
};

/** Float32 graphs against PyTorch's float64 gradients, one row a network. */
export async function goldenErrors(): Promise<GoldenError[]> {
  return [await goldenError(ensemble), await goldenError(gru), await goldenError(transformer), await goldenError(vae)];
}

async function goldenError<G extends Golden>({ name, file, build }: GoldenCase<G>): Promise<GoldenError> {
  const golden = readGolden<G>(file);
  const builder = new GraphBuilder();
  const parameters = Object.fromEntries(
    Object.entries(golden.parameters).map(([name, { shape, values }]) => [name, builder.param(name, shape, Float32Array.from(values))]),
  );
  const { loss, others = {} } = build(builder, parameters, golden);
  const expected: Record<string, readonly number[]> = { loss: [golden.loss] };
  builder.output('loss', loss);
  for (const [other, tensor] of Object.entries(others)) {
    builder.output(other, tensor);
    expected[other] = (golden as unknown as Record<string, readonly number[]>)[other]!;
  }
  grad(builder, loss, Object.values(parameters)).forEach((gradient, i) => {
    const of = Object.keys(parameters)[i]!;
    builder.output(`gradient.${of}`, gradient);
    expected[`gradient.${of}`] = golden.gradients[of]!;
  });
  const session = await nodeRuntime().load(builder.toModel(), { name: `golden ${name}` });
  const results = await session.run({});
  await session.release();
  const errors = Object.entries(expected).map(([key, values]) => relativeError(results[key]!.data as Float32Array, values));
  return { name, error: Math.max(...errors) };
}

function floats(builder: GraphBuilder, values: readonly number[], shape: readonly number[]): Tensor {
  return builder.constant(Float32Array.from(values), 'float32', shape);
}

/** `max|a − b| / max|b|`. */
function relativeError(ours: ArrayLike<number>, theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  const scale = Math.max(...theirs.map(Math.abs));
  return Math.max(...theirs.map((value, index) => Math.abs(ours[index]! - value))) / scale;
}
