/** Fitting the ensemble to numbers: no task, no files, no process here, so it runs in any worker. */
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import { type OnnxRuntime, TrainingProgram } from '../onnx/index.ts';
import { compileEnsembleHeads, compileEnsembleTraining, type EnsembleConfig } from './ensemble.ts';

export interface FitJob {
  /** float32 `[rows, features]`, `[rows, targets]`, normalised. */
  readonly input: Float32Array;
  readonly target: Float32Array;
  readonly rows: number;
  readonly features: number;
  readonly targets: number;
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
  /** float64 `[targets]`: what to multiply the predicted deviation with. */
  readonly calibration: Float64Array;
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
/** Quantile of |N(0, 1)| that the central 90 % reaches. */
const normal90 = 1.6448536269514722;
/** Rows come in the order they were recorded; the oldest share shows where the agent no longer goes and is left out of calibration. */
const oldShare = 0.4;
/** Wider than any factor seen; a fit at an end means the deviations say nothing. */
const factorRange = { low: 0.05, high: 20 } as const;

/**
 * Trains on bootstrap samples, one for each member, then fits the deviation's factor on rows the member never saw.
 * @throws TRAINING_FAILED when there are too few rows or the loss is no longer finite.
 */
export async function fitEnsemble(runtime: OnnxRuntime, job: FitJob, hooks: FitHooks = {}): Promise<FitResult> {
  if (job.rows < 10) throw new GroundtwinError('TRAINING_FAILED', { problem: `only ${job.rows} transitions, at least 10 are needed` });
  const rng = new Rng(job.seed);
  const compiled = compileEnsembleTraining(job.features, job.targets, job.config, rng.fork());
  const program = await TrainingProgram.open(runtime, compiled);
  try {
    if (job.weights) program.load(freshMoments(job.weights));
    program.setTables({ input: job.input, target: job.target }, job.rows);
    const samples = bootstrap(job, rng.fork());
    const { losses, stopped } = await descend(program, job, samples, rng.fork(), hooks);
    const weights = program.state().parameters;
    return { weights, calibration: await calibrate(runtime, job, weights, samples), losses, stopped };
  } finally {
    await program.release();
  }
}

/** Rows of each member's sample, drawn with replacement: int32 `[members][rows]`. */
function bootstrap(job: FitJob, rng: Rng): Int32Array[] {
  return Array.from({ length: job.config.members }, () => Int32Array.from({ length: job.rows }, () => rng.integer(job.rows)));
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
function drawBatches(job: FitJob, samples: readonly Int32Array[], steps: number, rng: Rng): Int32Array {
  const { members, batch } = job.config;
  const indices = new Int32Array(steps * members * batch);
  for (let i = 0; i < indices.length; i++) indices[i] = samples[Math.floor(i / batch) % members]![rng.integer(job.rows)]!;
  return indices;
}

function freshMoments(parameters: Readonly<Record<string, Float32Array>>) {
  const zeros = () => Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, new Float32Array(values.length)]));
  return { step: 0, parameters, first: zeros(), second: zeros() };
}

/**
 * Calibration on rows that members did not see in training (out of bag): the factor c of the deviation for which the spread of the whole ensemble,
 * √(c²σ² + disagreement²), holds 90 % of the residuals. Scaling each member by its own residuals would count their disagreement twice.
 */
async function calibrate(
  runtime: OnnxRuntime,
  job: FitJob,
  weights: FitResult['weights'],
  samples: readonly Int32Array[],
): Promise<Float64Array> {
  const session = await runtime.load(compileEnsembleHeads(job.features, job.targets, job.config, weights), { name: 'ensemble heads' });
  const { mean, deviation } = await session.run({ input: { type: 'float32', data: job.input, dims: [job.rows, job.features] } });
  await session.release();
  const heads = { mean: mean!.data as Float32Array, deviation: deviation!.data as Float32Array };
  const residuals = outOfBag(job, heads, samples);
  return Float64Array.from(residuals, bestFactor);
}

/** Of one row and element: residual of the mean of the members that did not see it, their squared disagreement, their mean variance. */
interface Residual {
  readonly error: number;
  readonly disagreement2: number;
  readonly variance: number;
}

function outOfBag(job: FitJob, heads: { mean: Float32Array; deviation: Float32Array }, samples: readonly Int32Array[]): Residual[][] {
  const seen = samples.map((rows) => {
    const mask = new Uint8Array(job.rows);
    for (const row of rows) mask[row] = 1;
    return mask;
  });
  const byElement: Residual[][] = Array.from({ length: job.targets }, () => []);
  for (let row = Math.floor(job.rows * oldShare); row < job.rows; row++) {
    const unseen = seen.flatMap((mask, member) => (mask[row] ? [] : [member]));
    if (unseen.length < Math.min(2, job.config.members)) continue;
    for (let i = 0; i < job.targets; i++) byElement[i]!.push(residualOf(job, heads, unseen, row, i));
  }
  return byElement;
}

function residualOf(
  job: FitJob,
  heads: { mean: Float32Array; deviation: Float32Array },
  members: readonly number[],
  row: number,
  element: number,
): Residual {
  const at = (member: number) => (member * job.rows + row) * job.targets + element;
  const means = members.map((member) => heads.mean[at(member)]!);
  const centre = means.reduce((sum, value) => sum + value, 0) / means.length;
  const spread2 = means.reduce((sum, value) => sum + (value - centre) ** 2, 0) / Math.max(1, means.length - 1);
  const variance = members.reduce((sum, member) => sum + heads.deviation[at(member)]! ** 2, 0) / members.length;
  // The mean of the few members that missed a row is a worse guess than the mean of all: take off what their number adds to its error.
  const excess2 = spread2 * (1 / members.length - 1 / job.config.members);
  const error2 = (job.target[row * job.targets + element]! - centre) ** 2;
  return { error: Math.sqrt(Math.max(0, error2 - excess2)), disagreement2: spread2, variance };
}

/** Bisection on log c: coverage grows with c. */
function bestFactor(residuals: readonly Residual[]): number {
  if (residuals.length === 0) return 1;
  let [low, high] = [Math.log(factorRange.low), Math.log(factorRange.high)];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (coverage(residuals, Math.exp(middle)) < 0.9) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

function coverage(residuals: readonly Residual[], factor: number): number {
  let inside = 0;
  for (const { error, disagreement2, variance } of residuals)
    if (error <= normal90 * Math.sqrt(factor * factor * variance + disagreement2)) inside++;
  return inside / residuals.length;
}
