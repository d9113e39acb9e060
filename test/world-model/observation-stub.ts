/** A model of observations without training: a point on a line that drifts, seen as position, steps and last push. */
import { compileInference, type GraphBuilder, nodeRuntime, type Tensor } from '../../src/onnx/index.ts';
import {
  type ObservationGraphs,
  type ObservationManifest,
  observationManifest,
  type SeenTask,
} from '../../src/world-model/observation-contract.ts';
import { openObservationModel } from '../../src/world-model/observation-folder.ts';
import type { OnnxObservationModel } from '../../src/world-model/observation-model.ts';

const floats = (name: string, width: number) => ({ name, dtype: 'float32', shape: ['rows', width] }) as const;
const members = 2;

/** Memory: position, steps, last push; the second member doubles every push. */
function step(builder: GraphBuilder, memory: Tensor, action: Tensor, noise: Tensor): Tensor {
  const [position, count] = builder.split(memory, [1, 1, 1], 1) as [Tensor, Tensor, Tensor];
  const blocks = builder.reshape(action, [members, 'tile', 1]);
  const pushed = builder.reshape(builder.mul(blocks, builder.constant([1, 2], 'float32', [members, 1, 1])), ['rows', 1]);
  return builder.concat([builder.add(builder.add(position, pushed), builder.mul(noise, 0.1)), builder.add(count, 1), action], 1);
}

/** Graphs by name; `spoil` may put another in. */
export function stubGraphs(spoil: Partial<ObservationGraphs> = {}): ObservationGraphs {
  return {
    initial: compileInference({
      parameters: [],
      inputs: [],
      build: (builder) => ({ memory: builder.param('start', [members, 3], Float32Array.of(0, -1, 0, 5, -1, 0)) }),
    }),
    observe: compileInference({
      parameters: [],
      inputs: [floats('observation', 3)],
      build: (_builder, _parameters, { observation }) => ({ nextMemory: _builder.mul(observation!, 2) }),
    }),
    predict: compileInference({
      parameters: [],
      inputs: [floats('memory', 3), floats('action', 1), floats('noise', 1)],
      build: (builder, _parameters, { memory, action, noise }) => {
        const nextMemory = step(builder, memory!, action!, noise!);
        const position = builder.slice(nextMemory, 1, 0, 1);
        return {
          nextMemory,
          sample: nextMemory,
          reward: builder.neg(builder.square(position)),
          continue: builder.sigmoid(builder.sub(60, builder.mul(position, 6))),
        };
      },
    }),
    decode: compileInference({
      parameters: [],
      inputs: [floats('memory', 3)],
      build: (builder, _parameters, { memory }) => ({ observation: builder.add(memory!, 0) }),
    }),
    ...spoil,
  };
}

export function stubManifest(task: SeenTask, graphs: ObservationGraphs): ObservationManifest {
  return observationManifest(task, graphs, { name: 'stub', members, noise: { distribution: 'normal', size: 1 }, memorySize: 3 });
}

export async function stubModel(task: SeenTask, graphs = stubGraphs()): Promise<OnnxObservationModel> {
  return openObservationModel(nodeRuntime(), 'stub', stubManifest(task, graphs), graphs);
}
