/** A trained ensemble as the contract's `predict` graph. */
import { Rng } from '../math/rng.ts';
import {
  compileInference,
  type GraphBuilder,
  type InferenceSpec,
  mlp,
  mlpParameters,
  type Tensor,
  type TensorsByName,
} from '../onnx/index.ts';
import { type EnsembleConfig, type EnsembleLayout, type Normalisation, networkSpec } from './ensemble.ts';
import { floats, rowConstant } from './graph-parts.ts';

/** A trained ensemble, and how its numbers are to be read. */
export interface TrainedEnsemble {
  readonly layout: EnsembleLayout;
  readonly config: EnsembleConfig;
  readonly values: Readonly<Record<string, Float32Array>>;
  readonly scaling: Normalisation;
  /** What deviations are multiplied with. */
  readonly calibration: number;
}

/**
 * The contract's `predict`, everything inside: encoding, scaling, networks, calibration, sampling.
 * What can be done to the weights once is not done to every row: the network gets the columns as they lie, and its first and last layer scale them.
 */
export function compileEnsemblePredict(ensemble: TrainedEnsemble): Uint8Array {
  const { layout, config, scaling, calibration } = ensemble;
  const targets = layout.targets.length;
  const raw = rawInput(layout);
  const networks = networksOf(ensemble, raw);
  const context = layout.contexts.length > 0 ? [floats('context', layout.contexts.length)] : [];
  const rows = [floats('state', targets), floats('action', layout.commandSize), ...context, floats('noise', targets)];
  return compileInference({
    parameters: networks.parameters,
    values: networks.values,
    inputs: [...rows, ...networks.inputs],
    build: (builder, parameters, given) => {
      const input = builder.scope('encode', () => encode(builder, ensemble, raw, given.state!, given.context, given.action!));
      const output = networks.run(builder, parameters, input, given);
      const [change, openness] = builder.split(output, [targets, targets], -1) as [Tensor, Tensor];
      const isChange = layout.targets.map(({ absolute }) => (absolute ? 0 : 1));
      const kept = isChange.includes(0) ? builder.mul(given.state!, rowConstant(builder, isChange)) : given.state!;
      const mean = builder.add(kept, change);
      const widened = scaling.targetScale.map((value) => value * calibration);
      const scale = builder.scope('scale', () => deviation(builder, openness, config.logVariance, widened));
      return { sample: builder.add(mean, builder.mul(scale, given.noise!)), mean, scale };
    },
  });
}

/** The members' networks: what they are made of, and from `[rows, raw.width]` to `[rows, 2 · targets]`. */
interface Networks extends Pick<InferenceSpec, 'parameters' | 'inputs'> {
  readonly values: Readonly<Record<string, Float32Array>>;
  readonly run: (builder: GraphBuilder, parameters: TensorsByName, input: Tensor, given: TensorsByName) => Tensor;
}

/** Each member multiplies the rows it has: two thirds of the time that stacks of matrices over equal blocks take. */
function networksOf(ensemble: TrainedEnsemble, raw: RawInput): Networks {
  const { layout, config } = ensemble;
  const { members, ...one } = networkSpec(raw.width, layout.targets.length, config);
  const stacked = Object.values(scaledValues(ensemble, raw));
  const own = Array.from({ length: config.members }, (_, member) => {
    const spec = { ...one, name: `member.${member}` };
    const parameters = mlpParameters(spec, new Rng(0));
    return { spec, parameters, values: parameters.map(({ name }, i) => [name, blockOf(stacked[i]!, config.members, member)] as const) };
  });
  return {
    parameters: own.flatMap(({ parameters }) => parameters),
    values: Object.fromEntries(own.flatMap(({ values }) => values)),
    inputs: config.members > 1 ? [{ name: 'shares', dtype: 'int64', shape: [config.members] }] : [],
    run: (builder, parameters, input, { shares }) => {
      if (!shares) return mlp(builder, parameters, input, own[0]!.spec);
      const runs = builder.cutRows(input, shares);
      return builder.joinRows(
        own.map(({ spec }, member) => mlp(builder, parameters, runs[member]!, spec)),
        'rows',
      );
    },
  };
}

function blockOf(values: Float32Array, members: number, member: number): Float32Array {
  const size = values.length / members;
  return values.subarray(member * size, (member + 1) * size);
}

/**
 * Deviations from what `gaussianHead` makes of the output v, in fewer passes: of its soft bounds is left that the variance is `e^low + e^high · sigmoid(v − high)`.
 * @param openness - v − high: the last bias has the bound in it.
 */
function deviation(builder: GraphBuilder, openness: Tensor, { low, high }: EnsembleConfig['logVariance'], widened: Float64Array): Tensor {
  const squares = (bound: number) =>
    rowConstant(
      builder,
      widened.map((value) => value * value * Math.exp(bound)),
    );
  return builder.sqrt(builder.add(builder.mul(builder.sigmoid(openness), squares(high)), squares(low)));
}

/** Where features lie in what goes into the network: state, sines and cosines of its range of angles, the same of the context, then the command. */
interface RawInput {
  readonly width: number;
  readonly angles: { readonly state: AngleRange | undefined; readonly context: AngleRange | undefined };
  /** Column of each feature. */
  readonly columns: Int32Array;
}

function rawInput({ inputs, contexts, commandSize, features }: EnsembleLayout): RawInput {
  const columns: number[] = [];
  let width = 0;
  const place = (elements: EnsembleLayout['inputs']): AngleRange | undefined => {
    const range = angleRange(elements);
    const { start, end } = range ?? { start: 0, end: 0 };
    const sines = width + elements.length - start;
    elements.forEach(({ angle, stopped }, i) => {
      if (angle) columns.push(sines + i, sines + end - start + i);
      if (!angle || stopped) columns.push(width + i);
    });
    width += elements.length + 2 * (end - start);
    return range;
  };
  const angles = { state: place(inputs), context: place(contexts) };
  for (let i = 0; i < commandSize; i++) columns.push(width++);
  if (columns.length !== features) throw new RangeError(`${columns.length} columns for ${features} features`);
  return { width, angles, columns: Int32Array.from(columns) };
}

/** Elements from the first angle to the last; `end` is not one of them. */
interface AngleRange {
  readonly start: number;
  readonly end: number;
}

function angleRange(elements: EnsembleLayout['inputs']): AngleRange | undefined {
  const start = elements.findIndex(({ angle }) => angle);
  return start === -1 ? undefined : { start, end: elements.findLastIndex(({ angle }) => angle) + 1 };
}

function encode(
  builder: GraphBuilder,
  { scaling }: TrainedEnsemble,
  { width, angles, columns }: RawInput,
  state: Tensor,
  context: Tensor | undefined,
  action: Tensor,
): Tensor {
  const withAngles = (x: Tensor, range: AngleRange | undefined) => {
    if (!range) return [x];
    const { start, end } = range;
    const turned = end - start === x.shape[1] ? x : builder.slice(x, 1, start, end);
    return [x, builder.sin(turned), builder.cos(turned)];
  };
  const parts = [...withAngles(state, angles.state), ...(context ? withAngles(context, angles.context) : []), action];
  // Subtracted here, not in the first bias: far from 0, float32 would lose what it is about.
  const means = new Float32Array(width);
  columns.forEach((column, feature) => {
    means[column] = scaling.inputMean[feature]!;
  });
  return builder.sub(builder.concat(parts, 1), rowConstant(builder, means));
}

/** Weights of the raw columns to changes in the unit of each entry. Columns that are no feature weigh nothing. */
function scaledValues({ layout, config, values, scaling }: TrainedEnsemble, { width, columns }: RawInput): Record<string, Float32Array> {
  const targets = layout.targets.length;
  const names = mlpParameters(networkSpec(layout.features, targets, config), new Rng(0)).map(({ name }) => name);
  const [firstWeight, lastWeight, lastBias] = [names[0]!, names.at(-2)!, names.at(-1)!];
  const { members } = config;
  const spread = (values: Float32Array): Float32Array => {
    const outputs = values.length / (members * layout.features);
    const wide = new Float32Array(members * width * outputs);
    for (let at = 0; at < values.length; at++) {
      const [block, feature, output] = [
        Math.floor(at / (layout.features * outputs)),
        Math.floor(at / outputs) % layout.features,
        at % outputs,
      ];
      wide[(block * width + columns[feature]!) * outputs + output] = values[at]! / scaling.inputScale[feature]!;
    }
    return wide;
  };
  /** Of the means, which come before the log variances. */
  const stretched = (values: Float32Array, offset: (target: number) => number, bound: number): Float32Array =>
    values.map((value, at) => {
      const target = at % (2 * targets);
      return target < targets ? value * scaling.targetScale[target]! + offset(target) : value - bound;
    });
  const last = {
    [lastWeight]: stretched(values[lastWeight]!, () => 0, 0),
    [lastBias]: stretched(values[lastBias]!, (target) => scaling.targetMean[target]!, config.logVariance.high),
  };
  const scaled = { ...Object.fromEntries(names.map((name) => [name, values[name]!])), ...last };
  return { ...scaled, [firstWeight]: spread(scaled[firstWeight]!) };
}
