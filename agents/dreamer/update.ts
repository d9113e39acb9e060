/** The losses of actor and critic (Hafner et al. 2023) and their gradient step, as one ONNX graph. */
import {
  type CompiledTraining,
  compileTraining,
  type GraphBuilder,
  type LossTensors,
  mlp,
  type ParameterSpec,
  type TensorsByName,
} from '../../src/onnx/index.ts';
import type { DreamerConfig } from './config.ts';
import { likelihood } from './distribution.ts';
import { type DreamerNetworks, symlogValue } from './networks.ts';

export type DreamerLossConfig = Pick<DreamerConfig, 'dreams' | 'horizon' | 'entropyWeight' | 'slowShare' | 'maximumGradientNorm'>;

/** Tables, a row each step of a dream: `memory`, `action` (as drawn), `advantage` (over the range of returns), `target` (symlog of the return), `weight`. */
export function compileUpdate(
  networks: DreamerNetworks,
  config: DreamerLossConfig,
  parameters: readonly ParameterSpec[],
): CompiledTraining {
  const table = (name: string, ...columns: number[]) => ({ name, dtype: 'float32', columns }) as const;
  return compileTraining({
    name: 'dreamer',
    parameters,
    tables: [
      table('memory', networks.memorySize),
      table('action', networks.distribution.columns),
      ...['advantage', 'target', 'weight'].map((name) => table(name)),
    ],
    batch: [config.dreams * config.horizon],
    averageDecay: 1 - config.slowShare,
    loss: (builder, weights, batch, averages) => dreamerLoss(builder, networks, config, weights, batch, averages),
    optimizer: { maximumGradientNorm: config.maximumGradientNorm },
  });
}

/**
 * The actor learns by the score function (Williams 1992), for choices and numbers alike: no gradient flows through the model. The critic learns the symmetric logarithm of λ-returns
 * by squared errors, and is held near a slow copy of itself.
 */
function dreamerLoss(
  builder: GraphBuilder,
  networks: DreamerNetworks,
  { entropyWeight }: DreamerLossConfig,
  weights: TensorsByName,
  { memory, action, advantage, target, weight }: TensorsByName,
  averages: TensorsByName,
): LossTensors {
  const mean = (each: ReturnType<typeof symlogValue>) => builder.reduceMean(builder.mul(each, weight!));
  const { logProbability, entropy } = likelihood(builder, networks.distribution, mlp(builder, weights, memory!, networks.actor), action!);
  const actor = builder.neg(mean(builder.add(builder.mul(logProbability, advantage!), builder.mul(entropy, entropyWeight))));
  const value = symlogValue(builder, weights, networks, memory!);
  const slow = symlogValue(builder, averages, networks, memory!);
  const critic = mean(builder.add(builder.square(builder.sub(value, target!)), builder.square(builder.sub(value, slow))));
  return { loss: builder.add(actor, critic), metrics: { actor, critic, entropy: builder.reduceMean(entropy) } };
}
