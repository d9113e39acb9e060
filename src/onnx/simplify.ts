import type { Frame, GraphCore, GraphNode, TensorRecord } from './graph-core.ts';
import type { AttributeDescription } from './model-proto.ts';
import { rewriteRules } from './rewrite-rules.ts';
import type { Tensor } from './types.ts';

/** A node as it is emitted: its outputs are those of the node that was built. */
export interface PlainNode {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly attributes: Readonly<Record<string, AttributeDescription>>;
}

/** A graph after simplification. */
export interface Simplified {
  /** The tensor that is emitted for this one. */
  readonly resolve: (tensor: Tensor) => Tensor;
  readonly node: (node: GraphNode) => PlainNode;
}

/** What a rule may look at. */
export interface RewriteContext {
  readonly core: GraphCore;
  readonly output: Tensor;
  /** The node a tensor comes from, after its own rewriting; undefined for inputs, constants and outputs of loops and branches. */
  readonly nodeOf: (tensor: Tensor) => PlainNode | undefined;
  /** Whether nothing but the node at hand used a tensor when the graph was built, so that it is not computed any more once the node does without it. */
  readonly usedOnce: (tensor: Tensor) => boolean;
}

/** A tensor that has the node's value already, or a cheaper node; undefined where the rule does not apply. */
export type RewriteRule = (node: PlainNode, context: RewriteContext) => Tensor | PlainNode | undefined;

/** More rewritings of one node than any chain of rules needs. */
const MAXIMUM_REWRITES = 16;

/** What the builder holds, as it was built: aliases resolved, nothing else. */
export function asBuilt(core: GraphCore): Simplified {
  return { resolve: (tensor) => resolveAlias(core, tensor), node: (node) => node };
}

/**
 * Cuts passes over tensors from a finished graph, without a change in any bit of what its nodes compute (but where numbers under- or overflow):
 * the rules of rewrite-rules.ts, and equal nodes once. While a graph is built a stop-gradient keeps two equal nodes apart, since their gradients differ;
 * in a finished one they are the same value.
 */
export function simplify(core: GraphCore): Simplified {
  const simplifier = new Simplifier(core);
  return { resolve: (tensor) => simplifier.resolve(tensor), node: (node) => simplifier.node(node) };
}

class Simplifier {
  readonly #core: GraphCore;
  readonly #uses: ReadonlyMap<number, number>;
  /** What stands for a tensor, by id. */
  readonly #replaced = new Map<number, Tensor>();
  readonly #rewritten = new Map<GraphNode, PlainNode>();
  /** Outputs of nodes by frame and what they compute. */
  readonly #known = new Map<string, Tensor>();

  /** Inputs come before their node, so one pass in the order of building is enough. */
  constructor(core: GraphCore) {
    this.#core = core;
    this.#uses = countUses(core);
    const count = core.records.length;
    for (let id = 0; id < count; id++) this.#visit(core.records[id]!);
  }

  resolve(tensor: Tensor): Tensor {
    const target = resolveAlias(this.#core, tensor);
    return this.#replaced.get(target.id) ?? target;
  }

  node(node: GraphNode): PlainNode {
    return this.#rewritten.get(node) ?? node;
  }

  #visit({ tensor: output, source, frame }: TensorRecord): void {
    if (source.kind !== 'node' || !isPlain(source.node)) return;
    const { op, inputs, attributes } = source.node;
    const result = rewrite(
      { op, inputs: inputs.map((input) => this.resolve(input)), attributes },
      {
        core: this.#core,
        output,
        nodeOf: (tensor) => this.#nodeOf(tensor),
        usedOnce: (tensor) => this.#uses.get(tensor.id) === 1,
      },
    );
    const same = isTensor(result) ? this.resolve(result) : this.#shared(result, output, frame);
    if (same !== output) this.#replaced.set(output.id, same);
    if (!isTensor(result)) this.#rewritten.set(source.node, result);
  }

  #nodeOf(tensor: Tensor): PlainNode | undefined {
    const { source } = this.#core.record(tensor);
    return source.kind === 'node' ? this.#rewritten.get(source.node) : undefined;
  }

  /** The output of an equal node built before, in this frame or one around it; else this node's own. */
  #shared({ op, inputs, attributes }: PlainNode, output: Tensor, frame: Frame): Tensor {
    const key = `${op}|${inputs.map((input) => input.id)}|${output.dtype}|${JSON.stringify(attributes)}`;
    for (let at: Frame | undefined = frame; at; at = at.parent) {
      const same = this.#known.get(`${at.id}|${key}`);
      if (same) return same;
    }
    this.#known.set(`${frame.id}|${key}`, output);
    return output;
  }
}

function rewrite(node: PlainNode, context: RewriteContext): Tensor | PlainNode {
  let current = node;
  for (let count = 0; count < MAXIMUM_REWRITES; count++) {
    let next: Tensor | PlainNode | undefined;
    for (const rule of rewriteRules[current.op] ?? []) next ??= rule(current, context);
    if (!next) return current;
    if (isTensor(next)) return next;
    current = next;
  }
  return current;
}

function isTensor(result: Tensor | PlainNode): result is Tensor {
  return 'id' in result;
}

/** Loops, branches and whatever else has several outputs are left as they are. */
function isPlain(node: GraphNode): boolean {
  return node.outputs.length === 1 && Object.keys(node.subgraphs).length === 0;
}

/** How many nodes, outputs and ends of subgraphs need a tensor, of those that some output needs. */
function countUses(core: GraphCore): Map<number, number> {
  const uses = new Map<number, number>();
  const seen = new Set<GraphNode>();
  const pending: Tensor[] = [...core.outputs.values()];
  for (let tensor = pending.pop(); tensor; tensor = pending.pop()) {
    const target = resolveAlias(core, tensor);
    uses.set(target.id, (uses.get(target.id) ?? 0) + 1);
    const { source } = core.record(target);
    if (source.kind !== 'node' || seen.has(source.node)) continue;
    seen.add(source.node);
    pending.push(...source.node.inputs);
    for (const subgraph of Object.values(source.node.subgraphs)) pending.push(...subgraph.outputs);
  }
  return uses;
}

function resolveAlias(core: GraphCore, tensor: Tensor): Tensor {
  let target = tensor;
  for (let source = core.record(target).source; source.kind === 'alias'; source = core.record(target).source) target = source.target;
  return target;
}
