import { fullGradient, type RuleContext, ruleOf } from './gradient-rules.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { TensorRecord } from './graph-core.ts';
import { shapeText } from './shapes.ts';
import { isFloat, type Tensor } from './types.ts';

/**
 * Reverse-mode gradients of a scalar, built as nodes of the same graph.
 *
 * @param loss - float `[]`.
 * @param wrt - tensors the loss depends on.
 * @returns one gradient a tensor of `wrt`, of its shape and element type.
 * @throws GRAPH_INVALID when the loss is no float scalar, does not depend on a tensor, or goes through an operator without a rule (named, with its scope).
 */
export function grad(builder: GraphBuilder, loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (!isFloat(loss.dtype) || loss.shape.length !== 0)
    builder.fail(`grad: the loss is ${loss.dtype} ${shapeText(loss.shape)}, not a float scalar`);
  const reached = dependents(builder, wrt, loss.id);
  const gradients = new Map<number, Tensor>([[loss.id, builder.constant(1, loss.dtype)]]);
  for (let id = loss.id; id >= 0; id--) {
    const gradient = gradients.get(id);
    const record = builder.records[id]!;
    if (gradient && reached.has(id) && record.derivation) spread(builder, record, gradient, reached, gradients);
  }
  return wrt.map((tensor) => {
    const gradient =
      gradients.get(tensor.id) ?? builder.fail(`grad: the loss does not depend on tensor ${tensor.id} ${shapeText(tensor.shape)}`);
    return fullGradient(builder, gradient, tensor);
  });
}

/** Ids, up to `last`, of tensors that depend on one of `wrt`. Inputs are always built before their node, so one pass is enough. */
function dependents(builder: GraphBuilder, wrt: readonly Tensor[], last: number): Set<number> {
  const reached = new Set(wrt.map((tensor) => builder.record(tensor).tensor.id));
  for (let id = 0; id <= last; id++) {
    const inputs = builder.records[id]!.derivation?.inputs;
    if (inputs?.some((input) => reached.has(input.id))) reached.add(id);
  }
  return reached;
}

function spread(
  builder: GraphBuilder,
  record: TensorRecord,
  gradient: Tensor,
  reached: ReadonlySet<number>,
  gradients: Map<number, Tensor>,
): void {
  const derivation = record.derivation!;
  const rule = ruleOf(builder, derivation);
  const { inputs, saved, meta } = derivation;
  const output = record.tensor;
  const full = () => fullGradient(builder, gradient, output);
  const context: RuleContext = { builder, inputs, saved, meta, output, gradient, full };
  builder.scope(`${derivation.scope}/gradient`, () => {
    const flows = rule(context);
    inputs.forEach((input, index) => {
      const flow = flows[index];
      if (!flow || !reached.has(input.id) || !isFloat(input.dtype)) return;
      const part = flow();
      const sum = gradients.get(input.id);
      gradients.set(input.id, sum ? builder.add(sum, part) : part);
    });
  });
}
