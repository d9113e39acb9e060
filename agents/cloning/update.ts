/** The loss and its gradient step as one ONNX graph, and the same loss alone for held-out rows. */
import {
  type CompiledTraining,
  compileInference,
  compileTraining,
  type OnnxRuntime,
  type OnnxTensor,
  type ParameterSpec,
} from '../../src/onnx/index.ts';
import type { CloningConfig } from './config.ts';
import type { Demonstrations } from './demonstrations.ts';
import { type CloningNetwork, cloningLoss } from './networks.ts';

export function compileUpdate(network: CloningNetwork, config: CloningConfig, parameters: readonly ParameterSpec[]): CompiledTraining {
  const { batch, weightDecay, maximumGradientNorm } = config;
  return compileTraining({
    name: 'cloning',
    parameters,
    tables: [
      { name: 'observation', dtype: 'float32', columns: [network.spec.sizes[0]!] },
      { name: 'action', dtype: actionType(network), columns: [network.columns] },
    ],
    batch: [batch],
    loss: (builder, weights, { observation, action }) => ({ loss: cloningLoss(builder, network, weights, observation!, action!) }),
    optimizer: { weightDecay, maximumGradientNorm },
  });
}

/** The loss over rows that are not learned from, with weights still training. */
export interface Judge {
  run(weights: Readonly<Record<string, Float32Array>>, rows: Demonstrations): Promise<number>;
  release(): Promise<void>;
}

export async function openJudge(runtime: OnnxRuntime, network: CloningNetwork, parameters: readonly ParameterSpec[]): Promise<Judge> {
  const [size, columns] = [network.spec.sizes[0]!, network.columns];
  const graph = compileInference({
    parameters,
    inputs: [
      { name: 'observation', dtype: 'float32', shape: ['N', size] },
      { name: 'action', dtype: actionType(network), shape: ['N', columns] },
    ],
    build: (builder, weights, { observation, action }) => ({ loss: cloningLoss(builder, network, weights, observation!, action!) }),
  });
  const session = await runtime.load(graph, { name: 'cloning judge' });
  return {
    async run(weights, { rows, observation, action }) {
      const feeds: Record<string, OnnxTensor> = {
        observation: { type: 'float32', data: observation, dims: [rows, size] },
        action: { type: actionType(network), data: action, dims: [rows, columns] },
      };
      for (const { name, shape } of parameters) feeds[`parameter.${name}`] = { type: 'float32', data: weights[name]!, dims: shape };
      return (((await session.run(feeds)).loss!.data as Float32Array)[0] as number) ?? Number.NaN;
    },
    release: () => session.release(),
  };
}

function actionType({ space }: CloningNetwork): 'float32' | 'int32' {
  return space.kind === 'box' ? 'float32' : 'int32';
}
