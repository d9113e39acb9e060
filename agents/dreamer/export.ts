import { portsOf } from '../../src/learning/policy-export.ts';
import { Rng } from '../../src/math/rng.ts';
import { compileInference, type GraphBuilder, mlp, mlpParameters, type Tensor } from '../../src/onnx/index.ts';
import type { Space } from '../../src/spaces/space.ts';
import { recurrentParameters } from '../../src/world-model/recurrent-cell.ts';
import { initialMemory, observed, type RecurrentParts } from '../../src/world-model/recurrent-graphs.ts';
import { likeliestAction } from './distribution.ts';
import type { DreamerNetworks, Weights } from './networks.ts';

/**
 * Model and actor as one ONNX graph by the contract of `onnxPolicy`: a policy with memory. Its memory is a 1 once an episode has begun, what the model remembers, and the action before.
 */
export function exportPolicy(
  networks: DreamerNetworks,
  observationSpace: Space,
  parts: RecurrentParts,
  weights: Weights,
): Uint8Array<ArrayBuffer> {
  const { actor, distribution, memorySize } = networks;
  const ports = portsOf(observationSpace);
  const model = recurrentParameters(parts.sizes, parts.config, new Rng(0));
  const width = 1 + memorySize + parts.sizes.action;
  return compileInference({
    // For names and shapes alone.
    parameters: [...model, ...mlpParameters(actor, new Rng(0))],
    values: { ...parts.values, ...weights },
    inputs: [...ports, { name: 'memory', size: width }].map(({ name, size }) => ({ name, dtype: 'float32', shape: ['N', size] })),
    build: (builder, parameters, { memory, ...seen }) => {
      const before = opened(builder, memory!, parts, memorySize);
      const shown = ports.map(({ name }) => seen[name]!);
      const observation = shown.length === 1 ? shown[0]! : builder.concat(shown, 1);
      const after = observed(builder, parameters, parts, { ...before, observation });
      const { action, flat } = likeliestAction(builder, distribution, mlp(builder, parameters, after, actor));
      const begun = builder.add(builder.mul(builder.slice(memory!, 1, 0, 1), 0), 1);
      return { action, nextMemory: builder.concat([begun, after, flat], 1) };
    },
  });
}

/** What the model remembers so far: at the start of an episode what it always begins with. */
function opened(builder: GraphBuilder, memory: Tensor, parts: RecurrentParts, memorySize: number) {
  const [begun, kept, previousAction] = builder.split(memory, [1, memorySize, parts.sizes.action], 1) as [Tensor, Tensor, Tensor];
  const start = builder.mul(builder.sub(1, begun), builder.constant(initialMemory(parts), 'float32', [1, memorySize]));
  return { memory: builder.add(kept, start), previousAction };
}
