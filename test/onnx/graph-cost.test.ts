import { expect } from 'chai';
import { graphCost } from '../../src/onnx/graph-cost.ts';
import { GraphBuilder, inspectModel, nodeRuntime, type Tensor } from '../../src/onnx/index.ts';
import { type AttributeDescription, encodeModel, type InitializerDescription } from '../../src/onnx/model-proto.ts';
import { sizeAt } from '../../src/onnx/row-sizes.ts';
import { readStoredGraph } from '../../src/onnx/stored-graph.ts';

type Node = readonly [
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Readonly<Record<string, AttributeDescription>>,
];

const int = (value: number): AttributeDescription => ({ kind: 'int', value });
const ints = (...value: readonly number[]): AttributeDescription => ({ kind: 'ints', value });
const whole = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): InitializerDescription => ({
  name,
  dtype: 'int64',
  shape,
  data: BigInt64Array.from(values, BigInt),
});
const reals = (name: string, shape: readonly number[]): InitializerDescription => ({
  name,
  dtype: 'float32',
  shape,
  data: new Float32Array(shape.reduce((product, length) => product * length, 1)).fill(0.1),
});

/** x `[rows, 6]` in; every tensor that a node gives comes out: its last in the rank told, so that the runtime can say how large each is. */
function modelOf(
  nodes: readonly Node[],
  tensors: readonly InitializerDescription[],
  rank: number,
  dtype: 'float32' | 'int64' | 'bool',
): Uint8Array {
  const last = nodes.at(-1)![2][0]!;
  return encodeModel({
    name: 'cost',
    nodes: nodes.map(([op, inputs, outputs, attributes = {}], i) => ({ op, name: `n${i}`, inputs, outputs, attributes })),
    initializers: tensors,
    inputs: [{ name: 'x', dtype: 'float32', shape: ['rows', 6] }],
    outputs: [{ name: last, dtype, shape: Array.from({ length: rank }, (_, axis) => `axis${axis}`) }],
  });
}

const costOf = (bytes: Uint8Array) => graphCost(readStoredGraph(bytes), inspectModel(bytes).inputs);

/** Elements of the last node's first output, as the runtime has it. */
async function elementsOf(bytes: Uint8Array, rows: number): Promise<number> {
  const session = await nodeRuntime().load(bytes);
  const feeds = { x: { type: 'float32', data: new Float32Array(rows * 6).fill(0.5), dims: [rows, 6] } } as const;
  const [result] = Object.values(await session.run(feeds));
  await session.release();
  return result!.dims.reduce((product, length) => product * length, 1);
}

const image: Node = ['Reshape', ['x', 'imageShape'], ['image']];
const imageShape = whole('imageShape', [-1, 1, 2, 3]);

/** Each ends in the operator it is named after. */
const cases: readonly (readonly [
  nodes: readonly Node[],
  tensors?: readonly InitializerDescription[],
  rank?: number,
  dtype?: 'float32' | 'int64' | 'bool',
  /** Elements of memory beside what it gives. */
  scratch?: (rows: number) => number,
])[] = [
  [[['Tanh', ['x'], ['y']]]],
  [[['Add', ['x', 'b'], ['y']]], [reals('b', [3, 1, 6])], 3],
  [[['Greater', ['x', 'b'], ['y']]], [reals('b', [])], 2, 'bool'],
  [[['MatMul', ['x', 'w'], ['y']]], [reals('w', [4, 6, 5])], 3],
  [[['Gemm', ['x', 'w', 'b'], ['y'], { transB: int(1) }]], [reals('w', [5, 6]), reals('b', [5])]],
  [[['Softmax', ['x'], ['y'], { axis: int(1) }]]],
  [[['LayerNormalization', ['x', 's'], ['y']]], [reals('s', [6])]],
  [[['Reshape', ['x', 's'], ['y']]], [whole('s', [0, 2, -1])], 3],
  [[['Flatten', ['x'], ['y'], { axis: int(0) }]]],
  [[['Transpose', ['x'], ['y'], { perm: ints(1, 0) }]]],
  [[['Concat', ['x', 'x', 'x'], ['y'], { axis: int(0) }]]],
  [[['Slice', ['x', 'a', 'b', 'c'], ['y']]], [whole('a', [-3]), whole('b', [100]), whole('c', [1])]],
  [[['Split', ['x', 's'], ['y', 'z'], { axis: int(1) }]], [whole('s', [2, 4])]],
  [[['Gather', ['x', 'i'], ['y'], { axis: int(1) }]], [whole('i', [0, 1, 1, 0], [2, 2])], 3],
  [[['Unsqueeze', ['x', 'a'], ['y']]], [whole('a', [0, -1])], 4],
  [[image, ['Squeeze', ['image', 'a'], ['y']]], [imageShape, whole('a', [1])], 3],
  [[['Expand', ['x', 's'], ['y']]], [whole('s', [7, 1, 1])], 3],
  [[['Tile', ['x', 's'], ['y']]], [whole('s', [2, 3])]],
  [[['Pad', ['x', 'p'], ['y']]], [whole('p', [1, 2, 3, 4])]],
  [[['ReduceSum', ['x', 'a'], ['y'], { keepdims: int(0) }]], [whole('a', [1])], 1],
  [[['ReduceMean', ['x'], ['y'], { keepdims: int(1) }]]],
  [[['ArgMax', ['x'], ['y'], { axis: int(1), keepdims: int(0) }]], [], 1, 'int64'],
  [[['Shape', ['x'], ['y']]], [], 1, 'int64'],
  [[['Shape', ['x'], ['y'], { start: int(0), end: int(1) }]], [], 1, 'int64'],
  [
    [
      ['Shape', ['x'], ['s']],
      ['Gather', ['s', 'i'], ['r']],
      ['Concat', ['two', 'r'], ['t'], { axis: int(0) }],
      ['ConstantOfShape', ['t'], ['y']],
    ],
    [whole('i', [0]), whole('two', [2])],
  ],
  [
    // The exporter's way to expand: −1 keeps an axis.
    [
      ['ConstantOfShape', ['rank'], ['zeros'], {}],
      ['Equal', ['wanted', 'minus'], ['keep']],
      ['Where', ['keep', 'ones', 'wanted'], ['t']],
      ['Expand', ['x', 't'], ['y']],
    ],
    [whole('rank', [3]), whole('wanted', [4, -1, -1]), whole('minus', [-1]), whole('ones', [1, 1, 1])],
    3,
  ],
  [
    [image, ['Conv', ['image', 'w'], ['y'], { pads: ints(1, 1, 1, 1), strides: ints(2, 1) }]],
    [imageShape, reals('w', [8, 1, 3, 3])],
    4,
    'float32',
    () => 3 * 9,
  ],
  [
    [image, ['ConvTranspose', ['image', 'w'], ['y'], { strides: ints(2, 3), pads: ints(1, 0, 0, 1), output_padding: ints(1, 0) }]],
    [imageShape, reals('w', [1, 4, 3, 2])],
    4,
    'float32',
    () => 6 * 4 * 3 * 2,
  ],
  [
    [
      ['Reshape', ['x', 's'], ['steps']],
      ['GRU', ['steps', 'w', 'r'], ['y'], { hidden_size: int(4) }],
    ],
    [whole('s', [3, -1, 2]), reals('w', [1, 12, 2]), reals('r', [1, 12, 4])],
    4,
    'float32',
    (rows) => 4 * 3 * rows * 4,
  ],
  [
    [
      ['Reshape', ['x', 's'], ['steps']],
      ['LSTM', ['steps', 'w', 'r'], ['y'], { hidden_size: int(4) }],
    ],
    [whole('s', [3, -1, 2]), reals('w', [1, 16, 2]), reals('r', [1, 16, 4])],
    4,
    'float32',
    (rows) => 5 * 3 * rows * 4,
  ],
];

describe('the cost of a graph', () => {
  for (const [nodes, tensors = [], rank = 2, dtype = 'float32', scratch = () => 0] of cases)
    it(`of ${nodes.at(-1)![0]} (${nodes.length} nodes): as many elements as the runtime gives`, async () => {
      const bytes = modelOf(nodes, tensors, rank, dtype);
      const cost = costOf(bytes);
      if (!cost.known) expect.fail(`unknown at ${cost.at}`);
      // Those of the nodes before are known from shorter cases.
      const before = nodes.length > 1 ? costOf(modelOf(nodes.slice(0, -1), tensors, 1, 'float32')) : undefined;
      const others = nodes.at(-1)![0] === 'Split' ? 8 * 4 : 0;
      for (const rows of [16, 48]) {
        const earlier = before?.known ? sizeAt(before.bytes, rows) : 0;
        expect(sizeAt(cost.bytes, rows) - earlier - others * rows).to.be.closeTo(
          8 * ((await elementsOf(bytes, rows)) + scratch(rows)),
          1e-6,
        );
      }
    });

  it('counts what a product multiplies', () => {
    const cost = costOf(modelOf([['MatMul', ['x', 'w'], ['y']]], [reals('w', [6, 100])], 2, 'float32'));
    // 6 multiplications and additions for each of 100 elements, and ten operations an element.
    expect(cost).to.deep.include({ known: true, operations: { fixed: 0, perRow: 2 * 6 * 100 + 10 * 100 } });
  });

  it('is linear in the rows for an ensemble, whose blocks are shares of them', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', ['rows', 6]);
    const blocks = builder.reshape(x, [5, 'tile', 6]);
    const weights = builder.constant(new Float32Array(5 * 6 * 4), 'float32', [5, 6, 4]);
    builder.output('y', builder.reshape(builder.matmul(blocks, weights), ['rows', 4]));
    expect(costOf(builder.toModel())).to.deep.include({ known: true, bytes: { fixed: 0, perRow: 8 * (6 + 4 + 4) } });
  });

  describe('where rows are cut into runs of lengths that are fed', () => {
    const cutting = (build: (builder: GraphBuilder, runs: readonly Tensor[], x: Tensor) => Tensor) => {
      const builder = new GraphBuilder();
      const x = builder.input('x', 'float32', ['rows', 6]);
      const runs = builder.cutRows(x, builder.input('lengths', 'int64', [2]));
      builder.output('y', build(builder, runs, x));
      return costOf(builder.toModel());
    };
    const weight = new Float32Array(6 * 4);

    it('takes each run for all rows, and all of them together for the rows', () => {
      const cost = cutting((builder, runs) => {
        const through = runs.map((run) =>
          builder.sigmoid(builder.add(builder.matmul(run, builder.constant(weight, 'float32', [6, 4])), 1)),
        );
        return builder.neg(builder.joinRows(through, 'rows'));
      });
      // Two runs; then three results of 4 for each; once the rows, and their negatives.
      const elements = 2 * (6 + 3 * 4) + 4 + 4;
      expect(cost).to.deep.include({ known: true, bytes: { fixed: 0, perRow: 8 * elements } });
      expect(cost).to.deep.include({ operations: { fixed: 0, perRow: 10 * elements + 2 * 2 * 6 * 4 } });
    });

    it('says so where what becomes of them cannot be told', () => {
      const cases: readonly (readonly [at: string, build: Parameters<typeof cutting>[0]])[] = [
        ['Concat', (builder, [first, second]) => builder.joinRows([second!, first!], 'rows')],
        ['Concat', (builder, [first]) => builder.joinRows([first!, first!], 'rows')],
        ['Concat', (builder, [first]) => builder.joinRows([first!], 'rows')],
        ['Concat', (builder, [first], x) => builder.joinRows([first!, x], 'rows')],
        ['Reshape', (builder, [first]) => builder.reshape(first!, ['run.0', 3, 2])],
        ['ReduceSum', (builder, [first]) => builder.reduceSum(first!, [0])],
        ['Transpose', (builder, [first]) => builder.transpose(first!)],
        ['Split', (builder, [first]) => builder.cutRows(first!, builder.constant([1, 1], 'int64'))[0]!],
      ];
      for (const [at, build] of cases) expect(cutting(build), at).to.deep.equal({ known: false, at });
    });

    it('lets nothing be repeated along them, which may turn out to be a single row', () => {
      const node = (operator: string, inputs: readonly string[], outputs: readonly string[]) => ({
        operator,
        inputs,
        outputs,
        attributes: new Map(),
      });
      const sum = (other: string) =>
        graphCost(
          {
            nodes: [node('Split', ['x', 'lengths'], ['first', 'second']), node('Add', ['second', other], ['y'])],
            tensors: new Map([
              ['five', { type: 1, shape: [5, 6], bytes: undefined, integers: undefined }],
              ['one', { type: 1, shape: [1, 6], bytes: undefined, integers: undefined }],
            ]),
          },
          [
            { name: 'x', dtype: 'float32', shape: ['rows', 6] },
            { name: 'lengths', dtype: 'int64', shape: [2] },
          ],
        );
      for (const other of ['x', 'first', 'five']) expect(sum(other), other).to.deep.equal({ known: false, at: 'Add' });
      for (const other of ['one', 'second']) expect(sum(other), other).to.include({ known: true });
    });
  });

  describe('follows whole numbers only as far as the runtime counts alike', () => {
    /** Nodes that give `k`, one number; the graph then makes so many elements. */
    const made = (nodes: readonly Node[], tensors: readonly InitializerDescription[]) =>
      costOf(
        modelOf(
          [...nodes, ['Reshape', ['k', 'flat'], ['length']], ['ConstantOfShape', ['length'], ['y']]],
          [...tensors, whole('flat', [-1])],
          1,
          'float32',
        ),
      );
    const to = (type: number) => ({ to: int(type) });
    const wide = (name: string, value: bigint): InitializerDescription => ({
      name,
      dtype: 'int64',
      shape: [1],
      data: BigInt64Array.of(value),
    });
    const cases: readonly (readonly [what: string, nodes: readonly Node[], tensors: readonly InitializerDescription[]])[] = [
      [
        'through eight bits and back',
        [
          ['Cast', ['a'], ['b'], to(2)],
          ['Cast', ['b'], ['k'], to(7)],
        ],
        [whole('a', [300])],
      ],
      [
        'through a float and back',
        [
          ['Cast', ['a'], ['b'], to(1)],
          ['Cast', ['b'], ['k'], to(7)],
        ],
        [whole('a', [2 ** 24 + 3])],
      ],
      ['beyond what a double holds', [['Sub', ['a', 'b'], ['k']]], [wide('a', 2n ** 53n + 1n), wide('b', 2n ** 53n)]],
      [
        'past the end of 64 bits',
        [
          ['Mul', ['a', 'four'], ['b']],
          ['Div', ['b', 'a'], ['k']],
        ],
        [wide('a', 2n ** 62n), whole('four', [4])],
      ],
      ['of columns against rows', [['Add', ['a', 'b'], ['k']]], [whole('a', [30, 30], [2, 1]), whole('b', [1, 1], [1, 2])]],
      [
        'of the rows as 32 bits',
        [
          ['Shape', ['x'], ['s'], { end: int(1) }],
          ['Cast', ['s'], ['t'], to(6)],
          ['Cast', ['t'], ['k'], to(7)],
        ],
        [],
      ],
    ];
    for (const [what, nodes, tensors] of cases)
      it(what, () => expect(made(nodes, tensors)).to.deep.equal({ known: false, at: 'ConstantOfShape' }));

    it('and no further', () => {
      const twice: Node[] = [
        ['Cast', ['a'], ['b'], to(6)],
        ['Cast', ['b'], ['c'], to(7)],
        ['Mul', ['c', 'c'], ['k']],
      ];
      expect(made(twice, [whole('a', [300])])).to.include({ known: true });
    });
  });

  const unknown: readonly (readonly [what: string, nodes: readonly Node[], tensors: readonly InitializerDescription[], at: string])[] = [
    [
      'a kernel that is as long as there are rows',
      [
        ['Reshape', ['x', 'wide'], ['image']],
        ['Conv', ['image', 'image'], ['y']],
      ],
      [whole('wide', [1, 1, -1])],
      'Conv',
    ],
    [
      'a split into another number of parts than it says',
      [['Split', ['x'], ['y', 'z'], { axis: int(1), num_outputs: int(1) }]],
      [],
      'Split',
    ],
    [
      'a name that is given twice',
      [
        ['Neg', ['x'], ['y']],
        ['Neg', ['x'], ['y']],
      ],
      [],
      'Neg',
    ],
    ['an operator without a rule', [['NonZero', ['x'], ['y']]], [], 'NonZero'],
    [
      'a size that grows with the square of the rows',
      [
        ['Transpose', ['x'], ['t']],
        ['MatMul', ['x', 't'], ['y']],
      ],
      [],
      'MatMul',
    ],
    [
      'a size that is worked out from data',
      [
        ['Cast', ['x'], ['i'], { to: int(7) }],
        ['Reshape', ['i', 'flat'], ['s']],
        ['ConstantOfShape', ['s'], ['y']],
      ],
      [whole('flat', [-1])],
      'ConstantOfShape',
    ],
    [
      'a size that falls as rows grow',
      [
        ['Shape', ['x'], ['s'], { end: int(1) }],
        ['Sub', ['limit', 's'], ['t']],
        ['ConstantOfShape', ['t'], ['y']],
      ],
      [whole('limit', [1000])],
      'ConstantOfShape',
    ],
    [
      'a quotient of the rows, whose remainder may be blown up',
      [
        ['Shape', ['x'], ['s'], { end: int(1) }],
        ['Div', ['s', 'two'], ['h']],
        ['ConstantOfShape', ['h'], ['y']],
      ],
      [whole('two', [2])],
      'ConstantOfShape',
    ],
    ['a tensor that no node gives', [['Add', ['x', 'nowhere'], ['y']]], [], 'Add'],
  ];
  for (const [what, nodes, tensors, at] of unknown)
    it(`is unknown for ${what}`, () => expect(costOf(modelOf(nodes, tensors, 2, 'float32'))).to.deep.equal({ known: false, at }));
});
