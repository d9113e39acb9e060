import type { OnnxRuntime, OnnxTensor, ParameterSpec } from '../../src/onnx/index.ts';
import { compileNetwork, ownParameters, type PpoNetworks, type PpoWeights } from './networks.ts';

/** Actor or critic, run with weights that still change. */
export interface Forward {
  /**
   * @param observation - float32 `[rows, size]`, normalised; read in place.
   * @returns float32 `[rows, outputs]`.
   */
  run(parameters: PpoWeights['parameters'], observation: Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

export async function openForward(
  runtime: OnnxRuntime,
  networks: PpoNetworks,
  which: 'actor' | 'critic',
  parameters: readonly ParameterSpec[],
): Promise<Forward> {
  const session = await runtime.load(compileNetwork(networks, which, parameters), { name: `ppo ${which}` });
  const own = ownParameters(parameters, which);
  const { observationSize } = networks;
  return {
    async run(values, observation) {
      const feeds: Record<string, OnnxTensor> = {
        observation: { type: 'float32', data: observation, dims: [observation.length / observationSize, observationSize] },
      };
      for (const { name, shape } of own) feeds[`parameter.${name}`] = { type: 'float32', data: values[name]!, dims: shape };
      return (await session.run(feeds)).output!.data as Float32Array;
    },
    release: () => session.release(),
  };
}
