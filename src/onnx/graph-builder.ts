import { GraphCore, type NodeMeta } from './graph-core.ts';
import { emitModel } from './graph-emitter.ts';
import type { AttributeDescription } from './model-proto.ts';
import { broadcast, elementCount, matmulShape, reducedShape, reshapeTarget, sameShape, shapeText } from './shapes.ts';
import { asBuilt, simplify } from './simplify.ts';
import { type DataType, type Dimension, dataTypeCodes, type Shape, type Tensor } from './types.ts';

/** A tensor, or a number that takes the element type of the other operand. */
export type Operand = Tensor | number;

/**
 * Builds an ONNX graph from typed symbolic tensors. Shapes and element types are checked when a node is built; errors name the open scope.
 * Binary operators broadcast as NumPy does. Axes may be negative. All operators are of the standard ONNX set, version 21.
 *
 * @throws GRAPH_INVALID from every method, when shapes or element types do not fit.
 */
export class GraphBuilder extends GraphCore {
  // elementwise, two operands
  add(a: Operand, b: Operand): Tensor {
    const [x, y] = this.#pair('Add', a, b);
    if (this.scalarValue(x) === 0) return y;
    if (this.scalarValue(y) === 0) return x;
    return this.#binary('Add', x, y);
  }
  sub(a: Operand, b: Operand): Tensor {
    return this.#binary('Sub', ...this.#pair('Sub', a, b));
  }
  mul(a: Operand, b: Operand): Tensor {
    const [x, y] = this.#pair('Mul', a, b);
    if (this.scalarValue(x) === 1) return y;
    if (this.scalarValue(y) === 1) return x;
    return this.#binary('Mul', x, y);
  }
  div(a: Operand, b: Operand): Tensor {
    return this.#binary('Div', ...this.#pair('Div', a, b));
  }
  min(a: Operand, b: Operand): Tensor {
    return this.#binary('Min', ...this.#pair('Min', a, b));
  }
  max(a: Operand, b: Operand): Tensor {
    return this.#binary('Max', ...this.#pair('Max', a, b));
  }
  /** `x` to a fixed exponent. */
  power(x: Tensor, exponent: number): Tensor {
    return this.node('Pow', [x, this.constant(exponent, x.dtype)], x.dtype, x.shape, { meta: { exponent } });
  }

  // comparisons and logic: bool
  greater(a: Operand, b: Operand): Tensor {
    return this.#binary('Greater', ...this.#pair('Greater', a, b), 'bool');
  }
  greaterOrEqual(a: Operand, b: Operand): Tensor {
    return this.#binary('GreaterOrEqual', ...this.#pair('GreaterOrEqual', a, b), 'bool');
  }
  less(a: Operand, b: Operand): Tensor {
    return this.#binary('Less', ...this.#pair('Less', a, b), 'bool');
  }
  lessOrEqual(a: Operand, b: Operand): Tensor {
    return this.#binary('LessOrEqual', ...this.#pair('LessOrEqual', a, b), 'bool');
  }
  equal(a: Operand, b: Operand): Tensor {
    return this.#binary('Equal', ...this.#pair('Equal', a, b), 'bool');
  }
  and(a: Tensor, b: Tensor): Tensor {
    return this.#logic('And', [a, b]);
  }
  or(a: Tensor, b: Tensor): Tensor {
    return this.#logic('Or', [a, b]);
  }
  not(x: Tensor): Tensor {
    return this.#logic('Not', [x]);
  }
  /** `a` where `condition` (bool) holds, else `b`; all three broadcast. */
  where(condition: Tensor, a: Operand, b: Operand): Tensor {
    if (condition.dtype !== 'bool') this.fail(`Where: the condition is ${condition.dtype}, not bool`);
    const [x, y] = this.#pair('Where', a, b);
    const shape = this.#broadcast('Where', condition.shape, this.#broadcast('Where', x.shape, y.shape));
    return this.node('Where', [condition, x, y], x.dtype, shape);
  }

  // elementwise, one operand
  neg(x: Tensor): Tensor {
    return this.node('Neg', [x], x.dtype, x.shape);
  }
  abs(x: Tensor): Tensor {
    return this.node('Abs', [x], x.dtype, x.shape);
  }
  sign(x: Tensor): Tensor {
    return this.node('Sign', [x], x.dtype, x.shape);
  }
  exp(x: Tensor): Tensor {
    return this.#unary('Exp', x);
  }
  log(x: Tensor): Tensor {
    return this.#unary('Log', x);
  }
  sqrt(x: Tensor): Tensor {
    return this.#unary('Sqrt', x);
  }
  tanh(x: Tensor): Tensor {
    return this.#unary('Tanh', x);
  }
  sigmoid(x: Tensor): Tensor {
    return this.#unary('Sigmoid', x);
  }
  relu(x: Tensor): Tensor {
    return this.#unary('Relu', x);
  }
  sin(x: Tensor): Tensor {
    return this.#unary('Sin', x);
  }
  cos(x: Tensor): Tensor {
    return this.#unary('Cos', x);
  }
  floor(x: Tensor): Tensor {
    return this.#unary('Floor', x);
  }
  square(x: Tensor): Tensor {
    return this.mul(x, x);
  }
  /** `x · sigmoid(x)`; its gradient reuses both forward results, in four passes. */
  silu(x: Tensor): Tensor {
    return this.composite('Silu', [x], () => {
      const gate = this.sigmoid(x);
      return { output: this.mul(x, gate), saved: [gate] };
    });
  }
  /** `x · Φ(x)` with the normal distribution's Φ, exact (Hendrycks & Gimpel 2016). */
  gelu(x: Tensor): Tensor {
    return this.composite('Gelu', [x], () => {
      const share = this.mul(this.add(this.#unary('Erf', this.mul(x, Math.SQRT1_2)), 1), 0.5);
      return { output: this.mul(x, share), saved: [share] };
    });
  }
  /**
   * `log(1 + exp(x))` as `max(x, 0) − log(sigmoid(|x|))`: finite for every finite `x`.
   * ONNX Runtime's own kernel handles one number at a time (5 % of an ensemble's training step) and does not exist for float64.
   */
  softplus(x: Tensor): Tensor {
    return this.composite('Softplus', [x], () => {
      const output = this.sub(this.relu(x), this.log(this.sigmoid(this.abs(x))));
      return { output, saved: [] };
    });
  }
  /** `x` held inside [low, high]. The gradient is 1 inside and on the bounds, 0 outside, as in PyTorch. */
  clip(x: Tensor, low: number, high: number): Tensor {
    const bounds = [this.constant(low, x.dtype), this.constant(high, x.dtype)];
    return this.node('Clip', [x, ...bounds], x.dtype, x.shape, { meta: { low, high } });
  }
  cast(x: Tensor, dtype: DataType): Tensor {
    if (x.dtype === dtype) return x;
    return this.node('Cast', [x], dtype, x.shape, { attributes: { to: { kind: 'int', value: dataTypeCodes[dtype] } } });
  }

  // matrices and reductions
  /** `[…, n, k] · […, k, m] → […, n, m]`; leading axes broadcast. */
  matmul(a: Tensor, b: Tensor): Tensor {
    if (a.dtype !== b.dtype) this.fail(`MatMul: ${a.dtype} and ${b.dtype}`);
    const shape = matmulShape(a.shape, b.shape) ?? this.fail(`MatMul: ${shapeText(a.shape)} and ${shapeText(b.shape)} do not fit`);
    return this.node('MatMul', [a, b], a.dtype, shape);
  }
  /** Sum over `axes` (all, if not given). */
  reduceSum(x: Tensor, axes?: readonly number[], keepDimensions = false): Tensor {
    return this.#reduce('ReduceSum', x, axes, keepDimensions);
  }
  reduceMean(x: Tensor, axes?: readonly number[], keepDimensions = false): Tensor {
    return this.#reduce('ReduceMean', x, axes, keepDimensions);
  }
  /** Largest over `axes`; equal largest values share the gradient. */
  reduceMax(x: Tensor, axes?: readonly number[], keepDimensions = false): Tensor {
    return this.#reduce('ReduceMax', x, axes, keepDimensions);
  }
  /** Sum of squares in one pass. */
  reduceSumSquare(x: Tensor, axes?: readonly number[], keepDimensions = false): Tensor {
    return this.#reduce('ReduceSumSquare', x, axes, keepDimensions);
  }
  /** Index of the largest element along `axis`, the first of equals: int64, without that axis. No gradient flows. */
  argMax(x: Tensor, axis = -1): Tensor {
    const at = this.#axis('ArgMax', x, axis);
    const attributes = { axis: { kind: 'int', value: at }, keepdims: { kind: 'int', value: 0 } } as const;
    return this.node('ArgMax', [x], 'int64', reducedShape(x.shape, [at], false), { attributes, meta: { axis: at } });
  }
  softmax(x: Tensor, axis = -1): Tensor {
    return this.#alongAxis('Softmax', x, axis);
  }
  logSoftmax(x: Tensor, axis = -1): Tensor {
    return this.#alongAxis('LogSoftmax', x, axis);
  }

  // shape
  /** Permutes axes; without a permutation, swaps the last two. */
  transpose(x: Tensor, permutation?: readonly number[]): Tensor {
    const axes = permutation ?? swapLast(x.shape.length);
    if ([...axes].sort((a, b) => a - b).some((axis, index) => axis !== index) || axes.length !== x.shape.length) {
      this.fail(`Transpose: [${axes}] is no permutation of ${shapeText(x.shape)}`);
    }
    const attributes = { perm: { kind: 'ints', value: axes } } as const;
    return this.node(
      'Transpose',
      [x],
      x.dtype,
      axes.map((axis) => x.shape[axis]!),
      { attributes, meta: { axes } },
    );
  }
  /** The same elements in row-major order under another shape; at most one symbolic axis may move. */
  reshape(x: Tensor, shape: Shape): Tensor {
    if (sameShape(x.shape, shape)) return x;
    const target = reshapeTarget(x.shape, shape) ?? this.fail(`Reshape: ${shapeText(x.shape)} does not become ${shapeText(shape)}`);
    return this.node('Reshape', [x, this.constant(target, 'int64')], x.dtype, shape);
  }
  concat(tensors: readonly Tensor[], axis: number): Tensor {
    const first = tensors[0] ?? this.fail('Concat: nothing to join');
    const at = this.#axis('Concat', first, axis);
    const shape = tensors.slice(1).reduce<Dimension[]>((joined, next) => this.#joined(joined, first, next, at), [...first.shape]);
    return this.node('Concat', tensors, first.dtype, shape, { attributes: { axis: { kind: 'int', value: at } }, meta: { axis: at } });
  }
  /** Elements `start` to `end` (exclusive) along `axis`. */
  slice(x: Tensor, axis: number, start: number, end: number): Tensor {
    const at = this.#axis('Slice', x, axis);
    const size = x.shape[at]!;
    if (!(start >= 0 && end > start && (typeof size === 'string' || end <= size)))
      this.fail(`Slice: ${start} to ${end} of axis ${at} of ${shapeText(x.shape)}`);
    const bounds = [[start], [end], [at]].map((value) => this.constant(value, 'int64'));
    return this.node('Slice', [x, ...bounds], x.dtype, replaced(x.shape, at, end - start), { meta: { axis: at, start } });
  }
  /** Consecutive slices of the given sizes, which must fill the axis. */
  split(x: Tensor, sizes: readonly number[], axis: number): Tensor[] {
    const at = this.#axis('Split', x, axis);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (x.shape[at] !== total) this.fail(`Split: sizes [${sizes}] do not fill axis ${at} of ${shapeText(x.shape)}`);
    let start = 0;
    return sizes.map((size) => {
      start += size;
      return this.slice(x, at, start - size, start);
    });
  }
  /** Zeros before and after along one axis. */
  pad(x: Tensor, axis: number, before: number, after: number): Tensor {
    const at = this.#axis('Pad', x, axis);
    const size = x.shape[at]!;
    if (typeof size === 'string') this.fail(`Pad: axis ${at} of ${shapeText(x.shape)} has no fixed size`);
    const inputs = [x, this.constant([before, after], 'int64'), this.constant(0, x.dtype), this.constant([at], 'int64')];
    return this.node('Pad', inputs, x.dtype, replaced(x.shape, at, size + before + after), { meta: { axis: at, start: before } });
  }
  /** `x` with `axis` replaced by the axes of `indices` (int32 or int64). */
  gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
    if (indices.dtype !== 'int32' && indices.dtype !== 'int64') this.fail(`Gather: indices are ${indices.dtype}, not int32 or int64`);
    const at = this.#axis('Gather', x, axis);
    const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)];
    return this.node('Gather', [x, indices], x.dtype, shape, { attributes: { axis: { kind: 'int', value: at } }, meta: { axis: at } });
  }
  /** Repeats axes of size 1 (and adds leading ones) until `x` has the shape of `like`. */
  expandAs(x: Tensor, like: Tensor): Tensor {
    if (sameShape(x.shape, like.shape)) return x;
    const shape = broadcast(x.shape, like.shape);
    if (!shape || !sameShape(shape, like.shape)) this.fail(`Expand: ${shapeText(x.shape)} does not fill ${shapeText(like.shape)}`);
    return this.node('Expand', [x, this.shapeOf(like)], x.dtype, like.shape);
  }
  /** As `expandAs`, to a shape without symbolic axes. */
  expand(x: Tensor, shape: readonly number[]): Tensor {
    const result = broadcast(x.shape, shape);
    if (!result || !sameShape(result, shape)) this.fail(`Expand: ${shapeText(x.shape)} does not fill ${shapeText(shape)}`);
    return sameShape(x.shape, shape) ? x : this.node('Expand', [x, this.constant(shape, 'int64')], x.dtype, shape);
  }
  /** Sizes of all axes, int64 `[rank]`. */
  shapeOf(x: Tensor): Tensor {
    if (elementCount(x.shape) !== undefined) return this.constant(x.shape as readonly number[], 'int64');
    return this.node('Shape', [x], 'int64', [x.shape.length]);
  }
  /** Adds `updates` (`[…indices, …rest]`) onto rows of `x` (`[rows, …rest]`); rows named twice get both. */
  scatterAdd(x: Tensor, indices: Tensor, updates: Tensor): Tensor {
    const rows = this.reshape(this.cast(indices, 'int64'), [...indices.shape, 1]);
    if (!sameShape(updates.shape, [...indices.shape, ...x.shape.slice(1)]) || updates.dtype !== x.dtype)
      this.fail(`ScatterND: updates of ${x.dtype} ${shapeText(x.shape)} are ${updates.dtype} ${shapeText(updates.shape)}`);
    return this.node('ScatterND', [x, rows, updates], x.dtype, x.shape, { attributes: { reduction: { kind: 'string', value: 'add' } } });
  }

  /**
   * The bytes of the ONNX model: every named input, and what the named outputs need.
   *
   * @param simplified - false leaves out `simplify`, to compare with.
   */
  toModel({ simplified = true }: { readonly simplified?: boolean } = {}): Uint8Array<ArrayBuffer> {
    if (this.outputs.size === 0) this.fail('there is no output');
    return emitModel(this, simplified ? simplify(this) : asBuilt(this));
  }

  #pair(op: string, a: Operand, b: Operand): [Tensor, Tensor] {
    const dtype = typeof a === 'number' ? (typeof b === 'number' ? 'float32' : b.dtype) : a.dtype;
    const x = typeof a === 'number' ? this.constant(a, dtype) : a;
    const y = typeof b === 'number' ? this.constant(b, dtype) : b;
    if (x.dtype !== y.dtype) this.fail(`${op}: ${x.dtype} and ${y.dtype}; cast one of them`);
    return [x, y];
  }

  #binary(op: string, x: Tensor, y: Tensor, dtype = x.dtype): Tensor {
    return this.node(op, [x, y], dtype, this.#broadcast(op, x.shape, y.shape));
  }

  #unary(op: string, x: Tensor): Tensor {
    return this.node(op, [x], x.dtype, x.shape);
  }

  #logic(op: string, inputs: readonly Tensor[]): Tensor {
    for (const { dtype } of inputs) if (dtype !== inputs[0]!.dtype) this.fail(`${op}: ${inputs[0]!.dtype} and ${dtype}`);
    const shape = inputs.reduce<Shape>((joined, input) => this.#broadcast(op, joined, input.shape), []);
    return this.node(op, inputs, 'bool', shape);
  }

  #reduce(op: string, x: Tensor, axes: readonly number[] | undefined, keepDimensions: boolean): Tensor {
    const chosen = axes ? axes.map((axis) => this.#axis(op, x, axis)).sort((a, b) => a - b) : x.shape.map((_, axis) => axis);
    if (new Set(chosen).size !== chosen.length) this.fail(`${op}: axes [${chosen}] repeat`);
    const attributes = { keepdims: { kind: 'int', value: keepDimensions ? 1 : 0 } } as const;
    const shape = reducedShape(x.shape, chosen, keepDimensions);
    if (chosen.length === 0) return op === 'ReduceSumSquare' ? this.square(x) : x;
    return this.node(op, [x, this.constant(chosen, 'int64')], x.dtype, shape, { attributes, meta: { axes: chosen } });
  }

  #alongAxis(op: string, x: Tensor, axis: number): Tensor {
    const at = this.#axis(op, x, axis);
    const options: { attributes: Record<string, AttributeDescription>; meta: NodeMeta } = {
      attributes: { axis: { kind: 'int', value: at } },
      meta: { axis: at },
    };
    return this.node(op, [x], x.dtype, x.shape, options);
  }

  #joined(joined: readonly Dimension[], first: Tensor, next: Tensor, axis: number): Dimension[] {
    const fits = next.shape.length === joined.length && next.shape.every((size, at) => at === axis || size === joined[at]);
    const sizes = [joined[axis], next.shape[axis]];
    if (!fits || next.dtype !== first.dtype)
      this.fail(`Concat: ${first.dtype} ${shapeText(joined)} and ${next.dtype} ${shapeText(next.shape)} along axis ${axis}`);
    if (typeof sizes[0] !== 'number' || typeof sizes[1] !== 'number') this.fail(`Concat: axis ${axis} has no fixed size`);
    return replaced(joined, axis, sizes[0] + sizes[1]);
  }

  #broadcast(op: string, a: Shape, b: Shape): Dimension[] {
    return broadcast(a, b) ?? this.fail(`${op}: ${shapeText(a)} and ${shapeText(b)} do not fit`);
  }

  #axis(op: string, x: Tensor, axis: number): number {
    const at = axis < 0 ? axis + x.shape.length : axis;
    if (!Number.isInteger(at) || at < 0 || at >= x.shape.length) this.fail(`${op}: there is no axis ${axis} in ${shapeText(x.shape)}`);
    return at;
  }
}

function swapLast(rank: number): number[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  if (rank >= 2) [axes[rank - 2], axes[rank - 1]] = [rank - 1, rank - 2];
  return axes;
}

function replaced(shape: Shape, axis: number, size: Dimension): Dimension[] {
  return shape.map((dimension, at) => (at === axis ? size : dimension));
}
