import type { Rng } from '../../src/math/rng.ts';
import {
  compileInference,
  type GraphBuilder,
  type MlpSpec,
  mlp,
  mlpParameters,
  type OnnxRuntime,
  type ParameterSpec,
  type Tensor,
  type TensorsByName,
} from '../../src/onnx/index.ts';
import type { ActionDistribution } from './distribution.ts';

/** Actor and critic: each sees the memory of the world model, whole. */
export interface DreamerNetworks {
  readonly distribution: ActionDistribution;
  readonly memorySize: number;
  readonly actor: MlpSpec;
  /** Gives the symmetric logarithm of a value. */
  readonly critic: MlpSpec;
}

/** Of the last layers: at the start no action is preferred, and nothing is promised (Hafner et al. 2023). */
const LAST = { actor: 0.01, critic: 0 } as const;

export function networksOf(distribution: ActionDistribution, memorySize: number, hidden: readonly number[]): DreamerNetworks {
  const network = (name: string, outputs: number): MlpSpec => ({ name, sizes: [memorySize, ...hidden, outputs], layerNorm: true });
  return { distribution, memorySize, actor: network('actor', distribution.outputs), critic: network('critic', 1) };
}

export function initialParameters({ actor, critic }: DreamerNetworks, rng: Rng): ParameterSpec[] {
  const scaled = (spec: MlpSpec, gain: number) =>
    mlpParameters(spec, rng).map((one) =>
      one.name.startsWith(`${spec.name}.${spec.sizes.length - 2}.`) ? { ...one, initial: one.initial.map((value) => gain * value) } : one,
    );
  return [...scaled(actor, LAST.actor), ...scaled(critic, LAST.critic)];
}

/** float32 `[rows]`. */
export function symlogValue(builder: GraphBuilder, weights: TensorsByName, { critic }: DreamerNetworks, memory: Tensor): Tensor {
  return builder.reshape(mlp(builder, weights, memory, critic), memory.shape.slice(0, 1));
}

export type Weights = Readonly<Record<string, Float32Array>>;

/** Actor or critic, run with weights that still change. */
export interface Forward {
  /** @param memory - float32 `[rows, memorySize]`. @returns float32 `[rows, outputs]`. */
  run(weights: Weights, memory: Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

export async function openForward(
  runtime: OnnxRuntime,
  networks: DreamerNetworks,
  which: 'actor' | 'critic',
  parameters: readonly ParameterSpec[],
): Promise<Forward> {
  const own = parameters.filter(({ name }) => name.startsWith(`${which}.`));
  const { memorySize } = networks;
  const bytes = compileInference({
    parameters: own,
    inputs: [{ name: 'memory', dtype: 'float32', shape: ['N', memorySize] }],
    build: (builder, weights, { memory }) => ({ output: mlp(builder, weights, memory!, networks[which]) }),
  });
  const session = await runtime.load(bytes, { name: `dreamer ${which}` });
  return {
    async run(weights, memory) {
      const fed = own.map(({ name, shape }) => [`parameter.${name}`, { type: 'float32', data: weights[name]!, dims: shape }] as const);
      const dims = [memory.length / memorySize, memorySize];
      return (await session.run({ ...Object.fromEntries(fed), memory: { type: 'float32', data: memory, dims } })).output!
        .data as Float32Array;
    },
    release: () => session.release(),
  };
}
