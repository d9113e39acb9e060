import { expect } from 'chai';
import { addition, spliced, withTensor } from '../../bench/verify/hostile-graphs.ts';
import { inspectModel, storedGraph, tensorsWithNaN } from '../../src/onnx/index.ts';
import { ProtobufWriter } from '../../src/onnx/protobuf.ts';
import { thrown } from './run-graph.ts';

/** A tensor `state_shift` of these type code, shape and fields. */
function tensorOf(type: number, shape: readonly number[], fields: (tensor: ProtobufWriter) => void): Uint8Array {
  return withTensor((tensor) => {
    for (const length of shape) tensor.integer(1, length);
    tensor.integer(2, type);
    fields(tensor);
  });
}

const rawOf = (type: number, shape: readonly number[], bytes: ArrayBufferView) =>
  tensorOf(type, shape, (tensor) => tensor.bytes(9, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
const problemOf = (bytes: Uint8Array) => {
  const error = thrown(() => storedGraph(bytes, 'x'));
  expect(error.code).to.equal('MODEL_INVALID');
  return error.message;
};

describe('a stored graph', () => {
  it('tells nodes, and tensors with their small integers', () => {
    const { nodes, tensors } = storedGraph(rawOf(7, [2], BigInt64Array.of(3n, -1n)), 'x');
    expect(nodes.map(({ operator, inputs, outputs }) => ({ operator, inputs, outputs }))).to.deep.equal([
      { operator: 'Add', inputs: ['state', 'action'], outputs: ['sample'] },
    ]);
    expect(tensors.get('state_shift')).to.deep.include({ type: 7, shape: [2], integers: [3, -1] });
    const listed = storedGraph(
      tensorOf(7, [3], (tensor) => {
        tensor.bytes(7, Uint8Array.of(1, 2));
        tensor.integer(7, 300);
      }),
      'x',
    );
    expect(listed.tensors.get('state_shift')!.integers).to.deep.equal([1, 2, 300]);
  });

  const NaNs: readonly (readonly [what: string, bytes: Uint8Array])[] = [
    ['float32', rawOf(1, [2], Float32Array.of(1, Number.NaN))],
    ['float32, packed', tensorOf(1, [1], (tensor) => tensor.bytes(4, new Uint8Array(Float32Array.of(Number.NaN).buffer)))],
    ['float64', rawOf(11, [1], Float64Array.of(Number.NaN))],
    ['float16', rawOf(10, [1], Uint16Array.of(0xfe01))],
    ['bfloat16', rawOf(16, [1], Uint16Array.of(0x7f81))],
    ['float16, listed', tensorOf(10, [2], (tensor) => tensor.bytes(5, Uint8Array.of(0, 0x81, 0xfc, 0x01)))],
  ];
  for (const [what, bytes] of NaNs)
    it(`finds NaN in ${what}`, () => expect(tensorsWithNaN(storedGraph(bytes, 'x'))).to.deep.equal(['state_shift']));

  it('finds none in infinities, and in integers of the same bits', () => {
    const clean = [
      rawOf(1, [2], Float32Array.of(Infinity, -Infinity)),
      rawOf(10, [1], Uint16Array.of(0x7c00)),
      rawOf(6, [1], Int32Array.of(0x7fc00000)),
    ];
    for (const bytes of clean) expect(tensorsWithNaN(storedGraph(bytes, 'x'))).to.deep.equal([]);
  });

  const refused: readonly (readonly [what: string, bytes: Uint8Array, says: string])[] = [
    ['fewer elements than its shape', rawOf(1, [3], Float32Array.of(1, 2)), 'has shape [3] and holds 2 elements'],
    ['half an element', rawOf(1, [1], Uint8Array.of(1, 2)), 'holds 0.5 elements'],
    ['a negative shape', rawOf(1, [-2, -1], Float32Array.of(1, 2)), 'has shape [-2,-1]'],
    ['text', tensorOf(8, [], (tensor) => tensor.string(6, 'x')), 'no numeric type'],
    [
      'its numbers twice',
      tensorOf(1, [1], (tensor) => {
        tensor.bytes(4, new Uint8Array(4));
        tensor.bytes(9, new Uint8Array(4));
      }),
      'stored twice',
    ],
    ['integers where floats lie', tensorOf(7, [1], (tensor) => tensor.bytes(4, new Uint8Array(8))), 'stored in field 4'],
    ['integers in the list of narrower ones', tensorOf(7, [1], (tensor) => tensor.integer(5, 3)), 'stored in field 5'],
    [
      'two lists',
      tensorOf(7, [2], (tensor) => {
        tensor.integer(5, 3);
        tensor.integer(7, 3);
      }),
      'stored twice',
    ],
    ['numbers of more bits than it keeps', tensorOf(6, [1], (tensor) => tensor.integer(5, 2 ** 32 + 3)), 'more than 32 bits'],
    ['many integers one by one', tensorOf(7, [70_000], (tensor) => tensor.bytes(7, new Uint8Array(70_000))), 'more than 65536 integers'],
    ['far too many of them', tensorOf(7, [1e6], (tensor) => tensor.bytes(7, new Uint8Array(1e6))), 'more than 65536 integers'],
  ];
  for (const [what, bytes, says] of refused) it(`refuses a tensor with ${what}`, () => expect(problemOf(bytes)).to.include(says));

  it('refuses two graphs in one model, inspected or read', () => {
    const two = new ProtobufWriter();
    const graph = (write: (graph: ProtobufWriter) => void) => two.message(7, write);
    graph(addition);
    graph(addition);
    two.message(8, (opset) => opset.integer(2, 21));
    expect(problemOf(two.finish())).to.include('field 7 is given twice');
    expect(thrown(() => inspectModel(two.finish())).message).to.include('field 7 is given twice');
  });

  it('takes a mark of byte order for part of a name, and no bytes that are no text', () => {
    const called = (name: Uint8Array) =>
      tensorOf(7, [], (tensor) => {
        tensor.integer(7, 1);
        tensor.bytes(8, name);
      });
    const { tensors } = storedGraph(
      spliced((graph) => {
        addition(graph);
        for (const name of ['x', '\uFEFFx'])
          graph.message(5, (tensor) => {
            tensor.integer(2, 7);
            tensor.integer(7, 1);
            tensor.string(8, name);
          });
      }),
      'x',
    );
    expect([...tensors.keys()]).to.deep.equal(['x', '\uFEFFx']);
    expect(problemOf(called(Uint8Array.of(97, 0xff)))).to.include('a name that is no UTF-8');
  });

  it('refuses two tensors of a name', () => {
    const scalar = (graph: ProtobufWriter) =>
      graph.message(5, (tensor) => {
        tensor.integer(2, 7);
        tensor.integer(7, 3);
        tensor.string(8, 'twin');
      });
    const twice = spliced((graph) => {
      addition(graph);
      scalar(graph);
      scalar(graph);
    });
    expect(problemOf(twice)).to.include("the tensor 'twin' is stored twice over");
  });

  describe('with attributes', () => {
    const node = (...attributes: ((attribute: ProtobufWriter) => void)[]) =>
      spliced((graph) =>
        graph.message(1, (relu) => {
          for (const [field, text] of [
            [1, 'state'],
            [2, 'sample'],
            [4, 'Relu'],
          ] as const)
            relu.string(field, text);
          for (const write of attributes) relu.message(5, write);
        }),
      );
    const named = (type: number, write: (attribute: ProtobufWriter) => void) => (attribute: ProtobufWriter) => {
      attribute.string(1, 'axis');
      if (type > 0) attribute.integer(20, type);
      write(attribute);
    };
    const three = (attribute: ProtobufWriter) => attribute.integer(3, 3);

    it('tells their values, and what is not written as zero or empty', () => {
      const read = (write: (attribute: ProtobufWriter) => void) => storedGraph(node(write), 'x').nodes[0]!.attributes.get('axis')!;
      const empty = { integer: undefined, text: undefined, tensor: undefined, integers: [] };
      expect(read(named(2, three))).to.deep.equal({ ...empty, integer: 3 });
      expect(read(named(2, () => {}))).to.deep.equal({ ...empty, integer: 0 });
      expect(read(named(3, () => {}))).to.deep.equal({ ...empty, text: '' });
      expect(read(named(7, (attribute) => attribute.bytes(8, Uint8Array.of(4, 5))))).to.deep.equal({ ...empty, integers: [4, 5] });
      expect(read(named(1, () => {}))).to.deep.equal(empty);
    });

    const ambiguous: readonly (readonly [what: string, bytes: () => Uint8Array, says: string])[] = [
      ['two of a name', () => node(named(2, three), named(2, three)), "the attribute 'axis' is given twice"],
      ['one of no type', () => node(named(0, three)), 'of no type that is read (code 0)'],
      ['a value of another type', () => node(named(7, three)), 'has values besides the one of its type'],
      [
        'two integers of which the last would count',
        () =>
          node(
            named(2, (attribute) => {
              three(attribute);
              three(attribute);
            }),
          ),
        'has values besides',
      ],
      ['the name of one elsewhere', () => node(named(2, (attribute) => attribute.string(21, 'other'))), 'has values besides'],
    ];
    for (const [what, bytes, says] of ambiguous) it(`refuses ${what}`, () => expect(problemOf(bytes())).to.include(says));
  });

  it('refuses names and lists that only fill memory, inspected or read', () => {
    const named = tensorOf(1, [1], (tensor) => tensor.bytes(8, new Uint8Array(70_000).fill(97)));
    const model = new ProtobufWriter();
    model.message(7, (graph) =>
      graph.bytes(
        1,
        new Uint8Array(8_200_000).map((_, i) => (i % 2 === 0 ? 10 : 0)),
      ),
    );
    for (const [bytes, says] of [
      [named, 'a name of 70000 bytes'],
      [model.finish(), 'more than 4000000 fields'],
    ] as const) {
      expect(problemOf(bytes)).to.include(says);
      expect(thrown(() => inspectModel(bytes)).message).to.include(says);
    }
  });
});
