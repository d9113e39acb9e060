import { type AdamWOptions, adamW } from './adam-w.ts';
import { grad } from './gradients.ts';
import { GraphBuilder } from './graph-builder.ts';
import { elementCount } from './shapes.ts';
import type { DataType, Tensor } from './types.ts';

/** A weight: its name, shape, and float32 values at the start. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: Float32Array;
  /** Whether weight decay applies. Default true. */
  readonly decay?: boolean;
}

/** A part of the data set: one row an example, `[rows, ...columns]`. All tables have the same number of rows. */
export interface TableSpec {
  readonly name: string;
  readonly dtype: DataType;
  readonly columns: readonly number[];
}

/** A tensor fed from outside. */
export interface FedSpec {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

export interface LossTensors {
  /** float32 `[]`, minimised. */
  readonly loss: Tensor;
  /** float32 `[]` each, reported a step. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

export type TensorsByName = Readonly<Record<string, Tensor>>;

export interface TrainingSpec {
  /** How errors name the model. */
  readonly name?: string;
  readonly parameters: readonly ParameterSpec[];
  readonly tables: readonly TableSpec[];
  /** Shape of one step's row indices, such as `[batch]` or `[members, batch]`; tables are gathered to `[...batch, ...columns]`. */
  readonly batch: readonly number[];
  /**
   * Networks that share nothing but the loss, which is the sum of theirs. Parameters, `batch` and streams have a leading axis of this size;
   * `loss` sees one member's share, without that axis. Members are taken one after the other, so that what passes between layers stays in the processor's cache.
   */
  readonly members?: number;
  /** Fed anew each step, such as noise: `[steps, ...shape]` a run. */
  readonly streams?: readonly FedSpec[];
  /** Fed once a run, such as normalisation constants. */
  readonly fixed?: readonly FedSpec[];
  /**
   * The loss of one batch.
   *
   * @param parameters - weights by name.
   * @param batch - gathered tables, streams and fixed tensors by name.
   */
  readonly loss: (builder: GraphBuilder, parameters: TensorsByName, batch: TensorsByName) => LossTensors;
  readonly optimizer?: AdamWOptions;
}

/** An ONNX model that trains: one Loop of any number of steps. `TrainingProgram` runs it. */
export interface CompiledTraining {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly name: string;
  readonly parameters: readonly ParameterSpec[];
  readonly tables: readonly TableSpec[];
  readonly batch: readonly number[];
  readonly streams: readonly FedSpec[];
  readonly fixed: readonly FedSpec[];
  readonly metrics: readonly string[];
}

/** Names of the model's inputs; outputs are `next.` and the input's name. */
export const trainingNames = {
  parameter: (name: string) => `parameter.${name}`,
  first: (name: string) => `first.${name}`,
  second: (name: string) => `second.${name}`,
  table: (name: string) => `table.${name}`,
  stream: (name: string) => `stream.${name}`,
  fixed: (name: string) => `fixed.${name}`,
  metric: (name: string) => `metric.${name}`,
  next: (name: string) => `next.${name}`,
} as const;

/**
 * Emits forward pass, gradients, clipping and AdamW as one ONNX model of standard operators. It holds one Loop:
 * each round gathers its batch from the tables by int32 row indices, and returns loss, gradient norm, finite flag and metrics.
 *
 * @throws GRAPH_INVALID when the loss does not fit, does not depend on a parameter or has an operator without a gradient rule.
 */
export function compileTraining(spec: TrainingSpec): CompiledTraining {
  const builder = new GraphBuilder();
  requireMembers(builder, spec);
  const state = stateInputs(builder, spec);
  const feeds = feedInputs(builder, spec);
  const count = spec.parameters.length;
  let metrics: string[] = [];
  const looped = builder.loop(feeds.steps, state, (round, carried) => {
    const parameters = carried.slice(1, 1 + count);
    const drawn = drawRound(builder, feeds, round);
    const result =
      spec.members === undefined
        ? differentiate(builder, spec, feeds, parameters, drawn)
        : eachMember(builder, spec, feeds, parameters, drawn);
    metrics = result.metricNames;
    const updated = adamW(
      builder,
      {
        parameters,
        gradients: result.gradients,
        first: carried.slice(1 + count, 1 + 2 * count),
        second: carried.slice(1 + 2 * count),
        step: carried[0]!,
        learningRate: feeds.learningRate,
        loss: result.loss,
        decayed: spec.parameters.map((parameter) => parameter.decay ?? true),
      },
      spec.optimizer,
    );
    const collected = [result.loss, updated.gradientNorm, updated.finite, ...result.metrics];
    return { carried: [updated.step, ...updated.parameters, ...updated.first, ...updated.second], collected };
  });
  stateNames(spec).forEach((name, index) => {
    builder.output(trainingNames.next(name), looped.carried[index]!);
  });
  ['loss', 'gradient_norm', 'finite', ...metrics.map(trainingNames.metric)].forEach((name, index) => {
    builder.output(name, looped.collected[index]!);
  });
  const { name = 'training', parameters, tables, batch, streams = [], fixed = [] } = spec;
  return { bytes: builder.toModel(), name, parameters, tables, batch, streams, fixed, metrics };
}

/** Names of what is carried from step to step: step, parameters, first moments, second moments. */
export function stateNames(spec: { readonly parameters: readonly ParameterSpec[] }): string[] {
  const names = spec.parameters.map((parameter) => parameter.name);
  return ['step', ...names.map(trainingNames.parameter), ...names.map(trainingNames.first), ...names.map(trainingNames.second)];
}

interface Feeds {
  readonly steps: Tensor;
  readonly learningRate: Tensor;
  readonly indices: Tensor;
  readonly tables: TensorsByName;
  readonly streams: TensorsByName;
  readonly fixed: TensorsByName;
}

function requireMembers(builder: GraphBuilder, { members, parameters, batch, streams = [] }: TrainingSpec): void {
  if (members === undefined) return;
  const shaped = [
    ...parameters.map(({ name, shape }) => ({ what: `parameter '${name}'`, shape })),
    ...streams.map(({ name, shape }) => ({ what: `stream '${name}'`, shape })),
    { what: 'the batch', shape: batch },
  ];
  for (const { what, shape } of shaped)
    if (shape[0] !== members) builder.fail(`${what} has shape [${shape}]; with ${members} members its first axis must be ${members}`);
}

function stateInputs(builder: GraphBuilder, spec: TrainingSpec): Tensor[] {
  for (const { name, shape, initial } of spec.parameters) {
    if (elementCount(shape) !== initial.length)
      builder.fail(`parameter '${name}' has ${initial.length} initial values for shape [${shape}]`);
  }
  const group = (rename: (name: string) => string) =>
    spec.parameters.map(({ name, shape }) => builder.input(rename(name), 'float32', shape));
  const step = builder.input('step', 'float64', []);
  return [step, ...group(trainingNames.parameter), ...group(trainingNames.first), ...group(trainingNames.second)];
}

function feedInputs(builder: GraphBuilder, spec: TrainingSpec): Feeds {
  const named = (specs: readonly FedSpec[], rename: (name: string) => string, lead: readonly string[]) =>
    Object.fromEntries(specs.map(({ name, dtype, shape }) => [name, builder.input(rename(name), dtype, [...lead, ...shape])]));
  const tables = spec.tables.map(({ name, dtype, columns }) => ({ name, dtype, shape: columns }));
  return {
    steps: builder.input('steps', 'int64', []),
    learningRate: builder.input('learning_rate', 'float32', []),
    indices: builder.input('indices', 'int32', ['rounds', ...spec.batch]),
    tables: named(tables, trainingNames.table, ['rows']),
    streams: named(spec.streams ?? [], trainingNames.stream, ['rounds']),
    fixed: named(spec.fixed ?? [], trainingNames.fixed, []),
  };
}

/** What is fed to one step, or to one member of it: row indices and streams. */
interface Drawn {
  /** Absent without tables. */
  readonly rows: Tensor | undefined;
  readonly streams: TensorsByName;
}

function drawRound(builder: GraphBuilder, { indices, tables, streams }: Feeds, round: Tensor): Drawn {
  return builder.scope('batch', () => ({
    rows: Object.keys(tables).length > 0 ? builder.gather(indices, round) : undefined,
    streams: mapped(streams, (stream) => builder.gather(stream, round)),
  }));
}

interface Differentiated {
  readonly loss: Tensor;
  readonly gradients: readonly Tensor[];
  readonly metrics: readonly Tensor[];
  readonly metricNames: string[];
}

function differentiate(
  builder: GraphBuilder,
  spec: TrainingSpec,
  { tables, fixed }: Feeds,
  parameters: readonly Tensor[],
  { rows, streams }: Drawn,
): Differentiated {
  const gathered = builder.scope('batch', () => mapped(tables, (table) => builder.gather(table, rows!)));
  const named = Object.fromEntries(spec.parameters.map(({ name }, index) => [name, parameters[index]!]));
  const { loss, metrics = {} } = builder.scope('loss', () => spec.loss(builder, named, { ...fixed, ...streams, ...gathered }));
  return { loss, gradients: grad(builder, loss, parameters), metrics: Object.values(metrics), metricNames: Object.keys(metrics) };
}

function eachMember(builder: GraphBuilder, spec: TrainingSpec, feeds: Feeds, parameters: readonly Tensor[], drawn: Drawn): Differentiated {
  const members = spec.members!;
  let metricNames: string[] = [];
  const { collected } = builder.loop(
    builder.constant(members, 'int64'),
    [],
    (member) => {
      const own = (tensor: Tensor) => builder.gather(tensor, member);
      const share = { rows: drawn.rows && own(drawn.rows), streams: mapped(drawn.streams, own) };
      const one = differentiate(builder, spec, feeds, parameters.map(own), share);
      metricNames = one.metricNames;
      return { carried: [], collected: [one.loss, ...one.metrics, ...one.gradients] };
    },
    members,
  );
  const sums = collected.slice(0, 1 + metricNames.length).map((each) => builder.reduceSum(each));
  return { loss: sums[0]!, metrics: sums.slice(1), metricNames, gradients: collected.slice(sums.length) };
}

function mapped(tensors: TensorsByName, change: (tensor: Tensor) => Tensor): TensorsByName {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor)]));
}
