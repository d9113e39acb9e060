import { type AdamWOptions, adamW } from './adam-w.ts';
import { grad } from './gradients.ts';
import { GraphBuilder } from './graph-builder.ts';
import { elementCount, shapeText } from './shapes.ts';
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
  average: (name: string) => `average.${name}`,
  carried: (name: string) => `carried.${name}`,
  metric: (name: string) => `metric.${name}`,
  next: (name: string) => `next.${name}`,
} as const;

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
  const layout = stateLayout(spec);
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
  const averaged = spec.averageDecay !== undefined;
  return { bytes: builder.toModel(), name, parameters, tables, batch, streams, fixed, carried, averaged, metrics };
}

/** What is carried from step to step, by kind; the order of lists is that of the spec. */
export interface StateGroups<T> {
  readonly step: readonly T[];
  readonly parameters: readonly T[];
  readonly first: readonly T[];
  readonly second: readonly T[];
  readonly averages: readonly T[];
  readonly carried: readonly T[];
}

/** Names, element types and shapes of all that is carried, under the names of the model's inputs. Frozen parameters are fed, not carried. */
export function stateLayout(spec: {
  readonly parameters: readonly ParameterSpec[];
  readonly carried?: readonly CarriedSpec[];
  readonly averageDecay?: number;
  readonly averaged?: boolean;
}): StateGroups<FedSpec> {
  const trained = (rename: (name: string) => string) =>
    spec.parameters.filter(({ frozen }) => !frozen).map(({ name, shape }) => ({ name: rename(name), dtype: 'float32' as const, shape }));
  return {
    step: [{ name: 'step', dtype: 'float64', shape: [] }],
    parameters: trained(trainingNames.parameter),
    first: trained(trainingNames.first),
    second: trained(trainingNames.second),
    averages: (spec.averaged ?? spec.averageDecay !== undefined) ? trained(trainingNames.average) : [],
    carried: (spec.carried ?? []).map(({ name, dtype, shape }) => ({ name: trainingNames.carried(name), dtype, shape })),
  };
}

function mapGroups<A, B>(groups: StateGroups<A>, map: (value: A) => B): StateGroups<B> {
  const { step, parameters, first, second, averages, carried } = groups;
  return {
    step: step.map(map),
    parameters: parameters.map(map),
    first: first.map(map),
    second: second.map(map),
    averages: averages.map(map),
    carried: carried.map(map),
  };
}

/** One list of all groups, in a fixed order. */
export function flat<T>({ step, parameters, first, second, averages, carried }: StateGroups<T>): T[] {
  return [...step, ...parameters, ...first, ...second, ...averages, ...carried];
}

function regroup<T>(layout: StateGroups<unknown>, values: readonly T[]): StateGroups<T> {
  let at = 0;
  return mapGroups(layout, () => values[at++]!);
}

interface Feeds {
  readonly steps: Tensor;
  readonly learningRate: Tensor;
  readonly indices: Tensor;
  readonly tables: TensorsByName;
  readonly streams: TensorsByName;
  readonly fixed: TensorsByName;
}

interface StepInputs {
  readonly feeds: Feeds;
  readonly frozen: TensorsByName;
  readonly round: Tensor;
  readonly before: StateGroups<Tensor>;
}

/** One round of the loop: batch, loss, gradients, update. */
function trainingStep(builder: GraphBuilder, spec: TrainingSpec, { feeds, frozen, round, before }: StepInputs) {
  const given: Given = {
    trained: before.parameters,
    frozen,
    averages: before.averages,
    carried: before.carried,
    ...drawRound(builder, feeds, round),
  };
  const differentiated = spec.members === undefined ? differentiate(builder, spec, feeds, given) : eachMember(builder, spec, feeds, given);
  const { loss, gradients, next, metrics } = differentiated;
  const updated = adamW(
    builder,
    {
      parameters: before.parameters,
      gradients,
      first: before.first,
      second: before.second,
      step: before.step[0]!,
      learningRate: builder.scope('batch', () => builder.gather(feeds.learningRate, round)),
      loss,
      decayed: trainedSpecs(spec).map((parameter) => parameter.decay ?? true),
    },
    spec.optimizer,
  );
  const kept = keepState(builder, spec, { before, next, finite: updated.finite, parameters: updated.parameters });
  const { parameters, first, second, gradientNorm, finite } = updated;
  return { after: { step: [updated.step], parameters, first, second, ...kept }, reported: [loss, gradientNorm, finite], metrics };
}

/** What one step, or one member of it, starts from. */
interface Given extends Drawn {
  readonly trained: readonly Tensor[];
  readonly frozen: TensorsByName;
  readonly averages: readonly Tensor[];
  readonly carried: readonly Tensor[];
}

/** Row indices and streams. */
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
  readonly next: TensorsByName;
  readonly metrics: TensorsByName;
}

function differentiate(builder: GraphBuilder, spec: TrainingSpec, { tables, fixed }: Feeds, given: Given): Differentiated {
  const gathered = builder.scope('batch', () => mapped(tables, (table) => builder.gather(table, given.rows!)));
  const batch = { ...fixed, ...given.streams, ...gathered, ...named(spec.carried ?? [], given.carried) };
  const trained = trainedSpecs(spec);
  const weights = { ...given.frozen, ...named(trained, given.trained) };
  const averages = spec.averageDecay === undefined ? {} : named(trained, given.averages);
  const { loss, next = {}, metrics = {} } = builder.scope('loss', () => spec.loss(builder, weights, batch, averages));
  return { loss, gradients: grad(builder, loss, given.trained), next, metrics };
}

/** Losses and metrics are summed; what else has an axis of members has it again. */
function eachMember(builder: GraphBuilder, spec: TrainingSpec, feeds: Feeds, given: Given): Differentiated {
  const members = spec.members!;
  const names: { next: string[]; metrics: string[] } = { next: [], metrics: [] };
  const { collected } = builder.loop(
    builder.constant(members, 'int64'),
    [],
    (member) => {
      const own = (tensor: Tensor) => builder.gather(tensor, member);
      const { loss, gradients, next, metrics } = differentiate(builder, spec, feeds, {
        trained: given.trained.map(own),
        frozen: mapped(given.frozen, own),
        averages: given.averages.map(own),
        carried: given.carried.map(own),
        rows: given.rows && own(given.rows),
        streams: mapped(given.streams, own),
      });
      Object.assign(names, { next: Object.keys(next), metrics: Object.keys(metrics) });
      return { carried: [], collected: [loss, ...gradients, ...Object.values(next), ...Object.values(metrics)] };
    },
    members,
  );
  const [losses, ...rest] = collected as [Tensor, ...Tensor[]];
  const take = (keys: readonly string[]) => Object.fromEntries(rest.splice(0, keys.length).map((tensor, i) => [keys[i]!, tensor]));
  const gradients = rest.splice(0, given.trained.length);
  const next = take(names.next);
  return { loss: builder.reduceSum(losses), gradients, next, metrics: mapped(take(names.metrics), (metric) => builder.reduceSum(metric)) };
}

interface KeptInputs {
  readonly before: StateGroups<Tensor>;
  readonly next: TensorsByName;
  readonly finite: Tensor;
  readonly parameters: readonly Tensor[];
}

/** Averages and carried tensors after a step; as they were after one that was skipped. */
function keepState(builder: GraphBuilder, spec: TrainingSpec, { before, next, finite, parameters }: KeptInputs) {
  const { carried = [], averageDecay = 0 } = spec;
  const unknown = Object.keys(next).find((name) => !carried.some((one) => one.name === name));
  if (unknown !== undefined) builder.fail(`the loss gives a next '${unknown}', which is not carried`);
  if (before.averages.length + before.carried.length === 0) return { averages: [], carried: [] };
  return builder.scope('carried', () => {
    const results = builder.conditional(
      finite,
      () => [
        ...before.averages.map((average, i) => builder.add(average, builder.mul(builder.sub(parameters[i]!, average), 1 - averageDecay))),
        ...carried.map(({ name }, i) => next[name] ?? before.carried[i]!),
      ],
      () => [...before.averages, ...before.carried],
    );
    return { averages: results.slice(0, before.averages.length), carried: results.slice(before.averages.length) };
  });
}

function requireMembers(builder: GraphBuilder, { members, parameters, batch, streams = [], carried = [] }: TrainingSpec): void {
  if (members === undefined) return;
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

function named(specs: readonly { readonly name: string }[], tensors: readonly Tensor[]): TensorsByName {
  return Object.fromEntries(specs.map(({ name }, index) => [name, tensors[index]!]));
}

function trainedSpecs({ parameters }: TrainingSpec): ParameterSpec[] {
  return parameters.filter(({ frozen }) => !frozen);
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

function mapped(tensors: TensorsByName, change: (tensor: Tensor) => Tensor): TensorsByName {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor)]));
}
