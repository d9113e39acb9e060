/**
 * Policies as ONNX graphs, from anywhere. Inputs: `observation`, float32 `[N, size]` (a dictionary: one input a key, nested keys joined by dots), of any box as
 * floats. Outputs: `action`, float32 `[N, size]` for a box, clipped to it; int64 `[N]` for Discrete, `[N, choices]` for MultiDiscrete (a dictionary: one a key).
 * A policy may remember: an input `memory`, float32 `[N, K]`, zeros when episodes begin, then what the output `nextMemory` of the same shape gave a step ago.
 */
import type { Policy } from '../../src/core/policy.ts';
import { GroundtwinError } from '../../src/errors.ts';
import type { ModelInspection, ModelValue, OnnxData, OnnxRuntime, OnnxSession, OnnxTensor } from '../../src/onnx/index.ts';
import { allocate, type Leaf, type Space, sizeOf, type TypedArray, type Values } from '../../src/spaces/space.ts';
import { inspectSafely } from '../../src/world-model/model-folder.ts';

/** Of the env that it acts in. */
export interface PolicySpaces {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly lanes: number;
}

/** A policy that holds memory of its runtime until closed. */
export interface OpenPolicy extends Policy {
  close(): Promise<void>;
}

/** A tensor of the graph, and the part of a space that it stands for. */
interface Port {
  readonly name: string;
  readonly space: Leaf;
  readonly path: readonly string[];
}

/**
 * Loads an untrusted policy.
 * @param bytes - of the graph. @param name - how errors call it.
 * @throws MODEL_REFUSED, MODEL_INVALID; MODEL_STOPPED from a runtime with limits.
 */
export async function onnxPolicy(runtime: OnnxRuntime, bytes: Uint8Array, spaces: PolicySpaces, name = 'a policy'): Promise<OpenPolicy> {
  const inputs = portsOf(spaces.observationSpace, 'observation');
  const outputs = portsOf(spaces.actionSpace, 'action');
  const graph = inspectSafely(name, bytes);
  checkPorts(name, 'input', graph.inputs, inputs, () => 'float32');
  checkPorts(name, 'output', graph.outputs, outputs, outputType);
  const memorySize = memorySizeOf(name, graph, inputs);
  for (const input of graph.inputs)
    if (!(input.name === MEMORY && memorySize > 0) && !inputs.some((port) => port.name === input.name))
      refuse(name, `it asks for an input '${input.name}' that the env does not have`);
  const session = await runtime.load(bytes, { name });
  return new OnnxPolicy(name, session, spaces, { inputs, outputs, memorySize });
}

const MEMORY = 'memory';
const NEXT_MEMORY = 'nextMemory';
/** A policy remembers no more than this, in numbers a lane. */
const largestMemory = 1 << 16;

/** 0 = it remembers nothing. A part of the observation may be called memory too. */
function memorySizeOf(name: string, { inputs, outputs }: ModelInspection, ports: readonly Port[]): number {
  const given = inputs.find((input) => input.name === MEMORY);
  if (!given || ports.some((port) => port.name === MEMORY)) return 0;
  const width = given.shape[1];
  if (given.shape.length !== 2 || typeof width !== 'number' || !(width >= 1 && width <= largestMemory))
    return refuse(name, `input '${MEMORY}' has shape [${given.shape}]; it must be [N, K], K from 1 to ${largestMemory}`);
  for (const [what, tensor] of [
    [`input '${MEMORY}'`, given],
    [`output '${NEXT_MEMORY}'`, outputs.find((output) => output.name === NEXT_MEMORY)],
  ] as const) {
    if (!tensor) return refuse(name, `its graph has an input '${MEMORY}', but no ${what}`);
    if (tensor.dtype !== 'float32') refuse(name, `${what} is ${tensor.dtype ?? 'not a tensor'}; it must be float32`);
    if (typeof tensor.shape[0] === 'number') refuse(name, `${what} is fixed to ${tensor.shape[0]} rows; the first axis must be free`);
  }
  return width;
}

/** What goes into a graph and comes out of it. */
interface Ports {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly memorySize: number;
}

class OnnxPolicy implements OpenPolicy {
  readonly name: string;
  private readonly session: OnnxSession;
  private readonly lanes: number;
  private readonly ports: Ports;
  private readonly actions: Values;
  /** float32 `[lanes, memorySize]` */
  private memory: Float32Array;

  constructor(name: string, session: OnnxSession, { actionSpace, lanes }: PolicySpaces, ports: Ports) {
    this.name = name;
    this.session = session;
    this.lanes = lanes;
    this.ports = ports;
    this.actions = allocate(actionSpace, lanes);
    this.memory = new Float32Array(lanes * ports.memorySize);
  }

  /** Nothing but the memory to forget, and no randomness: the graph is a function of observation and memory. */
  reset(): void {
    this.memory = new Float32Array(this.memory.length);
  }

  /** @throws MODEL_REFUSED for outputs of another length or type; RUNTIME_FAILED. */
  async act(observation: Values): Promise<Values> {
    const feeds: Record<string, OnnxTensor> = {};
    const { inputs, outputs, memorySize } = this.ports;
    for (const { name, space, path } of inputs) {
      const data = partAt(observation, path);
      feeds[name] = {
        type: 'float32',
        data: data instanceof Float32Array ? data : Float32Array.from(data),
        dims: [this.lanes, sizeOf(space)],
      };
    }
    const names = outputs.map(({ name }) => name);
    if (memorySize === 0) return this.taken(await this.session.run(feeds, names));
    feeds[MEMORY] = { type: 'float32', data: this.memory, dims: [this.lanes, memorySize] };
    const results = await this.session.run(feeds, [...names, NEXT_MEMORY]);
    const next = results[NEXT_MEMORY];
    if (next?.type !== 'float32' || next.data.length !== this.memory.length)
      refuse(this.name, `it returned ${describe(next)} as ${NEXT_MEMORY}; it must be float32 with ${this.memory.length} numbers`);
    this.memory = next.data as Float32Array;
    return this.taken(results);
  }

  close(): Promise<void> {
    return this.session.release();
  }

  private taken(results: Readonly<Record<string, OnnxTensor>>): Values {
    for (const port of this.ports.outputs) this.take(port, results[port.name]);
    return this.actions;
  }

  private take({ name, space, path }: Port, tensor: OnnxTensor | undefined): void {
    const into = partAt(this.actions, path);
    if (tensor?.type !== outputType(space) || tensor.data.length !== into.length)
      refuse(this.name, `it returned ${describe(tensor)} as ${name}; it must be ${outputType(space)} with ${into.length} numbers`);
    const data = tensor.data as Exclude<OnnxData, readonly string[]>;
    const size = sizeOf(space);
    for (let i = 0; i < into.length; i++) {
      const value = Number(data[i]);
      into[i] = space.kind === 'box' ? Math.min(Math.max(value, space.low[i % size]!), space.high[i % size]!) : value;
    }
  }
}

function portsOf(space: Space, name: string, path: readonly string[] = []): Port[] {
  if (space.kind !== 'dict') return [{ name: path.length > 0 ? path.join('.') : name, space, path }];
  return Object.entries(space.spaces).flatMap(([key, part]) => portsOf(part, name, [...path, key]));
}

function partAt(values: Values, path: readonly string[]): TypedArray {
  return path.reduce<Values>((part, key) => (part as Readonly<Record<string, Values>>)[key]!, values) as TypedArray;
}

function outputType(space: Leaf): 'float32' | 'int64' {
  return space.kind === 'box' ? 'float32' : 'int64';
}

function checkPorts(
  policy: string,
  what: 'input' | 'output',
  found: ModelInspection['inputs'],
  ports: readonly Port[],
  typeOf: (space: Leaf) => string,
): void {
  for (const { name, space } of ports) {
    const tensor = found.find((candidate) => candidate.name === name) ?? refuse(policy, `its graph has no ${what} '${name}'`);
    const { dtype, shape }: ModelValue = tensor;
    if (dtype !== typeOf(space)) refuse(policy, `${what} '${name}' is ${dtype ?? 'not a tensor'}; it must be ${typeOf(space)}`);
    const width = sizeOf(space);
    const flat = shape.length === 1 && space.kind === 'discrete';
    const last = shape[1];
    if (!(flat || (shape.length === 2 && (typeof last !== 'number' || last === width))))
      refuse(policy, `${what} '${name}' has shape [${shape}]; it must be [N, ${width}]`);
    if (typeof shape[0] === 'number') refuse(policy, `${what} '${name}' is fixed to ${shape[0]} rows; the first axis must be free`);
  }
}

function describe(tensor: OnnxTensor | undefined): string {
  return tensor ? `${tensor.data.length} numbers of ${tensor.type}` : 'nothing';
}

function refuse(model: string, problem: string): never {
  throw new GroundtwinError('MODEL_REFUSED', { model, problem });
}
