/** Graphs as no exporter would write them: by our builder, node by node, and byte by byte. All take a state `[rows, 2]` and an action `[rows, 1]`. */
import { GraphBuilder, type Tensor } from '../../src/onnx/index.ts';
import { type AttributeDescription, encodeModel, type InitializerDescription, type NodeDescription } from '../../src/onnx/model-proto.ts';
import { ProtobufWriter } from '../../src/onnx/protobuf.ts';

/** A graph by our own builder: state `[rows, 2]` and action `[rows, 1]` in. */
export function built(build: (builder: GraphBuilder, state: Tensor, action: Tensor) => Readonly<Record<string, Tensor>>): Uint8Array {
  const builder = new GraphBuilder();
  const state = builder.input('state', 'float32', ['rows', 2]);
  const action = builder.input('action', 'float32', ['rows', 1]);
  for (const [name, tensor] of Object.entries(build(builder, state, action))) builder.output(name, tensor);
  return builder.toModel();
}

type Node = readonly [
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Readonly<Record<string, AttributeDescription>>,
];

/** A graph node by node, for operators that our builder does not know. */
export function raw(nodes: readonly Node[], tensors: readonly InitializerDescription[] = []): Uint8Array {
  const edge = (name: string, width: number) => ({ name, dtype: 'float32', shape: ['rows', width] }) as const;
  return encodeModel({
    name: 'hostile',
    nodes: nodes.map(
      ([op, inputs, outputs, attributes = {}], i): NodeDescription => ({ op, name: `${op}_${i}`, inputs, outputs, attributes }),
    ),
    initializers: tensors,
    inputs: [edge('state', 2), edge('action', 1)],
    outputs: [edge('sample', 2)],
  });
}

export const floats = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): InitializerDescription => ({
  name,
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});
export const integers = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): InitializerDescription => ({
  name,
  dtype: 'int64',
  shape,
  data: BigInt64Array.from(values, BigInt),
});
export const int = (value: number): AttributeDescription => ({ kind: 'int', value });

/** sample = state + action + 0 · (the sum of a tensor named `big`). */
export const sumOf = (nodes: readonly Node[], tensors: readonly InitializerDescription[] = []) =>
  raw(
    [
      ...nodes,
      ['ReduceMax', ['big'], ['most'], { keepdims: int(0) }],
      ['Mul', ['most', 'zero'], ['none']],
      ['Add', ['state', 'action'], ['moved']],
      ['Add', ['moved', 'none'], ['sample']],
    ],
    [floats('zero', [0], []), ...tensors],
  );

export function withDomain(domain: string): Uint8Array {
  return spliced((graph) => {
    graph.message(1, (node) => {
      node.string(1, 'state');
      node.string(2, 'sample');
      node.string(4, 'Relu');
      node.string(7, domain);
    });
  });
}

/** A model whose graph is written by hand before edges like those of the others. */
export function spliced(write: (graph: ProtobufWriter) => void, after: (model: ProtobufWriter) => void = () => {}): Uint8Array {
  const out = new ProtobufWriter();
  out.integer(1, 10);
  out.message(7, (graph) => {
    write(graph);
    graph.string(2, 'hostile');
    for (const [field, name, width] of [
      [11, 'state', 2],
      [11, 'action', 1],
      [12, 'sample', 2],
    ] as const)
      graph.message(field, (value) => writeEdge(value, name, width));
  });
  out.message(8, (opset) => opset.integer(2, 21));
  after(out);
  return Uint8Array.from(out.finish());
}

function writeEdge(value: ProtobufWriter, name: string, width: number): void {
  value.string(1, name);
  value.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.integer(1, 1);
      tensor.message(2, (shape) => {
        shape.message(1, (rows) => rows.string(2, 'rows'));
        shape.message(1, (axis) => axis.integer(1, width));
      });
    }),
  );
}

export const addition = (graph: ProtobufWriter) =>
  graph.message(1, (node) => {
    node.string(1, 'state');
    node.string(1, 'action');
    node.string(2, 'sample');
    node.string(4, 'Add');
  });

export function withFunction(): Uint8Array {
  return spliced(addition, (model) =>
    model.message(25, (made) => {
      made.string(1, 'Add');
      made.string(4, 'a');
      made.string(4, 'b');
      made.string(5, 'c');
      made.message(7, (node) => {
        node.string(1, 'a');
        node.string(2, 'c');
        node.string(4, 'Relu');
      });
    }),
  );
}

/** An initializer as its bytes say, whatever they say. */
export function withTensor(write: (tensor: ProtobufWriter) => void, field = 5): Uint8Array {
  return spliced((graph) => {
    addition(graph);
    graph.message(field, (tensor) => {
      write(tensor);
      tensor.string(8, 'state_shift');
    });
  });
}

/** The nodes of sample = state + max(ConstantOfShape(shape)). */
function fill(graph: ProtobufWriter): void {
  for (const [operator, inputs, output] of [
    ['ConstantOfShape', ['shape'], 'big'],
    ['ReduceMax', ['big'], 'most'],
    ['Add', ['state', 'most'], 'sample'],
  ] as const)
    graph.message(1, (node) => {
      for (const input of inputs) node.string(1, input);
      node.string(2, output);
      node.string(4, operator);
    });
}

/** A tensor of so many elements, where `write` stores how many, as one int64. */
export function sized(write: (tensor: ProtobufWriter) => void): Uint8Array {
  return spliced((graph) => {
    fill(graph);
    graph.message(5, (tensor) => {
      tensor.integer(1, 1);
      tensor.integer(2, 7);
      write(tensor);
      tensor.string(8, 'shape');
    });
  });
}

/** A tensor of so many elements, where a constant says how many, in two attributes of one name. */
export function twiceGiven(...counts: readonly number[]): Uint8Array {
  return spliced((graph) => {
    graph.message(1, (node) => {
      node.string(2, 'shape');
      node.string(4, 'Constant');
      for (const count of counts)
        node.message(5, (attribute) => {
          attribute.string(1, 'value_ints');
          attribute.integer(8, count);
          attribute.integer(20, 7);
        });
    });
    fill(graph);
  });
}

/** Rows cut into shares, of which one is repeated so often that no room would do. */
export function blownUpShares(times: number): Uint8Array {
  return built((builder, state) => {
    const shares = builder.input('shares', 'int64', [2]);
    const [first, second] = builder.cutRows(state, shares) as [Tensor, Tensor];
    const blown = builder.reduceMax(builder.expand(builder.reduceMax(first), [times]));
    return { sample: builder.joinRows([builder.add(first, blown), second], 'rows') };
  });
}

/** `[rows, rows, rows · 1024]`: 16 MB for a tile, 2 GB for 80 lanes, 4 TB for a thousand. */
export function cubic(): Uint8Array {
  return sumOf(
    [
      ['Shape', ['state'], ['size']],
      ['Gather', ['size', 'first'], ['rows']],
      ['Mul', ['rows', 'thousand'], ['more']],
      ['Concat', ['rows', 'rows', 'more'], ['shape'], { axis: int(0) }],
      ['ReduceMax', ['state'], ['most1'], { keepdims: int(0) }],
      ['Expand', ['most1', 'shape'], ['big']],
    ],
    [integers('first', [0]), integers('thousand', [1024])],
  );
}

/** 400 products of 2048 × 2048 matrices, of numbers that the state or a constant begins. */
export function products(from: 'state' | 'seed'): Uint8Array {
  const chain = Array.from({ length: 400 }, (_, i): Node => ['MatMul', [`m${i}`, `m${i}`], [`p${i}`]]);
  const clipped = chain.map((_, i): Node => ['Tanh', [`p${i}`], [i === chain.length - 1 ? 'big' : `m${i + 1}`]]);
  return sumOf(
    [
      ['ReduceMax', [from], ['start'], { keepdims: int(0) }],
      ['Expand', ['start', 'shape'], ['m0']],
      ...chain.flatMap((node, i) => [node, clipped[i]!]),
    ],
    [integers('shape', [2048, 2048]), floats('seed', [0.1, 0.2])],
  );
}

export function nested(depth: number): Uint8Array {
  let node: Uint8Array = new Uint8Array(0);
  for (let level = 0; level < depth; level++) {
    const inner = node;
    const writer = new ProtobufWriter();
    writer.string(4, 'Relu');
    writer.message(5, (attribute) => attribute.message(6, (graph) => graph.bytes(1, inner.length > 0 ? inner : Uint8Array.of(34, 1, 65))));
    node = Uint8Array.from(writer.finish());
  }
  return node;
}

/** How much larger than its bytes a model may become in the memory of whoever reads it carelessly. */
const bulk_bytes = 100e6;

/** A node with 50 million inputs without a name. */
export function manyInputs(): Uint8Array {
  const inputs = Buffer.alloc(bulk_bytes, Uint8Array.of(10, 0));
  return spliced((graph) => {
    addition(graph);
    graph.bytes(1, inputs);
  });
}

/** A list of a hundred million integers of one byte each. */
export function manyIntegers(): Uint8Array {
  return withTensor((tensor) => {
    tensor.integer(1, bulk_bytes);
    tensor.integer(2, 7);
    tensor.bytes(7, new Uint8Array(bulk_bytes));
  });
}

/** A tensor whose name is as long as a library. */
export function longName(): Uint8Array {
  return withTensor((tensor) => {
    tensor.integer(2, 1);
    tensor.bytes(9, new Uint8Array(4));
    tensor.bytes(8, new Uint8Array(bulk_bytes).fill(97));
  });
}
