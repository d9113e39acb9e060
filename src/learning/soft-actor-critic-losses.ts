/** The losses of soft actor-critic (Haarnoja et al. 2018) with any number of critics (REDQ: Chen et al. 2021), as a graph that trains. */
import type { Rng } from '../math/rng.ts';
import {
  type CompiledTraining,
  compileTraining,
  type GraphBuilder,
  type LossTensors,
  type MlpSpec,
  mlp,
  mlpParameters,
  type TableSpec,
  type Tensor,
  type TensorsByName,
} from '../onnx/index.ts';
import type { SacSettings } from './sac-settings.ts';
import { squashedDraw } from './squashed-gaussian.ts';

/** Sizes of what an env shows and takes, flat. */
export interface SacShape {
  readonly observationSize: number;
  readonly actionSize: number;
}

/** One actor, and critics side by side. */
export interface SacNetworks extends SacShape {
  /** Outputs as `squashedDraw` reads them. */
  readonly actor: MlpSpec;
  /** Of observation and action, joined. */
  readonly critic: MlpSpec & { readonly members: number };
}

/** The logarithm of the entropy weight, a trained scalar beside the actor's weights where the weight is automatic. */
const LOG_ENTROPY_WEIGHT = 'log_entropy_weight';

export function sacNetworks({ observationSize, actionSize }: SacShape, { hidden, critics, layerNorm }: SacSettings): SacNetworks {
  return {
    observationSize,
    actionSize,
    actor: { name: 'actor', sizes: [observationSize, ...hidden, 2 * actionSize], activation: 'relu' },
    critic: { name: 'critic', sizes: [observationSize + actionSize, ...hidden, 1], members: critics, activation: 'relu', layerNorm },
  };
}

/**
 * The updates of `SacLearner` as one graph. Tables as `ReplayColumns`; streams: `noise` and `actor_noise` `[batch, actionSize]`, standard normal, and where there are fewer targets than critics
 * `subset`, int32 `[targetCritics]`, which they are.
 */
export function compileSac(networks: SacNetworks, settings: SacSettings, rng: Rng): CompiledTraining {
  const { observationSize, actionSize, actor, critic } = networks;
  const { critics, targetCritics, batch, tau, policyEvery } = settings;
  const table = (name: string, ...columns: number[]): TableSpec => ({ name, dtype: 'float32', columns });
  const noise = (name: string) => ({ name, dtype: 'float32', shape: [batch, actionSize] }) as const;
  const subset = { name: 'subset', dtype: 'int32', shape: [targetCritics] } as const;
  // 1 at the start, as in Stable-Baselines3.
  const weight = { name: LOG_ENTROPY_WEIGHT, shape: [], initial: new Float32Array(1) };
  return compileTraining({
    name: 'sac',
    parameters: [...mlpParameters(actor, rng), ...(settings.entropyWeight === 'auto' ? [weight] : []), ...mlpParameters(critic, rng)],
    tables: [
      table('observation', observationSize),
      table('action', actionSize),
      table('reward'),
      table('next', observationSize),
      table('continues'),
    ],
    batch: [batch],
    streams: [noise('noise'), noise('actor_noise'), ...(targetCritics < critics ? [subset] : [])],
    averageDecay: 1 - tau,
    loss: (builder, weights, given, averages) => criticLoss(builder, networks, settings, weights, given, averages),
    // The critics are given to it: nothing of the gradients of their weights is computed.
    followUp: {
      trains: (name) => !name.startsWith(`${critic.name}.`),
      every: policyEvery,
      loss: (builder, weights, given) => actorLoss(builder, networks, settings, weights, given),
    },
  });
}

/**
 * Critics learn what is won from here on: `y = r + γ · continues · (min over M critics' averages of Q(s′, a′) − α log π(a′|s′))`, a′ drawn by the present policy.
 * Half the mean squared error, summed over critics, as in Stable-Baselines3.
 */
function criticLoss(
  builder: GraphBuilder,
  networks: SacNetworks,
  settings: SacSettings,
  weights: TensorsByName,
  given: TensorsByName,
  averages: TensorsByName,
): LossTensors {
  const target = targetOf(builder, networks, settings, weights, given, averages);
  const value = valuesOf(builder, networks.critic, weights, given.observation!, given.action!);
  const error = builder.square(builder.sub(value, target));
  return { loss: builder.mul(builder.reduceSum(builder.reduceMean(error, [1])), 0.5), metrics: { value: builder.reduceMean(value) } };
}

/** float32 `[batch]` */
function targetOf(
  builder: GraphBuilder,
  networks: SacNetworks,
  settings: SacSettings,
  weights: TensorsByName,
  given: TensorsByName,
  averages: TensorsByName,
): Tensor {
  return builder.scope('target', () => {
    const { next, reward, continues, noise, subset } = given;
    const { action, logProbability } = squashedDraw(builder, mlp(builder, weights, next!, networks.actor), noise!);
    const chosen = subset
      ? Object.fromEntries(Object.entries(averages).map(([name, all]) => [name, builder.gather(all, subset)]))
      : averages;
    const least = leastOf(builder, valuesOf(builder, networks.critic, chosen, next!, action));
    const soft = builder.sub(least, builder.mul(logProbability, entropyWeightOf(builder, settings, weights)));
    return builder.stopGradient(builder.add(reward!, builder.mul(builder.mul(continues!, settings.discount), soft)));
  });
}

/**
 * The actor goes where the critics see more: `α log π(a|s) − Q(s, a)`, with the least of their values or the mean. The entropy weight grows where entropy is below its target: `−log α · (log π + target)`.
 */
function actorLoss(
  builder: GraphBuilder,
  networks: SacNetworks,
  settings: SacSettings,
  weights: TensorsByName,
  given: TensorsByName,
): LossTensors {
  const observation = given.observation!;
  const { action, logProbability } = squashedDraw(builder, mlp(builder, weights, observation, networks.actor), given.actor_noise!);
  const values = valuesOf(builder, networks.critic, weights, observation, action);
  const value = settings.actorValue === 'least' ? leastOf(builder, values) : builder.reduceMean(values, [0]);
  const weight = builder.stopGradient(entropyWeightOf(builder, settings, weights));
  const loss = builder.reduceMean(builder.sub(builder.mul(logProbability, weight), value));
  const entropy = builder.neg(builder.reduceMean(logProbability));
  const metrics = { actor_loss: loss, entropy, entropy_weight: weight };
  const logWeight = weights[LOG_ENTROPY_WEIGHT];
  if (!logWeight) return { loss, metrics };
  const surplus = builder.stopGradient(builder.sub(entropy, targetEntropyOf(networks, settings)));
  return { loss: builder.add(loss, builder.mul(logWeight, surplus)), metrics };
}

/** Minus the numbers of an action, unless told otherwise (Haarnoja et al. 2018, appendix D). */
function targetEntropyOf({ actionSize }: SacShape, { targetEntropy }: SacSettings): number {
  return targetEntropy ?? -actionSize;
}

/** float32 `[]` */
function entropyWeightOf(builder: GraphBuilder, { entropyWeight }: SacSettings, given: TensorsByName): Tensor {
  return entropyWeight === 'auto' ? builder.exp(given[LOG_ENTROPY_WEIGHT]!) : builder.constant(entropyWeight);
}

/** What each critic thinks: float32 `[critics, batch]`. */
function valuesOf(builder: GraphBuilder, critic: MlpSpec, weights: TensorsByName, observation: Tensor, action: Tensor): Tensor {
  const values = mlp(builder, weights, builder.concat([observation, action], 1), critic);
  return builder.reshape(values, values.shape.slice(0, 2));
}

function leastOf(builder: GraphBuilder, values: Tensor): Tensor {
  return builder.neg(builder.reduceMax(builder.neg(values), [0]));
}
