/** Graphs of models of observations that mean harm: an observation of three numbers and an action of one, a memory as wide as the observation. */
import { registry } from '../../src/index.ts';
import { compileInference, type GraphBuilder, type InputSpec, type Tensor } from '../../src/onnx/index.ts';
import { type ObservationGraphs, observationManifest } from '../../src/world-model/observation-contract.ts';
import { writeObservationModel } from '../../src/world-model/observation-folder.ts';

type Given = Readonly<Record<string, Tensor>>;

const width = 3;
const rows = (name: string, columns = width): InputSpec => ({ name, dtype: 'float32', shape: ['rows', columns] });

function graph(inputs: readonly InputSpec[], build: (builder: GraphBuilder, given: Given) => Given): Uint8Array {
  return compileInference({ parameters: [], inputs: [...inputs], build: (builder, _, given) => build(builder, given as Given) });
}

const sound: ObservationGraphs = {
  initial: graph([], (builder) => ({ memory: builder.param('start', [1, width], new Float32Array(width)) })),
  observe: graph([rows('observation')], (builder, { observation }) => ({ nextMemory: builder.mul(observation!, 1) })),
  predict: graph([rows('memory'), rows('action', 1)], (builder, { memory, action }) => {
    const nextMemory = builder.add(memory!, builder.mul(action!, 0.01));
    const first = builder.slice(nextMemory, 1, 0, 1);
    return { nextMemory, sample: nextMemory, reward: builder.neg(first), continue: builder.sigmoid(builder.add(first, 60)) };
  }),
  decode: graph([rows('memory')], (builder, { memory }) => ({ observation: builder.add(memory!, 0) })),
};

/** Writes the folder of a model whose other graphs are sound. */
export function writeHostileObservations(folder: string, task: string, spoilt: Partial<ObservationGraphs>): void {
  const graphs = { ...sound, ...spoilt };
  const facts = { name: 'hostile', members: 1, noise: { distribution: 'none', size: 0 }, memorySize: width } as const;
  writeObservationModel(folder, { manifest: observationManifest(registry.task(task), graphs, facts), graphs });
}

/** By what is wrong with them. */
export const hostileObservations: Readonly<Record<string, () => Partial<ObservationGraphs>>> = {
  'a loop without end for a first memory': () => ({
    initial: graph([], (builder) => {
      const start = builder.param('start', [1, width], new Float32Array(width));
      const endless = builder.loop(builder.constant(2 ** 50, 'int64', []), [start], (_, [x]) => ({
        carried: [builder.sin(x!)],
        collected: [],
      }));
      return { memory: endless.carried[0]! };
    }),
  }),
  'NaN weights where it shows what it remembers': () => ({
    decode: graph([rows('memory')], (builder, { memory }) => ({
      observation: builder.add(memory!, builder.param('weight', [1, width], Float32Array.of(0, Number.NaN, 0))),
    })),
  }),
  'a dream wider than what is seen': () => ({
    predict: graph([rows('memory'), rows('action', 1)], (builder, { memory, action }) => {
      const nextMemory = builder.add(memory!, builder.mul(action!, 0.01));
      const first = builder.slice(nextMemory, 1, 0, 1);
      return { nextMemory, sample: builder.concat([nextMemory, first], 1), reward: first, continue: first };
    }),
  }),
  'a memory that takes 64 GB': () => ({
    observe: graph([rows('observation')], (builder, { observation }) => {
      const huge = builder.expand(builder.reduceMax(observation!), [16 * 2 ** 30]);
      return { nextMemory: builder.add(observation!, builder.mul(builder.reduceMax(huge), 0)) };
    }),
  }),
};
