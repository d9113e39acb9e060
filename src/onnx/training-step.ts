/** What one round of a training's loop is made of: batch, loss, gradients, update. */
import { adamW } from './adam-w.ts';
import type { FollowUp, ParameterSpec, TensorsByName, TrainingSpec } from './compile-training.ts';
import { grad } from './gradients.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { flat, regroup, type StateGroups } from './training-layout.ts';
import type { Tensor } from './types.ts';

/** The inputs of the model that no step changes. */
export interface Feeds {
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

interface StepResult {
  readonly after: StateGroups<Tensor>;
  /** Loss, gradient norm, finite flag. */
  readonly reported: readonly Tensor[];
  readonly metrics: TensorsByName;
}

/** One round of the loop. */
export function trainingStep(builder: GraphBuilder, spec: TrainingSpec, inputs: StepInputs): StepResult {
  return spec.followUp ? twoLosses(builder, spec, spec.followUp, inputs) : oneLoss(builder, spec, inputs);
}

/** Batch, loss, gradients, update. */
function oneLoss(builder: GraphBuilder, spec: TrainingSpec, { feeds, frozen, round, before }: StepInputs): StepResult {
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

/** One loss after the other: to each, what the other one trains is frozen. */
function twoLosses(builder: GraphBuilder, spec: TrainingSpec, followUp: FollowUp, inputs: StepInputs): StepResult {
  const { before, frozen } = inputs;
  const all = trainedSpecs(spec);
  const share = (isOwn: (name: string) => boolean, step: number) => {
    const pick = (tensors: readonly Tensor[]) => tensors.filter((_, i) => isOwn(all[i]!.name));
    const { parameters, first, second } = before;
    const specs = all.filter(({ name }) => isOwn(name));
    return { specs, step: [before.step[step]!], parameters: pick(parameters), first: pick(first), second: pick(second) };
  };
  const [leader, follower] = [share((name) => !followUp.trains(name), 0), share(followUp.trains, 1)];
  const withFrozen = (others: readonly ParameterSpec[]) =>
    spec.parameters.map((parameter) => (others.includes(parameter) ? { ...parameter, frozen: true } : parameter));
  const led = oneLoss(
    builder,
    { ...spec, parameters: withFrozen(follower.specs) },
    {
      ...inputs,
      frozen: { ...frozen, ...named(follower.specs, follower.parameters) },
      before: { ...leader, averages: before.averages, carried: before.carried },
    },
  );
  const { tables, batch, optimizer } = spec;
  const own = { parameters: withFrozen(leader.specs), tables, batch, loss: followUp.loss, ...(optimizer ? { optimizer } : {}) };
  const start = { ...follower, averages: [], carried: [] };
  // What the first loss saw may depend on what the second one trains.
  const seen = { ...frozen, ...mapped(named(leader.specs, led.after.parameters), (moved) => builder.stopGradient(moved)) };
  const followed = takeTurn(builder, followUp, led.after.step[0]!, start, () =>
    builder.scope('follow-up', () => oneLoss(builder, own, { ...inputs, frozen: seen, before: start })),
  );
  const joined = (group: 'parameters' | 'first' | 'second') => {
    const after = { ...named(leader.specs, led.after[group]), ...named(follower.specs, followed.after[group]) };
    return all.map(({ name }) => after[name]!);
  };
  return {
    after: {
      ...led.after,
      step: [...led.after.step, ...followed.after.step],
      parameters: joined('parameters'),
      first: joined('first'),
      second: joined('second'),
    },
    reported: led.reported,
    metrics: { ...led.metrics, ...followed.metrics },
  };
}

/** @param step - finite steps of the first loss so far. */
function takeTurn(
  builder: GraphBuilder,
  { every = 1 }: FollowUp,
  step: Tensor,
  before: StateGroups<Tensor>,
  build: () => StepResult,
): Omit<StepResult, 'reported'> {
  const turn = () => {
    const { after, reported, metrics } = build();
    const [loss, , finite] = reported as [Tensor, Tensor, Tensor];
    return { after, metrics: { ...metrics, follow_up_loss: loss, follow_up_finite: builder.cast(finite, 'float32') } };
  };
  if (every === 1) return turn();
  let names: readonly string[] = [];
  const isTurn = builder.equal(builder.mul(builder.floor(builder.div(step, every)), every), step);
  const results = builder.conditional(
    isTurn,
    () => {
      const { after, metrics } = turn();
      names = Object.keys(metrics);
      return [...flat(after), ...Object.values(metrics)];
    },
    () => [...flat(before), ...names.map(() => builder.constant(Number.NaN))],
  );
  const after = regroup(before, results);
  return { after, metrics: Object.fromEntries(names.map((name, i) => [name, results[results.length - names.length + i]!])) };
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

function named(specs: readonly { readonly name: string }[], tensors: readonly Tensor[]): TensorsByName {
  return Object.fromEntries(specs.map(({ name }, index) => [name, tensors[index]!]));
}

export function trainedSpecs({ parameters }: TrainingSpec): ParameterSpec[] {
  return parameters.filter(({ frozen }) => !frozen);
}

function mapped(tensors: TensorsByName, change: (tensor: Tensor) => Tensor): TensorsByName {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor)]));
}
