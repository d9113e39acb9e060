import type { CompiledTraining, FedSpec, ParameterSpec, TrainingSpec } from './compile-training.ts';

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

/** What is carried from step to step, by kind; the order of lists is that of the spec. */
export interface StateGroups<T> {
  readonly step: readonly T[];
  readonly parameters: readonly T[];
  readonly first: readonly T[];
  readonly second: readonly T[];
  readonly averages: readonly T[];
  readonly carried: readonly T[];
}

type LayoutSpec = Pick<CompiledTraining, 'parameters' | 'carried' | 'averaged' | 'followers'>;

export function layoutOf({ parameters, carried = [], averageDecay, followUp }: TrainingSpec): LayoutSpec {
  const layout = { parameters, carried, averaged: averageDecay !== undefined };
  return followUp ? { ...layout, followers: trainedNames(parameters).filter((name) => followUp.trains(name)) } : layout;
}

export function trainedNames(parameters: readonly ParameterSpec[]): string[] {
  return parameters.filter(({ frozen }) => !frozen).map(({ name }) => name);
}

/** Names, element types and shapes of all that is carried, under the names of the model's inputs. Frozen parameters are fed, not carried. */
export function stateLayout({ parameters, carried, averaged, followers = undefined }: LayoutSpec): StateGroups<FedSpec> {
  const trained = parameters.filter(({ frozen }) => !frozen);
  const floats = (specs: readonly ParameterSpec[], rename: (name: string) => string) =>
    specs.map(({ name, shape }) => ({ name: rename(name), dtype: 'float32' as const, shape }));
  return {
    step: ['step', ...(followers ? ['follow_up_step'] : [])].map((name) => ({ name, dtype: 'float64', shape: [] })),
    parameters: floats(trained, trainingNames.parameter),
    first: floats(trained, trainingNames.first),
    second: floats(trained, trainingNames.second),
    averages: averaged
      ? floats(
          trained.filter(({ name }) => !followers?.includes(name)),
          trainingNames.average,
        )
      : [],
    carried: carried.map(({ name, dtype, shape }) => ({ name: trainingNames.carried(name), dtype, shape })),
  };
}

export function mapGroups<A, B>(groups: StateGroups<A>, map: (value: A) => B): StateGroups<B> {
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

export function regroup<T>(layout: StateGroups<unknown>, values: readonly T[]): StateGroups<T> {
  let at = 0;
  return mapGroups(layout, () => values[at++]!);
}
