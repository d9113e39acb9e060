/** The loss of Proximal Policy Optimization (Schulman et al. 2017, equations 7 and 9) and its gradient step, as one ONNX graph. */
import {
  type CompiledTraining,
  compileTraining,
  type GraphBuilder,
  type LossTensors,
  mlp,
  type ParameterSpec,
  type TableSpec,
  type Tensor,
  type TensorsByName,
} from '../../src/onnx/index.ts';
import type { PpoConfig } from './config.ts';
import { likelihood } from './distribution.ts';
import { LOG_DEVIATION, type PpoNetworks, valuesOf } from './networks.ts';

export type PpoLossConfig = Pick<
  PpoConfig,
  'minibatch' | 'clip' | 'clipValue' | 'entropyWeight' | 'valueWeight' | 'maximumGradientNorm' | 'normaliseAdvantages'
>;

/** Of Adam (Huang et al. 2022, core detail 3). */
const EPSILON = 1e-5;

/** The tables of a rollout, a row each: `observation` (normalised), `action` (as drawn), `log_probability`, `value`, `advantage`, `return`. */
export function compileUpdate(networks: PpoNetworks, config: PpoLossConfig, parameters: readonly ParameterSpec[]): CompiledTraining {
  const { distribution, observationSize } = networks;
  const table = (name: string, ...columns: number[]): TableSpec => ({ name, dtype: 'float32', columns });
  return compileTraining({
    name: 'ppo',
    parameters,
    tables: [
      table('observation', observationSize),
      { ...table('action', distribution.columns), dtype: distribution.kind === 'gaussian' ? 'float32' : 'int32' },
      ...['log_probability', 'value', 'advantage', 'return'].map((name) => table(name)),
    ],
    batch: [config.minibatch],
    loss: (builder, weights, batch) => ppoLoss(builder, networks, config, weights, batch),
    optimizer: { epsilon: EPSILON, maximumGradientNorm: config.maximumGradientNorm },
  });
}

/** Core details 8 to 12; the value loss is the mean squared error, without the half of some implementations. */
function ppoLoss(
  builder: GraphBuilder,
  networks: PpoNetworks,
  config: PpoLossConfig,
  weights: TensorsByName,
  batch: TensorsByName,
): LossTensors {
  const output = mlp(builder, weights, batch.observation!, networks.actor);
  const { logProbability, entropy } = likelihood(builder, networks.distribution, output, weights[LOG_DEVIATION], batch.action!);
  const logRatio = builder.sub(logProbability, batch.log_probability!);
  const ratio = builder.exp(logRatio);
  const advantage = config.normaliseAdvantages ? standardised(builder, batch.advantage!, config.minibatch) : batch.advantage!;
  const policyLoss = builder.neg(clippedSurrogate(builder, ratio, advantage, config.clip));
  const valueLoss = squaredValueError(builder, valuesOf(builder, weights, networks, batch.observation!), batch, config.clipValue);
  const weighted = builder.add(policyLoss, builder.mul(valueLoss, config.valueWeight));
  return {
    loss: config.entropyWeight === 0 ? weighted : builder.sub(weighted, builder.mul(entropy, config.entropyWeight)),
    metrics: { policy_loss: policyLoss, value_loss: valueLoss, entropy, ...distance(builder, ratio, logRatio, config.clip) },
  };
}

/** Mean 0 and standard deviation 1 within the minibatch (core detail 7). */
function standardised(builder: GraphBuilder, x: Tensor, count: number): Tensor {
  const centred = builder.sub(x, builder.reduceMean(x));
  const variance = builder.mul(builder.reduceSumSquare(centred), 1 / (count - 1));
  return builder.div(centred, builder.add(builder.sqrt(variance), 1e-8));
}

function clippedSurrogate(builder: GraphBuilder, ratio: Tensor, advantage: Tensor, clip: number): Tensor {
  const clipped = builder.mul(builder.clip(ratio, 1 - clip, 1 + clip), advantage);
  return builder.reduceMean(builder.min(builder.mul(ratio, advantage), clipped));
}

function squaredValueError(builder: GraphBuilder, value: Tensor, batch: TensorsByName, clipValue: number | null): Tensor {
  const squared = (values: Tensor) => builder.square(builder.sub(values, batch.return!));
  if (clipValue === null) return builder.reduceMean(squared(value));
  const near = builder.add(batch.value!, builder.clip(builder.sub(value, batch.value!), -clipValue, clipValue));
  return builder.reduceMean(builder.max(squared(value), squared(near)));
}

/** How far the policy has moved: an estimate of the Kullback–Leibler divergence (Schulman 2020, "Approximating KL divergence", k3), and how often the ratio was clipped. */
function distance(builder: GraphBuilder, ratio: Tensor, logRatio: Tensor, clip: number): TensorsByName {
  const outside = builder.greater(builder.abs(builder.sub(ratio, 1)), clip);
  return {
    approximate_kl: builder.reduceMean(builder.sub(builder.sub(ratio, 1), logRatio)),
    clip_fraction: builder.reduceMean(builder.cast(outside, 'float32')),
  };
}
