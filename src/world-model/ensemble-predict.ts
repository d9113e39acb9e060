/** A trained ensemble as the contract's `predict` graph. */
import { Rng } from '../math/rng.ts';
import { compileInference, type GraphBuilder, gaussianHead, mlp, mlpParameters, type Tensor } from '../onnx/index.ts';
import { type EnsembleConfig, type EnsembleLayout, type Normalisation, networkSpec } from './ensemble.ts';

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
 * The contract's `predict`, everything inside: encoding, scaling, networks, calibration, sampling. Rows are member-major blocks.
 * What can be done to the weights once is not done to every row: the network gets the columns as they lie, and its first and last layer scale them.
 *
 * @param member - the graph of this member alone; absent = all of them. It gives the same bits.
 */
export function compileEnsemblePredict(ensemble: TrainedEnsemble, member?: number): Uint8Array {
  const { layout, config, scaling, calibration } = ensemble;
  const targets = layout.targets.length;
  const raw = rawInput(layout);
  const members = member === undefined ? config.members : 1;
  const spec = networkSpec(raw.width, targets, { ...config, members });
  const floats = (name: string, width: number) => ({ name, dtype: 'float32', shape: ['rows', width] }) as const;
  const context = layout.contexts.length > 0 ? [floats('context', layout.contexts.length)] : [];
  return compileInference({
    parameters: mlpParameters(spec, new Rng(0)),
    values: scaledValues(ensemble, raw, member),
    inputs: [floats('state', targets), floats('action', layout.commandSize), ...context, floats('noise', targets)],
    build: (builder, parameters, given) => {
      const row = (numbers: Iterable<number>) => builder.constant(Float32Array.from(numbers), 'float32', [1, targets]);
      const rows = (x: Tensor) => builder.reshape(x, ['rows', targets]);
      const input = builder.scope('encode', () => encode(builder, ensemble, raw, given.state!, given.context, given.action!));
      const blocks = builder.reshape(input, [members, 'tile', raw.width]);
      const head = gaussianHead(builder, mlp(builder, parameters, blocks, spec), config.logVariance);
      const isAbsolute = layout.targets.some(({ absolute }) => absolute);
      const kept = isAbsolute ? builder.mul(given.state!, row(layout.targets.map(({ absolute }) => (absolute ? 0 : 1)))) : given.state!;
      const mean = builder.add(kept, rows(head.mean));
      const widened = row(scaling.targetScale.map((value) => value * calibration));
      const scale = builder.mul(builder.exp(builder.mul(rows(head.logVariance), 0.5)), widened);
      return { sample: builder.add(mean, builder.mul(scale, given.noise!)), mean, scale };
    },
  });
}

/** Where features lie in what goes into the network: state, its sines and cosines if it has angles, the same of the context, then the command. */
interface RawInput {
  readonly width: number;
  readonly hasAngles: { readonly state: boolean; readonly context: boolean };
  /** Column of each feature. */
  readonly columns: Int32Array;
}

function rawInput({ inputs, contexts, commandSize, features }: EnsembleLayout): RawInput {
  const columns: number[] = [];
  let width = 0;
  const place = (elements: EnsembleLayout['inputs']): boolean => {
    const hasAngles = elements.some(({ angle }) => angle);
    elements.forEach(({ angle }, i) => {
      if (angle) columns.push(width + elements.length + i, width + 2 * elements.length + i);
      else columns.push(width + i);
    });
    width += elements.length * (hasAngles ? 3 : 1);
    return hasAngles;
  };
  const hasAngles = { state: place(inputs), context: place(contexts) };
  for (let i = 0; i < commandSize; i++) columns.push(width++);
  if (columns.length !== features) throw new RangeError(`${columns.length} columns for ${features} features`);
  return { width, hasAngles, columns: Int32Array.from(columns) };
}

function encode(
  builder: GraphBuilder,
  { scaling }: TrainedEnsemble,
  { width, hasAngles, columns }: RawInput,
  state: Tensor,
  context: Tensor | undefined,
  action: Tensor,
): Tensor {
  const withAngles = (x: Tensor, has: boolean) => (has ? [x, builder.sin(x), builder.cos(x)] : [x]);
  const parts = [...withAngles(state, hasAngles.state), ...(context ? withAngles(context, hasAngles.context) : []), action];
  // Subtracted here, not in the first bias: far from 0, float32 would lose what it is about.
  const means = new Float32Array(width);
  columns.forEach((column, feature) => {
    means[column] = scaling.inputMean[feature]!;
  });
  return builder.sub(builder.concat(parts, 1), builder.constant(means, 'float32', [1, width]));
}

/** Weights of the raw columns to changes in the unit of each entry. Columns that are no feature weigh nothing. */
function scaledValues({ layout, config, values, scaling }: TrainedEnsemble, { width, columns }: RawInput, member: number | undefined) {
  const targets = layout.targets.length;
  const names = mlpParameters(networkSpec(layout.features, targets, config), new Rng(0)).map(({ name }) => name);
  const [firstWeight, lastWeight, lastBias] = [names[0]!, names.at(-2)!, names.at(-1)!];
  const own = Object.fromEntries(names.map((name) => [name, shareOf(values[name]!, config.members, member)]));
  const members = member === undefined ? config.members : 1;
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
  const stretched = (values: Float32Array, offset: Float64Array | undefined): Float32Array =>
    values.map((value, at) => {
      const target = at % (2 * targets);
      return target < targets ? value * scaling.targetScale[target]! + (offset?.[target] ?? 0) : value;
    });
  const last = { [lastWeight]: stretched(own[lastWeight]!, undefined), [lastBias]: stretched(own[lastBias]!, scaling.targetMean) };
  const scaled = { ...own, ...last };
  return { ...scaled, [firstWeight]: spread(scaled[firstWeight]!) };
}

function shareOf(values: Float32Array, members: number, member: number | undefined): Float32Array {
  if (member === undefined) return values;
  const size = values.length / members;
  return values.subarray(member * size, (member + 1) * size);
}
