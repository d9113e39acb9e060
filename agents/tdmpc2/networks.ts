/** The networks of TD-MPC2 (Hansen et al. 2024): what a latent state is made of, leads to and is worth. */
import type { Rng } from '../../src/math/rng.ts';
import {
  type GraphBuilder,
  layerNorm,
  layerNormParameters,
  type MlpSpec,
  mlp,
  mlpParameters,
  type ParameterSpec,
  type Tensor,
  type TensorsByName,
  truncatedNormalFanIn,
} from '../../src/onnx/index.ts';
import { SIMPLEX, type TdMpc2Config } from './config.ts';
import { type Bins, expectation } from './two-hot.ts';

/** Each with layer normalisation and SiLU (there: Mish) between its layers. */
export interface TdMpc2Networks extends Bins {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly latent: number;
  readonly critics: number;
  /** Observation → latent state. */
  readonly encoder: MlpSpec;
  /** Latent state and action → the next latent state. */
  readonly dynamics: MlpSpec;
  /** Latent state and action → bins of the reward. */
  readonly reward: MlpSpec;
  /** Latent state → logit of the task's going on from there. */
  readonly continues: MlpSpec;
  /** Latent state → mean and log deviation of the action. */
  readonly policy: MlpSpec;
  /** Latent state and action → bins of the value, by each critic. */
  readonly critic: MlpSpec;
}

type Sizes = Pick<TdMpc2Config, 'latent' | 'encoder' | 'hidden' | 'critics' | 'bins' | 'reach'>;

export function networksOf(observationSize: number, actionSize: number, sizes: Sizes): TdMpc2Networks {
  const { latent, encoder, hidden, critics, bins, reach } = sizes;
  const both = latent + actionSize;
  const network = (name: string, widths: readonly number[]): MlpSpec => ({
    name,
    sizes: widths,
    layerNorm: true,
    initializer: truncatedNormalFanIn,
  });
  return {
    observationSize,
    actionSize,
    latent,
    critics,
    bins,
    reach,
    encoder: network('encoder', [observationSize, ...encoder, latent]),
    dynamics: network('dynamics', [both, ...hidden, latent]),
    reward: network('reward', [both, ...hidden, bins]),
    continues: network('continues', [latent, ...hidden, 1]),
    policy: network('policy', [latent, ...hidden, 2 * actionSize]),
    critic: { ...network('critic', [both, ...hidden, bins]), members: critics },
  };
}

export function initialParameters(networks: TdMpc2Networks, rng: Rng): ParameterSpec[] {
  const { encoder, dynamics, reward, continues, policy, critic, latent } = networks;
  const toLatent = (spec: MlpSpec) => [...mlpParameters(spec, rng), ...layerNormParameters(lastNorm(spec), latent)];
  return [
    ...toLatent(encoder),
    ...toLatent(dynamics),
    ...[reward, continues, critic].flatMap((spec) => fromZero(spec, rng)),
    ...mlpParameters(policy, rng),
  ];
}

/** With last weights of 0, so that nothing is promised at first. */
function fromZero(spec: MlpSpec, rng: Rng): ParameterSpec[] {
  const last = `${spec.name}.${spec.sizes.length - 2}.weight`;
  return mlpParameters(spec, rng).map((one) => (one.name === last ? { ...one, initial: new Float32Array(one.initial.length) } : one));
}

function lastNorm({ name }: MlpSpec): string {
  return `${name}.latent`;
}

function latentOf(builder: GraphBuilder, weights: TensorsByName, spec: MlpSpec, x: Tensor): Tensor {
  return simNorm(builder, layerNorm(builder, weights, lastNorm(spec), mlp(builder, weights, x, spec)));
}

/** Simplicial normalisation (Lavoie et al. 2022): a softmax over each group of 8, so that latent states neither grow nor collapse. */
export function simNorm(builder: GraphBuilder, x: Tensor): Tensor {
  const groups = builder.reshape(x, [...x.shape.slice(0, -1), Number(x.shape.at(-1)) / SIMPLEX, SIMPLEX]);
  return builder.reshape(builder.softmax(groups), x.shape);
}

/** @param observation - float32 `[rows, size]`. @returns latent states, float32 `[rows, latent]`. */
export function encode(builder: GraphBuilder, weights: TensorsByName, { encoder }: TdMpc2Networks, observation: Tensor): Tensor {
  return latentOf(builder, weights, encoder, observation);
}

/** Latent states and normalised actions side by side, as `next`, `rewardLogits` and `valueLogits` take them. */
export function beside(builder: GraphBuilder, latent: Tensor, action: Tensor): Tensor {
  return builder.concat([latent, action], -1);
}

/** @returns the latent states that follow, float32 `[rows, latent]`. */
export function next(builder: GraphBuilder, weights: TensorsByName, { dynamics }: TdMpc2Networks, both: Tensor): Tensor {
  return latentOf(builder, weights, dynamics, both);
}

/** @returns float32 `[rows, bins]`. */
export function rewardLogits(builder: GraphBuilder, weights: TensorsByName, { reward }: TdMpc2Networks, both: Tensor): Tensor {
  return mlp(builder, weights, both, reward);
}

/** @returns float32 `[critics, rows, bins]`. */
export function valueLogits(builder: GraphBuilder, weights: TensorsByName, { critic }: TdMpc2Networks, both: Tensor): Tensor {
  return mlp(builder, weights, both, critic);
}

/** @returns float32 `[critics, rows]`. */
export function values(builder: GraphBuilder, weights: TensorsByName, networks: TdMpc2Networks, both: Tensor): Tensor {
  return expectation(builder, valueLogits(builder, weights, networks, both), networks);
}

/** Logit of the probability that the task goes on, float32 `[rows]`. */
export function continueLogit(builder: GraphBuilder, weights: TensorsByName, { continues }: TdMpc2Networks, latent: Tensor): Tensor {
  return builder.reshape(mlp(builder, weights, latent, continues), latent.shape.slice(0, 1));
}

/** Means and log deviations of the action before it is squashed, float32 `[rows, 2 · actionSize]`; see `squashedDraw`. */
export function policyOutput(builder: GraphBuilder, weights: TensorsByName, { policy }: TdMpc2Networks, latent: Tensor): Tensor {
  return mlp(builder, weights, latent, policy);
}
