import { GroundtwinError } from '../errors.ts';
import { cpuKernels, type KernelTypes, kernelType } from './kernels.ts';
import type { AttributeDescription } from './model-proto.ts';
import { elementCount, shapeText } from './shapes.ts';
import { allocate, type DataType, type Dimension, fits, holds, pack, type Shape, type Tensor, type TensorData } from './types.ts';

/** Constants up to this many elements are shared when equal. */
const SHARED_CONSTANT_ELEMENTS = 64;

/** A graph or subgraph under construction. A tensor may be used in its own frame and in every frame opened inside it. */
export interface Frame {
  readonly id: number;
  readonly depth: number;
  readonly parent: Frame | undefined;
  /** Nodes stay in a pinned frame even when they only use outer tensors: a branch must not run its work when it is not taken. */
  readonly pinned: boolean;
  readonly nodes: GraphNode[];
  /** Ids of outer tensors used here. */
  readonly captured: Set<number>;
  open: boolean;
}

export interface Subgraph {
  readonly frame: Frame;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

export interface GraphNode {
  readonly op: string;
  readonly scope: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Readonly<Record<string, AttributeDescription>>;
  readonly subgraphs: Readonly<Record<string, Subgraph>>;
}

/** What the gradient of a tensor is made of: the key of the rule, the tensors it flows to, and forward results the rule reuses. */
export interface Derivation {
  readonly op: string;
  readonly scope: string;
  readonly inputs: readonly Tensor[];
  readonly saved: readonly Tensor[];
  readonly meta: NodeMeta;
}

/** Static facts of a node that its gradient rule reads. */
export interface NodeMeta {
  readonly axes?: readonly number[];
  readonly axis?: number;
  readonly start?: number;
  readonly exponent?: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly low?: number;
  readonly high?: number;
}

export type TensorSource =
  | { readonly kind: 'node'; readonly node: GraphNode }
  | { readonly kind: 'alias'; readonly target: Tensor }
  | { readonly kind: 'input'; readonly name: string | undefined }
  | { readonly kind: 'constant'; readonly data: TensorData; readonly name: string | undefined };

export interface TensorRecord {
  readonly tensor: Tensor;
  readonly frame: Frame;
  readonly source: TensorSource;
  readonly derivation: Derivation | undefined;
}

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, AttributeDescription>>;
  readonly meta?: NodeMeta;
}

/**
 * What a graph under construction is made of: frames, nodes, constants, scopes. `GraphBuilder` adds the operators.
 * Equal nodes are built once. The key is the ids of the inputs, and a stop-gradient copy has its own id, so stopping a gradient is part of the key.
 * A node goes into the outermost frame that has all its inputs, so what does not change inside a loop is computed before it.
 */
export class GraphCore {
  readonly #records: TensorRecord[] = [];
  readonly #known = new Map<string, Tensor>();
  readonly #constants = new Map<string, Tensor>();
  readonly #scopes: string[] = [];
  readonly #inputs: Tensor[] = [];
  readonly #outputs = new Map<string, Tensor>();
  readonly #names = new Set<string>();
  readonly #kernels: KernelTypes;
  #frameCount = 0;
  #frame: Frame;

  /** @param kernels - element types by operator that the runtime can compute; operators it does not list are let through. Default: those of ONNX Runtime on CPUs. */
  constructor(kernels: KernelTypes = cpuKernels) {
    this.#kernels = kernels;
    this.#frame = this.#openFrame(undefined, false);
  }

  /** Names every node built inside `build` by `name`; errors and node names carry the path. */
  scope<T>(name: string, build: () => T): T {
    this.#scopes.push(name);
    try {
      return build();
    } finally {
      this.#scopes.pop();
    }
  }

  /** The path of open scopes. */
  get scopePath(): string {
    return this.#scopes.length === 0 ? 'graph' : this.#scopes.join('/');
  }

  /** A named model input. @throws GRAPH_INVALID on a name used twice. */
  input(name: string, dtype: DataType, shape: Shape): Tensor {
    this.#claim(name);
    const tensor = this.#register(dtype, shape, this.#root(), { kind: 'input', name });
    this.#inputs.push(tensor);
    return tensor;
  }

  /** A named stored tensor, such as a trained weight. @throws GRAPH_INVALID when `data` does not fill `shape`. */
  param(name: string, shape: readonly number[], data: TensorData, dtype: DataType = 'float32'): Tensor {
    this.#claim(name);
    this.#checkData(dtype, shape, data);
    return this.#register(dtype, shape, this.#root(), { kind: 'constant', data, name });
  }

  /** A stored value: a number (shape `[]`), or an array with a shape. @throws GRAPH_INVALID when a number is none of `dtype`, as 0.5 is no int32. */
  constant(value: number | readonly number[] | TensorData, dtype: DataType = 'float32', shape?: readonly number[]): Tensor {
    const data = typeof value === 'number' ? this.#pack(dtype, [value]) : isPlain(value) ? this.#pack(dtype, value) : value;
    const dimensions = shape ?? (typeof value === 'number' ? [] : [data.length]);
    this.#checkData(dtype, dimensions, data);
    if (data.length > SHARED_CONSTANT_ELEMENTS) return this.#constantRecord(dtype, dimensions, data);
    const key = `${dtype}|${dimensions}|${Array.from<number | bigint, string>(data, (element) => (Object.is(element, -0) ? '-0' : String(element)))}`;
    const found = this.#constants.get(key);
    if (found) return found;
    const made = this.#constantRecord(dtype, dimensions, data);
    this.#constants.set(key, made);
    return made;
  }

  /** Names a model output. @throws GRAPH_INVALID on a name used twice, or a tensor of a loop's inside. */
  output(name: string, tensor: Tensor): void {
    this.#claim(name);
    this.#check(tensor);
    if (this.record(tensor).frame.depth !== 0) this.fail(`output '${name}' belongs to the inside of a loop or branch`);
    this.#outputs.set(name, tensor);
  }

  /** The same value, through which no gradient flows. */
  stopGradient(x: Tensor): Tensor {
    return this.composite('StopGradient', [x], () => ({ output: x, saved: [] }));
  }

  /**
   * A tensor computed by several nodes whose gradient comes from one rule of its own, `gradientRules[op]`.
   *
   * @param inputs - where the gradient flows to.
   * @param build - makes the value, and names forward results that the rule reuses.
   */
  composite(op: string, inputs: readonly Tensor[], build: () => { output: Tensor; saved: readonly Tensor[] }, meta: NodeMeta = {}): Tensor {
    const key = `${op}|${inputs.map((input) => this.#check(input).id)}|${JSON.stringify(meta)}`;
    const found = this.#find(key);
    if (found) return found;
    const { output, saved } = build();
    const frame = this.record(output).frame;
    const derivation = { op, scope: this.scopePath, inputs, saved, meta };
    const tensor = this.#register(output.dtype, output.shape, frame, { kind: 'alias', target: output }, derivation);
    this.#known.set(`${frame.id}|${key}`, tensor);
    return tensor;
  }

  /** One node with one output; an equal node built before is returned instead. */
  node(op: string, inputs: readonly Tensor[], dtype: DataType, shape: Shape, options: NodeOptions = {}): Tensor {
    const attributes = options.attributes ?? {};
    const key = `${op}|${inputs.map((input) => this.#check(input).id)}|${dtype}|${JSON.stringify(attributes)}`;
    const found = this.#find(key);
    if (found) return found;
    this.#checkKernel(op, inputs);
    const frame = this.#placement(inputs);
    const derivation = { op, scope: this.scopePath, inputs, saved: [], meta: options.meta ?? {} };
    const outputs: Tensor[] = [];
    const node: GraphNode = { op, scope: this.scopePath, inputs, outputs, attributes, subgraphs: {} };
    const tensor = this.#register(dtype, shape, frame, { kind: 'node', node }, derivation);
    outputs.push(tensor);
    this.#append(frame, node);
    this.#known.set(`${frame.id}|${key}`, tensor);
    return tensor;
  }

  /**
   * Repeats `body` (ONNX Loop). Tensors from outside may be used inside.
   *
   * @param count - int64 `[]`, how many times.
   * @param carried - values handed from one round to the next; shapes and element types must stay the same.
   * @param body - gets the round (int64 `[]`, from 0) and the carried values; returns the next ones and what to collect from each round.
   * @param roundsDimension - name of the leading axis of the collected values.
   * @returns the last carried values, and the collected ones with a leading axis of rounds. No gradient flows through a loop.
   */
  loop(
    count: Tensor,
    carried: readonly Tensor[],
    body: (round: Tensor, carried: readonly Tensor[]) => { carried: readonly Tensor[]; collected: readonly Tensor[] },
    roundsDimension: Dimension = 'rounds',
  ): { carried: Tensor[]; collected: Tensor[] } {
    if (count.dtype !== 'int64' || count.shape.length !== 0) this.fail('loop: the count must be an int64 scalar');
    const condition = this.constant(1, 'bool');
    const frame = this.#openFrame(this.#frame, false);
    const inside = (dtype: DataType, shape: Shape) => this.#register(dtype, shape, frame, { kind: 'input', name: undefined });
    const round = inside('int64', []);
    const go = inside('bool', []);
    const starts = carried.map((tensor) => inside(this.#check(tensor).dtype, tensor.shape));
    const result = this.#inFrame(frame, () => body(round, starts));
    this.#checkCarried(carried, result.carried);
    const subgraph = { frame, inputs: [round, go, ...starts], outputs: [go, ...result.carried, ...result.collected] };
    const shapes: [DataType, Shape][] = [
      ...carried.map((tensor): [DataType, Shape] => [tensor.dtype, tensor.shape]),
      ...result.collected.map((tensor): [DataType, Shape] => [tensor.dtype, [roundsDimension, ...tensor.shape]]),
    ];
    const outputs = this.#severalOutputs('Loop', [count, condition, ...carried], shapes, { body: subgraph });
    return { carried: outputs.slice(0, carried.length), collected: outputs.slice(carried.length) };
  }

  /**
   * Runs one of two branches (ONNX If). Both return the same number of tensors with the same element types and shapes. No gradient flows through it.
   *
   * @param condition - bool `[]`.
   */
  conditional(condition: Tensor, then: () => readonly Tensor[], otherwise: () => readonly Tensor[]): Tensor[] {
    if (condition.dtype !== 'bool' || condition.shape.length !== 0) this.fail('conditional: the condition must be a bool scalar');
    const branch = (build: () => readonly Tensor[]): Subgraph => {
      const frame = this.#openFrame(this.#frame, true);
      return { frame, inputs: [], outputs: this.#inFrame(frame, build) };
    };
    const taken = branch(then);
    const other = branch(otherwise);
    this.#checkCarried(taken.outputs, other.outputs);
    const shapes = taken.outputs.map((tensor): [DataType, Shape] => [tensor.dtype, tensor.shape]);
    return this.#severalOutputs('If', [condition], shapes, { then_branch: taken, else_branch: other });
  }

  /**
   * Cuts the first axis into runs whose lengths are fed (ONNX Split). No gradient flows through it.
   *
   * @param lengths - int64 `[n]`, together as long as the axis.
   * @returns n tensors; their first axes are named `run.0` and so on.
   */
  cutRows(x: Tensor, lengths: Tensor): Tensor[] {
    const [count] = lengths.shape;
    if (lengths.dtype !== 'int64' || lengths.shape.length !== 1 || typeof count !== 'number')
      this.fail(`Split: lengths are ${lengths.dtype} ${shapeText(lengths.shape)}, not int64 of a fixed number`);
    if (x.shape.length === 0) this.fail('Split: a scalar has no rows');
    const shapes = Array.from({ length: count }, (_, i): [DataType, Shape] => [x.dtype, [`run.${i}`, ...x.shape.slice(1)]]);
    return this.#severalOutputs('Split', [x, lengths], shapes, {});
  }

  /** Puts runs of rows one after the other again. @param rows - what their first axis is called together. */
  joinRows(runs: readonly Tensor[], rows: Dimension): Tensor {
    const first = runs[0] ?? this.fail('Concat: nothing to join');
    const rest = first.shape.slice(1);
    for (const { dtype, shape } of runs)
      if (dtype !== first.dtype || shapeText(shape.slice(1)) !== shapeText(rest))
        this.fail(`Concat: ${first.dtype} ${shapeText(first.shape)} and ${dtype} ${shapeText(shape)} along axis 0`);
    return this.node('Concat', runs, first.dtype, [rows, ...rest], { attributes: { axis: { kind: 'int', value: 0 } }, meta: { axis: 0 } });
  }

  /** The stored number of a scalar constant, or undefined for any other tensor. */
  scalarValue(tensor: Tensor): number | undefined {
    const { source } = this.record(tensor);
    if (source.kind !== 'constant' || source.name !== undefined || tensor.shape.length !== 0) return undefined;
    return Number(source.data[0]);
  }

  /** What this builder knows of a tensor. @throws GRAPH_INVALID when the tensor is another builder's. */
  record(tensor: Tensor): TensorRecord {
    const record = this.#records[tensor.id];
    if (!record || record.tensor !== tensor) this.fail(`tensor ${tensor.id} belongs to another builder`);
    return record;
  }

  /** Every tensor so far, in the order built: a node's inputs come before its output. */
  get records(): readonly TensorRecord[] {
    return this.#records;
  }

  get inputs(): readonly Tensor[] {
    return this.#inputs;
  }

  get outputs(): ReadonlyMap<string, Tensor> {
    return this.#outputs;
  }

  /** @throws GRAPH_INVALID, always, naming the open scope. */
  fail(problem: string, scope = this.scopePath): never {
    throw new GroundtwinError('GRAPH_INVALID', { scope, problem });
  }

  #checkKernel(op: string, inputs: readonly Tensor[]): void {
    const dtypes = Object.hasOwn(this.#kernels, op) ? this.#kernels[op]! : undefined;
    const dtype = kernelType(op, inputs);
    if (dtypes && dtype && !dtypes.includes(dtype))
      this.fail(`${op}: the runtime computes ${dtypes.join(', ')}, not ${dtype}; cast it first`);
  }

  #root(): Frame {
    let frame = this.#frame;
    while (frame.parent) frame = frame.parent;
    return frame;
  }

  #openFrame(parent: Frame | undefined, pinned: boolean): Frame {
    const depth = parent ? parent.depth + 1 : 0;
    return { id: this.#frameCount++, depth, parent, pinned, nodes: [], captured: new Set(), open: true };
  }

  #inFrame<T>(frame: Frame, build: () => T): T {
    this.#frame = frame;
    try {
      return build();
    } finally {
      frame.open = false;
      this.#frame = frame.parent!;
    }
  }

  #register(dtype: DataType, shape: Shape, frame: Frame, source: TensorSource, derivation?: Derivation): Tensor {
    const tensor: Tensor = { id: this.#records.length, dtype, shape };
    this.#records.push({ tensor, frame, source, derivation });
    return tensor;
  }

  #constantRecord(dtype: DataType, shape: Shape, data: TensorData): Tensor {
    return this.#register(dtype, shape, this.#root(), { kind: 'constant', data, name: undefined });
  }

  #severalOutputs(
    op: string,
    inputs: readonly Tensor[],
    shapes: readonly [DataType, Shape][],
    subgraphs: Record<string, Subgraph>,
  ): Tensor[] {
    const captured = new Set<Tensor>(inputs);
    for (const subgraph of Object.values(subgraphs)) {
      for (const id of subgraph.frame.captured) captured.add(this.#records[id]!.tensor);
      for (const output of subgraph.outputs) if (this.record(output).frame !== subgraph.frame) captured.add(output);
    }
    const outputs: Tensor[] = [];
    const node: GraphNode = { op, scope: this.scopePath, inputs, outputs, attributes: {}, subgraphs };
    const derivation = { op, scope: this.scopePath, inputs: [...captured], saved: [], meta: {} };
    for (const [dtype, shape] of shapes) outputs.push(this.#register(dtype, shape, this.#frame, { kind: 'node', node }, derivation));
    this.#append(this.#frame, node, [...captured]);
    // The caller's own: the node's are not to be put in another order.
    return [...outputs];
  }

  /** A node that uses outer tensors makes every frame in between capture them. */
  #append(frame: Frame, node: GraphNode, uses: readonly Tensor[] = node.inputs): void {
    frame.nodes.push(node);
    for (const tensor of uses) {
      const { depth } = this.record(tensor).frame;
      for (let at: Frame | undefined = frame; at && at.depth > depth; at = at.parent) at.captured.add(tensor.id);
    }
  }

  #placement(inputs: readonly Tensor[]): Frame {
    const depth = Math.max(0, ...inputs.map((input) => this.record(input).frame.depth));
    let frame = this.#frame;
    while (frame.depth > depth && !frame.pinned) frame = frame.parent!;
    return frame;
  }

  #find(key: string): Tensor | undefined {
    for (let frame: Frame | undefined = this.#frame; frame; frame = frame.parent) {
      const found = this.#known.get(`${frame.id}|${key}`);
      if (found) return found;
    }
    return undefined;
  }

  #check(tensor: Tensor): Tensor {
    if (!this.record(tensor).frame.open) this.fail(`tensor ${tensor.id} belongs to a loop or branch that has ended`);
    return tensor;
  }

  #checkCarried(before: readonly Tensor[], after: readonly Tensor[]): void {
    if (before.length !== after.length) this.fail(`${before.length} values go in but ${after.length} come out`);
    before.forEach((tensor, index) => {
      const next = after[index]!;
      if (tensor.dtype !== next.dtype || shapeText(tensor.shape) !== shapeText(next.shape)) {
        this.fail(`value ${index} is ${tensor.dtype} ${shapeText(tensor.shape)} at first but ${next.dtype} ${shapeText(next.shape)} later`);
      }
    });
  }

  #checkData(dtype: DataType, shape: readonly number[], data: TensorData): void {
    if (!holds(dtype, data)) this.fail(`${dtype} values must be a ${allocate(dtype, 0).constructor.name}, not a ${data.constructor.name}`);
    if (elementCount(shape) !== data.length) this.fail(`${data.length} values do not fill shape ${shapeText(shape)}`);
  }

  #pack(dtype: DataType, values: readonly number[]): TensorData {
    const wrong = values.find((value) => !fits(dtype, value));
    return wrong === undefined ? pack(dtype, values) : this.fail(`${wrong} is no ${dtype}`);
  }

  #claim(name: string): void {
    if (this.#names.has(name)) this.fail(`the name '${name}' is used twice`);
    this.#names.add(name);
  }
}

function isPlain(value: readonly number[] | TensorData): value is readonly number[] {
  return Array.isArray(value);
}
