/**
 * A recurrent latent model of observations: the RSSM of Hafner et al. 2019, with KL balance and free nats (Hafner et al. 2021, 2023).
 * A GRU carries what was seen and done; at each step a Gaussian latent is drawn from the prior, which knows the GRU's state alone, or from the posterior,
 * which sees the observation too. The decoder says how the change of the observation differs from the change before (docs/decisions/recurrent-model-sees-changes.md).
 */
import type { Rng } from '../math/rng.ts';
import {
  type Gaussian,
  type GraphBuilder,
  gaussianHead,
  gruCell,
  gruParameters,
  type MlpSpec,
  mlp,
  mlpParameters,
  type ParameterSpec,
  type Tensor,
  type TensorsByName,
} from '../onnx/index.ts';
import { rowConstant } from './graph-parts.ts';

export interface RecurrentConfig {
  /** Width of the GRU. */
  readonly hidden: number;
  /** Elements of the latent. */
  readonly latent: number;
  /** Width of the hidden layers of prior, posterior and heads. */
  readonly width: number;
  /** Steps and number of the windows that an update sees. */
  readonly window: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Share of it left at the last update. */
  readonly finalLearningRate: number;
  readonly weightDecay: number;
  readonly maximumGradientNorm: number;
  /** Weight of the divergence of posterior and prior. */
  readonly divergence: number;
  /** Divergence a step that costs nothing. */
  readonly freeNats: number;
  /** Share of the divergence that trains the prior; the rest trains the posterior. */
  readonly balance: number;
  /** Weight of the squared error of a normalised reward. */
  readonly rewardWeight: number;
  /** Error of a change, in usual differences from the change before, up to which it counts by its square, and beyond by its logarithm. */
  readonly tolerance: number;
  /** Largest share of a window that is imagined, towards the end of training. */
  readonly imagined: number;
}

export const recurrentDefaults: RecurrentConfig = {
  hidden: 64,
  latent: 8,
  width: 64,
  window: 16,
  batch: 16,
  learningRate: 5e-3,
  finalLearningRate: 0.02,
  weightDecay: 1e-5,
  maximumGradientNorm: 10,
  divergence: 1,
  freeNats: 0.1,
  balance: 0.8,
  rewardWeight: 4,
  tolerance: 0.1,
  imagined: 0.5,
};

export interface RecurrentSizes {
  readonly observation: number;
  readonly action: number;
}

/** Constants of scaling, float64, one a column. */
export interface RecurrentScaling {
  readonly observation: { readonly mean: Float64Array; readonly scale: Float64Array };
  /** Deviation of the change of a normalised observation in a step. */
  readonly change: Float64Array;
  /** Deviation of what that differs by from the one before, in its units. */
  readonly jolt: Float64Array;
  readonly action: { readonly mean: Float64Array; readonly scale: Float64Array };
  readonly reward: { readonly mean: Float64Array; readonly scale: Float64Array };
  /** Mean first observation of an episode, normalised. */
  readonly first: Float64Array;
  /** Bounds of a normalised observation. */
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Numbers a row of memory has. */
export function memorySizeOf({ observation }: RecurrentSizes, { hidden, latent }: RecurrentConfig): number {
  return hidden + latent + 2 * observation;
}

/** What is kept from step to step, one row a lane or window; in this order as one tensor. */
export interface Memory {
  /** State of the GRU. */
  readonly hidden: Tensor;
  readonly latent: Tensor;
  /** Seen last, or imagined; normalised. */
  readonly observation: Tensor;
  /** Of the observation since the one before, over its usual size. */
  readonly change: Tensor;
}

/** Of the latent. Its scale is arbitrary; drawn narrow, an untrained one disturbs little of what the networks are to learn. */
const latentLogVariance = { low: -9, high: -2 } as const;

interface Networks {
  readonly prior: MlpSpec;
  readonly posterior: MlpSpec;
  readonly decoder: MlpSpec;
  readonly reward: MlpSpec;
  readonly continues: MlpSpec;
}

function networksOf({ observation, action }: RecurrentSizes, { hidden, latent, width }: RecurrentConfig): Networks {
  const spec = (name: string, inputs: number, outputs: number): MlpSpec => ({ name, sizes: [inputs, width, outputs], activation: 'silu' });
  const memory = hidden + latent + 2 * observation;
  return {
    prior: spec('prior', hidden, 2 * latent),
    posterior: spec('posterior', hidden + 2 * observation, 2 * latent),
    decoder: { name: 'decoder', sizes: [hidden + latent + 2 * observation + action, width, width, observation], activation: 'silu' },
    reward: spec('reward', memory, 1),
    continues: spec('continues', memory, 1),
  };
}

export function recurrentParameters(sizes: RecurrentSizes, config: RecurrentConfig, rng: Rng): ParameterSpec[] {
  return [
    {
      name: 'start',
      shape: [1, config.hidden],
      initial: Float32Array.from({ length: config.hidden }, () => 0.1 * rng.normal()),
      decay: false,
    },
    ...gruParameters('gru', config.latent + 2 * sizes.observation + sizes.action, config.hidden, rng),
    ...Object.values(networksOf(sizes, config)).flatMap((spec: MlpSpec) => mlpParameters(spec, rng)),
  ];
}

/** The model's parts as functions on tensors of one row a lane or window. */
export class RecurrentCell {
  readonly builder: GraphBuilder;
  private readonly parameters: TensorsByName;
  private readonly networks: Networks;
  private readonly change: Tensor;
  readonly jolt: Tensor;
  private readonly low: Tensor;
  private readonly high: Tensor;
  private readonly first: Tensor;

  constructor(builder: GraphBuilder, parameters: TensorsByName, sizes: RecurrentSizes, config: RecurrentConfig, scaling: RecurrentScaling) {
    this.builder = builder;
    this.parameters = parameters;
    this.networks = networksOf(sizes, config);
    this.change = rowConstant(builder, scaling.change);
    this.jolt = rowConstant(builder, scaling.jolt);
    this.low = rowConstant(builder, scaling.low);
    this.high = rowConstant(builder, scaling.high);
    this.first = rowConstant(builder, scaling.first);
  }

  /** `a` where `share` is 1, `b` where it is 0. */
  readonly blend = (a: Tensor, b: Tensor, share: Tensor): Tensor => this.builder.add(b, this.builder.mul(share, this.builder.sub(a, b)));

  /** The memory that episodes begin with where `first` is 1. */
  begunAnew({ hidden, latent, observation, change }: Memory, first: Tensor): Memory {
    const gone = (x: Tensor) => this.builder.mul(x, this.builder.sub(1, first));
    return {
      hidden: this.blend(this.parameters.start!, hidden, first),
      latent: gone(latent),
      observation: this.blend(this.first, observation, first),
      change: gone(change),
    };
  }

  recur({ hidden, latent, observation, change }: Memory, action: Tensor): Tensor {
    return gruCell(this.builder, this.parameters, 'gru', this.builder.concat([latent, observation, change, action], -1), hidden);
  }

  prior(hidden: Tensor): Gaussian {
    return this.latentHead(hidden, this.networks.prior);
  }

  posterior(hidden: Tensor, observation: Tensor, change: Tensor): Gaussian {
    return this.latentHead(this.builder.concat([hidden, observation, change], -1), this.networks.posterior);
  }

  draw({ mean, logVariance }: Gaussian, noise: Tensor): Tensor {
    const { builder } = this;
    return builder.add(mean, builder.mul(builder.exp(builder.mul(logVariance, 0.5)), noise));
  }

  /** @returns the change that follows, over its usual size. */
  decode(hidden: Tensor, latent: Tensor, { observation, change }: Memory, action: Tensor): Tensor {
    const { builder } = this;
    const input = builder.concat([hidden, latent, observation, change, action], -1);
    return builder.add(change, builder.mul(mlp(builder, this.parameters, input, this.networks.decoder), this.jolt));
  }

  /** From one observation to another, over its usual size. */
  changeOf(from: Tensor, to: Tensor): Tensor {
    return this.builder.div(this.builder.sub(to, from), this.change);
  }

  changed(from: Tensor, change: Tensor): Tensor {
    const { builder } = this;
    return builder.min(builder.max(builder.add(from, builder.mul(change, this.change)), this.low), this.high);
  }

  reward(memory: Tensor): Tensor {
    return mlp(this.builder, this.parameters, memory, this.networks.reward);
  }

  /** Log odds. */
  continues(memory: Tensor): Tensor {
    return mlp(this.builder, this.parameters, memory, this.networks.continues);
  }

  private latentHead(x: Tensor, spec: MlpSpec): Gaussian {
    return gaussianHead(this.builder, mlp(this.builder, this.parameters, x, spec), latentLogVariance);
  }
}

export function joined(builder: GraphBuilder, { hidden, latent, observation, change }: Memory): Tensor {
  return builder.concat([hidden, latent, observation, change], -1);
}
