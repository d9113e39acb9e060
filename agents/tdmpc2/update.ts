/** The losses of TD-MPC2 (Hansen et al. 2024) and their gradient step, as one ONNX graph. */
import { squashedDraw, squashedMode } from '../../src/learning/squashed-gaussian.ts';
import {
  type CompiledTraining,
  compileTraining,
  type FedSpec,
  type GraphBuilder,
  type LossTensors,
  type ParameterSpec,
  type Tensor,
  type TensorsByName,
} from '../../src/onnx/index.ts';
import type { TdMpc2Config } from './config.ts';
import { beside, continueLogit, encode, next, policyOutput, rewardLogits, type TdMpc2Networks, valueLogits, values } from './networks.ts';
import { crossEntropy, twoHot } from './two-hot.ts';

export type TdMpc2LossConfig = Pick<
  TdMpc2Config,
  'batch' | 'horizon' | 'discount' | 'rho' | 'tau' | 'weights' | 'entropyWeight' | 'imitation' | 'maximumGradientNorm'
>;

/** Carried: how far values spread, by which the policy's loss is divided. */
export const VALUE_SPREAD = 'value_spread';

/** What one gradient step is fed, time-major; actions are normalised. `chosen` has a 1 for each critic that targets are made with. */
export function streamsOf({ observationSize, actionSize, critics }: TdMpc2Networks, { batch, horizon }: TdMpc2LossConfig): FedSpec[] {
  const stream = (name: string, ...shape: number[]): FedSpec => ({ name, dtype: 'float32', shape });
  return [
    stream('observation', horizon + 1, batch, observationSize),
    stream('action', horizon, batch, actionSize),
    stream('reward', horizon, batch),
    stream('continues', horizon, batch),
    stream('target_noise', horizon, batch, actionSize),
    stream('policy_noise', horizon + 1, batch, actionSize),
    stream('chosen', critics, 1),
  ];
}

export function compileUpdate(networks: TdMpc2Networks, config: TdMpc2LossConfig, parameters: readonly ParameterSpec[]): CompiledTraining {
  return compileTraining({
    name: 'tdmpc2',
    parameters,
    tables: [],
    batch: [1],
    streams: streamsOf(networks, config),
    carried: [{ name: VALUE_SPREAD, dtype: 'float32', shape: [], initial: Float32Array.of(1) }],
    averageDecay: 1 - config.tau,
    loss: (builder, weights, fed, averages) => new Losses(builder, networks, config, weights, fed, averages).all(),
    optimizer: { maximumGradientNorm: config.maximumGradientNorm },
  });
}

/** One batch of sequences, and all that is asked of it. */
class Losses {
  private readonly builder: GraphBuilder;
  private readonly networks: TdMpc2Networks;
  private readonly config: TdMpc2LossConfig;
  private readonly weights: TensorsByName;
  private readonly fed: TensorsByName;
  private readonly averages: TensorsByName;

  constructor(
    builder: GraphBuilder,
    networks: TdMpc2Networks,
    config: TdMpc2LossConfig,
    weights: TensorsByName,
    fed: TensorsByName,
    averages: TensorsByName,
  ) {
    this.builder = builder;
    this.networks = networks;
    this.config = config;
    this.weights = weights;
    this.fed = fed;
    this.averages = averages;
  }

  all(): LossTensors {
    const { builder, config } = this;
    const seen = this.seenAfter();
    const { latents, consistency } = this.unrolled(seen);
    const before = beside(builder, this.joined(latents.slice(0, -1)), this.rows('action'));
    const reward = this.weighed(crossEntropy(builder, this.rewards(before), twoHot(builder, this.rows('reward'), this.networks)));
    const continues = builder.reduceMean(this.continueError(this.joined(latents.slice(1))));
    const value = this.valueLoss(before, seen);
    const policy = this.policyLoss(builder.stopGradient(this.joined(latents)));
    const { weights } = config;
    const parts = [
      builder.mul(consistency, weights.consistency),
      builder.mul(reward, weights.reward),
      builder.mul(value, weights.value),
      builder.mul(continues, weights.continues),
    ];
    return {
      loss: parts.reduce((sum, part) => builder.add(sum, part), policy.loss),
      next: { [VALUE_SPREAD]: policy.spread },
      metrics: { consistency, reward, continues, value, policy: policy.loss, entropy: policy.entropy, mean_value: policy.meanValue },
    };
  }

  /** Latent states of what was seen after each action: what the model is to foresee. No gradient flows to them. */
  private seenAfter(): Tensor {
    const { builder, networks, weights, fed, config } = this;
    const later = builder.slice(fed.observation!, 0, 1, config.horizon + 1);
    const rows = builder.reshape(later, [config.horizon * config.batch, networks.observationSize]);
    return builder.stopGradient(encode(builder, weights, networks, rows));
  }

  /** The latent states that the model goes through from the first observation on, H + 1 of them, and how far they are from those seen. */
  private unrolled(seen: Tensor): { readonly latents: Tensor[]; readonly consistency: Tensor } {
    const { builder, networks, weights, fed, config } = this;
    const at = (tensor: Tensor, step: number) => builder.reshape(builder.slice(tensor, 0, step, step + 1), tensor.shape.slice(1));
    const latents = [encode(builder, weights, networks, at(fed.observation!, 0))];
    for (let step = 0; step < config.horizon; step++)
      latents.push(next(builder, weights, networks, beside(builder, latents[step]!, at(fed.action!, step))));
    const errors = builder.reduceMean(builder.square(builder.sub(this.joined(latents.slice(1)), seen)), [-1]);
    return { latents, consistency: this.weighed(errors) };
  }

  private rewards(before: Tensor): Tensor {
    return rewardLogits(this.builder, this.weights, this.networks, before);
  }

  /** Of a logit x and a flag c: softplus(x) − c·x, the cross-entropy. */
  private continueError(latent: Tensor): Tensor {
    const { builder } = this;
    const logit = continueLogit(builder, this.weights, this.networks, latent);
    return builder.sub(builder.softplus(logit), builder.mul(logit, this.rows('continues')));
  }

  /** Cross-entropy of every critic against r + γ·Q, of what was really seen next and what the policy does there, by the slow critics. */
  private valueLoss(before: Tensor, seen: Tensor): Tensor {
    const { builder, networks, config, weights } = this;
    const following = builder.mul(this.leastValue(seen), builder.mul(this.rows('continues'), config.discount));
    const target = builder.stopGradient(twoHot(builder, builder.add(this.rows('reward'), following), networks));
    const errors = crossEntropy(builder, valueLogits(builder, weights, networks, before), target);
    return this.weighed(builder.reduceMean(errors, [0]));
  }

  /** By the chosen slow critics, float32 `[rows]`. */
  private leastValue(latent: Tensor): Tensor {
    const { builder, networks, averages, weights, fed } = this;
    const { action } = squashedDraw(builder, policyOutput(builder, weights, networks, latent), this.rows('target_noise'));
    const all = values(builder, averages, networks, beside(builder, latent, action));
    const others = builder.mul(builder.sub(1, fed.chosen!), LARGEST);
    return builder.neg(builder.reduceMax(builder.neg(builder.add(all, others)), [0]));
  }

  /** The policy goes where critics, held fixed, see more value, divided by how far values spread; and stays as random as that allows. */
  private policyLoss(latent: Tensor) {
    const { builder, networks, config, weights, fed } = this;
    const output = policyOutput(builder, weights, networks, latent);
    const { action, logProbability } = squashedDraw(builder, output, this.rows('policy_noise'));
    const fixed = Object.fromEntries(
      Object.entries(weights).map(([name, weight]) => [name, name.startsWith('critic.') ? builder.stopGradient(weight) : weight]),
    );
    const value = builder.reduceMean(values(builder, fixed, networks, beside(builder, latent, action)), [0]);
    const spread = this.nextSpread(builder.stopGradient(builder.slice(value, 0, 0, config.batch)), fed[VALUE_SPREAD]!);
    const entropy = builder.neg(logProbability);
    const worth = builder.add(builder.div(value, builder.max(spread, 1)), builder.mul(entropy, config.entropyWeight));
    const away = builder.mul(this.weighed(this.awayFromDone(output)), config.imitation);
    return {
      loss: builder.sub(away, this.weighed(worth)),
      spread,
      entropy: builder.reduceMean(entropy),
      meanValue: builder.reduceMean(value),
    };
  }

  /**
   * How far the policy's mode is from the action that was done, float32 `[steps · batch]`. Values are learned from what planning did; a policy that critics alone
   * lead goes where nothing was ever done, and takes the values along (Lin et al. 2025).
   */
  private awayFromDone(output: Tensor): Tensor {
    const { builder } = this;
    const done = this.rows('action');
    const own = builder.slice(squashedMode(builder, output), 0, 0, Number(done.shape[0]));
    return builder.reduceMean(builder.square(builder.sub(own, done)), [-1]);
  }

  /** The moving average of the range from the 5th to the 95th percentile [RunningScale]: here that of a normal distribution of the same deviation. */
  private nextSpread(value: Tensor, spread: Tensor): Tensor {
    const { builder, config } = this;
    const deviation = builder.sqrt(builder.reduceMean(builder.square(builder.sub(value, builder.reduceMean(value)))));
    return builder.add(spread, builder.mul(builder.sub(builder.mul(deviation, PERCENTILES_5_TO_95), spread), config.tau));
  }

  /** Mean over steps and batch, each step further on weighing ρ times as much. @param each - float32 `[steps · batch]`, time-major. */
  private weighed(each: Tensor): Tensor {
    const { builder, config } = this;
    const steps = Number(each.shape[0]) / config.batch;
    const weights = Array.from({ length: steps }, (_, step) => config.rho ** step);
    const byStep = builder.reduceMean(builder.reshape(each, [steps, config.batch]), [1]);
    return builder.reduceMean(builder.mul(byStep, builder.constant(weights, 'float32', [steps])));
  }

  /** A stream `[steps, batch, …]` as rows, as far as it goes with the actions. */
  private rows(name: string): Tensor {
    const { shape } = this.fed[name]!;
    return this.builder.reshape(this.fed[name]!, [Number(shape[0]) * Number(shape[1]), ...shape.slice(2)]);
  }

  private joined(latents: readonly Tensor[]): Tensor {
    return this.builder.concat(latents, 0);
  }
}

/** In standard deviations of a normal distribution. */
const PERCENTILES_5_TO_95 = 3.29;

/** More than any value, so that critics that are not chosen are never the least. */
const LARGEST = 1e9;
