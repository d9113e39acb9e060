/** Fitting the recurrent model to numbers: no task, no files, no process here, so it runs in any worker. */
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import { type OnnxRuntime, TrainingProgram } from '../onnx/index.ts';
import { cosineRate, type FitHooks, type FitProgress } from './fit-ensemble.ts';
import type { RecurrentConfig, RecurrentScaling, RecurrentSizes } from './recurrent-cell.ts';
import { compileRecurrentTraining } from './recurrent-training.ts';

export interface RecurrentJob {
  /** As in `Experience`, and the observation before; all but the last two normalised. */
  readonly tables: Readonly<Record<'observation' | 'previous' | 'action' | 'reward' | 'continues' | 'first', Float32Array>>;
  readonly rows: number;
  readonly sizes: RecurrentSizes;
  readonly scaling: RecurrentScaling;
  readonly config: RecurrentConfig;
  readonly updates: number;
  readonly seed: number;
  /** Weights to go on from, of a fit with the same scaling; absent = fresh ones from the seed. */
  readonly weights?: Readonly<Record<string, Float32Array>>;
}

export interface RecurrentFit {
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly losses: readonly FitProgress[];
  readonly stopped: boolean;
}

/** Updates a chunk: some 200 ms, so that progress flows and a stop is heard. */
const chunkUpdates = 10;

/** @throws TRAINING_FAILED when there are fewer rows than a window has or the loss is no longer finite. */
export async function fitRecurrent(runtime: OnnxRuntime, job: RecurrentJob, hooks: FitHooks = {}): Promise<RecurrentFit> {
  const fits = new RecurrentFits(runtime);
  try {
    return await fits.fit(job, hooks);
  } finally {
    await fits.release();
  }
}

/** Fits one after the other, of the same sizes, config and scaling, with the same bytes as `fitRecurrent`: the graph, which takes a second to make, is made once. */
export class RecurrentFits {
  private readonly runtime: OnnxRuntime;
  private program: TrainingProgram | undefined;

  constructor(runtime: OnnxRuntime) {
    this.runtime = runtime;
  }

  /** @throws as `fitRecurrent`. */
  async fit(job: RecurrentJob, hooks: FitHooks = {}): Promise<RecurrentFit> {
    const { config, rows, sizes, scaling } = job;
    if (rows < config.window)
      throw new GroundtwinError('TRAINING_FAILED', {
        problem: `only ${rows} observations, at least ${config.window} are needed, a window of them`,
      });
    const rng = new Rng(job.seed);
    const initial = rng.fork();
    this.program ??= await TrainingProgram.open(this.runtime, compileRecurrentTraining(sizes, config, scaling, initial));
    return runFit(this.program, job, rng.fork(), hooks);
  }

  /** Gives the memory of the graph back. */
  async release(): Promise<void> {
    await this.program?.release();
  }
}

async function runFit(program: TrainingProgram, job: RecurrentJob, draws: Rng, hooks: FitHooks): Promise<RecurrentFit> {
  const { config, rows, updates } = job;
  const losses: FitProgress[] = [];
  let stopped = false;
  program.start(job.weights ?? {});
  program.setTables(job.tables, rows);
  for (let update = 0; update < updates && !stopped; ) {
    const steps = Math.min(chunkUpdates, updates - update);
    const { indices, noise, seen } = drawWindows(job, steps, job.weights ? 1 : update / updates, draws);
    const chunk = await program.run(indices, cosineRate(config, update / updates), { noise, seen });
    update += steps;
    const loss = chunk.loss.reduce((sum, value) => sum + value, 0) / steps;
    if (!Number.isFinite(loss)) throw new GroundtwinError('TRAINING_FAILED', { problem: `the loss is ${loss} at update ${update}` });
    losses.push({ update, updates, loss });
    hooks.onProgress?.(losses.at(-1)!);
    stopped = hooks.shouldStop?.() ?? false;
  }
  return { weights: program.state().parameters, losses, stopped };
}

/**
 * Windows from anywhere; they may run over the end of an episode into the next. Each is seen up to some step and imagined from there on:
 * at first seen whole, towards the end of training from any step on. Imagined from the start, a model that knows nothing would only be driven apart.
 */
function drawWindows({ config, rows }: RecurrentJob, steps: number, progress: number, rng: Rng) {
  const { window, batch, latent } = config;
  const indices = new Int32Array(steps * window * batch);
  const noise = new Float32Array(indices.length * latent);
  const seen = new Float32Array(indices.length);
  rng.normals(noise, 0, noise.length);
  const mostImagined = Math.max(1, Math.round(window * config.imagined * progress));
  for (let step = 0; step < steps; step++)
    for (let i = 0; i < batch; i++) {
      const start = rng.integer(rows - window + 1);
      const seenSteps = window - rng.integer(mostImagined);
      for (let t = 0; t < window; t++) {
        const at = (step * window + t) * batch + i;
        indices[at] = start + t;
        seen[at] = t < seenSteps ? 1 : 0;
      }
    }
  return { indices, noise, seen };
}
