/**
 * The probabilistic ensemble (PETS, Chua et al. 2018; MBPO, Janner et al. 2019): M networks, each giving a Gaussian over the change of the predicted entries.
 * Inputs are encoded by kind (angles as sine and cosine) and normalised; targets are changes (absolute values for signals), normalised.
 */
import type { StateEntry } from '../core/state-spec.ts';
import { wrapAngle } from '../core/state-spec.ts';
import type { Transitions } from '../data/transitions.ts';
import { Rng } from '../math/rng.ts';
import {
  type CompiledTraining,
  compileInference,
  compileTraining,
  gaussianHead,
  gaussianLoss,
  type MlpSpec,
  mlp,
  mlpParameters,
} from '../onnx/index.ts';
import type { AnyTask } from '../task/task.ts';
import { contextEntries, elementsOf, predictedEntries } from './contract.ts';

export interface EnsembleConfig {
  readonly members: number;
  readonly hidden: readonly number[];
  readonly learningRate: number;
  /** Share of it left at the last update. */
  readonly finalLearningRate: number;
  readonly weightDecay: number;
  readonly batch: number;
  readonly maximumGradientNorm: number;
  /** Soft bounds of the log variance of a normalised target. Physics is nearly noiseless: a higher floor would make every interval too wide. */
  readonly logVariance: { readonly low: number; readonly high: number };
  /**
   * Rows weigh by their predicted variance to this power [β], from 0 as in maximum likelihood, the default, to 1 as with squared errors. Without it what is hard to
   * predict at first, an impact on a stop, is called noise and hardly learned any more.
   * @see Seitzer et al. 2022, "On the pitfalls of heteroscedastic uncertainty estimation with probabilistic neural networks".
   */
  readonly varianceWeight?: number;
  /** Angles between hard stops go in as numbers too, beside sine and cosine, which hardly tell one stop from the other. Default false. */
  readonly stoppedAsNumbers?: boolean;
}

export const ensembleDefaults: EnsembleConfig = {
  members: 7,
  hidden: [64, 64],
  learningRate: 5e-3,
  finalLearningRate: 0.02,
  weightDecay: 5e-5,
  batch: 256,
  maximumGradientNorm: 10,
  logVariance: { low: -14, high: 0.5 },
};

/** Larger, longer and weighted so that impacts are learned: for tens of thousands of transitions, where `ensembleDefaults` are for a thousand. */
export const accurateEnsemble: EnsembleConfig = {
  ...ensembleDefaults,
  members: 5,
  hidden: [96, 96, 96],
  learningRate: 3e-3,
  varianceWeight: 0.5,
  stoppedAsNumbers: true,
};

/** One input element and how it is encoded. */
interface Element {
  readonly offset: number;
  readonly angle: boolean;
  /** Whether an angle goes in as a number too. */
  readonly stopped: boolean;
}

/** What goes in and out of the network for a task, as plain data. */
export interface EnsembleLayout {
  readonly inputs: readonly Element[];
  readonly contexts: readonly Element[];
  readonly commandSize: number;
  readonly features: number;
  /** `absolute`: the network gives the value itself, not its change. */
  readonly targets: readonly (Element & { readonly absolute: boolean })[];
}

/** Constants of input and target scaling, float64. */
export interface Normalisation {
  readonly inputMean: Float64Array;
  readonly inputScale: Float64Array;
  readonly targetMean: Float64Array;
  readonly targetScale: Float64Array;
}

export function layoutOf(task: AnyTask, { stoppedAsNumbers = false }: Pick<EnsembleConfig, 'stoppedAsNumbers'> = {}): EnsembleLayout {
  const elements = (entries: readonly StateEntry[]) =>
    entries.flatMap((entry) =>
      Array.from(elementsOf([entry]), (offset) => {
        const angle = entry.kind === 'angle';
        return { offset, angle, stopped: stoppedAsNumbers && angle && entry.limits !== undefined, absolute: entry.role === 'signal' };
      }),
    );
  const targets = elements(predictedEntries(task));
  const contexts = elements(contextEntries(task));
  // A signal of the last step tells nothing that the dynamic entries do not, but a model may see it.
  const inputs = targets;
  const features = [...inputs, ...contexts].reduce((sum, element) => sum + widthOf(element), task.commands.length);
  return { inputs, contexts, commandSize: task.commands.length, features, targets };
}

/** How many features an element is encoded as. */
function widthOf({ angle, stopped }: Element): number {
  return angle ? (stopped ? 3 : 2) : 1;
}

/**
 * @param encoded - written to and returned; default a new one.
 * @returns float64 `[count, features]`: state, context (angles as sine, cosine), command.
 */
export function encodeInputs(
  layout: EnsembleLayout,
  data: Pick<Transitions, 'count' | 'state' | 'command'>,
  encoded: Float64Array = new Float64Array(data.count * layout.features),
): Float64Array {
  const size = data.state.length / Math.max(1, data.count);
  const elements = [...layout.inputs, ...layout.contexts];
  let at = 0;
  for (let row = 0; row < data.count; row++) {
    for (const element of elements) {
      const value = data.state[row * size + element.offset]!;
      if (element.angle) {
        encoded[at++] = Math.sin(value);
        encoded[at++] = Math.cos(value);
      }
      if (!element.angle || element.stopped) encoded[at++] = value;
    }
    for (let i = 0; i < layout.commandSize; i++) encoded[at++] = data.command[row * layout.commandSize + i]!;
  }
  return encoded;
}

/** @returns float64 `[count, targets]`: what each predicted element became, as a change unless absolute. */
export function encodeTargets(layout: EnsembleLayout, data: Transitions): Float64Array {
  const size = data.state.length / Math.max(1, data.count);
  const encoded = new Float64Array(data.count * layout.targets.length);
  let at = 0;
  for (let row = 0; row < data.count; row++)
    for (const { offset, angle, absolute } of layout.targets) {
      const change = data.next[row * size + offset]! - (absolute ? 0 : data.state[row * size + offset]!);
      encoded[at++] = angle ? wrapAngle(change) : change;
    }
  return encoded;
}

/** Column means and standard deviations; constant columns get scale 1. */
export function columnScale(values: Float64Array, columns: number): { mean: Float64Array; scale: Float64Array } {
  const rows = values.length / columns;
  const mean = new Float64Array(columns);
  const scale = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) mean[i % columns] = mean[i % columns]! + values[i]! / rows;
  for (let i = 0; i < values.length; i++) scale[i % columns] = scale[i % columns]! + (values[i]! - mean[i % columns]!) ** 2 / rows;
  for (let i = 0; i < columns; i++) scale[i] = Math.sqrt(scale[i]!) > 1e-8 ? Math.sqrt(scale[i]!) : 1;
  return { mean, scale };
}

/** @returns float32, `(values − mean) / scale` by column. */
export function normalise(values: Float64Array, mean: Float64Array, scale: Float64Array): Float32Array {
  return Float32Array.from(values, (value, i) => (value - mean[i % mean.length]!) / scale[i % scale.length]!);
}

export function networkSpec(features: number, targets: number, config: EnsembleConfig): MlpSpec {
  return { name: 'ensemble', members: config.members, sizes: [features, ...config.hidden, 2 * targets], activation: 'silu' };
}

/** The training graph: tables `input` `[rows, features]` and `target` `[rows, targets]`, indices `[members, batch]`. */
export function compileEnsembleTraining(features: number, targets: number, config: EnsembleConfig, rng: Rng): CompiledTraining {
  const spec = networkSpec(features, targets, config);
  const { members: _, ...one } = spec;
  return compileTraining({
    name: 'ensemble',
    parameters: mlpParameters(spec, rng),
    members: config.members,
    tables: [
      { name: 'input', dtype: 'float32', columns: [features] },
      { name: 'target', dtype: 'float32', columns: [targets] },
    ],
    batch: [config.members, config.batch],
    loss: (builder, parameters, batch) => ({
      loss: gaussianLoss(
        builder,
        gaussianHead(builder, mlp(builder, parameters, batch.input!, one), config.logVariance),
        batch.target!,
        config.varianceWeight,
      ),
    }),
    optimizer: { weightDecay: config.weightDecay, maximumGradientNorm: config.maximumGradientNorm },
  });
}

/** The networks alone, weights inside: `input` f32 `[members, rows, features]` → `mean`, `deviation`, normalised. For calibration. */
export function compileEnsembleHeads(
  features: number,
  targets: number,
  config: EnsembleConfig,
  values: Readonly<Record<string, Float32Array>>,
): Uint8Array {
  const spec = networkSpec(features, targets, config);
  return compileInference({
    parameters: mlpParameters(spec, new Rng(0)),
    values,
    inputs: [{ name: 'input', dtype: 'float32', shape: ['rows', features] }],
    build: (builder, parameters, { input }) => {
      const { mean, logVariance } = gaussianHead(builder, mlp(builder, parameters, input!, spec), config.logVariance);
      return { mean, deviation: builder.exp(builder.mul(logVariance, 0.5)) };
    },
  });
}
