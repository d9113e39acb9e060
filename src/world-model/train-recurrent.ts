/** From what an agent saw and did to a recurrent model of it. */
import { type Experience, stepsOf } from '../data/experience.ts';
import type { Space } from '../spaces/space.ts';
import { columnScale, normalise } from './ensemble.ts';
import type { FitHooks } from './fit-ensemble.ts';
import type { RecurrentFit, RecurrentJob } from './fit-recurrent.ts';
import { flatBounds, observationManifest, type SeenTask, type TrainedObservationModel, trainingFacts } from './observation-contract.ts';
import { memorySizeOf, type RecurrentConfig, type RecurrentScaling, recurrentDefaults } from './recurrent-cell.ts';
import { compileRecurrent } from './recurrent-graphs.ts';

export interface TrainRecurrentOptions extends FitHooks {
  readonly name: string;
  readonly updates: number;
  readonly seed: number;
  readonly config?: Partial<RecurrentConfig>;
  /** What an earlier training on less of the data came to: to go on from. */
  readonly warmStart?: TrainedRecurrent['fitted'];
  /** Where the fit runs. */
  readonly fit: (job: RecurrentJob, hooks: FitHooks) => Promise<RecurrentFit>;
}

export interface TrainedRecurrent extends TrainedObservationModel {
  /** Weights, and the scaling that they stand on. */
  readonly fitted: { readonly weights: RecurrentFit['weights']; readonly scaling: RecurrentScaling };
}

/**
 * A recurrent latent model of what an agent sees, for tasks whose observation hides part of the state.
 * @param data - at least a window of observations; episodes of any length.
 * @throws TRAINING_FAILED when there are too few observations or the loss is no longer finite.
 */
export async function trainRecurrent(task: SeenTask, data: Experience, options: TrainRecurrentOptions): Promise<TrainedRecurrent> {
  const config = { ...recurrentDefaults, ...options.config };
  const sizes = { observation: data.observation.length / data.count, action: data.previousAction.length / data.count };
  const scaling = options.warmStart?.scaling ?? scalingOf(task.observationSpace, data);
  const fitted = await options.fit(
    {
      tables: tablesOf(data, scaling),
      rows: data.count,
      sizes,
      scaling,
      config,
      updates: options.updates,
      seed: options.seed,
      ...(options.warmStart ? { weights: options.warmStart.weights } : {}),
    },
    options,
  );
  const graphs = compileRecurrent({ sizes, config, scaling, values: fitted.weights });
  const manifest = observationManifest(task, graphs, {
    name: options.name,
    members: 1,
    noise: { distribution: 'normal', size: config.latent },
    memorySize: memorySizeOf(sizes, config),
    training: trainingFacts(config, options.seed, data, fitted),
  });
  return { manifest, graphs, losses: fitted.losses, fitted: { weights: fitted.weights, scaling } };
}

/** Constants that normalise this data. */
function scalingOf(space: Space, data: Experience): RecurrentScaling {
  const size = data.observation.length / data.count;
  const scale = (values: Float32Array) => columnScale(Float64Array.from(values), values.length / data.count);
  const [observation, action, reward] = [scale(data.observation), scale(data.previousAction), scale(data.reward)];
  const table = normalised(data.observation, observation);
  const first = new Float64Array(size);
  const [changes, jolts]: [number[], number[]] = [[], []];
  const episodes = data.count - stepsOf(data);
  const at = (row: number, i: number) => table[row * size + i]!;
  for (let row = 0; row < data.count; row++)
    for (let i = 0; i < size; i++) {
      if (data.first[row]) {
        first[i] = first[i]! + at(row, i) / episodes;
        continue;
      }
      changes.push(at(row, i) - at(row - 1, i));
      if (!data.first[row - 1]) jolts.push(at(row, i) - 2 * at(row - 1, i) + at(row - 2, i));
    }
  const bounds = flatBounds(space);
  const within = (bound: Float64Array) => bound.map((value, i) => (value - observation.mean[i]!) / observation.scale[i]!);
  const change = columnScale(Float64Array.from(changes), size).scale;
  const jolt = columnScale(Float64Array.from(jolts), size).scale.map((scale, i) => scale / change[i]!);
  return { observation, action, reward, first, low: within(bounds.low), high: within(bounds.high), change, jolt };
}

function tablesOf(data: Experience, { observation, action, reward }: RecurrentScaling): RecurrentJob['tables'] {
  const seen = normalised(data.observation, observation);
  const size = seen.length / data.count;
  const previous = new Float32Array(seen.length);
  previous.set(seen.subarray(0, seen.length - size), size);
  return {
    observation: seen,
    previous,
    action: normalised(data.previousAction, action),
    reward: normalised(data.reward, reward),
    continues: data.continues,
    first: data.first,
  };
}

function normalised(values: Float32Array, { mean, scale }: RecurrentScaling['observation']): Float32Array {
  return normalise(Float64Array.from(values), mean, scale);
}
