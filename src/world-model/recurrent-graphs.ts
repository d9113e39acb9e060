/** The contract's graphs of a trained recurrent model: physical units in and out, weights and scaling inside. */
import { Rng } from '../math/rng.ts';
import { compileInference, type GraphBuilder, type Tensor } from '../onnx/index.ts';
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

function compileInitial({ sizes, config, scaling, values }: RecurrentParts): Uint8Array {
  const row = Float32Array.from([
    ...values.start!,
    ...new Float32Array(config.latent),
    ...scaling.first,
    ...new Float32Array(sizes.observation),
  ]);
  return compileInference({
    parameters: [],
    inputs: [],
    build: (builder) => ({ memory: builder.param('memory.start', [1, memorySizeOf(sizes, config)], row) }),
  });
}

function compileObserve({ sizes, config, scaling, values }: RecurrentParts): Uint8Array {
  return compileInference({
    parameters: recurrentParameters(sizes, config, new Rng(0)),
    values,
    inputs: [
      floats('memory', memorySizeOf(sizes, config)),
      floats('previousAction', sizes.action),
      floats('observation', sizes.observation),
    ],
    build: (builder, parameters, given) => {
      const cell = new RecurrentCell(builder, parameters, sizes, config, scaling);
      const observation = normalised(builder, given.observation!, scaling.observation);
      const before = apart(builder, given.memory!, sizes, config);
      const hidden = cell.recur(before, normalised(builder, given.previousAction!, scaling.action));
      const change = cell.changeOf(before.observation, observation);
      return { nextMemory: joined(builder, { hidden, latent: cell.posterior(hidden, observation, change).mean, observation, change }) };
    },
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
