import { normalised } from '../../src/learning/normalised.ts';
import { compilePolicy } from '../../src/learning/policy-export.ts';
import { Rng } from '../../src/math/rng.ts';
import {
  compileInference,
  type GraphBuilder,
  type MlpSpec,
  mlp,
  mlpParameters,
  type ParameterSpec,
  type Tensor,
  type TensorsByName,
} from '../../src/onnx/index.ts';
import type { Space } from '../../src/spaces/space.ts';
import { type ActionDistribution, likeliestAction } from './distribution.ts';

/** Actor and critic, which share nothing (Huang et al. 2022, core detail 13, continuous detail 4). */
export interface PpoNetworks {
  readonly distribution: ActionDistribution;
  /** Of the observation, flat. */
  readonly observationSize: number;
  readonly actor: MlpSpec;
  readonly critic: MlpSpec;
}

/** The parameter `[1, columns]` beside those of actor and critic; of a Gaussian. */
export const LOG_DEVIATION = 'log_deviation';

/** Gains of the last layers: small for the actor, so that no action is preferred at the start (core detail 2). */
const ACTOR_GAIN = 0.01;
const CRITIC_GAIN = 1;

export function networksOf(distribution: ActionDistribution, observationSize: number, hidden: readonly number[]): PpoNetworks {
  const network = (name: string, outputs: number): MlpSpec => ({
    name,
    sizes: [observationSize, ...hidden, outputs],
    activation: 'tanh',
  });
  return { distribution, observationSize, actor: network('actor', distribution.outputs), critic: network('critic', 1) };
}

/** Orthogonal weights and biases of 0 (core detail 2). */
export function initialParameters({ distribution, actor, critic }: PpoNetworks, logDeviation: number, rng: Rng): ParameterSpec[] {
  const networks = [...orthogonalMlp(actor, ACTOR_GAIN, rng), ...orthogonalMlp(critic, CRITIC_GAIN, rng)];
  if (distribution.kind === 'categorical') return networks;
  const { columns } = distribution;
  return [...networks, { name: LOG_DEVIATION, shape: [1, columns], initial: new Float32Array(columns).fill(logDeviation) }];
}

function orthogonalMlp(spec: MlpSpec, lastGain: number, rng: Rng): ParameterSpec[] {
  let layer = 1;
  const initializer = (_: Rng, size: number, inputs: number) =>
    orthogonal(rng, inputs, size / inputs, ++layer === spec.sizes.length ? lastGain : Math.SQRT2);
  return mlpParameters({ ...spec, initializer }, rng);
}

/**
 * A matrix `[rows, columns]` whose rows (or columns, if there are fewer) are orthogonal, each of length `gain`; evenly distributed over all such (Saxe et al. 2014).
 */
export function orthogonal(rng: Rng, rows: number, columns: number, gain: number): Float32Array {
  const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
  const vectors: Float64Array[] = [];
  while (vectors.length < count) {
    const vector = new Float64Array(length);
    rng.normals(vector, 0, length);
    // Twice: once leaves errors of rounding where vectors are nearly parallel (Giraud et al. 2005).
    for (const other of [...vectors, ...vectors]) subtractAlong(vector, other);
    const norm = Math.sqrt(dot(vector, vector));
    for (let i = 0; i < length; i++) vector[i]! /= norm;
    vectors.push(vector);
  }
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return gain * (rows < columns ? vectors[row]![column]! : vectors[column]![row]!);
  });
}

function subtractAlong(vector: Float64Array, unit: Float64Array): void {
  const along = dot(vector, unit);
  for (let i = 0; i < vector.length; i++) vector[i]! -= along * unit[i]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Values of states, `[batch]`. */
export function valuesOf(builder: GraphBuilder, parameters: TensorsByName, { critic }: PpoNetworks, observation: Tensor): Tensor {
  return builder.reshape(mlp(builder, parameters, observation, critic), observation.shape.slice(0, 1));
}

/** A graph of one network for weights still training: inputs `observation` `[N, size]`, normalised, and `parameter.<name>`; output `output`. */
export function compileNetwork(
  networks: PpoNetworks,
  which: 'actor' | 'critic',
  parameters: readonly ParameterSpec[],
): Uint8Array<ArrayBuffer> {
  return compileInference({
    parameters: ownParameters(parameters, which),
    inputs: [{ name: 'observation', dtype: 'float32', shape: ['N', networks.observationSize] }],
    build: (builder, weights, { observation }) => ({ output: mlp(builder, weights, observation!, networks[which]) }),
  });
}

export function ownParameters<P extends { readonly name: string }>(parameters: readonly P[], which: 'actor' | 'critic'): P[] {
  return parameters.filter(({ name }) => name.startsWith(`${which}.`));
}

/** What a policy is: weights by name, and what observations are normalised by. */
export interface PpoWeights {
  readonly parameters: Readonly<Record<string, Float32Array>>;
  /** float64 `[size]` each, of the flat observation; null = seen as it is. */
  readonly normaliser: { readonly mean: Float64Array; readonly deviation: Float64Array } | null;
}

/** The likeliest actions as one ONNX graph by the contract of `onnxPolicy`, normalisation and scaling inside. */
export function exportPolicy(networks: PpoNetworks, observationSpace: Space, weights: PpoWeights): Uint8Array<ArrayBuffer> {
  const { actor, distribution } = networks;
  return compilePolicy(observationSpace, {
    // For names and shapes alone.
    parameters: mlpParameters(actor, new Rng(0)),
    values: weights.parameters,
    action: (builder, parameters, observation) => {
      const seen = weights.normaliser ? normalised(builder, observation, weights.normaliser) : observation;
      return likeliestAction(builder, distribution, mlp(builder, parameters, seen, actor));
    },
  });
}
