/** What is made of rows that were cut into runs of lengths that are fed: what treats every row alike keeps them, and joined they are the rows again. */
import { axisOf, elementwise, type Fact, integerOf, type Outcome, type Rule, type Run } from './cost-rules.ts';
import { allKnown, equal, isFixed, of } from './row-sizes.ts';
import type { StoredNode } from './stored-graph.ts';

/** @param rule - of the operator, which takes each run for as long as all rows. @returns one for inputs of which some are runs; what it cannot tell is not told. */
export function ruleOfRuns(rule: Rule): Rule {
  return (node, inputs) => {
    if (!allKnown(inputs)) return undefined;
    const { run } = inputs.find((input) => input.run)!;
    if (node.operator === 'Concat' && alongRows(node, inputs[0]!)) return joined(inputs, run!);
    const outcome = keepsRows(node, inputs, run!) ? rule(node, inputs) : undefined;
    return outcome && { ...outcome, facts: outcome.facts.map(({ shape }) => ({ shape, run })) };
  };
}

function alongRows(node: StoredNode, { shape }: Fact): boolean {
  return axisOf(integerOf(node, 'axis', 0), shape.length) === 0;
}

function keepsRows(node: StoredNode, inputs: readonly Fact[], { cut, index }: Run): boolean {
  const rank = Math.max(...inputs.map(({ shape }) => shape.length));
  const isSame = ({ run, shape }: Fact) => run?.cut === cut && run.index === index && shape.length === rank;
  // A run may turn out to be a single row: nothing may be repeated along it.
  const isBeside = ({ run, shape }: Fact) => !run && (shape.length < rank || equal(shape[0]!, of(1)));
  const [first, weight, ...more] = inputs;
  const isProduct =
    isSame(first!) && rank === 2 && weight !== undefined && !weight.run && weight.shape.every(isFixed) && more.every(isBeside);
  switch (node.operator) {
    case 'MatMul':
      return isProduct;
    case 'Gemm':
      return isProduct && integerOf(node, 'transA', 0) === 0;
    case 'Concat':
      return inputs.every(isSame);
    case 'Split':
      return isSame(first!) && !alongRows(node, first!);
    default:
      return elementwise.has(node.operator) && inputs.every((input) => isSame(input) || isBeside(input));
  }
}

/** All runs of one cut, in order. */
function joined(inputs: readonly Fact[], { cut }: Run): Outcome | undefined {
  const { shape } = inputs[0]!;
  const follows = (input: Fact, index: number) =>
    input.run?.cut === cut &&
    input.run.index === index &&
    input.shape.length === shape.length &&
    input.shape.every((size, axis) => equal(size, shape[axis]!));
  return inputs.length === cut.outputs.length && inputs.every(follows) ? { facts: [{ shape }] } : undefined;
}
