/** The contract's graphs of a trained recurrent model: physical units in and out, weights and scaling inside. */
import { Rng } from '../math/rng.ts';
import { compileInference, type GraphBuilder, type Tensor, type TensorsByName } from '../onnx/index.ts';
import { floats, rowConstant } from './graph-parts.ts';
import type { ObservationGraphs } from './observation-contract.ts';
import {
  joined,
  type Memory,
  memorySizeOf,
  RecurrentCell,
  type RecurrentConfig,
  type RecurrentScaling,
  type RecurrentSizes,
  recurrentParameters,
} from './recurrent-cell.ts';

/** All that a trained model is. */
export interface RecurrentParts {
  readonly sizes: RecurrentSizes;
  readonly config: RecurrentConfig;
  readonly scaling: RecurrentScaling;
  readonly values: Readonly<Record<string, Float32Array>>;
}

export function compileRecurrent(parts: RecurrentParts): ObservationGraphs {
  return { initial: compileInitial(parts), observe: compileObserve(parts), predict: compilePredict(parts), decode: compileDecode(parts) };
}

/** What every episode begins with, float32 `[memorySize]`. */
export function initialMemory({ sizes, config, scaling, values }: RecurrentParts): Float32Array<ArrayBuffer> {
  return Float32Array.from([
    ...values.start!,
    ...new Float32Array(config.latent),
    ...scaling.first,
    ...new Float32Array(sizes.observation),
  ]);
}

function compileInitial(parts: RecurrentParts): Uint8Array {
  return compileInference({
    parameters: [],
    inputs: [],
    build: (builder) => ({ memory: builder.param('memory.start', [1, memorySizeOf(parts.sizes, parts.config)], initialMemory(parts)) }),
  });
}

/** The posterior memory, once this was seen; physical units in. @param given - `memory`, `previousAction`, `observation`, float32 `[rows, …]`. */
export function observed(
  builder: GraphBuilder,
  parameters: TensorsByName,
  { sizes, config, scaling }: Omit<RecurrentParts, 'values'>,
  given: Readonly<Record<'memory' | 'previousAction' | 'observation', Tensor>>,
): Tensor {
  const cell = new RecurrentCell(builder, parameters, sizes, config, scaling);
  const observation = normalised(builder, given.observation, scaling.observation);
  const before = apart(builder, given.memory, sizes, config);
  const hidden = cell.recur(before, normalised(builder, given.previousAction, scaling.action));
  const change = cell.changeOf(before.observation, observation);
  return joined(builder, { hidden, latent: cell.posterior(hidden, observation, change).mean, observation, change });
}

function compileObserve(parts: RecurrentParts): Uint8Array {
  const { sizes, config, values } = parts;
  return compileInference({
    parameters: recurrentParameters(sizes, config, new Rng(0)),
    values,
    inputs: [
      floats('memory', memorySizeOf(sizes, config)),
      floats('previousAction', sizes.action),
      floats('observation', sizes.observation),
    ],
    build: (builder, parameters, { memory, previousAction, observation }) => ({
      nextMemory: observed(builder, parameters, parts, { memory: memory!, previousAction: previousAction!, observation: observation! }),
    }),
  });
}

function compilePredict({ sizes, config, scaling, values }: RecurrentParts): Uint8Array {
  return compileInference({
    parameters: recurrentParameters(sizes, config, new Rng(0)),
    values,
    inputs: [floats('memory', memorySizeOf(sizes, config)), floats('action', sizes.action), floats('noise', config.latent)],
    build: (builder, parameters, given) => {
      const cell = new RecurrentCell(builder, parameters, sizes, config, scaling);
      const before = apart(builder, given.memory!, sizes, config);
      const action = normalised(builder, given.action!, scaling.action);
      const hidden = cell.recur(before, action);
      const latent = cell.draw(cell.prior(hidden), given.noise!);
      const change = cell.decode(hidden, latent, before, action);
      const observation = cell.changed(before.observation, change);
      const nextMemory = joined(builder, { hidden, latent, observation, change });
      return {
        nextMemory,
        sample: physical(builder, observation, scaling.observation),
        reward: physical(builder, cell.reward(nextMemory), scaling.reward),
        continue: builder.sigmoid(cell.continues(nextMemory)),
      };
    },
  });
}

function compileDecode({ sizes, config, scaling }: RecurrentParts): Uint8Array {
  return compileInference({
    parameters: [],
    inputs: [floats('memory', memorySizeOf(sizes, config))],
    build: (builder, _, { memory }) => ({
      observation: physical(builder, apart(builder, memory!, sizes, config).observation, scaling.observation),
    }),
  });
}

type Scale = RecurrentScaling['observation'];

function normalised(builder: GraphBuilder, x: Tensor, { mean, scale }: Scale): Tensor {
  return builder.div(builder.sub(x, rowConstant(builder, mean)), rowConstant(builder, scale));
}

function physical(builder: GraphBuilder, x: Tensor, { mean, scale }: Scale): Tensor {
  return builder.add(builder.mul(x, rowConstant(builder, scale)), rowConstant(builder, mean));
}

function apart(builder: GraphBuilder, memory: Tensor, { observation }: RecurrentSizes, { hidden, latent }: RecurrentConfig): Memory {
  const [state, drawn, seen, change] = builder.split(memory, [hidden, latent, observation, observation], -1) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  return { hidden: state, latent: drawn, observation: seen, change };
}
