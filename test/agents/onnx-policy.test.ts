import { expect } from 'chai';
import { onnxPolicy } from '../../agents/index.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { compileInference, type DataType, type InferenceSpec, nodeRuntime } from '../../src/onnx/index.ts';
import { box, dict, discrete, multiDiscrete, type Space } from '../../src/spaces/space.ts';

const runtime = nodeRuntime();
const position = box({ low: -10, high: 10, shape: [2] });
const force = box({ low: [-1, -2], high: [1, 2] });

function graph(
  inputs: Readonly<Record<string, number>>,
  build: InferenceSpec['build'],
  dtype: DataType = 'float32',
  rows: number | string = 'N',
) {
  return compileInference({
    parameters: [],
    inputs: Object.entries(inputs).map(([name, width]) => ({ name, dtype, shape: [rows, width] })),
    build,
  });
}

const open = (bytes: Uint8Array, observationSpace: Space, actionSpace: Space, lanes = 2) =>
  onnxPolicy(runtime, bytes, { observationSpace, actionSpace, lanes }, 'the policy');

async function refusal(bytes: Uint8Array, observationSpace: Space, actionSpace: Space): Promise<string> {
  try {
    await (await open(bytes, observationSpace, actionSpace)).close();
  } catch (error) {
    if (error instanceof GroundtwinError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'fine';
}

const copying: InferenceSpec['build'] = (builder, _, { observation }) => ({ action: builder.mul(observation!, 1) });
/** Adds up what it saw. */
const remembering: InferenceSpec['build'] = (builder, _, { observation, memory }) => {
  const sum = builder.add(observation!, memory!);
  return { action: sum, nextMemory: sum };
};

describe('onnxPolicy', () => {
  it('acts lane by lane, and clips to the box', async () => {
    const policy = await open(graph({ observation: 2 }, copying), position, force);
    expect(await policy.act(Float32Array.of(0.5, -9, 7, 1.5))).to.deep.equal(Float32Array.of(0.5, -2, 1, 1.5));
    policy.reset(1);
    await policy.close();
    expect(await Promise.resolve(policy.act(new Float32Array(4))).catch((error: GroundtwinError) => error.code)).to.equal('RUNTIME_FAILED');
  });

  it('takes dictionaries key by key, bytes and doubles as floats, and gives whole numbers', async () => {
    const seen = dict({
      pose: dict({ arm: box({ low: -1, high: 1, shape: [2], dtype: 'float64' }) }),
      camera: box({ low: 0, high: 255, shape: [1, 1, 3], dtype: 'uint8' }),
    });
    const done = dict({ mode: discrete(3), grips: multiDiscrete([300, 2]) });
    const bytes = graph({ 'pose.arm': 2, camera: 3 }, (builder, _, inputs) => ({
      mode: builder.argMax(inputs.camera!),
      grips: builder.cast(builder.mul(inputs['pose.arm']!, 100), 'int64'),
    }));
    const policy = await open(bytes, seen, done);
    const observation = { pose: { arm: Float64Array.of(1, 0.01, 0.5, 0) }, camera: Uint8Array.of(0, 0, 255, 9, 1, 1) };
    expect(await policy.act(observation)).to.deep.equal({ mode: Int32Array.of(2, 0), grips: Int32Array.of(100, 1, 50, 0) });
    await policy.close();
  });

  it('leaves what is not finite to the env to refuse', async () => {
    const bytes = graph({ observation: 2 }, (builder, _, { observation }) => ({ action: builder.sqrt(observation!) }));
    const policy = await open(bytes, position, force, 1);
    expect((await policy.act(Float32Array.of(-1, 1))) as Float32Array).to.deep.equal(Float32Array.of(Number.NaN, 1));
    await policy.close();
  });

  it('feeds memory back, lane by lane, and forgets it with a new episode', async () => {
    const policy = await open(graph({ observation: 2, memory: 2 }, remembering), position, force, 2);
    const acted = async (...values: number[]) => [...((await policy.act(Float32Array.from(values))) as Float32Array)];
    expect(await acted(0.1, 0.2, 0.3, 0.4)).to.deep.equal([0.1, 0.2, 0.3, 0.4].map(Math.fround));
    const second = await acted(0.1, 0, 0, -0.1);
    second.forEach((value, i) => void expect(value).to.be.closeTo([0.2, 0.2, 0.3, 0.3][i]!, 1e-6));
    policy.reset(1);
    expect(await acted(0.1, 0.2, 0.3, 0.4)).to.deep.equal([0.1, 0.2, 0.3, 0.4].map(Math.fround));
    await policy.close();
  });

  it('refuses memory of another width than it was fed', async () => {
    const growing: Parameters<typeof graph>[1] = (b, _, { observation, memory }) => ({
      action: observation!,
      nextMemory: b.concat([memory!, memory!], 1),
    });
    const policy = await open(graph({ observation: 2, memory: 2 }, growing), position, force, 1);
    const error = await Promise.resolve(policy.act(Float32Array.of(0, 0))).catch((one: Error) => one.message);
    expect(error).to.match(/returned 4 numbers of float32 as nextMemory; it must be float32 with 2 numbers/);
    await policy.close();
  });

  it('refuses graphs of another form', async () => {
    const cases: readonly (readonly [string, Uint8Array, Space])[] = [
      ["has no input 'observation'", graph({ state: 2 }, (b, _, { state }) => ({ action: b.neg(state!) })), force],
      ["has no output 'action'", graph({ observation: 2 }, (b, _, { observation }) => ({ move: b.neg(observation!) })), force],
      ["input 'observation' has shape [N,3]", graph({ observation: 3 }, copying), force],
      ["input 'observation' is float64", graph({ observation: 2 }, copying, 'float64'), force],
      ["input 'observation' is fixed to 2 rows", graph({ observation: 2 }, copying, 'float32', 2), force],
      ["output 'action' is float32; it must be int64", graph({ observation: 2 }, copying), discrete(2)],
      ["output 'action' has shape [N,2]; it must be [N, 1]", graph({ observation: 2 }, copying), box({ low: [-1], high: [1] })],
      [
        "asks for an input 'mode'",
        graph({ observation: 2, mode: 2 }, (b, _, { observation, mode }) => ({ action: b.add(observation!, mode!) })),
        force,
      ],
      [
        "has an input 'memory', but no output 'nextMemory'",
        graph({ observation: 2, memory: 2 }, (b, _, { observation, memory }) => ({ action: b.add(observation!, memory!) })),
        force,
      ],
      [
        "output 'nextMemory' is bool; it must be float32",
        graph({ observation: 2, memory: 2 }, (b, _, { observation, memory }) => ({
          action: b.add(observation!, memory!),
          nextMemory: b.greater(memory!, 0),
        })),
        force,
      ],
      [
        "input 'memory' has shape [N,100000]",
        graph({ observation: 2, memory: 100_000 }, (_b, _, { observation, memory }) => ({ action: observation!, nextMemory: memory! })),
        force,
      ],
      ['MODEL_INVALID', Uint8Array.of(1, 2, 3), force],
      ['MODEL_INVALID', new Uint8Array(0), force],
    ];
    for (const [problem, bytes, actionSpace] of cases) expect(await refusal(bytes, position, actionSpace)).to.include(problem);
  });
});
