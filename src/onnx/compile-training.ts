import type { AdamWOptions } from './adam-w.ts';
import { GraphBuilder } from './graph-builder.ts';
import { elementCount, shapeText } from './shapes.ts';
import { flat, layoutOf, mapGroups, regroup, stateLayout, trainingNames } from './training-layout.ts';
import { type Feeds, trainingStep } from './training-step.ts';
import { type DataType, holds, type Tensor, type TensorData } from './types.ts';

/** A weight: its name, shape, and float32 values at the start. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: Float32Array;
  /** Whether weight decay applies. Default true. */
  readonly decay?: boolean;
  /** Given, but not trained: it has no gradient and no moments. Default false. */
  readonly frozen?: boolean;
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

/** A tensor that is no parameter and is carried from step to step, such as running moments or how often codes were used. */
export interface CarriedSpec extends FedSpec {
  /** Its value before the first step, row-major. */
  readonly initial: TensorData;
}

export interface LossTensors {
  /** float32 `[]`, minimised. */
  readonly loss: Tensor;
  /** The next values of carried tensors, by name; the others stay. A step that is skipped leaves all as they are. */
  readonly next?: Readonly<Record<string, Tensor>>;
  /** float32 `[]` each, reported a step. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/** A second loss, of parameters of its own. */
export interface FollowUp {
  /** Whether it trains a parameter; `loss` trains the others. To each loss, what the other one trains is given. */
  readonly trains: (parameter: string) => boolean;
  /** It has its turn in every so-manieth finite step. Default 1. */
  readonly every?: number;
  /** As that of the spec, but it sees neither averages nor carried tensors and gives no next ones. Its metrics are NaN where it does not have its turn. */
  readonly loss: (builder: GraphBuilder, parameters: TensorsByName, batch: TensorsByName) => Omit<LossTensors, 'next'>;
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
   * Networks that share nothing but the loss, which is the sum of theirs. Parameters, `batch`, streams and carried tensors have a leading axis of this size;
   * `loss` sees one member's share, without that axis. Members are taken one after the other, so that what passes between layers stays in the processor's cache.
   */
  readonly members?: number;
  /** Fed anew each step, such as noise or the value of a schedule: `[steps, ...shape]` a run. */
  readonly streams?: readonly FedSpec[];
  /** Fed once a run, such as normalisation constants. */
  readonly fixed?: readonly FedSpec[];
  /** State that is no parameter; saved with the weights. */
  readonly carried?: readonly CarriedSpec[];
  /** Keeps an exponential moving average of every trained weight (Polyak & Juditsky 1992): after each update `a ← a + (1 − averageDecay)·(p − a)`, in [0, 1). */
  readonly averageDecay?: number;
  /**
   * The loss of one batch.
   *
   * @param parameters - weights by name, frozen ones too.
   * @param batch - gathered tables, streams, fixed and carried tensors by name.
   * @param averages - averaged weights by name, before this step's update; no gradient flows to them. Empty without `averageDecay`.
   */
  readonly loss: (builder: GraphBuilder, parameters: TensorsByName, batch: TensorsByName, averages: TensorsByName) => LossTensors;
  /**
   * A loss that is lowered in the same step after `loss`, and sees what that one has made of its parameters, such as an actor's after its critics'. With the same optimizer, and a count of steps
   * of its own. Averages are of what `loss` trains. Besides its own metrics it has `follow_up_loss` and `follow_up_finite`, which is 1 where its update was made, else 0.
   */
  readonly followUp?: FollowUp;
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
  readonly carried: readonly CarriedSpec[];
  /** Whether an average of the weights is kept. */
  readonly averaged: boolean;
  /** Names of the parameters that a second loss trains; absent without one. */
  readonly followers?: readonly string[];
  readonly metrics: readonly string[];
}

/**
 * Emits forward pass, gradients, clipping and AdamW as one ONNX model of standard operators. It holds one Loop:
 * each round gathers its batch from the tables by int32 row indices, and returns loss, gradient norm, finite flag and metrics.
 *
 * @throws GRAPH_INVALID when the loss does not fit, does not depend on a trained parameter or has an operator without a gradient rule.
 */
export function compileTraining(spec: TrainingSpec): CompiledTraining {
  const builder = new GraphBuilder();
  checkSpec(builder, spec);
  requireMembers(builder, spec);
  const layout = stateLayout(layoutOf(spec));
  const state = mapGroups(layout, ({ name, dtype, shape }) => builder.input(name, dtype, shape));
  const frozen = inputsByName(builder, frozenSpecs(spec), trainingNames.parameter);
  const feeds = feedInputs(builder, spec);
  let metrics: string[] = [];
  const looped = builder.loop(feeds.steps, flat(state), (round, values) => {
    const result = trainingStep(builder, spec, { feeds, frozen, round, before: regroup(layout, values) });
    metrics = Object.keys(result.metrics);
    return { carried: flat(result.after), collected: [...result.reported, ...Object.values(result.metrics)] };
  });
  flat(layout).forEach(({ name }, index) => {
    builder.output(trainingNames.next(name), looped.carried[index]!);
  });
  ['loss', 'gradient_norm', 'finite', ...metrics.map(trainingNames.metric)].forEach((name, index) => {
    builder.output(name, looped.collected[index]!);
  });
  const { name = 'training', parameters, tables, batch, streams = [], fixed = [], carried = [] } = spec;
  const { averaged, followers } = layoutOf(spec);
  const second = followers ? { followers } : {};
  return { bytes: builder.toModel(), name, parameters, tables, batch, streams, fixed, carried, averaged, ...second, metrics };
}

function requireMembers(builder: GraphBuilder, { members, followUp, parameters, batch, streams = [], carried = [] }: TrainingSpec): void {
  if (members === undefined) return;
  if (followUp) builder.fail('members cannot have a second loss');
  const shaped = [
    ...parameters.map(({ name, shape }) => ({ what: `parameter '${name}'`, shape })),
    ...streams.map(({ name, shape }) => ({ what: `stream '${name}'`, shape })),
    ...carried.map(({ name, shape }) => ({ what: `carried '${name}'`, shape })),
    { what: 'the batch', shape: batch },
  ];
  for (const { what, shape } of shaped)
    if (shape[0] !== members) builder.fail(`${what} has shape [${shape}]; with ${members} members its first axis must be ${members}`);
}

function checkSpec(builder: GraphBuilder, spec: TrainingSpec): void {
  const { averageDecay = 0 } = spec;
  if (!(averageDecay >= 0 && averageDecay < 1)) builder.fail(`averageDecay is ${averageDecay}, not in [0, 1)`);
  const given = [spec.tables, spec.streams ?? [], spec.fixed ?? [], spec.carried ?? []].flat().map(({ name }) => name);
  const twice = given.find((name, index) => given.indexOf(name) !== index);
  if (twice !== undefined) builder.fail(`two of the tables, streams, fixed and carried tensors are called '${twice}'`);
  for (const { name, dtype, shape, initial } of spec.carried ?? []) {
    if (!holds(dtype, initial) || initial.length !== elementCount(shape))
      builder.fail(`carried '${name}' is ${initial.constructor.name}(${initial.length}) at first, not ${dtype} ${shapeText(shape)}`);
  }
}

function frozenSpecs({ parameters }: TrainingSpec): FedSpec[] {
  return parameters.filter(({ frozen }) => frozen).map(({ name, shape }) => ({ name, dtype: 'float32', shape }));
}

function inputsByName(builder: GraphBuilder, specs: readonly FedSpec[], rename: (name: string) => string, lead: readonly string[] = []) {
  return Object.fromEntries(specs.map(({ name, dtype, shape }) => [name, builder.input(rename(name), dtype, [...lead, ...shape])]));
}

function feedInputs(builder: GraphBuilder, spec: TrainingSpec): Feeds {
  const tables = spec.tables.map(({ name, dtype, columns }) => ({ name, dtype, shape: columns }));
  return {
    steps: builder.input('steps', 'int64', []),
    learningRate: builder.input('learning_rate', 'float32', ['rounds']),
    indices: builder.input('indices', 'int32', ['rounds', ...spec.batch]),
    tables: inputsByName(builder, tables, trainingNames.table, ['rows']),
    streams: inputsByName(builder, spec.streams ?? [], trainingNames.stream, ['rounds']),
    fixed: inputsByName(builder, spec.fixed ?? [], trainingNames.fixed),
  };
}
