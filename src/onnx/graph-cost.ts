/**
 * What a run of a graph costs, told from its bytes: memory of all that its nodes give, and operations, each as a bound that is linear in the rows fed.
 * Shapes are followed node by node as sizes `fixed + perRow · rows`; integers that become shapes are followed the same way.
 * What cannot be followed exactly (operators without a rule, sizes that are not linear) makes the cost unknown, never small.
 */
import { costRules, elementOperations, type Fact, factOfTensor, type Outcome, type Rule } from './cost-rules.ts';
import type { ModelValue } from './model-reader.ts';
import { allKnown, countOf, nothing, of, plus, type Size, scaled } from './row-sizes.ts';
import { ruleOfRuns } from './run-rules.ts';
import type { StoredGraph, StoredNode } from './stored-graph.ts';

export type GraphCost =
  | { readonly known: true; readonly bytes: Size; readonly operations: Size }
  /** `at`: the first operator that could not be followed. */
  | { readonly known: false; readonly at: string };

/** Every element is counted as the widest there is. */
const bytesPerElement = 8;

/** @param inputs - of the graph; the first axis of each is the rows, if it is free. */
export function graphCost(graph: StoredGraph, inputs: readonly ModelValue[]): GraphCost {
  const facts = new Map<string, Fact>();
  for (const [name, tensor] of graph.tensors) facts.set(name, factOfTensor(tensor));
  for (const { name, shape } of inputs) {
    const sizes = shape.map((length, axis) => (typeof length === 'number' ? of(length) : axis === 0 ? { fixed: 0, perRow: 1 } : undefined));
    if (!allKnown(sizes)) return { known: false, at: `input '${name}'` };
    facts.set(name, { shape: sizes });
  }
  let [bytes, operations] = [nothing, nothing];
  for (const node of graph.nodes) {
    const outcome = Object.hasOwn(costRules, node.operator) ? outcomeOf(costRules[node.operator]!, node, facts) : undefined;
    const counts = outcome?.facts.map(({ shape }) => countOf(shape));
    // The runtime refuses a name that is given twice; here it would hide what came first.
    const isNew = node.outputs.every((name, i) => name === '' || (!facts.has(name) && node.outputs.indexOf(name) === i));
    if (!outcome || !counts || !allKnown(counts) || !isNew) return { known: false, at: node.operator };
    outcome.facts.forEach((fact, i) => void (node.outputs[i] && facts.set(node.outputs[i], fact)));
    const elements = counts.reduce(plus, nothing);
    bytes = plus(bytes, scaled(plus(elements, outcome.scratch ?? nothing), bytesPerElement));
    operations = plus(operations, plus(scaled(elements, elementOperations), outcome.operations ?? nothing));
  }
  return { known: true, bytes, operations };
}

function outcomeOf(rule: Rule, node: StoredNode, facts: ReadonlyMap<string, Fact>): Outcome | undefined {
  const inputs = node.inputs.map((name) => facts.get(name));
  // An input that is left out has the empty name; any other must have been given by a node before.
  if (node.inputs.some((name, i) => name !== '' && inputs[i] === undefined)) return undefined;
  return (inputs.some((input) => input?.run) ? ruleOfRuns(rule) : rule)(node, inputs);
}
