import { expect } from 'chai';
import fc from 'fast-check';
import { GroundtwinError } from '../../src/errors.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { inspectModel, listOperators, MAXIMUM_GRAPH_DEPTH } from '../../src/onnx/model-reader.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import { ProtobufWriter, protobufFields } from '../../src/onnx/protobuf.ts';
import { thrown } from './run-graph.ts';

function nestedModel(): Uint8Array<ArrayBuffer> {
  const builder = new GraphBuilder();
  const x = builder.input('x', 'float32', ['batch', 3]);
  const steps = builder.input('steps', 'int64', []);
  const { carried } = builder.loop(steps, [x], (_, [state]) => ({ carried: [builder.sin(state!)], collected: [] }));
  builder.output('y', builder.relu(carried[0]!));
  return builder.toModel();
}

/** A model whose only node holds a graph that holds a node, and so on. */
function deepModel(depth: number): Uint8Array {
  const graph = (level: number): Uint8Array => {
    const writer = new ProtobufWriter();
    writer.message(1, (node) => {
      node.string(4, 'If');
      if (level > 1) node.message(5, (attribute) => attribute.bytes(6, graph(level - 1)));
    });
    return writer.finish();
  };
  const model = new ProtobufWriter();
  model.bytes(7, graph(depth));
  model.message(8, (opset) => opset.integer(2, 21));
  return model.finish();
}

describe('onnx model reader', () => {
  it('lists operators of subgraphs, and the inputs and outputs with symbolic axes', () => {
    const inspection = inspectModel(nestedModel());
    expect(inspection.operators).to.include.members(['Loop', 'Sin', 'Relu']);
    expect(inspection.inputs).to.deep.equal([
      { name: 'x', dtype: 'float32', shape: ['batch', 3] },
      { name: 'steps', dtype: 'int64', shape: [] },
    ]);
    expect(inspection.outputs).to.deep.equal([{ name: 'y', dtype: 'float32', shape: ['batch', 3] }]);
    expect(inspection.opsets).to.deep.equal({ '': 21 });
    expect(inspection.externalData).to.equal(false);
  });

  it('agrees with ONNX Runtime about inputs and outputs', async () => {
    const session = await nodeRuntime().load(nestedModel());
    const { inputs, outputs } = inspectModel(nestedModel());
    expect(session.inputs).to.deep.equal(inputs);
    expect(session.outputs).to.deep.equal(outputs);
    await session.release();
  });

  it('names operators of other domains, finds them in functions, and sees external data', () => {
    const model = new ProtobufWriter();
    model.message(7, (graph) => {
      graph.message(1, (node) => {
        node.string(4, 'Odd');
        node.string(7, 'evil.example');
      });
      graph.message(5, (tensor) => {
        tensor.string(8, 'weights');
        tensor.integer(14, 1);
        tensor.message(13, (entry) => entry.string(1, 'location'));
      });
    });
    model.message(8, (opset) => opset.integer(2, 21));
    model.message(25, (fn) => fn.message(7, (node) => node.string(4, 'Hidden')));
    const inspection = inspectModel(model.finish());
    expect(inspection.operators).to.deep.equal(['Hidden', 'evil.example::Odd']);
    expect(inspection.externalData).to.equal(true);
  });

  it('refuses edges that can be read in two ways', () => {
    const tensor = (value: ProtobufWriter, size: (axis: ProtobufWriter) => void) =>
      value.message(2, (type) =>
        type.message(1, (of) => {
          of.integer(1, 1);
          of.message(2, (shape) => shape.message(1, size));
        }),
      );
    const modelWith = (...edges: ((value: ProtobufWriter) => void)[]) => {
      const model = new ProtobufWriter();
      model.message(7, (graph) => {
        for (const write of edges)
          graph.message(11, (value) => {
            value.string(1, 'x');
            write(value);
          });
      });
      model.message(8, (opset) => opset.integer(2, 21));
      return model.finish();
    };
    const five = (axis: ProtobufWriter) => axis.integer(1, 5);
    const sound = (value: ProtobufWriter) => tensor(value, five);
    expect(inspectModel(modelWith(sound)).inputs).to.deep.equal([{ name: 'x', dtype: 'float32', shape: [5] }]);
    const cases: readonly (readonly [says: string, model: Uint8Array])[] = [
      ['two inputs or outputs of one name', modelWith(sound, sound)],
      [
        'field 2 is given twice',
        modelWith((value) => {
          sound(value);
          sound(value);
        }),
      ],
      [
        'an axis has several sizes',
        modelWith((value) =>
          tensor(value, (axis) => {
            five(axis);
            axis.string(2, 'rows');
          }),
        ),
      ],
      [
        "'x' is of several types",
        modelWith((value) =>
          value.message(2, (type) => {
            for (const kind of [1, 4]) type.message(kind, (of) => of.integer(1, 1));
          }),
        ),
      ],
    ];
    for (const [says, model] of cases) expect(thrown(() => inspectModel(model)).message).to.include(says);
  });

  it('refuses graphs nested too deep', () => {
    expect(listOperators(deepModel(MAXIMUM_GRAPH_DEPTH))).to.deep.equal(['If']);
    expect(thrown(() => listOperators(deepModel(MAXIMUM_GRAPH_DEPTH + 1), 'theirs')).message).to.match(/theirs.*nested deeper/);
  });

  it('turns any bytes into a result or MODEL_INVALID, never another error', () => {
    const survives = (bytes: Uint8Array) => {
      try {
        inspectModel(bytes);
      } catch (error) {
        if (!(error instanceof GroundtwinError && error.code === 'MODEL_INVALID')) throw error;
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), survives));
    const model = nestedModel();
    fc.assert(
      fc.property(fc.nat(model.length - 1), fc.nat(255), (at, value) => {
        const broken = model.slice();
        broken[at] = value;
        survives(broken);
      }),
    );
    for (let length = 0; length < model.length; length++) survives(model.subarray(0, length));
    expect(thrown(() => inspectModel(model.subarray(0, model.length - 1))).message).to.match(/cut off/);
    expect(thrown(() => inspectModel(new Uint8Array(0))).code).to.equal('MODEL_INVALID');
  });
});

describe('protobuf', () => {
  it('reads back the integers it wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500_000 }), fc.maxSafeInteger(), (field, value) => {
        const writer = new ProtobufWriter();
        writer.integer(field, value);
        expect([...protobufFields(writer.finish())]).to.deep.equal([{ number: field, integer: value, bytes: undefined }]);
      }),
    );
  });
});
