import { scaledAction } from '../../src/learning/action-scale.ts';
import { chosenAction, countsOf, crossEntropy } from '../../src/learning/choices.ts';
import { normalised } from '../../src/learning/normalised.ts';
import { compilePolicy } from '../../src/learning/policy-export.ts';
import {
  type GraphBuilder,
  gaussianHead,
  gaussianLoss,
  type MlpSpec,
  meanSquaredError,
  mlp,
  type ParameterSpec,
  type Tensor,
  type TensorsByName,
} from '../../src/onnx/index.ts';
import { type Leaf, type Space, sizeOf } from '../../src/spaces/space.ts';

/** The network, and what its outputs mean. */
export interface CloningNetwork {
  readonly space: Leaf;
  /** Numbers of an action. */
  readonly columns: number;
  /** Whether each number has a spread beside its mean. */
  readonly gaussian: boolean;
  readonly spec: MlpSpec;
}

export function networkOf(space: Leaf, observationSize: number, hidden: readonly number[], gaussian: boolean): CloningNetwork {
  const columns = sizeOf(space);
  const spread = gaussian && space.kind === 'box';
  const outputs = space.kind === 'box' ? columns * (spread ? 2 : 1) : countsOf(space).reduce((sum, n) => sum + n, 0);
  return { space, columns, gaussian: spread, spec: { name: 'policy', sizes: [observationSize, ...hidden, outputs], activation: 'tanh' } };
}

/**
 * How unlike the demonstrations the network acts, float32 `[]`: mean over the rows; of a box the mean squared error of −1 … 1 or its negative log likelihood,
 * of integers the cross-entropy, summed over them.
 *
 * @param observation - float32 `[batch, size]`, normalised. @param action - `[batch, columns]`, as in `Demonstrations`.
 */
export function cloningLoss(
  builder: GraphBuilder,
  { space, gaussian, spec }: CloningNetwork,
  weights: TensorsByName,
  observation: Tensor,
  action: Tensor,
): Tensor {
  const output = mlp(builder, weights, observation, spec);
  if (space.kind !== 'box') return crossEntropy(builder, countsOf(space), output, action);
  return gaussian ? gaussianLoss(builder, gaussianHead(builder, output), action) : meanSquaredError(builder, output, action);
}

/** The likeliest actions as one ONNX graph by the contract of `onnxPolicy`, normalisation and scaling inside. */
export function exportPolicy(
  { space, columns, gaussian, spec }: CloningNetwork,
  observationSpace: Space,
  parameters: readonly ParameterSpec[],
  values: Readonly<Record<string, Float32Array>>,
  normaliser: { readonly mean: Float64Array; readonly deviation: Float64Array },
): Uint8Array<ArrayBuffer> {
  return compilePolicy(observationSpace, {
    parameters,
    values,
    action: (builder, weights, observation) => {
      const output = mlp(builder, weights, normalised(builder, observation, normaliser), spec);
      if (space.kind !== 'box') return chosenAction(builder, countsOf(space), output);
      return scaledAction(builder, space, gaussian ? builder.slice(output, 1, 0, columns) : output);
    },
  });
}
