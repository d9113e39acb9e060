import { compileInference, type GraphBuilder, type ParameterSpec, type Tensor, type TensorsByName } from '../onnx/index.ts';
import { type Space, sizeOf } from '../spaces/space.ts';

export interface PolicyGraph {
  readonly parameters: readonly Pick<ParameterSpec, 'name' | 'shape'>[];
  readonly values: Readonly<Record<string, Float32Array>>;
  /** @param observation - float32 `[N, size]`, flat, as the env shows it. @returns what the env takes, see `onnxPolicy`. */
  readonly action: (builder: GraphBuilder, parameters: TensorsByName, observation: Tensor) => Tensor;
}

/**
 * A policy as one ONNX graph by the contract of `onnxPolicy`. A dictionary of observations gives one input a key, nested keys joined by dots.
 */
export function compilePolicy(observationSpace: Space, { parameters, values, action }: PolicyGraph): Uint8Array<ArrayBuffer> {
  const ports = portsOf(observationSpace);
  return compileInference({
    parameters,
    values,
    inputs: ports.map(({ name, size }) => ({ name, dtype: 'float32', shape: ['N', size] })),
    build: (builder, weights, inputs) => {
      const parts = ports.map(({ name }) => inputs[name]!);
      return { action: action(builder, weights, parts.length === 1 ? parts[0]! : builder.concat(parts, 1)) };
    },
  });
}

/** Inputs of a policy, by the contract of `onnxPolicy`. @param path - of keys above, joined by dots. */
export function portsOf(space: Space, path = ''): { readonly name: string; readonly size: number }[] {
  if (space.kind !== 'dict') return [{ name: path || 'observation', size: sizeOf(space) }];
  return Object.entries(space.spaces).flatMap(([key, part]) => portsOf(part, path ? `${path}.${key}` : key));
}
