/**
 * The probabilistic ensemble on observations, for tasks whose state, reward and end nobody wrote down: each member gives the change of the observation, the reward
 * and whether the task goes on. It remembers nothing: its memory is the last observation, and whether there was one.
 */
import { type Experience, stepsOf } from '../data/experience.ts';
import { Rng } from '../math/rng.ts';
import { compileInference, type GraphBuilder, gaussianHead, mlp, mlpParameters, type Tensor } from '../onnx/index.ts';
import { columnScale, type EnsembleConfig, ensembleDefaults, networkSpec, normalise } from './ensemble.ts';
import type { FitHooks, FitJob, FitResult } from './fit-ensemble.ts';
import { floats, rowConstant } from './graph-parts.ts';
import {
  flatBounds,
  type ObservationGraphs,
  observationManifest,
  type SeenTask,
  type TrainedObservationModel,
  trainingFacts,
} from './observation-contract.ts';

export interface TrainObservationEnsembleOptions extends FitHooks {
  readonly name: string;
  readonly updates: number;
  readonly seed: number;
  readonly config?: EnsembleConfig;
  /** Where the fit runs: in this process or in a child. */
  readonly fit: (job: FitJob, hooks: FitHooks) => Promise<FitResult>;
}

/**
 * An ensemble that foretells observation, reward and continuation from the last observation and the action.
 * @throws TRAINING_FAILED when there are too few steps or the loss is no longer finite.
 */
export async function trainObservationEnsemble(
  task: SeenTask,
  data: Experience,
  options: TrainObservationEnsembleOptions,
): Promise<TrainedObservationModel> {
  const config = options.config ?? ensembleDefaults;
  const pairs = pairsOf(data);
  const input = columnScale(pairs.inputs, pairs.features);
  const target = columnScale(pairs.outcomes, pairs.targets);
  const fitted = await options.fit(
    {
      input: normalise(pairs.inputs, input.mean, input.scale),
      target: normalise(pairs.outcomes, target.mean, target.scale),
      rows: pairs.rows,
      features: pairs.features,
      targets: pairs.targets,
      episode: pairs.episode,
      calibrateFrom: 0,
      config,
      updates: options.updates,
      seed: options.seed,
    },
    options,
  );
  const size = data.observation.length / data.count;
  const graphs = compileGraphs({
    size,
    actionSize: pairs.features - size,
    config,
    fitted,
    input,
    target,
    first: columnScale(firstsOf(data), size),
    ...flatBounds(task.observationSpace),
  });
  const manifest = observationManifest(task, graphs, {
    name: options.name,
    members: config.members,
    noise: { distribution: 'normal', size, correlation: fitted.calibration.correlation },
    memorySize: size + 1,
    training: trainingFacts(config, options.seed, data, fitted),
    calibration: { rows: fitted.calibration.rows, factor: fitted.calibration.factor },
  });
  return { manifest, graphs, losses: fitted.losses };
}

/** Observation and action, and what came of them: change, reward, whether the task went on. */
function pairsOf(data: Experience) {
  const size = data.observation.length / data.count;
  const actionSize = data.previousAction.length / data.count;
  const [features, targets, rows] = [size + actionSize, size + 2, stepsOf(data)];
  const inputs = new Float64Array(rows * features);
  const outcomes = new Float64Array(rows * targets);
  const episode = new Int32Array(rows);
  let at = 0;
  let episodes = 0;
  for (let row = 0; row < data.count; row++) {
    if (data.first[row]) {
      episodes++;
      continue;
    }
    for (let i = 0; i < size; i++) {
      inputs[at * features + i] = data.observation[(row - 1) * size + i]!;
      outcomes[at * targets + i] = data.observation[row * size + i]! - data.observation[(row - 1) * size + i]!;
    }
    for (let i = 0; i < actionSize; i++) inputs[at * features + size + i] = data.previousAction[row * actionSize + i]!;
    outcomes[at * targets + size] = data.reward[row]!;
    outcomes[at * targets + size + 1] = data.continues[row]!;
    episode[at++] = episodes;
  }
  return { inputs, outcomes, episode, rows, features, targets };
}

/** First observations of episodes, float64 `[episodes, O]`. */
function firstsOf({ observation, first, count }: Experience): Float64Array {
  const size = observation.length / count;
  return Float64Array.from(observation).filter((_, i) => first[Math.floor(i / size)] === 1);
}

type Scale = ReturnType<typeof columnScale>;

interface Parts {
  readonly size: number;
  readonly actionSize: number;
  readonly config: EnsembleConfig;
  readonly fitted: FitResult;
  readonly input: Scale;
  readonly target: Scale;
  readonly first: Scale;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

function compileGraphs(parts: Parts): ObservationGraphs {
  const { size, actionSize, config } = parts;
  const memory = floats('memory', size + 1);
  const remembered = (builder: GraphBuilder, observation: Tensor) => {
    const flag = builder.add(builder.mul(builder.slice(observation, 1, 0, 1), 0), 1);
    return builder.concat([observation, flag], 1);
  };
  return {
    initial: compileInference({
      parameters: [],
      inputs: [],
      build: (builder) => ({ memory: builder.param('nothing', [config.members, size + 1], new Float32Array(config.members * (size + 1))) }),
    }),
    observe: compileInference({
      parameters: [],
      inputs: [floats('observation', size)],
      build: (builder, _, { observation }) => ({ nextMemory: remembered(builder, observation!) }),
    }),
    decode: compileInference({
      parameters: [],
      inputs: [memory],
      build: (builder, _, given) => ({ observation: builder.slice(given.memory!, 1, 0, size) }),
    }),
    predict: compileInference({
      parameters: mlpParameters(networkSpec(size + actionSize, size + 2, config), new Rng(0)),
      values: parts.fitted.weights,
      inputs: [memory, floats('action', actionSize), floats('noise', size)],
      build: (builder, parameters, given) => {
        const { sample, reward, continues } = outcomeOf(
          builder,
          parameters,
          { memory: given.memory!, action: given.action!, noise: given.noise! },
          parts,
        );
        return { nextMemory: remembered(builder, sample), sample, reward, continue: continues };
      },
    }),
  };
}

interface Given {
  readonly memory: Tensor;
  readonly action: Tensor;
  readonly noise: Tensor;
}

function outcomeOf(builder: GraphBuilder, parameters: Readonly<Record<string, Tensor>>, { memory, action, noise }: Given, parts: Parts) {
  const { size, actionSize, config, input, target, first, low, high, fitted } = parts;
  const row = (numbers: Iterable<number>) => rowConstant(builder, numbers);
  const [before, begun] = builder.split(memory, [size, 1], 1) as [Tensor, Tensor];
  const encoded = builder.div(builder.sub(builder.concat([before, action], 1), row(input.mean)), row(input.scale));
  const blocks = builder.reshape(encoded, [config.members, 'tile', size + actionSize]);
  const head = gaussianHead(
    builder,
    mlp(builder, parameters, blocks, networkSpec(size + actionSize, size + 2, config)),
    config.logVariance,
  );
  const rows = (x: Tensor) => builder.reshape(x, ['rows', size + 2]);
  const outcome = builder.add(builder.mul(rows(head.mean), row(target.scale)), row(target.mean));
  const [change, reward, continues] = builder.split(outcome, [size, 1, 1], 1) as [Tensor, Tensor, Tensor];
  const deviation = builder.mul(
    builder.slice(builder.exp(builder.mul(rows(head.logVariance), 0.5)), 1, 0, size),
    row(target.scale.subarray(0, size).map((value) => value * fitted.calibration.factor)),
  );
  const next = builder.add(builder.add(before, change), builder.mul(deviation, noise));
  const start = builder.add(builder.mul(noise, row(first.scale)), row(first.mean));
  const sample = builder.add(start, builder.mul(begun, builder.sub(next, start)));
  return {
    sample: builder.min(builder.max(sample, row(low)), row(high)),
    reward: builder.mul(reward, begun),
    continues: builder.clip(continues, 0, 1),
  };
}
