import { broadcast, elementCount, reducedShape, sameShape } from './shapes.ts';
import type { PlainNode, RewriteContext, RewriteRule } from './simplify.ts';
import { isFloat, type Tensor, type TensorData } from './types.ts';

/** Constants above this many elements are not computed with when a graph is emitted. */
const FOLDED_ELEMENTS = 64;

/**
 * One list of rules an operator, tried in order. Every rule gives the same bits as what it replaces, zeros with their signs:
 * −(a − b) is not b − a, which differ at a = b, and no sum is reordered. Only the sign of a NaN may change.
 */
export const rewriteRules: Readonly<Record<string, readonly RewriteRule[]>> = {
  Add: [folded((a, b) => a + b), unexpanded, addedNegative],
  Sub: [folded((a, b) => a - b), unexpanded, subtractedNegative],
  Mul: [folded((a, b) => a * b), unexpanded, joinedScales],
  Div: [folded((a, b) => a / b), unexpanded],
  Neg: [doubleNegative, negatedProduct],
  Reshape: [reshapedConstant, joinedReshapes, droppedAxes],
  Transpose: [cancelledTransposes],
};

/** Of two constants: rounding a float64 sum, difference, product or quotient of float32 numbers to float32 gives the float32 one. */
function folded(compute: (a: number, b: number) => number): RewriteRule {
  return ({ inputs: [a, b] }, { core, output }) => {
    const [x, y] = [constantOf(core, a!), constantOf(core, b!)];
    if (!x || !y || !isFloat(output.dtype) || (x.length > 1 && y.length > 1)) return undefined;
    const size = elementCount(output.shape)!;
    const values = Array.from({ length: size }, (_, i) => compute(Number(x[i % x.length]), Number(y[i % y.length])));
    return core.constant(values, output.dtype, output.shape as readonly number[]);
  };
}

/** An operand need not be expanded to what the other brings anyway. */
function unexpanded(node: PlainNode, { output, nodeOf }: RewriteContext): PlainNode | undefined {
  for (const [at, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const expanded = nodeOf(node.inputs[at]!);
    if (expanded?.op !== 'Expand') continue;
    const shape = broadcast(expanded.inputs[0]!.shape, node.inputs[other]!.shape);
    if (!shape || !sameShape(shape, output.shape)) continue;
    return { ...node, inputs: node.inputs.map((input, i) => (i === at ? expanded.inputs[0]! : input)) };
  }
  return undefined;
}

/** a + (−b) = a − b */
function addedNegative({ inputs: [a, b] }: PlainNode, { nodeOf }: RewriteContext): PlainNode | undefined {
  for (const [x, y] of [
    [a!, nodeOf(b!)],
    [b!, nodeOf(a!)],
  ] as const)
    if (y?.op === 'Neg') return { op: 'Sub', inputs: [x, y.inputs[0]!], attributes: {} };
  return undefined;
}

/** a − (−b) = a + b */
function subtractedNegative({ inputs: [a, b] }: PlainNode, { nodeOf }: RewriteContext): PlainNode | undefined {
  const negative = nodeOf(b!);
  return negative?.op === 'Neg' ? { op: 'Add', inputs: [a!, negative.inputs[0]!], attributes: {} } : undefined;
}

/** −(−a) = a */
function doubleNegative({ inputs: [x] }: PlainNode, { nodeOf }: RewriteContext): Tensor | undefined {
  const inner = nodeOf(x!);
  return inner?.op === 'Neg' ? inner.inputs[0] : undefined;
}

/** −((−a)·b) = a·b, and so for quotients. */
function negatedProduct({ inputs: [x] }: PlainNode, { nodeOf, usedOnce }: RewriteContext): PlainNode | undefined {
  const product = nodeOf(x!);
  if ((product?.op !== 'Mul' && product?.op !== 'Div') || !usedOnce(x!)) return undefined;
  for (const at of [0, 1]) {
    const negative = nodeOf(product.inputs[at]!);
    if (negative?.op !== 'Neg') continue;
    return { ...product, inputs: product.inputs.map((input, i) => (i === at ? negative.inputs[0]! : input)) };
  }
  return undefined;
}

/** (x·a)·b = x·(a·b) for constants, one of which is a power of two: multiplying by that rounds nothing. */
function joinedScales({ inputs }: PlainNode, { core, nodeOf, usedOnce }: RewriteContext): PlainNode | undefined {
  const outer = factorOf(core, inputs);
  const inner = outer && usedOnce(outer.rest) ? nodeOf(outer.rest) : undefined;
  const factor = inner?.op === 'Mul' ? factorOf(core, inner.inputs) : undefined;
  if (!outer || !factor || (outer.data.length > 1 && factor.data.length > 1)) return undefined;
  if (![outer, factor].some(({ data }) => data.length === 1 && isPowerOfTwo(Number(data[0])))) return undefined;
  const larger = outer.data.length > 1 ? outer : factor;
  const values = Array.from(
    { length: larger.data.length },
    (_, i) => Number(outer.data[i % outer.data.length]) * Number(factor.data[i % factor.data.length]),
  );
  const shape = broadcast(outer.constant.shape, factor.constant.shape) as number[];
  return { op: 'Mul', inputs: [factor.rest, core.constant(values, outer.constant.dtype, shape)], attributes: {} };
}

/** The same constant under another shape. */
function reshapedConstant({ inputs: [x] }: PlainNode, { core, output }: RewriteContext): Tensor | undefined {
  const data = constantOf(core, x!);
  return data && elementCount(output.shape) !== undefined
    ? core.constant(data, output.dtype, output.shape as readonly number[])
    : undefined;
}

function joinedReshapes({ inputs: [x, target] }: PlainNode, { core, output, nodeOf }: RewriteContext): Tensor | PlainNode | undefined {
  const inner = nodeOf(x!);
  if (inner?.op !== 'Reshape') return undefined;
  const start = inner.inputs[0]!;
  if (elementCount(start.shape) !== undefined && sameShape(start.shape, output.shape)) return start;
  // A 0 stands for a size of the input.
  const sizes = constantOf(core, target!);
  return sizes && Array.from<number | bigint, number>(sizes, Number).every((size) => size !== 0)
    ? { op: 'Reshape', inputs: [start, target!], attributes: {} }
    : undefined;
}

/** A reduction that keeps its axes as 1, when they are taken away afterwards. */
function droppedAxes({ inputs: [x] }: PlainNode, { core, output, nodeOf, usedOnce }: RewriteContext): PlainNode | undefined {
  const inner = nodeOf(x!);
  const axes = inner?.op.startsWith('Reduce') && inner.inputs[1] ? constantOf(core, inner.inputs[1]) : undefined;
  if (!inner || !axes || !usedOnce(x!)) return undefined;
  const dropped = reducedShape(inner.inputs[0]!.shape, Array.from<number | bigint, number>(axes, Number), false);
  return sameShape(dropped, output.shape) ? { ...inner, attributes: { keepdims: { kind: 'int', value: 0 } } } : undefined;
}

/** Only where nothing is left to do: ONNX Runtime takes a swap of the last two axes into a product of matrices, other permutations not. */
function cancelledTransposes({ inputs: [x], attributes }: PlainNode, { nodeOf }: RewriteContext): Tensor | undefined {
  const inner = nodeOf(x!);
  if (inner?.op !== 'Transpose') return undefined;
  const [first, second] = [axesOf(inner.attributes), axesOf(attributes)];
  return second.every((axis, index) => first[axis] === index) ? inner.inputs[0] : undefined;
}

function axesOf({ perm }: PlainNode['attributes']): readonly number[] {
  return perm?.kind === 'ints' ? perm.value : [];
}

interface Factor {
  readonly constant: Tensor;
  readonly data: TensorData;
  readonly rest: Tensor;
}

/** The constant and the other operand of a product of floats. */
function factorOf(core: RewriteContext['core'], [a, b]: readonly Tensor[]): Factor | undefined {
  if (!isFloat(a!.dtype)) return undefined;
  for (const [constant, rest] of [
    [a!, b!],
    [b!, a!],
  ] as const) {
    const data = constantOf(core, constant);
    if (data) return { constant, data, rest };
  }
  return undefined;
}

/** Values of a small constant; a parameter is none, whose name must stay. */
function constantOf(core: RewriteContext['core'], tensor: Tensor): TensorData | undefined {
  const { source } = core.record(tensor);
  return source.kind === 'constant' && source.name === undefined && source.data.length <= FOLDED_ELEMENTS ? source.data : undefined;
}

function isPowerOfTwo(value: number): boolean {
  return value !== 0 && Number.isFinite(value) && Number.isInteger(Math.log2(Math.abs(value)));
}
