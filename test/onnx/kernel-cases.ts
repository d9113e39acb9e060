import { conv2d, convTranspose2d } from '../../src/onnx/convolution.ts';
import type { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { DataType, Tensor } from '../../src/onnx/types.ts';

/** One use of an operator on operands of one element type, and what should come of it. */
export interface KernelCase {
  readonly operator: string;
  readonly shapes: readonly (readonly number[])[];
  /** Operands are drawn from here on; below 0 only where the element type has such numbers. */
  readonly low: number;
  readonly build: (builder: GraphBuilder, inputs: readonly Tensor[]) => Tensor;
  /** Row-major operands → row-major result, as real numbers: wrapped, truncated or rounded to the result's element type by who compares. */
  readonly reference: (inputs: readonly (readonly number[])[]) => number[];
}

const low = -3;
const pair = [[2, 3], [3]];
const one = [[2, 3]];

function onPair(
  operator: string,
  build: (g: GraphBuilder, a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => number,
  from = low,
): KernelCase {
  const reference = ([a, b]: readonly (readonly number[])[]) => a!.map((value, i) => f(value, b![i % 3]!));
  return { operator, shapes: pair, low: from, build: (g, [a, b]) => build(g, a!, b!), reference };
}

function onOne(operator: string, build: (g: GraphBuilder, x: Tensor) => Tensor, f: (x: number) => number, from = low): KernelCase {
  return { operator, shapes: one, low: from, build: (g, [x]) => build(g, x!), reference: ([x]) => x!.map(f) };
}

/** Of a `[2, 3]`, along the second axis. */
function onRows(operator: string, build: (g: GraphBuilder, x: Tensor) => Tensor, f: (row: readonly number[]) => number[]): KernelCase {
  const reference = ([x]: readonly (readonly number[])[]) => [x!.slice(0, 3), x!.slice(3)].flatMap(f);
  return { operator, shapes: one, low, build: (g, [x]) => build(g, x!), reference };
}

const truth = (value: boolean) => (value ? 1 : 0);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const softmax = (row: readonly number[]) => row.map((value) => Math.exp(value) / sum(row.map(Math.exp)));

/** Abramowitz & Stegun 7.1.26 would do, but the series is exact: erf(x) = 2/√π Σ (−1)ⁿ x²ⁿ⁺¹ / (n!(2n + 1)). */
function erf(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

const elementwise: readonly KernelCase[] = [
  onPair(
    'Add',
    (g, a, b) => g.add(a, b),
    (a, b) => a + b,
  ),
  onPair(
    'Sub',
    (g, a, b) => g.sub(a, b),
    (a, b) => a - b,
  ),
  onPair(
    'Mul',
    (g, a, b) => g.mul(a, b),
    (a, b) => a * b,
  ),
  onPair(
    'Div',
    (g, a, b) => g.div(a, b),
    (a, b) => a / b,
    1,
  ),
  onPair('Min', (g, a, b) => g.min(a, b), Math.min),
  onPair('Max', (g, a, b) => g.max(a, b), Math.max),
  onPair(
    'Greater',
    (g, a, b) => g.greater(a, b),
    (a, b) => truth(a > b),
  ),
  onPair(
    'GreaterOrEqual',
    (g, a, b) => g.greaterOrEqual(a, b),
    (a, b) => truth(a >= b),
  ),
  onPair(
    'Less',
    (g, a, b) => g.less(a, b),
    (a, b) => truth(a < b),
  ),
  onPair(
    'LessOrEqual',
    (g, a, b) => g.lessOrEqual(a, b),
    (a, b) => truth(a <= b),
  ),
  onPair(
    'Equal',
    (g, a, b) => g.equal(a, b),
    (a, b) => truth(a === b),
  ),
  onPair(
    'And',
    (g, a, b) => g.and(a, b),
    (a, b) => a * b,
  ),
  onPair('Or', (g, a, b) => g.or(a, b), Math.max),
  onOne(
    'Pow',
    (g, x) => g.node('Pow', [x, x], x.dtype, x.shape),
    (x) => x ** x,
    1,
  ),
  onOne(
    'Not',
    (g, x) => g.not(x),
    (x) => 1 - x,
  ),
  onOne(
    'Neg',
    (g, x) => g.neg(x),
    (x) => -x,
  ),
  onOne('Abs', (g, x) => g.abs(x), Math.abs),
  onOne('Sign', (g, x) => g.sign(x), Math.sign),
  onOne('Exp', (g, x) => g.exp(x), Math.exp),
  onOne('Log', (g, x) => g.log(x), Math.log, 1),
  onOne('Sqrt', (g, x) => g.sqrt(x), Math.sqrt, 0),
  onOne('Tanh', (g, x) => g.tanh(x), Math.tanh),
  onOne(
    'Sigmoid',
    (g, x) => g.sigmoid(x),
    (x) => 1 / (1 + Math.exp(-x)),
  ),
  onOne(
    'Relu',
    (g, x) => g.relu(x),
    (x) => Math.max(x, 0),
  ),
  onOne('Sin', (g, x) => g.sin(x), Math.sin),
  onOne('Cos', (g, x) => g.cos(x), Math.cos),
  onOne('Floor', (g, x) => g.floor(x), Math.floor),
  onOne('Erf', (g, x) => g.node('Erf', [x], x.dtype, x.shape), erf),
  onOne(
    'Clip',
    (g, x) => g.clip(x, 0, 1),
    (x) => Math.min(Math.max(x, 0), 1),
  ),
];

const wholeTypes: readonly DataType[] = ['int32', 'int64', 'uint8'];

const casts = (['float32', 'float64', ...wholeTypes, 'bool'] as const).map((to) =>
  onOne(
    'Cast',
    (g, x) => g.cast(x, to),
    (x) => (to === 'bool' ? truth(x !== 0) : wholeTypes.includes(to) ? Math.trunc(x) : x),
    to === 'uint8' ? 0 : low,
  ),
);

const reductions: readonly KernelCase[] = [
  onRows(
    'ReduceSum',
    (g, x) => g.reduceSum(x, [1]),
    (row) => [sum(row)],
  ),
  onRows(
    'ReduceMean',
    (g, x) => g.reduceMean(x, [1]),
    (row) => [sum(row) / 3],
  ),
  onRows(
    'ReduceMax',
    (g, x) => g.reduceMax(x, [1]),
    (row) => [Math.max(...row)],
  ),
  onRows(
    'ReduceSumSquare',
    (g, x) => g.reduceSumSquare(x, [1]),
    (row) => [sum(row.map((value) => value * value))],
  ),
  onRows(
    'ArgMax',
    (g, x) => g.argMax(x),
    (row) => [row.indexOf(Math.max(...row))],
  ),
  onRows('Softmax', (g, x) => g.softmax(x), softmax),
  onRows(
    'LogSoftmax',
    (g, x) => g.logSoftmax(x),
    (row) => softmax(row).map(Math.log),
  ),
];

const at =
  (indices: readonly number[]) =>
  ([x]: readonly (readonly number[])[]) =>
    indices.map((index) => x![index] ?? 0);
const half = [2, 0, 1] as const;

/** `[2, 3]` moved about: which element of it comes where; an index outside gives 0. */
const moves: readonly KernelCase[] = [
  { operator: 'Transpose', shapes: one, low, build: (g, [x]) => g.transpose(x!), reference: at([0, 3, 1, 4, 2, 5]) },
  { operator: 'Reshape', shapes: one, low, build: (g, [x]) => g.reshape(x!, [3, 2]), reference: at([0, 1, 2, 3, 4, 5]) },
  { operator: 'Slice', shapes: one, low, build: (g, [x]) => g.slice(x!, 1, 1, 3), reference: at([1, 2, 4, 5]) },
  {
    operator: 'Split',
    shapes: one,
    low,
    build: (g, [x]) => g.joinRows(g.cutRows(x!, g.constant([1, 1], 'int64')).reverse(), 2),
    reference: at([3, 4, 5, 0, 1, 2]),
  },
  { operator: 'Pad', shapes: one, low, build: (g, [x]) => g.pad(x!, 1, 1, 0), reference: at([-1, 0, 1, 2, -1, 3, 4, 5]) },
  { operator: 'Gather', shapes: one, low, build: (g, [x]) => g.gather(x!, g.constant([1, 1], 'int32')), reference: at([3, 4, 5, 3, 4, 5]) },
  {
    operator: 'Gather',
    shapes: one,
    low,
    build: (g, [x]) => g.gather(x!, g.constant(half, 'int64'), 1),
    reference: at([2, 0, 1, 5, 3, 4]),
  },
  { operator: 'Expand', shapes: [[3]], low, build: (g, [x]) => g.expand(x!, [2, 3]), reference: at([0, 1, 2, 0, 1, 2]) },
  {
    operator: 'Concat',
    shapes: [
      [1, 2],
      [1, 1],
    ],
    low,
    build: (g, [a, b]) => g.concat([a!, b!], 1),
    reference: ([a, b]) => [...a!, ...b!],
  },
  {
    operator: 'Where',
    shapes: pair,
    low,
    build: (g, [a, b]) => g.where(g.constant([1, 0, 1], 'bool'), a!, b!),
    reference: ([a, b]) => a!.map((value, i) => (i % 3 === 1 ? b![1]! : value)),
  },
  {
    operator: 'ScatterND',
    shapes: [[3], [2]],
    low,
    build: (g, [x, updates]) => g.scatterAdd(x!, g.constant([1, 1], 'int64'), updates!),
    reference: ([x, updates]) => [x![0]!, x![1]! + sum(updates!), x![2]!],
  },
  {
    operator: 'Shape',
    shapes: one,
    low,
    build: (g, [x]) => g.node('Shape', [x!], 'int64', [2]),
    reference: () => [2, 3],
  },
  {
    operator: 'Loop',
    shapes: one,
    low,
    build: (g, [x]) => g.loop(g.constant(2, 'int64'), [x!], (_, [state]) => ({ carried: [state!], collected: [state!] })).collected[0]!,
    reference: ([x]) => [...x!, ...x!],
  },
  {
    operator: 'If',
    shapes: pair,
    low,
    build: (g, [a, b]) =>
      g.conditional(
        g.constant(0, 'bool'),
        () => [g.slice(a!, 0, 0, 1)],
        () => [g.reshape(b!, [1, 3])],
      )[0]!,
    reference: ([, b]) => [...b!],
  },
];

const products: readonly KernelCase[] = [
  {
    operator: 'MatMul',
    shapes: [
      [2, 3],
      [3, 1],
    ],
    low,
    build: (g, [a, b]) => g.matmul(a!, b!),
    reference: ([a, b]) => [0, 3].map((row) => sum(b!.map((value, i) => value * a![row + i]!))),
  },
  {
    operator: 'Conv',
    shapes: [
      [1, 1, 2, 3],
      [1, 1, 1, 2],
    ],
    low,
    build: (g, [x, kernel]) => conv2d(g, x!, kernel!),
    reference: ([x, kernel]) => [0, 1, 3, 4].map((from) => x![from]! * kernel![0]! + x![from + 1]! * kernel![1]!),
  },
  {
    operator: 'ConvTranspose',
    shapes: [
      [1, 1, 1, 2],
      [1, 1, 1, 2],
    ],
    low,
    build: (g, [x, kernel]) => convTranspose2d(g, x!, kernel!),
    reference: ([x, kernel]) => [x![0]! * kernel![0]!, x![0]! * kernel![1]! + x![1]! * kernel![0]!, x![1]! * kernel![1]!],
  },
];

/** At least one for every operator that the builder emits. */
export const kernelCases: readonly KernelCase[] = [...elementwise, ...casts, ...reductions, ...moves, ...products];
