/** Fitting the ensemble to numbers: no task, no files, no process here, so it runs in any worker. */
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import { type OnnxRuntime, TrainingProgram } from '../onnx/index.ts';
import { type Calibration, calibrateEnsemble, keptFrom } from './calibrate-ensemble.ts';
import { compileEnsembleHeads, compileEnsembleTraining, type EnsembleConfig } from './ensemble.ts';

export interface FitJob {
  /** float32 `[rows, features]`, `[rows, targets]`, normalised. */
  readonly input: Float32Array;
  readonly target: Float32Array;
  readonly rows: number;
  readonly features: number;
  readonly targets: number;
  /** int32 `[rows]`, non-decreasing: rows of an episode follow each other in time. */
  readonly episode: Int32Array;
  /** Calibrate on the rows from this one on. */
  readonly calibrateFrom: number;
  readonly config: EnsembleConfig;
  readonly updates: number;
  readonly seed: number;
  /** Weights to go on from; absent = fresh ones from the seed. */
  readonly weights?: Readonly<Record<string, Float32Array>>;
}

export interface FitProgress {
  readonly update: number;
  readonly updates: number;
  /** Mean training loss of the last chunk, a member. */
  readonly loss: number;
}

export interface FitResult {
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly calibration: Calibration;
  /** Loss by chunk, for the learning curve. */
  readonly losses: readonly FitProgress[];
  readonly stopped: boolean;
}

export interface FitHooks {
  readonly onProgress?: (progress: FitProgress) => void;
  /** Asked between chunks. */
  readonly shouldStop?: () => boolean;
}

/** Updates a chunk: about 100 ms, so that progress flows and a stop is heard. */
const chunkUpdates = 50;

/**
 * Trains each member on all rows but the few kept from it, then calibrates on what it says of those.
 * @throws TRAINING_FAILED when there are too few rows or the loss is no longer finite.
 */
export async function fitEnsemble(runtime: OnnxRuntime, job: FitJob, hooks: FitHooks = {}): Promise<FitResult> {
  if (job.rows < 10) throw new GroundtwinError('TRAINING_FAILED', { problem: `only ${job.rows} transitions, at least 10 are needed` });
  const rng = new Rng(job.seed);
  const compiled = compileEnsembleTraining(job.features, job.targets, job.config, rng.fork());
  const program = await TrainingProgram.open(runtime, compiled);
  try {
    if (job.weights) program.start(job.weights);
    program.setTables({ input: job.input, target: job.target }, job.rows);
    const kept = keptFrom(job.rows, job.config.members);
    const { losses, stopped } = await descend(program, job, samplesOf(job, kept), rng.fork(), hooks);
    const weights = program.state().parameters;
    return { weights, calibration: await calibrate(runtime, job, weights, kept), losses, stopped };
  } finally {
    await program.release();
  }
}

/** Rows that each member may see: int32 `[members][…]`. */
function samplesOf(job: FitJob, kept: Int32Array): Int32Array[] {
  const rows = Int32Array.from({ length: job.rows }, (_, row) => row);
  return Array.from({ length: job.config.members }, (_, member) => rows.filter((row) => kept[row] !== member));
}

async function descend(program: TrainingProgram, job: FitJob, samples: readonly Int32Array[], rng: Rng, hooks: FitHooks) {
  const losses: FitProgress[] = [];
  let update = 0;
  let stopped = false;
  while (update < job.updates && !stopped) {
    const steps = Math.min(chunkUpdates, job.updates - update);
    const chunk = await program.run(drawBatches(job, samples, steps, rng), learningRateAt(job, update));
    update += steps;
    const loss = chunk.loss.reduce((sum, value) => sum + value, 0) / steps / job.config.members;
    if (!Number.isFinite(loss)) throw new GroundtwinError('TRAINING_FAILED', { problem: `the loss is ${loss} at update ${update}` });
    losses.push({ update, updates: job.updates, loss });
    hooks.onProgress?.(losses.at(-1)!);
    stopped = hooks.shouldStop?.() ?? false;
  }
  return { losses, stopped };
}

/** Half a cosine from the full rate down to `finalLearningRate` of it (Loshchilov & Hutter 2017, without restarts). */
function learningRateAt({ config, updates }: FitJob, update: number): number {
  const share = (1 + Math.cos((Math.PI * update) / updates)) / 2;
  return config.learningRate * (config.finalLearningRate + (1 - config.finalLearningRate) * share);
}

/** @returns int32 `[steps, members, batch]`, rows out of each member's own sample. */
function drawBatches({ config }: FitJob, samples: readonly Int32Array[], steps: number, rng: Rng): Int32Array {
  const { members, batch } = config;
  const indices = new Int32Array(steps * members * batch);
  for (let i = 0; i < indices.length; i++) {
    const sample = samples[Math.floor(i / batch) % members]!;
    indices[i] = sample[rng.integer(sample.length)]!;
  }
  return indices;
}

async function calibrate(runtime: OnnxRuntime, job: FitJob, weights: FitResult['weights'], kept: Int32Array): Promise<Calibration> {
  const session = await runtime.load(compileEnsembleHeads(job.features, job.targets, job.config, weights), { name: 'ensemble heads' });
  const { mean, deviation } = await session.run({ input: { type: 'float32', data: job.input, dims: [job.rows, job.features] } });
  await session.release();
  return calibrateEnsemble({
    members: job.config.members,
    rows: job.rows,
    targets: job.targets,
    mean: mean!.data as Float32Array,
    deviation: deviation!.data as Float32Array,
    target: job.target,
    keptFrom: kept,
    episode: job.episode,
    from: job.calibrateFrom,
  });
}
