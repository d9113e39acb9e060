/** What each operator gives for what it is given: one rule an operator, after the ONNX specification of operators. */
import { allKnown, broadcast, countOf, equal, isFixed, nothing, of, over, plus, type Size, scaled, sound, times } from './row-sizes.ts';
import type { StoredNode, StoredTensor } from './stored-graph.ts';

/** What is known of one tensor. */
export interface Fact {
  readonly shape: readonly Size[];
  /** Of small integer tensors, flat. */
  readonly values?: readonly Size[] | undefined;
  /** Of rows that were cut into runs of unknown length: which of them. Its first axis is then the most that it can be, all rows. */
  readonly run?: Run | undefined;
}

export interface Run {
  /** The node that cut them. */
  readonly cut: StoredNode;
  readonly index: number;
}

/** Facts of a node's outputs, and what it does beyond one operation an element. Undefined where it cannot be told. */
export type Rule = (node: StoredNode, inputs: readonly (Fact | undefined)[]) => Outcome | undefined;

export interface Outcome {
  readonly facts: readonly Fact[];
  readonly operations?: Size | undefined;
  /** Elements of memory that it takes beside what it gives. */
  readonly scratch?: Size | undefined;
}

/** Codes of `TensorProto.DataType`. */
const [int32Type, int64Type] = [6, 7];

/** An exponential costs about this many additions. */
export const elementOperations = 10;

export function factOfTensor({ shape, integers }: StoredTensor): Fact {
  return { shape: shape.map(of), values: integers?.map(of) };
}

export function integerOf(node: StoredNode, name: string, otherwise: number): number {
  return node.attributes.get(name)?.integer ?? otherwise;
}

export function axisOf(axis: number, rank: number): number | undefined {
  const at = axis < 0 ? axis + rank : axis;
  return at >= 0 && at < rank ? at : undefined;
}

/** Axes or sizes as constants: from an attribute, or from an input. */
function constantsOf(node: StoredNode, name: string, input: Fact | undefined): readonly number[] | undefined {
  const listed = node.attributes.get(name)?.integers;
  if (listed && listed.length > 0) return listed;
  return input?.values?.every(isFixed) ? input.values.map(({ fixed }) => fixed) : undefined;
}

/** @param values - flat; as many as the shape has elements, or they are not kept. */
function one(shape: readonly Size[] | undefined, values?: readonly (Size | undefined)[]): Outcome | undefined {
  if (!shape) return undefined;
  const isWhole = values !== undefined && equal(countOf(shape) ?? nothing, of(values.length));
  return { facts: [isWhole && allKnown(values) ? { shape, values } : { shape }] };
}

/** With what it does beyond one operation an element. */
function worked(shape: readonly Size[] | undefined, operations: Size | undefined): Outcome | undefined {
  return shape && operations && { facts: [{ shape }], operations };
}

const sameShape: Rule = (_, [x]) => x && one(x.shape);
const sameValues: Rule = (_, [x]) => x && one(x.shape, x.values);

const joinedShape: Rule = (_, inputs) => {
  if (!allKnown(inputs)) return undefined;
  const shape = inputs.reduce<readonly Size[] | undefined>((joined, { shape: next }) => joined && broadcast(joined, next), []);
  return one(shape);
};

/** Elementwise, on sizes too where all sides are known: values that meet are of one shape, or one of them is single. */
function arithmetic(act: (a: Size, b: Size) => Size | undefined): Rule {
  return (node, inputs) => {
    const outcome = joinedShape(node, inputs);
    const [a, b] = inputs.map((input) => input?.values);
    if (!outcome || !a || !b || !meetOneToOne(inputs)) return outcome;
    const values = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => {
      const operands = [small(a[i % a.length]!), small(b[i % b.length]!)];
      return allKnown(operands) ? small(sound(act(operands[0]!, operands[1]!))) : undefined;
    });
    return one(outcome.facts[0]!.shape, values);
  };
}

function meetOneToOne(inputs: readonly (Fact | undefined)[]): boolean {
  if (!allKnown(inputs)) return false;
  const several = inputs.filter(({ values }) => values?.length !== 1);
  const isLikeFirst = ({ shape }: Fact) =>
    shape.length === several[0]!.shape.length && shape.every((size, axis) => equal(size, several[0]!.shape[axis]!));
  return several.every(isLikeFirst);
}

/** Whole numbers that no integer type wraps round and every double holds; of others nothing is known. */
function small(size: Size | undefined): Size | undefined {
  const isSmall = (value: number) => Number.isInteger(value) && Math.abs(value) < 2 ** 31;
  return size && isSmall(size.fixed) && (isFixed(size) ? true : Math.abs(size.perRow) < 2 ** 31) ? size : undefined;
}

/** Integers stay what they are as wider ones. */
const cast: Rule = (node, [x]) => {
  const type = integerOf(node, 'to', 0);
  const isKept = (size: Size) => small(size) && (type === int64Type || (type === int32Type && isFixed(size)));
  return x && one(x.shape, x.values?.every(isKept) ? x.values : undefined);
};

const wholeQuotient = (a: Size, b: Size) => (isFixed(a) && isFixed(b) && b.fixed !== 0 ? of(Math.trunc(a.fixed / b.fixed)) : undefined);

function equality(a: Size, b: Size): Size | undefined {
  if (isFixed(a) && isFixed(b)) return of(a.fixed === b.fixed ? 1 : 0);
  // A size that grows is never negative.
  const fixed = isFixed(a) ? a : b;
  return isFixed(fixed) && fixed.fixed < 0 ? of(0) : undefined;
}

const where: Rule = (node, inputs) => {
  const outcome = joinedShape(node, inputs);
  const [condition, a, b] = inputs.map((input) => input?.values);
  if (!outcome || !condition?.every(isFixed) || !a || !b || !meetOneToOne(inputs)) return outcome;
  const length = Math.max(condition.length, a.length, b.length);
  const chosen = Array.from({ length }, (_, i) => (condition[i % condition.length]!.fixed ? a[i % a.length] : b[i % b.length]));
  return one(outcome.facts[0]!.shape, chosen);
};

const matrixProduct: Rule = (_, [a, b]) => {
  if (!a || !b || a.shape.length < 2 || b.shape.length < 2) return undefined;
  const lead = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = lead && [...lead, a.shape.at(-2)!, b.shape.at(-1)!];
  return shape && worked(shape, productOperations(shape, a.shape.at(-1)!));
};

function productOperations(shape: readonly Size[], inner: Size | undefined): Size | undefined {
  const elements = countOf(shape);
  return elements && inner && times(scaled(elements, 2), inner);
}

const gemm: Rule = (node, [a, b]) => {
  if (a?.shape.length !== 2 || b?.shape.length !== 2) return undefined;
  const [rows, inner] = integerOf(node, 'transA', 0) ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const shape = [rows, integerOf(node, 'transB', 0) ? b.shape[0]! : b.shape[1]!];
  return worked(shape, productOperations(shape, inner));
};

/** 0 keeps an axis, one −1 takes what is left. */
const reshape: Rule = (node, [x, target]) => {
  const count = x && countOf(x.shape);
  if (!count || !target?.values || integerOf(node, 'allowzero', 0) !== 0) return undefined;
  const isRest = (size: Size) => isFixed(size) && size.fixed === -1;
  const kept = target.values.map((size, axis) => (isFixed(size) && size.fixed === 0 ? x.shape[axis] : size));
  if (!allKnown<Size>(kept) || kept.filter(isRest).length > 1) return undefined;
  return filledUp(kept, count, x.values);
};

function filledUp(shape: readonly Size[], count: Size, values: Fact['values']): Outcome | undefined {
  const isRest = (size: Size) => isFixed(size) && size.fixed === -1;
  const known = countOf(shape.filter((size) => !isRest(size)));
  const rest = known && sound(over(count, known));
  if (!rest || (!shape.some(isRest) && !equal(known, count))) return undefined;
  return one(
    shape.map((size) => (isRest(size) ? rest : size)),
    values,
  );
}

const flatten: Rule = (node, [x]) => {
  const at = x && integerOf(node, 'axis', 1);
  if (!x || at === undefined || at < 0) return undefined;
  const sides = [countOf(x.shape.slice(0, at)), countOf(x.shape.slice(at))];
  return allKnown(sides) ? one(sides) : undefined;
};

const transpose: Rule = (node, [x]) => {
  if (!x) return undefined;
  const given = node.attributes.get('perm')?.integers ?? [];
  const order = given.length > 0 ? given : x.shape.map((_, axis) => x.shape.length - 1 - axis);
  const isPermutation = order.length === x.shape.length && new Set(order).size === order.length;
  const shape = order.map((axis) => x.shape[axis]);
  return isPermutation && allKnown(shape) ? one(shape) : undefined;
};

const concat: Rule = (node, inputs) => {
  if (!allKnown(inputs)) return undefined;
  const [first] = inputs;
  const at = first && axisOf(integerOf(node, 'axis', 0), first.shape.length);
  if (at === undefined || inputs.some(({ shape }) => shape.length !== first!.shape.length)) return undefined;
  const total = inputs.map(({ shape }) => shape[at]!).reduce(plus, nothing);
  const values =
    first!.shape.length === 1
      ? inputs.flatMap(({ values: own, shape }): readonly (Size | undefined)[] => own ?? shape.map(() => undefined))
      : undefined;
  return one(
    first!.shape.map((size, axis) => (axis === at ? total : size)),
    values,
  );
};

/** Without its exact bounds a slice is counted as large as what it is taken from, and then no shape may hang on it. */
const slice: Rule = (node, [x, starts, ends, axes, steps]) => {
  const from = constantsOf(node, 'starts', starts);
  const to = constantsOf(node, 'ends', ends);
  const along = constantsOf(node, 'axes', axes) ?? x?.shape.map((_, axis) => axis);
  if (!x || !from || !to || !along || (steps && !steps.values?.every((step) => equal(step, of(1))))) return undefined;
  const shape = [...x.shape];
  let values = x.shape.length === 1 ? x.values : undefined;
  for (const [i, axis] of along.slice(0, from.length).entries()) {
    const at = axisOf(axis, shape.length);
    const bounds = at === undefined ? undefined : sliceBounds(shape[at]!, from[i]!, to[i]!);
    if (at === undefined || !bounds) return undefined;
    shape[at] = bounds.size;
    values = bounds.exact && values?.slice(bounds.exact[0], bounds.exact[1]);
  }
  return one(shape, values);
};

function sliceBounds(size: Size, from: number, to: number): { size: Size; exact?: readonly [number, number] } | undefined {
  if (!isFixed(size)) return from === 0 && to > 2 ** 31 - 2 ? { size } : undefined;
  const within = (at: number) => Math.min(Math.max(at < 0 ? at + size.fixed : at, 0), size.fixed);
  const [start, end] = [within(from), within(to)];
  return { size: of(Math.max(0, end - start)), exact: [start, Math.max(start, end)] };
}

const split: Rule = (node, [x, sizes]) => {
  const at = x && axisOf(integerOf(node, 'axis', 0), x.shape.length);
  if (!x || at === undefined || integerOf(node, 'num_outputs', node.outputs.length) !== node.outputs.length) return undefined;
  const given = constantsOf(node, 'split', sizes);
  // Lengths that are fed: the runtime refuses those that do not fill the axis.
  if (!given && sizes)
    return at === 0 ? { facts: node.outputs.map((_, index) => ({ shape: x.shape, run: { cut: node, index } })) } : undefined;
  if (given && given.length !== node.outputs.length) return undefined;
  const even = isFixed(x.shape[at]!) ? Math.ceil(x.shape[at]!.fixed / node.outputs.length) : undefined;
  if (!given && (even === undefined || even * node.outputs.length !== x.shape[at]!.fixed)) return undefined;
  return { facts: node.outputs.map((_, i) => ({ shape: x.shape.map((size, axis) => (axis === at ? of(given?.[i] ?? even!) : size)) })) };
};

const gather: Rule = (node, [x, indices]) => {
  const at = x && axisOf(integerOf(node, 'axis', 0), x.shape.length);
  if (!x || !indices || at === undefined) return undefined;
  const chosen = x.shape.length === 1 && x.values && indices.values?.map((at) => (isFixed(at) ? x.values!.at(at.fixed) : undefined));
  return one([...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)], chosen || undefined);
};

const unsqueeze: Rule = (node, [x, axes]) => {
  const given = constantsOf(node, 'axes', axes);
  if (!x || !given) return undefined;
  const rank = x.shape.length + given.length;
  const added = new Set(given.map((axis) => axisOf(axis, rank)));
  if (added.size !== given.length || added.has(undefined)) return undefined;
  const rest = [...x.shape];
  return one(
    Array.from({ length: rank }, (_, axis) => (added.has(axis) ? of(1) : rest.shift()!)),
    x.values,
  );
};

const squeeze: Rule = (node, [x, axes]) => {
  const given = constantsOf(node, 'axes', axes)?.map((axis) => axisOf(axis, x?.shape.length ?? 0));
  if (!x || !given?.every((axis) => axis !== undefined && equal(x.shape[axis]!, of(1)))) return undefined;
  return one(
    x.shape.filter((_, axis) => !given.includes(axis)),
    x.values,
  );
};

const expand: Rule = (_, [x, target]) => {
  if (!x || !target?.values?.every((size) => sound(size) && (!isFixed(size) || size.fixed >= 0))) return undefined;
  return one(broadcast(x.shape, target.values));
};

const tile: Rule = (_, [x, repeats]) => {
  const shape = repeats?.values && x?.shape.map((size, axis) => repeats.values![axis] && times(size, repeats.values![axis]!));
  return shape && allKnown(shape) ? one(shape) : undefined;
};

const shapeRule: Rule = (node, [x]) => {
  const sizes = x?.shape.slice(integerOf(node, 'start', 0), node.attributes.get('end')?.integer);
  return sizes && one([of(sizes.length)], sizes);
};

const filled: Rule = (node, [target]) => {
  const value = node.attributes.get('value')?.tensor;
  const known = target?.values?.length === 1 && isFixed(target.values[0]!) && target.values[0]!.fixed <= 64;
  const integer = value?.integers?.[0];
  const values = known && integer !== undefined ? Array.from({ length: target.values[0]!.fixed }, () => of(integer)) : undefined;
  return target?.values && one(target.values, values);
};

const constant: Rule = (node) => {
  const [name, { tensor, integer, integers }] = [...node.attributes][0] ?? ['', { tensor: undefined, integer: undefined, integers: [] }];
  if (tensor) return { facts: [factOfTensor(tensor)] };
  if (name === 'value_ints') return one([of(integers.length)], integers.map(of));
  if (name === 'value_int' || name === 'value_float') return one([], [integer === undefined ? undefined : of(integer)]);
  return undefined;
};

const reduce: Rule = (node, [x, axes]) => {
  const given = constantsOf(node, 'axes', axes)?.map((axis) => axisOf(axis, x?.shape.length ?? 0));
  // What an empty list of axes means hangs on the version of the operator.
  if (!x || (node.inputs[1] && !given) || given?.includes(undefined) || given?.length === 0) return undefined;
  if (!given && integerOf(node, 'noop_with_empty_axes', 0) !== 0) return undefined;
  return reduced(node, x, given ?? x.shape.map((_, axis) => axis));
};

const reduceOneAxis: Rule = (node, [x]) => {
  const at = x && axisOf(integerOf(node, 'axis', 0), x.shape.length);
  return at === undefined ? undefined : reduced(node, x!, [at]);
};

function reduced(node: StoredNode, x: Fact, axes: readonly (number | undefined)[]): Outcome | undefined {
  const keeps = integerOf(node, 'keepdims', 1) !== 0;
  const shape = keeps
    ? x.shape.map((size, axis) => (axes.includes(axis) ? of(1) : size))
    : x.shape.filter((_, axis) => !axes.includes(axis));
  return worked(shape, countOf(x.shape));
}

const normalised: Rule = (node, [x]) => {
  if (!x || node.outputs.length > 1) return undefined;
  const elements = countOf(x.shape);
  return worked(x.shape, elements && scaled(elements, elementOperations));
};

const pad: Rule = (node, [x, pads, , axes]) => {
  const given = constantsOf(node, 'pads', pads);
  const along = constantsOf(node, 'axes', axes) ?? x?.shape.map((_, axis) => axis);
  if (!x || !given || !along || given.length !== 2 * along.length || given.some((length) => length < 0)) return undefined;
  const shape = [...x.shape];
  for (const [i, axis] of along.entries()) {
    const at = axisOf(axis, shape.length);
    if (at === undefined) return undefined;
    shape[at] = plus(shape[at]!, of(given[i]! + given[i + along.length]!));
  }
  return one(shape);
};

/** Attributes of a convolution, with their defaults, for each of its spatial axes. */
function windowOf(node: StoredNode, weight: Fact) {
  const listed = (name: string, otherwise: number, length: number) => {
    const given = node.attributes.get(name)?.integers ?? [];
    return given.length > 0 ? given : new Array<number>(length).fill(otherwise);
  };
  const kernel = weight.shape.slice(2).map(({ fixed }) => fixed);
  const { length } = kernel;
  const automatic = (node.attributes.get('auto_pad')?.text ?? 'NOTSET') !== 'NOTSET' || node.attributes.has('output_shape');
  return {
    automatic,
    kernel,
    strides: listed('strides', 1, length),
    dilations: listed('dilations', 1, length),
    pads: listed('pads', 0, 2 * length),
    extra: listed('output_padding', 0, length),
  };
}

function convolution(isTransposed: boolean): Rule {
  return (node, [x, weight]) => {
    if (!x || !weight || weight.shape.length !== x.shape.length) return undefined;
    if (![...x.shape.slice(1), ...weight.shape.slice(1)].every(isFixed)) return undefined;
    const { automatic, kernel, strides, dilations, pads, extra } = windowOf(node, weight);
    if (automatic || strides.some((stride) => stride < 1)) return undefined;
    const spatial = kernel.map((length, axis) => {
      const size = x.shape[axis + 2]!.fixed;
      const reach = dilations[axis]! * (length - 1) + 1;
      const padded = pads[axis]! + pads[axis + kernel.length]!;
      const out = isTransposed
        ? strides[axis]! * (size - 1) + extra[axis]! + reach - padded
        : Math.floor((size + padded - reach) / strides[axis]!) + 1;
      return out >= 0 ? of(out) : undefined;
    });
    const channels = isTransposed ? scaled(weight.shape[1]!, integerOf(node, 'group', 1)) : weight.shape[0]!;
    if (!allKnown(spatial)) return undefined;
    const shape = [x.shape[0]!, channels, ...spatial];
    // Each output of a convolution, or each input of a transposed one, meets a whole window of the weights.
    const elements = countOf(isTransposed ? x.shape : shape);
    const window = countOf(weight.shape.slice(1));
    // Of one image, unrolled: a column of window elements for each place that the window is laid on.
    const places = countOf(isTransposed ? x.shape.slice(2) : spatial);
    const scratch = places && window && times(places, window);
    const outcome = scratch && worked(shape, elements && window && times(scaled(elements, 2), window));
    return outcome && { ...outcome, scratch };
  };
}

/** @param gates - 3 of a GRU, 4 of an LSTM. */
function recurrence(gates: number): Rule {
  return (node, [x, weight]) => {
    const hidden = of(integerOf(node, 'hidden_size', 0));
    if (x?.shape.length !== 3 || weight?.shape.length !== 3 || integerOf(node, 'layout', 0) !== 0) return undefined;
    const [length, batch, width] = x.shape as [Size, Size, Size];
    const directions = weight.shape[0]!;
    const last = [directions, batch, hidden];
    const elements = countOf([length, ...last]);
    const operations = elements && times(scaled(elements, 2 * gates), plus(width, hidden));
    const facts = [{ shape: [length, ...last] }, { shape: last }, { shape: last }].slice(0, node.outputs.length);
    return operations && elements && { facts, operations, scratch: scaled(elements, gates + 1) };
  };
}

function all(names: string, rule: Rule): Record<string, Rule> {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

const unary =
  'Abs Acos Acosh Asin Asinh Atan Atanh Ceil Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh ThresholdedRelu';
const binary = 'And Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Or Pow PRelu Sum Xor';
/** Every element by itself, or with those at the same place. */
export const elementwise: ReadonlySet<string> = new Set([...unary.split(' '), ...binary.split(' '), 'Add', 'Sub', 'Mul', 'Div']);

export const costRules: Readonly<Record<string, Rule>> = {
  ...all(unary, sameShape),
  Cast: cast,
  Identity: sameValues,
  ...all(binary, joinedShape),
  ...all(
    'Softmax LogSoftmax LayerNormalization RMSNormalization InstanceNormalization GroupNormalization LpNormalization BatchNormalization',
    normalised,
  ),
  ...all('ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare', reduce),
  ...all('ArgMax ArgMin', reduceOneAxis),
  Add: arithmetic(plus),
  Sub: arithmetic((a, b) => plus(a, scaled(b, -1))),
  Mul: arithmetic(times),
  Div: arithmetic(wholeQuotient),
  Equal: arithmetic(equality),
  Where: where,
  MatMul: matrixProduct,
  Gemm: gemm,
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Concat: concat,
  Slice: slice,
  Split: split,
  Gather: gather,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Expand: expand,
  Tile: tile,
  Shape: shapeRule,
  ConstantOfShape: filled,
  Constant: constant,
  Pad: pad,
  Conv: convolution(false),
  ConvTranspose: convolution(true),
  GRU: recurrence(3),
  LSTM: recurrence(4),
};
