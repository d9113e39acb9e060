import { conv2d, convTranspose2d } from '../../src/onnx/convolution.ts';
import type { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Tensor } from '../../src/onnx/types.ts';

/** One use of an operator: float64 inputs of these shapes, drawn between `low` and `high`. `operator` is its key in the table of gradient rules. */
export interface OperatorCase {
  readonly operator: string;
  readonly shapes: readonly (readonly number[])[];
  readonly low: number;
  readonly high: number;
  /** Step of the differences, where 1e-5 would drown in float32 rounding. */
  readonly step?: number;
  readonly build: (builder: GraphBuilder, inputs: readonly Tensor[]) => Tensor;
}

type Build = (builder: GraphBuilder, a: Tensor, b: Tensor, c: Tensor) => Tensor;

function operatorCase(operator: string, shapes: readonly (readonly number[])[], build: Build, low = -2, high = 2): OperatorCase {
  return { operator, shapes, low, high, build: (builder, [a, b, c]) => build(builder, a!, b!, c!) };
}

const one = [[2, 3]];
/** Equal shapes, then broadcasting on both sides, then a lower rank. */
const pairs = [
  [
    [2, 3],
    [2, 3],
  ],
  [
    [4, 1, 3],
    [2, 1],
  ],
  [[3], [2, 3]],
];

function onPairs(operator: string, build: Build, low?: number, high?: number): OperatorCase[] {
  return pairs.map((shapes) => operatorCase(operator, shapes, build, low, high));
}

interface ImageCase {
  readonly image: readonly number[];
  readonly kernel: readonly number[];
  readonly bias: number;
  readonly stride?: number;
  readonly padding?: number;
}

/** There are float32 kernels only, as for Gelu, so differences are taken far apart; these operators are linear in each input, which costs them nothing. */
function convolutions(operator: 'Conv' | 'ConvTranspose', cases: readonly ImageCase[]): OperatorCase[] {
  const build = operator === 'Conv' ? conv2d : convTranspose2d;
  return cases.map(({ image, kernel, bias, ...options }) => ({
    ...operatorCase(operator, [image, kernel, [bias]], (g, ...inputs) => {
      const [x, w, b] = inputs.map((input) => g.cast(input, 'float32'));
      return g.cast(build(g, x!, w!, b!, options), 'float64');
    }),
    step: 0.5,
  }));
}

/** Summed afterwards, so that a smaller gradient than the operator's output reaches the rule under test. */
const small = (g: GraphBuilder, x: Tensor) => g.reduceSum(x, [1]);

/** At least one case for each entry of the table through which a gradient flows. */
export const operatorCases: readonly OperatorCase[] = [
  ...onPairs('Add', (g, a, b) => g.add(a, b)),
  ...onPairs('Sub', (g, a, b) => g.sub(a, b)),
  ...onPairs('Mul', (g, a, b) => g.mul(a, b)),
  operatorCase('Mul', one, (g, a) => g.square(a)),
  operatorCase('Mul', [[2, 3], [3]], (g, a, b) => small(g, g.mul(a, b))),
  operatorCase('Add', [[2, 3], [3]], (g, a, b) => small(g, g.add(a, b))),
  operatorCase('Add', [[2, 3], []], (g, a, b) => g.reduceSum(g.add(a, b))),
  ...onPairs('Div', (g, a, b) => g.div(a, b), 0.5, 2),
  ...onPairs('Min', (g, a, b) => g.min(a, b)),
  ...onPairs('Max', (g, a, b) => g.max(a, b)),
  operatorCase('Pow', one, (g, a) => g.power(a, 2.5), 0.5, 2),
  operatorCase('Where', [[2, 3], [3]], (g, a, b) => g.where(g.greater(a, 0), a, b)),
  operatorCase('Where', [[3], [2, 1]], (g, a, b) => g.where(g.less(a, 0.1), b, a)),
  operatorCase('Neg', one, (g, a) => g.neg(a)),
  operatorCase('Abs', one, (g, a) => g.abs(a)),
  operatorCase('Exp', one, (g, a) => g.exp(a)),
  operatorCase('Log', one, (g, a) => g.log(a), 0.5, 2),
  operatorCase('Sqrt', one, (g, a) => g.sqrt(a), 0.5, 2),
  operatorCase('Tanh', one, (g, a) => g.tanh(a)),
  operatorCase('Sigmoid', one, (g, a) => g.sigmoid(a)),
  operatorCase('Relu', one, (g, a) => g.relu(a)),
  operatorCase('Sin', one, (g, a) => g.sin(a)),
  operatorCase('Cos', one, (g, a) => g.cos(a)),
  operatorCase('Silu', one, (g, a) => g.silu(a)),
  operatorCase('Softplus', one, (g, a) => g.softplus(a), -6, 6),
  operatorCase('Clip', one, (g, a) => g.clip(a, -1, 0.7)),
  { ...operatorCase('Cast', one, (g, a) => g.cast(g.mul(g.cast(a, 'float32'), 3), 'float64')), step: 0.05 },
  operatorCase(
    'MatMul',
    [
      [2, 3],
      [3, 4],
    ],
    (g, a, b) => g.matmul(a, b),
  ),
  operatorCase(
    'MatMul',
    [
      [2, 3],
      [5, 3, 2],
    ],
    (g, a, b) => g.matmul(a, b),
  ),
  operatorCase(
    'MatMul',
    [
      [2, 1, 2, 3],
      [2, 3, 2],
    ],
    (g, a, b) => g.reduceSum(g.matmul(a, b), [-1]),
  ),
  operatorCase('ReduceSum', [[2, 3, 4]], (g, a) => g.reduceSum(a, [1])),
  operatorCase('ReduceSum', [[2, 3, 4]], (g, a) => g.reduceSum(g.square(a), [0, 2], true)),
  operatorCase('ReduceSum', [[2, 3, 4]], (g, a) => g.reduceSum(g.reduceSum(g.square(a), [1]), [0])),
  operatorCase('ReduceMean', [[2, 3, 4]], (g, a) => g.reduceMean(g.square(a), [-2])),
  operatorCase('ReduceMean', [[2, 3, 4]], (g, a) => g.reduceMean(g.exp(a))),
  operatorCase('ReduceMax', [[2, 3, 4]], (g, a) => g.reduceMax(a, [1])),
  operatorCase('ReduceMax', [[2, 3, 4]], (g, a) => g.reduceMax(a, [0, 2], true)),
  operatorCase('ReduceSumSquare', [[2, 3, 4]], (g, a) => g.reduceSumSquare(a)),
  operatorCase('ReduceSumSquare', [[2, 3, 4]], (g, a) => g.reduceSumSquare(a, [2])),
  operatorCase('Softmax', [[2, 4]], (g, a) => g.softmax(a)),
  operatorCase('Softmax', [[3, 2, 2]], (g, a) => g.reduceSum(g.square(g.softmax(a, 0)), [1])),
  operatorCase('LogSoftmax', [[2, 4]], (g, a) => g.logSoftmax(a)),
  operatorCase('LogSoftmax', [[3, 2]], (g, a) => g.reduceMean(g.logSoftmax(a, 0))),
  operatorCase('Transpose', [[2, 3, 4]], (g, a) => g.transpose(a, [2, 0, 1])),
  operatorCase('Reshape', [[2, 6]], (g, a) => g.reduceSum(g.square(g.reshape(a, [3, 4])), [0])),
  operatorCase(
    'Concat',
    [
      [2, 3],
      [2, 1],
      [2, 2],
    ],
    (g, a, b, c) => g.concat([a, b, g.mul(c, 3)], -1),
  ),
  operatorCase('Slice', [[2, 5]], (g, a) => g.slice(a, 1, 1, 4)),
  operatorCase('Slice', [[2, 5]], (g, a) => g.mul(g.split(a, [2, 1, 2], 1)[0]!, g.split(a, [2, 1, 2], 1)[2]!)),
  operatorCase('Pad', [[2, 3]], (g, a) => g.pad(a, 0, 1, 2)),
  operatorCase('Gather', [[4, 3]], (g, a) => g.gather(a, g.constant([3, 0, 0, 2], 'int32', [2, 2]))),
  operatorCase('Gather', [[2, 4, 3]], (g, a) => g.gather(a, g.constant([3, 0, 3], 'int64'), 1)),
  operatorCase('Gather', [[4, 3]], (g, a) => g.gather(a, g.constant(2, 'int64'))),
  operatorCase('Expand', [[3, 1]], (g, a) => g.expand(a, [2, 3, 4])),
  { ...operatorCase('Gelu', one, (g, a) => g.cast(g.gelu(g.cast(a, 'float32')), 'float64')), step: 0.01 },
  ...convolutions('Conv', [
    { image: [2, 3, 5, 6], kernel: [4, 3, 3, 2], bias: 4 },
    { image: [2, 2, 7, 8], kernel: [3, 2, 4, 4], bias: 3, stride: 2, padding: 1 },
    { image: [1, 2, 6, 7], kernel: [2, 2, 3, 3], bias: 2, stride: 3, padding: 2 },
  ]),
  ...convolutions('ConvTranspose', [
    { image: [2, 3, 3, 4], kernel: [3, 4, 3, 2], bias: 4 },
    { image: [2, 2, 3, 3], kernel: [2, 3, 4, 4], bias: 3, stride: 2, padding: 1 },
    { image: [1, 2, 3, 4], kernel: [2, 2, 3, 3], bias: 2, stride: 3, padding: 1 },
    { image: [3, 4, 1, 1], kernel: [4, 2, 3, 2], bias: 2, stride: 2 },
  ]),
  operatorCase(
    'ScatterND',
    [
      [4, 3],
      [2, 3],
    ],
    (g, a, b) => g.scatterAdd(a, g.constant([1, 1], 'int32'), b),
  ),
];
