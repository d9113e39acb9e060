/** Which models may run in this process: those whose bytes show that they can neither hang nor swell it. */
import { GroundtwinError } from '../errors.ts';
import { type GraphCost, graphCost } from './graph-cost.ts';
import { isolatedRuntime, type ModelLimits, modelLimits } from './isolated-runtime.ts';
import { inspectModel } from './model-reader.ts';
import { ProtobufProblem } from './protobuf.ts';
import { sizeAt } from './row-sizes.ts';
import type { OnnxRuntime } from './runtime.ts';
import { readStoredGraph, type StoredGraph } from './stored-graph.ts';

/**
 * `process`: each model in a process of its own. `none`: all in this one, for models that you would run as code.
 * `auto`: in this process where a bound on time and memory can be read from the graph and is modest, else in one of its own.
 */
export type ModelIsolation = 'auto' | 'process' | 'none';
export const modelIsolations: readonly ModelIsolation[] = ['auto', 'process', 'none'];

export interface GuardOptions {
  /** Default 'auto'. */
  readonly isolation?: ModelIsolation;
  readonly limits?: ModelLimits;
}

export interface RuntimeParts {
  readonly inProcess: OnnxRuntime;
  /** The root that calls `serveModels`; without it, models that would need a process of their own are refused. */
  readonly worker?: URL | undefined;
}

/**
 * What `auto` runs in this process: bytes that are stored, bytes that all nodes give together, and operations, as such and for each row. About a second, and
 * 10 ms a row; where it is known how many rows there will be, a second for them all.
 */
export const modestCost = Object.freeze({
  stored: 64e6,
  bytes: 256e6,
  bytesPerRow: 8e6,
  bytesOfRows: 1e9,
  operations: 1e10,
  operationsPerRow: 1e8,
  operationsOfRows: 1e10,
});
/** Rows of the smallest call there is to think of. */
const fewestRows = 4;

/** A runtime that chooses for each model where it runs. @param rows - of its calls, as far as is known. */
export function guardedRuntime(
  { inProcess, worker }: RuntimeParts,
  { isolation = 'auto', limits = {} }: GuardOptions = {},
  rows = 0,
): OnnxRuntime {
  const child = worker && isolatedRuntime(worker, limits);
  return {
    async load(bytes, options) {
      const { name: model = 'model', together = 1 } = options ?? {};
      const cost = costOf(bytes, model);
      const isModest = bytes.length * together <= modestCost.stored && cost.known && fits(cost, together, rows);
      refuseBeyond(cost, limits, model);
      if (isolation === 'none' || (isolation === 'auto' && isModest)) return inProcess.load(bytes, options);
      if (child) return child.load(bytes, options);
      const problem = `it must run in a process of its own${cost.known ? '' : ` (what ${cost.at} costs cannot be told)`}, and nothing to start one was given`;
      throw new GroundtwinError('MODEL_REFUSED', { model, problem });
    },
  };
}

/** @throws MODEL_INVALID. */
function costOf(bytes: Uint8Array, model: string): GraphCost {
  return graphCost(storedGraph(bytes, model), inspectModel(bytes, model).inputs);
}

/** What a model's bytes store. @throws MODEL_INVALID when they are malformed. */
export function storedGraph(bytes: Uint8Array, model: string): StoredGraph {
  try {
    return readStoredGraph(bytes);
  } catch (error) {
    if (error instanceof ProtobufProblem) throw new GroundtwinError('MODEL_INVALID', { model, problem: error.message });
    throw error;
  }
}

/** @param together - graphs that are as dear, as far as is known: what does not hang on the rows is had by each, the rows are shared. */
function fits({ bytes, operations }: Extract<GraphCost, { known: true }>, together: number, rows: number): boolean {
  return (
    bytes.fixed * together <= modestCost.bytes &&
    bytes.perRow <= modestCost.bytesPerRow &&
    operations.fixed * together <= modestCost.operations &&
    operations.perRow <= modestCost.operationsPerRow &&
    bytes.perRow * rows <= modestCost.bytesOfRows &&
    operations.perRow * rows <= modestCost.operationsOfRows
  );
}

/** Nodes hand memory on to each other, so that their sum may be passed: only a hundred times the limit is no mistake. */
function refuseBeyond(cost: GraphCost, { memory_MB = modelLimits.memory_MB }: ModelLimits, model: string): void {
  if (!cost.known) return;
  const needed = sizeAt(cost.bytes, fewestRows);
  if (needed <= 100 * memory_MB * 1e6) return;
  const problem = `its tensors take ${needed.toExponential(1)} bytes for ${fewestRows} rows, far beyond the limit of ${memory_MB} MB`;
  throw new GroundtwinError('MODEL_REFUSED', { model, problem });
}
