import type { Experience } from '../../src/data/experience.ts';
import type { NamedArrays } from '../../src/learning/agent-checkpoint.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { OnnxRuntime } from '../../src/onnx/index.ts';
import { flatSizeOf } from '../../src/spaces/space.ts';
import { RecurrentFits } from '../../src/world-model/fit-recurrent.ts';
import type { SeenTask } from '../../src/world-model/observation-contract.ts';
import { openObservationModel } from '../../src/world-model/observation-folder.ts';
import type { OnnxObservationModel } from '../../src/world-model/observation-model.ts';
import { memorySizeOf, type RecurrentConfig, type RecurrentScaling, recurrentDefaults } from '../../src/world-model/recurrent-cell.ts';
import type { RecurrentParts } from '../../src/world-model/recurrent-graphs.ts';
import { type TrainedRecurrent, trainRecurrent } from '../../src/world-model/train-recurrent.ts';

export type Fitted = TrainedRecurrent['fitted'];

/** The world model as it is learned, round by round: each fit goes on from the one before, on all that was seen. */
export class DreamModel {
  readonly memorySize: number;
  private readonly runtime: OnnxRuntime;
  private readonly task: SeenTask;
  private readonly config: RecurrentConfig;
  private readonly fits: RecurrentFits;
  private opened: OnnxObservationModel | undefined;
  private fit: Fitted | undefined;

  constructor(runtime: OnnxRuntime, task: SeenTask, config: Partial<RecurrentConfig>) {
    this.runtime = runtime;
    this.task = task;
    this.config = { ...recurrentDefaults, ...config };
    this.fits = new RecurrentFits(runtime);
    this.memorySize = memorySizeOf(this.sizes, this.config);
  }

  /** Undefined before the first fit. */
  get now(): OnnxObservationModel | undefined {
    return this.opened;
  }

  /** Weights, and the scaling that they stand on, which is that of the first data. */
  get fitted(): Fitted | undefined {
    return this.fit;
  }

  /** All that an export needs; only after a fit. */
  parts(): RecurrentParts {
    const { weights, scaling } = this.fit!;
    return { sizes: this.sizes, config: this.config, scaling, values: weights };
  }

  /** @returns the loss at the end. @throws TRAINING_FAILED */
  async learn(data: Experience, updates: number, rng: Rng): Promise<number> {
    const trained = await trainRecurrent(this.task, data, {
      ...this.fitOptions(updates, rng.uint32()),
      fit: (job, hooks) => this.fits.fit(job, hooks),
    });
    await this.open(trained);
    return trained.losses.at(-1)!.loss;
  }

  /** Goes on with a saved fit. @param data - of which nothing is learned. */
  async load(fitted: Fitted, data: Experience): Promise<void> {
    this.fit = fitted;
    const kept = async () => ({ weights: fitted.weights, losses: [], stopped: false });
    await this.open(await trainRecurrent(this.task, data, { ...this.fitOptions(0, 0), fit: kept }));
  }

  async release(): Promise<void> {
    await this.fits.release();
    await this.opened?.close();
  }

  private fitOptions(updates: number, seed: number) {
    return { name: 'dreamer', updates, seed, config: this.config, ...(this.fit ? { warmStart: this.fit } : {}) };
  }

  private get sizes() {
    return { observation: flatSizeOf(this.task.observationSpace), action: flatSizeOf(this.task.actionSpace) };
  }

  private async open({ manifest, graphs, fitted }: TrainedRecurrent): Promise<void> {
    const next = await openObservationModel(this.runtime, 'dreamer', manifest, graphs);
    await this.opened?.close();
    this.opened = next;
    this.fit = fitted;
  }
}

const scaled = ['observation', 'action', 'reward'] as const;
const plain = ['change', 'jolt', 'first', 'low', 'high'] as const;

/** A fit as named arrays, `model.…`. */
export function fittedArrays({ weights, scaling }: Fitted): NamedArrays {
  return Object.fromEntries([
    ...Object.entries(weights).map(([name, values]) => [`${WEIGHT}${name}`, values] as const),
    ...scaled.flatMap((name) => [
      [`model.mean.${name}`, scaling[name].mean] as const,
      [`model.scale.${name}`, scaling[name].scale] as const,
    ]),
    ...plain.map((name) => [`model.${name}`, scaling[name]] as const),
  ]);
}

/** The way back; undefined where there was none. */
export function fittedOf(arrays: NamedArrays): Fitted | undefined {
  const weights = Object.entries(arrays).filter(([name]) => name.startsWith(WEIGHT));
  if (weights.length === 0) return undefined;
  const doubles = (name: string) => Float64Array.from(arrays[name] ?? []);
  const scaling = {
    ...Object.fromEntries(scaled.map((name) => [name, { mean: doubles(`model.mean.${name}`), scale: doubles(`model.scale.${name}`) }])),
    ...Object.fromEntries(plain.map((name) => [name, doubles(`model.${name}`)])),
  } as unknown as RecurrentScaling;
  return { weights: Object.fromEntries(weights.map(([name, values]) => [name.slice(WEIGHT.length), values as Float32Array])), scaling };
}

const WEIGHT = 'model.weight.';
