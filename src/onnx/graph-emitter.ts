import type { GraphCore, GraphNode, Subgraph } from './graph-core.ts';
import {
  type AttributeDescription,
  encodeModel,
  type GraphDescription,
  type InitializerDescription,
  type NodeDescription,
  type ValueDescription,
} from './model-proto.ts';
import type { Simplified } from './simplify.ts';
import type { Tensor } from './types.ts';

/** Turns what a builder holds into one ONNX model; nodes that no output needs are left out. */
export function emitModel(core: GraphCore, simplified: Simplified): Uint8Array<ArrayBuffer> {
  return encodeModel(new Emitter(core, simplified).model());
}

class Emitter {
  readonly #core: GraphCore;
  readonly #simplified: Simplified;
  readonly #names = new Map<number, string>();
  readonly #live: Set<number>;
  readonly #initializers: InitializerDescription[] = [];

  constructor(core: GraphCore, simplified: Simplified) {
    this.#core = core;
    this.#simplified = simplified;
    this.#live = liveTensors(core, simplified);
    for (const { tensor, source } of core.records) {
      if (!this.#live.has(tensor.id) || source.kind !== 'constant') continue;
      this.#initializers.push({ name: this.#name(tensor), dtype: tensor.dtype, shape: tensor.shape, data: source.data });
    }
  }

  model(): GraphDescription {
    const outputs = [...this.#core.outputs].map(([name, tensor]) => ({ name, tensor }));
    const nodes = outputs.length === 0 ? [] : this.#core.records.find((record) => record.frame.depth === 0)!.frame.nodes;
    const identities = this.#nameOutputs(outputs, 0);
    return {
      name: 'groundtwin',
      nodes: [...this.#nodes(nodes), ...identities],
      initializers: this.#initializers,
      inputs: this.#core.inputs.map((tensor) => this.#value(tensor)),
      outputs: outputs.map(({ name, tensor }) => ({ name, dtype: tensor.dtype, shape: tensor.shape })),
    };
  }

  #nodes(nodes: readonly GraphNode[]): NodeDescription[] {
    return nodes.filter((node) => node.outputs.some((output) => this.#live.has(output.id))).map((node) => this.#node(node));
  }

  #node(node: GraphNode): NodeDescription {
    const plain = this.#simplified.node(node);
    const attributes: Record<string, AttributeDescription> = { ...plain.attributes };
    for (const [name, subgraph] of Object.entries(node.subgraphs))
      attributes[name] = { kind: 'graph', value: this.#subgraph(name, subgraph) };
    const outputs = node.outputs.map((output) => this.#name(output));
    const inputs = plain.inputs.map((input) => this.#name(input));
    return { op: plain.op, name: `${node.scope}/${plain.op}_${node.outputs[0]?.id}`, inputs, outputs, attributes };
  }

  #subgraph(name: string, subgraph: Subgraph): GraphDescription {
    const first = subgraph.outputs[0]?.id ?? 0;
    const outputs = subgraph.outputs.map((tensor, index) => ({ name: `${name}_${subgraph.frame.id}_${first}_output_${index}`, tensor }));
    const identities = this.#nameOutputs(outputs, subgraph.frame.id);
    return {
      name: `${name}_${subgraph.frame.id}`,
      nodes: [...this.#nodes(subgraph.frame.nodes), ...identities],
      initializers: [],
      inputs: subgraph.inputs.map((tensor) => this.#value(tensor)),
      outputs: outputs.map((output) => ({ name: output.name, dtype: output.tensor.dtype, shape: output.tensor.shape })),
    };
  }

  /** Gives output names to the tensors themselves where that can be, since a copy of every weight and moment each round costs time; an Identity elsewhere. */
  #nameOutputs(outputs: readonly { name: string; tensor: Tensor }[], frameId: number): NodeDescription[] {
    const identities: NodeDescription[] = [];
    for (const { name, tensor } of outputs) {
      const target = this.#simplified.resolve(tensor);
      const record = this.#core.record(target);
      if (record.source.kind === 'node' && record.frame.id === frameId && !this.#names.has(target.id)) this.#names.set(target.id, name);
      else identities.push({ op: 'Identity', name: `Identity_${name}`, inputs: [this.#name(tensor)], outputs: [name], attributes: {} });
    }
    return identities;
  }

  #value(tensor: Tensor): ValueDescription {
    return { name: this.#name(tensor), dtype: tensor.dtype, shape: tensor.shape };
  }

  #name(tensor: Tensor): string {
    const target = this.#simplified.resolve(tensor);
    const known = this.#names.get(target.id);
    if (known !== undefined) return known;
    const { source } = this.#core.record(target);
    const given = source.kind === 'input' || source.kind === 'constant' ? source.name : undefined;
    const name =
      given ??
      (source.kind === 'node' ? `${source.node.scope}/${this.#simplified.node(source.node).op}_${target.id}` : `value_${target.id}`);
    this.#names.set(target.id, name);
    return name;
  }
}

/** Ids of all tensors that some output needs. A loop or branch that is needed keeps all its outputs. */
function liveTensors(core: GraphCore, simplified: Simplified): Set<number> {
  const live = new Set<number>();
  const pending: Tensor[] = [...core.outputs.values()];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const tensor = simplified.resolve(next);
    if (live.has(tensor.id)) continue;
    live.add(tensor.id);
    const { source } = core.record(tensor);
    if (source.kind !== 'node') continue;
    pending.push(...simplified.node(source.node).inputs);
    for (const subgraph of Object.values(source.node.subgraphs)) pending.push(...subgraph.outputs);
  }
  return live;
}
