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
  const flows: Flows = { gradients: new Map([[loss.id, builder.constant(1, loss.dtype)]]), pieces: new Map() };
  const { gradients } = flows;
  for (let id = loss.id; id >= 0; id--) {
    const record = builder.records[id]!;
    const pieces = flows.pieces.get(id) ?? [];
    builder.scope(`${record.derivation?.scope ?? builder.scopePath}/gradient`, () => {
      for (const part of joined(builder, record.tensor, pieces)) add(builder, flows, id, part);
    });
    const gradient = gradients.get(id);
    if (gradient && reached.has(id) && record.derivation) spread(builder, record, gradient, reached, flows);
  }
  return wrt.map((tensor) => {
    const gradient =
      gradients.get(tensor.id) ?? builder.fail(`grad: the loss does not depend on tensor ${tensor.id} ${shapeText(tensor.shape)}`);
    return fullGradient(builder, gradient, tensor);
  });
}

/** What has flowed so far, by tensor. */
interface Flows {
  readonly gradients: Map<number, Tensor>;
  readonly pieces: Map<number, Piece[]>;
}

/** Gradient of a slice of a tensor. */
interface Piece {
  readonly axis: number;
  readonly start: number;
  readonly gradient: Tensor;
}

function add(builder: GraphBuilder, { gradients }: Flows, id: number, part: Tensor): void {
  const sum = gradients.get(id);
  gradients.set(id, sum ? builder.add(sum, part) : part);
}

function keepPiece({ pieces }: Flows, of: Tensor, piece: Piece): void {
  pieces.set(of.id, [...(pieces.get(of.id) ?? []), piece]);
}

/** Slices that lie side by side are joined in one pass; padding each with zeros and adding them up would take one over the whole for every slice. */
function joined(builder: GraphBuilder, tensor: Tensor, pieces: readonly Piece[]): Tensor[] {
  const runs: Piece[][] = [];
  for (const piece of [...pieces].sort((a, b) => a.axis - b.axis || a.start - b.start)) {
    const run = runs.find(([first, ...rest]) => first!.axis === piece.axis && endOf([first!, ...rest].at(-1)!) === piece.start);
    if (run) run.push(piece);
    else runs.push([piece]);
  }
  return runs.map((run) => {
    const { axis, start } = run[0]!;
    const whole =
      run.length === 1
        ? run[0]!.gradient
        : builder.concat(
            run.map(({ gradient }) => gradient),
            axis,
          );
    const after = Number(tensor.shape[axis]) - endOf(run.at(-1)!);
    return start === 0 && after === 0 ? whole : builder.pad(whole, axis, start, after);
  });
}

function endOf({ axis, start, gradient }: Piece): number {
  return start + Number(gradient.shape[axis]);
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

function spread(builder: GraphBuilder, record: TensorRecord, gradient: Tensor, reached: ReadonlySet<number>, all: Flows): void {
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
      if (derivation.op === 'Slice') keepPiece(all, input, { axis: meta.axis!, start: meta.start!, gradient: full() });
      else add(builder, all, input.id, flow());
    });
  });
}
