import { convolutionGradient, transposedGradient } from './convolution.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Derivation, NodeMeta } from './graph-core.ts';
import { elementCount, sameShape, shapeText } from './shapes.ts';
import type { Shape, Tensor } from './types.ts';

/**
 * What a rule works with. `gradient` may be smaller than `output` where its values repeat along an axis (the gradient of a sum is one number):
 * elementwise rules use it as it is, others call `full()`.
 */
export interface RuleContext {
  readonly builder: GraphBuilder;
  readonly inputs: readonly Tensor[];
  readonly saved: readonly Tensor[];
  readonly meta: NodeMeta;
  readonly output: Tensor;
  readonly gradient: Tensor;
  readonly full: () => Tensor;
}

/** For each input, how to build the gradient that flows to it; null where none flows. Only what is needed is built. */
export type GradientRule = (context: RuleContext) => readonly ((() => Tensor) | null)[];

/** The only table of gradients: one rule an operator. An operator without an entry cannot be differentiated through. */
export const gradientRules: Readonly<Record<string, GradientRule>> = {
  Add: ({ builder, inputs: [a, b], output, gradient }) => [
    () => reduceTo(builder, gradient, output.shape, a!),
    () => reduceTo(builder, gradient, output.shape, b!),
  ],
  Sub: ({ builder, inputs: [a, b], output, gradient }) => [
    () => reduceTo(builder, gradient, output.shape, a!),
    () => builder.neg(reduceTo(builder, gradient, output.shape, b!)),
  ],
  Mul: ({ builder, inputs: [a, b], output, gradient }) => [
    () => (a === b ? builder.mul(builder.mul(gradient, 2), a!) : reduceTo(builder, builder.mul(gradient, b!), output.shape, a!)),
    a === b ? null : () => reduceTo(builder, builder.mul(gradient, a!), output.shape, b!),
  ],
  Div: ({ builder, inputs: [a, b], output, gradient }) => [
    () => reduceTo(builder, builder.div(gradient, b!), output.shape, a!),
    () => builder.neg(reduceTo(builder, builder.mul(gradient, builder.div(output, b!)), output.shape, b!)),
  ],
  Min: (context) => extremum(context, (a, b) => context.builder.less(a, b)),
  Max: (context) => extremum(context, (a, b) => context.builder.greater(a, b)),
  Pow: ({ builder, inputs: [x], meta, gradient }) => [
    () => builder.mul(gradient, builder.mul(builder.power(x!, meta.exponent! - 1), meta.exponent!)),
    null,
  ],
  Where: ({ builder, inputs: [condition, a, b], output, gradient }) => [
    null,
    () => reduceTo(builder, builder.where(condition!, gradient, 0), output.shape, a!),
    () => reduceTo(builder, builder.where(condition!, 0, gradient), output.shape, b!),
  ],

  Neg: ({ builder, gradient }) => [() => builder.neg(gradient)],
  Abs: ({ builder, inputs: [x], gradient }) => [() => builder.mul(gradient, builder.sign(x!))],
  Exp: ({ builder, output, gradient }) => [() => builder.mul(gradient, output)],
  Log: ({ builder, inputs: [x], gradient }) => [() => builder.div(gradient, x!)],
  Sqrt: ({ builder, output, gradient }) => [() => builder.div(builder.mul(gradient, 0.5), output)],
  Tanh: ({ builder, output, gradient }) => [() => builder.mul(gradient, builder.sub(1, builder.square(output)))],
  Sigmoid: ({ builder, output, gradient }) => [() => builder.mul(gradient, builder.mul(output, builder.sub(1, output)))],
  // A product takes half the time of a choice.
  Relu: ({ builder, output, gradient }) => [() => builder.mul(gradient, builder.cast(builder.greater(output, 0), output.dtype))],
  Sin: ({ builder, inputs: [x], gradient }) => [() => builder.mul(gradient, builder.cos(x!))],
  Cos: ({ builder, inputs: [x], gradient }) => [() => builder.neg(builder.mul(gradient, builder.sin(x!)))],
  // d · (s + y(1 − s)): four passes, where d·s + d·x·s·(1 − s) takes six.
  Silu: ({ builder, saved: [gate], output, gradient }) => [
    () => builder.mul(gradient, builder.add(gate!, builder.mul(output, builder.sub(1, gate!)))),
  ],
  // Φ(x) + x·φ(x)
  Gelu: ({ builder, inputs: [x], saved: [share], gradient }) => [
    () => {
      const density = builder.mul(builder.exp(builder.mul(builder.square(x!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return builder.mul(gradient, builder.add(share!, builder.mul(x!, density)));
    },
  ],
  Softplus: ({ builder, inputs: [x], gradient }) => [() => builder.mul(gradient, builder.sigmoid(x!))],
  Clip: ({ builder, inputs: [x], meta, gradient }) => [
    () => builder.where(builder.and(builder.greaterOrEqual(x!, meta.low!), builder.lessOrEqual(x!, meta.high!)), gradient, 0),
    null,
    null,
  ],
  Cast: ({ builder, inputs: [x], gradient }) => [() => builder.cast(gradient, x!.dtype)],

  MatMul: matmulGradient,
  Conv: convolutionGradient,
  ConvTranspose: transposedGradient,
  ReduceSum: (context) => [() => kept(context, context.gradient), null],
  ReduceMean: (context) => [() => meanGradient(context), null],
  ReduceMax: (context) => [() => maximumGradient(context), null],
  ReduceSumSquare: (context) => [
    () => context.builder.mul(kept(context, context.gradient), context.builder.mul(context.inputs[0]!, 2)),
    null,
  ],
  Softmax: ({ builder, meta, output, gradient }) => [
    () => {
      const weighted = builder.mul(gradient, output);
      return builder.sub(weighted, builder.mul(output, builder.reduceSum(weighted, [meta.axis!], true)));
    },
  ],
  LogSoftmax: ({ builder, meta, output, full }) => [
    () => builder.sub(full(), builder.mul(builder.exp(output), builder.reduceSum(full(), [meta.axis!], true))),
  ],

  Transpose: ({ builder, meta, full }) => [() => builder.transpose(full(), inverse(meta.axes!))],
  Reshape: ({ builder, inputs: [x], full }) => [() => builder.reshape(full(), x!.shape), null],
  Concat: ({ builder, inputs, meta, full }) => concatGradient(builder, inputs, meta.axis!, full),
  Slice: ({ builder, inputs: [x], meta, output, full }) => [
    () => builder.pad(full(), meta.axis!, meta.start!, Number(x!.shape[meta.axis!]) - meta.start! - Number(output.shape[meta.axis!])),
    null,
    null,
    null,
  ],
  Pad: ({ builder, inputs: [x], meta, full }) => [
    () => builder.slice(full(), meta.axis!, meta.start!, meta.start! + Number(x!.shape[meta.axis!])),
    null,
    null,
    null,
  ],
  Gather: (context) => [() => gatherGradient(context), null],
  Expand: ({ builder, inputs: [x], output, gradient }) => [() => reduceTo(builder, gradient, output.shape, x!), null],
  ScatterND: ({ builder, inputs: [x, rows], full }) => [
    () => builder.expandAs(full(), x!),
    null,
    () => builder.gather(full(), builder.reshape(rows!, rows!.shape.slice(0, -1))),
  ],

  // Constant almost everywhere, or made to stop the gradient: nothing flows.
  StopGradient: () => [null],
  ArgMax: () => [null],
  Floor: () => [null],
  Sign: () => [null],
  Shape: () => [null],
  Greater: () => [null, null],
  GreaterOrEqual: () => [null, null],
  Less: () => [null, null],
  LessOrEqual: () => [null, null],
  Equal: () => [null, null],
  And: () => [null, null],
  Or: () => [null, null],
  Not: () => [null],
};

/** The rule of a derivation. @throws GRAPH_INVALID naming the operator and the scope it was built in, when there is none. */
export function ruleOf(builder: GraphBuilder, derivation: Derivation): GradientRule {
  const rule = Object.hasOwn(gradientRules, derivation.op) ? gradientRules[derivation.op] : undefined;
  return (
    rule ?? builder.fail(`there is no gradient rule for ${derivation.op}; stop the gradient before it, or add a rule`, derivation.scope)
  );
}

/**
 * Sums a gradient over the axes along which `target` was broadcast to `from`.
 * Where the gradient itself is 1 along such an axis, its values stand for `size` equal ones: it is multiplied instead.
 */
export function reduceTo(builder: GraphBuilder, gradient: Tensor, from: Shape, target: Tensor): Tensor {
  const offset = from.length - target.shape.length;
  const aligned = padRank(builder, gradient, from.length);
  const sums: number[] = [];
  let repeats = 1;
  let symbolic = false;
  from.forEach((size, axis) => {
    const wanted = axis < offset ? 1 : target.shape[axis - offset]!;
    if (wanted === size || wanted !== 1) return;
    if (aligned.shape[axis] !== 1) sums.push(axis);
    else if (typeof size === 'number') repeats *= size;
    else symbolic = true;
  });
  if (symbolic)
    builder.fail(`the gradient of a broadcast from ${shapeText(target.shape)} to ${shapeText(from)} needs a fixed size; expand it first`);
  const summed = sums.length > 0 ? sumOver(builder, aligned, sums) : aligned;
  return builder.mul(builder.reshape(summed, summed.shape.slice(offset)), repeats);
}

/** Summed axes stay, with size 1. Over all axes but the last it is a product with ones, which the runtime takes a quarter of the time for. */
function sumOver(builder: GraphBuilder, x: Tensor, axes: readonly number[]): Tensor {
  const rows = elementCount(x.shape.slice(0, -1));
  if (rows === undefined || rows === 1 || axes.length !== x.shape.length - 1 || axes.includes(x.shape.length - 1))
    return builder.reduceSum(x, axes, true);
  const ones = builder.expand(builder.constant(1, x.dtype), [1, rows]);
  const columns = x.shape.at(-1)!;
  return builder.reshape(builder.matmul(ones, builder.reshape(x, [rows, columns])), [...axes.map(() => 1), columns]);
}

/** Leading axes of size 1 until the tensor has `rank` axes. */
function padRank(builder: GraphBuilder, x: Tensor, rank: number): Tensor {
  if (x.shape.length >= rank) return x;
  return builder.reshape(x, [...Array.from({ length: rank - x.shape.length }, () => 1), ...x.shape]);
}

/** All of it to the larger (or smaller) operand; equal operands share it, as in PyTorch. */
function extremum(
  { builder, inputs: [a, b], output, gradient }: RuleContext,
  wins: (a: Tensor, b: Tensor) => Tensor,
): readonly (() => Tensor)[] {
  const share = (x: Tensor, y: Tensor) => {
    const half = builder.where(builder.equal(x, y), builder.mul(gradient, 0.5), 0);
    return reduceTo(builder, builder.where(wins(x, y), gradient, half), output.shape, x);
  };
  return [() => share(a!, b!), () => share(b!, a!)];
}

/** A reduction's gradient with the reduced axes put back as size 1. */
function kept({ builder, inputs: [x], meta, output }: RuleContext, reduced: Tensor): Tensor {
  const axes = meta.axes!;
  if (output.shape.length === x!.shape.length || reduced.shape.length === 0) return reduced;
  const left = [...padRank(builder, reduced, output.shape.length).shape];
  return builder.reshape(
    reduced,
    x!.shape.map((_, axis) => (axes.includes(axis) ? 1 : left.shift()!)),
  );
}

function meanGradient(context: RuleContext): Tensor {
  const { builder, inputs, meta, gradient } = context;
  const x = inputs[0]!;
  const sizes = meta.axes!.map((axis) => x.shape[axis]!);
  const fixed = sizes.filter((size) => typeof size === 'number').reduce((product, size) => product * size, 1);
  let scaled = builder.mul(kept(context, gradient), 1 / fixed);
  meta.axes!.forEach((axis) => {
    if (typeof x.shape[axis] === 'number') return;
    const size = builder.gather(builder.shapeOf(x), builder.constant(axis, 'int64'));
    scaled = builder.div(scaled, builder.cast(size, x.dtype));
  });
  return scaled;
}

function maximumGradient(context: RuleContext): Tensor {
  const { builder, inputs, meta, gradient, output } = context;
  const x = inputs[0]!;
  const mask = builder.cast(builder.equal(x, kept(context, output)), x.dtype);
  return builder.mul(builder.div(mask, builder.reduceSum(mask, meta.axes, true)), kept(context, gradient));
}

/**
 * Many rows times one matrix are one product, and so are its gradients: taken batch by batch they would be many small products and a sum of them.
 */
function matmulGradient({ builder, inputs, output, full }: RuleContext): readonly (() => Tensor)[] {
  const [a, b] = [inputs[0]!, inputs[1]!];
  const rows = elementCount(a.shape.slice(0, -1));
  if (b.shape.length === 2 && a.shape.length > 2 && rows !== undefined) {
    const flat = (x: Tensor) => builder.reshape(x, [rows, x.shape.at(-1)!]);
    return [
      () => builder.reshape(builder.matmul(flat(full()), builder.transpose(b)), a.shape),
      () => builder.matmul(builder.transpose(flat(a)), flat(full())),
    ];
  }
  return [
    () => reduceTo(builder, builder.matmul(full(), builder.transpose(b)), [...output.shape.slice(0, -1), a.shape.at(-1)!], a),
    () => reduceTo(builder, builder.matmul(builder.transpose(a), full()), [...output.shape.slice(0, -2), ...b.shape.slice(-2)], b),
  ];
}

function concatGradient(builder: GraphBuilder, inputs: readonly Tensor[], axis: number, full: () => Tensor): readonly (() => Tensor)[] {
  let start = 0;
  return inputs.map((input) => {
    const from = start;
    start += Number(input.shape[axis]);
    return () => builder.slice(full(), axis, from, from + Number(input.shape[axis]));
  });
}

/** Adds each gathered gradient back onto its row; other axes than 0 are brought to the front and back. */
function gatherGradient({ builder, inputs, meta, full }: RuleContext): Tensor {
  const [x, indices] = [inputs[0]!, inputs[1]!];
  const axis = meta.axis!;
  const rank = x.shape.length;
  const front = [axis, ...range(0, axis), ...range(axis + 1, rank)];
  const gathered = [
    ...range(axis, axis + indices.shape.length),
    ...range(0, axis),
    ...range(axis + indices.shape.length, full().shape.length),
  ];
  const zeros = builder.expandAs(builder.constant(0, x.dtype), axis === 0 ? x : builder.transpose(x, front));
  const updates = axis === 0 ? full() : builder.transpose(full(), gathered);
  const sum = builder.scatterAdd(zeros, indices, updates);
  return axis === 0 ? sum : builder.transpose(sum, inverse(front));
}

function inverse(permutation: readonly number[]): number[] {
  const result: number[] = [];
  permutation.forEach((axis, index) => {
    result[axis] = index;
  });
  return result;
}

function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index);
}

/** Used where a gradient may be smaller than its tensor. */
export function fullGradient(builder: GraphBuilder, gradient: Tensor, like: Tensor): Tensor {
  return sameShape(gradient.shape, like.shape) ? gradient : builder.expandAs(gradient, like);
}
