import type { ParameterSpec, TensorsByName } from './compile-training.ts';
import { GraphBuilder } from './graph-builder.ts';
import type { DataType, Shape } from './types.ts';

/** An input of an inference graph; symbolic axes such as `'batch'` take any size at each run. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
}

export interface InferenceSpec {
  readonly parameters: readonly Pick<ParameterSpec, 'name' | 'shape'>[];
  /** Trained values, stored in the model. Without them each parameter becomes an input `parameter.<name>`, so that weights still training can be fed. */
  readonly values?: Readonly<Record<string, Float32Array>>;
  readonly inputs: readonly InputSpec[];
  /** Outputs by name. */
  readonly build: (builder: GraphBuilder, parameters: TensorsByName, inputs: TensorsByName) => TensorsByName;
}

/** Emits a forward-only model. @throws GRAPH_INVALID when a value is missing or shapes do not fit. */
export function compileInference(spec: InferenceSpec): Uint8Array<ArrayBuffer> {
  const builder = new GraphBuilder();
  const parameters = spec.parameters.map(({ name, shape }) => {
    if (!spec.values) return [name, builder.input(`parameter.${name}`, 'float32', shape)];
    return [name, builder.param(name, shape, spec.values[name] ?? builder.fail(`there is no value for parameter '${name}'`))];
  });
  const inputs = spec.inputs.map(({ name, dtype, shape }) => [name, builder.input(name, dtype, shape)]);
  const outputs = spec.build(builder, Object.fromEntries(parameters), Object.fromEntries(inputs));
  for (const [name, tensor] of Object.entries(outputs)) builder.output(name, tensor);
  return builder.toModel();
}
