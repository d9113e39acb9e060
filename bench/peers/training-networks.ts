/** The four networks of torch_peer.py as training programs: same shapes, same losses, batches drawn from as many rows. */
import { Rng } from '../../src/math/rng.ts';
import {
  type CompiledTraining,
  type ConvNetSpec,
  compileTraining,
  convNet,
  convNetParameters,
  gaussianHead,
  gaussianLoss,
  gru,
  gruParameters,
  linear,
  type MlpSpec,
  meanSquaredError,
  mlp,
  mlpParameters,
  type ParameterSpec,
  type Tensor,
  type TransformerSpec,
  transformerBlock,
  transformerParameters,
  uniformFanIn,
} from '../../src/onnx/index.ts';

export const networkNames = ['ensemble', 'gru', 'transformer', 'vae'] as const;
export type NetworkName = (typeof networkNames)[number];

export interface TrainingNetwork {
  readonly compiled: CompiledTraining;
  readonly rows: number;
  /** Values of each table, from these. */
  readonly uniform: boolean;
  /** Rows of one batch over all members. */
  readonly drawn: number;
  /** Elements of a stream of standard normal noise in each step; 0 = none. */
  readonly noise: number;
}

const optimizer = { weightDecay: 1e-4 };

function ensemble(): TrainingNetwork {
  const spec: MlpSpec = { name: 'ensemble', sizes: [24, 200, 200, 200, 36] };
  const compiled = compileTraining({
    parameters: mlpParameters({ ...spec, members: 5 }, new Rng(0)),
    members: 5,
    tables: [table('x', [24]), table('y', [18])],
    batch: [5, 256],
    loss: (builder, weights, { x, y }) => ({
      loss: gaussianLoss(builder, gaussianHead(builder, mlp(builder, weights, x!, spec)), y!),
    }),
    optimizer,
  });
  return { compiled, rows: 10_000, uniform: false, drawn: 5 * 256, noise: 0 };
}

function recurrent(): TrainingNetwork {
  const [batch, steps, inputs, size, targets] = [256, 16, 24, 200, 18];
  const rng = new Rng(0);
  const compiled = compileTraining({
    parameters: [...gruParameters('gru', inputs, size, rng), ...layer('head', size, targets, rng)],
    tables: [table('x', [steps, inputs]), table('y', [steps, targets])],
    batch: [batch],
    loss: (builder, weights, { x, y }) => {
      const start = builder.constant(new Float32Array(batch * size), 'float32', [batch, size]);
      const hidden = gru(builder, weights, 'gru', builder.transpose(x!, [1, 0, 2]), start);
      const output = linear(builder, hidden, weights['head.weight']!, weights['head.bias']);
      return { loss: meanSquaredError(builder, output, builder.transpose(y!, [1, 0, 2])) };
    },
    optimizer,
  });
  return { compiled, rows: 2_000, uniform: false, drawn: batch, noise: 0 };
}

function transformer(): TrainingNetwork {
  const [batch, tokens, size] = [64, 32, 128];
  const spec: TransformerSpec = { name: 'block', size, heads: 4, causal: true };
  const compiled = compileTraining({
    parameters: transformerParameters(spec, new Rng(0)),
    tables: [table('x', [tokens, size]), table('y', [tokens, size])],
    batch: [batch],
    loss: (builder, weights, { x, y }) => ({ loss: meanSquaredError(builder, transformerBlock(builder, weights, x!, spec), y!) }),
    optimizer,
  });
  return { compiled, rows: 512, uniform: false, drawn: batch, noise: 0 };
}

function vae(): TrainingNetwork {
  const [batch, latent] = [32, 32];
  const rng = new Rng(0);
  const encoder: ConvNetSpec = {
    name: 'encoder',
    channels: 3,
    layers: [32, 64, 128, 256].map((channels) => ({ channels, kernel: 4, stride: 2 })),
  };
  const decoder: ConvNetSpec = {
    name: 'decoder',
    channels: 1024,
    transposed: true,
    lastActivation: 'sigmoid',
    layers: [128, 64, 32, 3].map((channels, i) => ({ channels, kernel: i < 2 ? 5 : 6, stride: 2 })),
  };
  const compiled = compileTraining({
    parameters: [
      ...convNetParameters(encoder, rng),
      ...layer('latent', 1024, 2 * latent, rng),
      ...layer('expand', latent, 1024, rng),
      ...convNetParameters(decoder, rng),
    ],
    tables: [table('images', [3, 64, 64])],
    batch: [batch],
    streams: [{ name: 'noise', dtype: 'float32', shape: [batch, latent] }],
    loss: (builder, weights, { images, noise }) => {
      const dense = (x: Tensor, name: string) => linear(builder, x, weights[`${name}.weight`]!, weights[`${name}.bias`]);
      const flat = builder.reshape(convNet(builder, weights, images!, encoder), [batch, 1024]);
      const [mean, logVariance] = builder.split(dense(flat, 'latent'), [latent, latent], -1) as [Tensor, Tensor];
      const z = builder.add(mean, builder.mul(builder.exp(builder.mul(logVariance, 0.5)), noise!));
      const seed = builder.reshape(builder.relu(dense(z, 'expand')), [batch, 1024, 1, 1]);
      const difference = builder.sub(convNet(builder, weights, seed, decoder), images!);
      const spread = builder.sub(builder.sub(builder.add(logVariance, 1), builder.square(mean)), builder.exp(logVariance));
      const error = builder.mul(builder.reduceSumSquare(difference), 1 / batch);
      return { loss: builder.add(error, builder.mul(builder.reduceSum(spread), -0.5 / batch)) };
    },
    optimizer,
  });
  return { compiled, rows: 256, uniform: true, drawn: batch, noise: batch * latent };
}

const networks: Readonly<Record<NetworkName, () => TrainingNetwork>> = { ensemble, gru: recurrent, transformer, vae };

export function trainingNetwork(name: NetworkName): TrainingNetwork {
  return networks[name]();
}

function table(name: string, columns: readonly number[]) {
  return { name, dtype: 'float32', columns } as const;
}

function layer(name: string, inputs: number, outputs: number, rng: Rng): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [inputs, outputs], initial: uniformFanIn(rng, inputs * outputs, inputs) },
    { name: `${name}.bias`, shape: [outputs], initial: new Float32Array(outputs) },
  ];
}
