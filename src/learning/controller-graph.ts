import type { GraphBuilder, Tensor, TensorsByName } from '../onnx/index.ts';
import type { Leaf, Space } from '../spaces/space.ts';
import { scaledAction } from './action-scale.ts';
import { chosenAction, countsOf } from './choices.ts';
import { refuseOption } from './config-checks.ts';
import { boundedLeaf, type ControllerData, outputsOf } from './controller.ts';
import { normalised } from './normalised.ts';
import { compilePolicy } from './policy-export.ts';

/**
 * A controller as one ONNX graph by the contract of `onnxPolicy`, normalisation and scaling inside; its arithmetic is float32, that of the search float64.
 * @throws OPTION_INVALID for actions that are neither a bounded box nor integers, and for a controller with clocks: a graph sees an observation, not how long ago the episode began.
 */
export function compileController(observationSpace: Space, actionSpace: Space, data: ControllerData): Uint8Array<ArrayBuffer> {
  const space = boundedLeaf(actionSpace);
  if (data.clocks_steps.length > 0)
    refuseOption('controller', 'clocks_steps', data.clocks_steps.join(', '), 'none in a policy that becomes a graph: it keeps no time');
  const { names, values } = layersOf(data, outputsOf(space));
  return compilePolicy(observationSpace, {
    parameters: Object.entries(names).map(([name, shape]) => ({ name, shape })),
    values,
    action: (builder, parameters, observation) => {
      const seen = normalised(builder, builder.slice(observation, 1, 0, data.mean.length), data);
      return actionOf(builder, space, outputOf(builder, parameters, seen, data.hidden > 0));
    },
  });
}

function outputOf(builder: GraphBuilder, parameters: TensorsByName, seen: Tensor, isDeep: boolean): Tensor {
  const layer = (x: Tensor, name: string) => builder.add(builder.matmul(x, parameters[`${name}.weight`]!), parameters[`${name}.bias`]!);
  return layer(isDeep ? builder.tanh(layer(seen, 'hidden')) : seen, 'output');
}

function actionOf(builder: GraphBuilder, space: Leaf, output: Tensor): Tensor {
  return space.kind === 'box' ? scaledAction(builder, space, output) : chosenAction(builder, countsOf(space), output);
}

/** Its rows of weights, each with its bias last, as matrices to multiply with from the right. */
function layersOf({ mean, hidden, weights }: ControllerData, outputs: number) {
  const names: Record<string, readonly [number, number]> = {};
  const values: Record<string, Float32Array> = {};
  let at = 0;
  const add = (name: string, from: number, to: number) => {
    const row = (output: number) => at + output * (from + 1);
    names[`${name}.weight`] = [from, to];
    names[`${name}.bias`] = [1, to];
    values[`${name}.weight`] = Float32Array.from({ length: from * to }, (_, i) => weights[row(i % to) + Math.floor(i / to)]!);
    values[`${name}.bias`] = Float32Array.from({ length: to }, (_, output) => weights[row(output) + from]!);
    at += to * (from + 1);
  };
  if (hidden > 0) add('hidden', mean.length, hidden);
  add('output', hidden || mean.length, outputs);
  return { names, values };
}
