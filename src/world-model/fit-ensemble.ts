/** Fitting the ensemble to numbers: no task, no files, no process here, so it runs in any worker. */
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import { halfCosine, type OnnxRuntime, releaseAll, TrainingProgram, type TrainingState } from '../onnx/index.ts';
import { type Calibration, calibrateEnsemble, calibrateOnUnseen } from './calibrate-ensemble.ts';
import { compileEnsembleHeads, compileEnsembleTraining, type EnsembleConfig } from './ensemble.ts';
import { geometricMean, type HeldOut, type HeldOutJudge, holdBack, holdOut, openHeldOutJudge } from './held-out-error.ts';

export type Weights = Readonly<Record<string, Float32Array>>;

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
  /** Whether no member trains on those rows. Otherwise each member is kept from a few rows, and what it says of them is calibrated on. */
  readonly heldBack?: boolean;
  readonly config: EnsembleConfig;
  readonly updates: number;
  readonly seed: number;
  /** Weights to go on from; absent = fresh ones from the seed. */
  readonly weights?: Weights;
  /** Updates without a lower held-out error after which it ends, with the weights that had the lowest; absent = all updates, and the last weights. */
  readonly patience?: number;
  /** Members in the result, those with the lowest held-out error; absent = all. */
  readonly elites?: number;
}

export interface FitProgress {
  readonly update: number;
  readonly updates: number;
  /** Mean training loss of the last chunk, a member. */
  readonly loss: number;
  /** Error on held-out rows, see `HeldOutJudge`, geometric mean over members; there when the job has a `patience`. */
  readonly heldOut?: number;
}

/** The lowest held-out error so far, and its weights. */
export interface BestFit {
  readonly update: number;
  readonly heldOut: number;
  readonly weights: Weights;
}

export interface FitResult {
  /** Of the members in the result. */
  readonly weights: Weights;
  /** Of all that were trained, to go on from. */
  readonly everyMember: Weights;
  /** Numbers of the members in the result, ascending. */
  readonly members: readonly number[];
  /** The update whose weights these are. */
  readonly keptUpdate: number;
  readonly calibration: Calibration;
  /** Loss by chunk, for the learning curve. */
  readonly losses: readonly FitProgress[];
  /** Whether it was asked to stop before it was over. */
  readonly stopped: boolean;
}

/** All that the rest of a fit depends on: one that goes on from here ends, bit for bit, as one that was never stopped. */
export interface FitState {
  readonly update: number;
  readonly training: TrainingState;
  /** Of the generator that draws the batches: the position in the data. */
  readonly rng: readonly number[];
  readonly losses: readonly FitProgress[];
  readonly best?: BestFit;
}

export interface FitHooks {
  readonly onProgress?: (progress: FitProgress) => void;
  /** Asked between chunks. */
  readonly shouldStop?: () => boolean;
  readonly checkpoints?: {
    /** Updates from one to the next; one is also made when the fit is asked to stop. */
    readonly every: number;
    readonly save: (state: FitState) => void;
    /** Of the same job. */
    readonly from?: FitState;
  };
}

/** Updates a chunk: about 100 ms, so that progress flows and a stop is heard. */
const chunkUpdates = 50;

/** What is open while a fit runs. */
interface Fit {
  readonly job: FitJob;
  readonly program: TrainingProgram;
  readonly judge: HeldOutJudge | undefined;
  /** Rows that each member sees: int32 `[members][…]`. */
  readonly samples: readonly Int32Array[];
  readonly rng: Rng;
}

/**
 * Trains each member on all rows but the few kept from it, then calibrates on what it says of those.
 * @throws TRAINING_FAILED when there are too few rows or the loss is no longer finite.
 */
export async function fitEnsemble(runtime: OnnxRuntime, job: FitJob, hooks: FitHooks = {}): Promise<FitResult> {
  const learned = job.heldBack ? job.calibrateFrom : job.rows;
  if (learned < 10) throw new GroundtwinError('TRAINING_FAILED', { problem: `only ${learned} transitions, at least 10 are needed` });
  if (job.heldBack && learned === job.rows)
    throw new GroundtwinError('TRAINING_FAILED', { problem: 'no transitions are held back to calibrate on' });
  const { members } = job.config;
  const elites = job.elites ?? members;
  const isJudged = job.patience !== undefined || elites < members;
  const heldOut = job.heldBack
    ? holdBack(job.rows, job.calibrateFrom)
    : holdOut(job.rows, members, isJudged && (elites < members || members === 1));
  const rng = new Rng(job.seed);
  const compiled = compileEnsembleTraining(job.features, job.targets, job.config, rng.fork());
  const program = await TrainingProgram.open(runtime, compiled);
  let judge: HeldOutJudge | undefined;
  try {
    if (isJudged) judge = await openHeldOutJudge(runtime, job, heldOut);
    if (job.weights) program.start(job.weights);
    program.setTables({ input: job.input, target: job.target }, job.rows);
    const state = await descend({ job, program, judge, samples: samplesOf(job, heldOut), rng: rng.fork() }, hooks);
    const { update: keptUpdate, weights: trained } = state.best ?? { update: state.update, weights: state.training.parameters };
    const kept = elites < members ? lowest(await judge!.errors(trained), elites) : Array.from({ length: members }, (_, member) => member);
    const weights = membersOf(trained, members, kept);
    const calibration = await calibrate(runtime, job, weights, kept.length, heldOut);
    return { weights, everyMember: trained, members: kept, keptUpdate, calibration, losses: state.losses, stopped: !isOver(job, state) };
  } finally {
    await releaseAll(judge ? [program, judge] : [program]);
  }
}

function samplesOf(job: FitJob, { judge, fromAll }: HeldOut): Int32Array[] {
  const rows = Int32Array.from({ length: job.rows }, (_, row) => row);
  return Array.from({ length: job.config.members }, (_, member) =>
    rows.filter((row) => (fromAll ? judge[row] === -1 : judge[row] !== member)),
  );
}

/** Learns until it is over or asked to stop. @returns the last state. */
async function descend({ job, program, judge, samples, rng }: Fit, { checkpoints, ...hooks }: FitHooks): Promise<FitState> {
  const losses: FitProgress[] = [...(checkpoints?.from?.losses ?? [])];
  let { update, best } = checkpoints?.from ?? { update: 0, best: undefined };
  if (checkpoints?.from) {
    program.load(checkpoints.from.training);
    rng.load(checkpoints.from.rng);
  }
  const state = (): FitState => ({ update, training: program.state(), rng: rng.save(), losses: [...losses], ...(best ? { best } : {}) });
  let stopped = false;
  while (!stopped && !isOver(job, { update, best })) {
    const steps = Math.min(chunkUpdates, job.updates - update);
    const chunk = await program.run(drawBatches(job, samples, steps, rng), cosineRate(job.config, update / job.updates));
    update += steps;
    const loss = chunk.loss.reduce((sum, value) => sum + value, 0) / steps / job.config.members;
    if (!Number.isFinite(loss)) throw new GroundtwinError('TRAINING_FAILED', { problem: `the loss is ${loss} at update ${update}` });
    const heldOut = job.patience === undefined ? undefined : geometricMean(await judge!.errors(program.parameters()));
    losses.push({ update, updates: job.updates, loss, ...(heldOut === undefined ? {} : { heldOut }) });
    if (heldOut !== undefined && heldOut < (best?.heldOut ?? Number.POSITIVE_INFINITY))
      best = { update, heldOut, weights: program.state().parameters };
    hooks.onProgress?.(losses.at(-1)!);
    stopped = hooks.shouldStop?.() ?? false;
    if (checkpoints && (stopped || Math.floor(update / checkpoints.every) > Math.floor((update - steps) / checkpoints.every)))
      checkpoints.save(state());
  }
  return state();
}

function isOver(
  { updates, patience }: FitJob,
  { update, best }: Pick<FitState, 'update'> & { readonly best?: BestFit | undefined },
): boolean {
  return update >= updates || (best !== undefined && update - best.update >= patience!);
}

/** Numbers of the `count` lowest errors, ascending. */
function lowest(errors: readonly number[], count: number): number[] {
  return [...errors.keys()]
    .sort((a, b) => errors[a]! - errors[b]!)
    .slice(0, count)
    .sort((a, b) => a - b);
}

/** Of weights `[members, …]` the blocks of these members. */
function membersOf(weights: Weights, members: number, kept: readonly number[]): Weights {
  if (kept.length === members) return weights;
  const blocks = (values: Float32Array) => {
    const size = values.length / members;
    const chosen = new Float32Array(kept.length * size);
    kept.forEach((member, i) => {
      chosen.set(values.subarray(member * size, (member + 1) * size), i * size);
    });
    return chosen;
  };
  return Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, blocks(values)]));
}

/** Down to `finalLearningRate` of the full rate. @param progress - 0 to 1. */
export function cosineRate(config: Pick<EnsembleConfig, 'learningRate' | 'finalLearningRate'>, progress: number): number {
  return config.learningRate * (config.finalLearningRate + (1 - config.finalLearningRate) * halfCosine(progress));
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

/** Where members are left out, no member has seen a judged row, so those that stay judge in turn. */
async function calibrate(runtime: OnnxRuntime, job: FitJob, weights: Weights, members: number, { judge }: HeldOut): Promise<Calibration> {
  const config = { ...job.config, members };
  const session = await runtime.load(compileEnsembleHeads(job.features, job.targets, config, weights), { name: 'ensemble heads' });
  const input = { type: 'float32', data: job.input, dims: [job.rows, job.features] } as const;
  const { mean, deviation } = await session.run({ input }).finally(() => session.release());
  const outputs = {
    members,
    rows: job.rows,
    targets: job.targets,
    mean: mean!.data as Float32Array,
    deviation: deviation!.data as Float32Array,
    target: job.target,
    from: job.calibrateFrom,
  };
  return job.heldBack
    ? calibrateOnUnseen(outputs)
    : calibrateEnsemble({ ...outputs, keptFrom: judge.map((member) => (member < 0 ? member : member % members)), episode: job.episode });
}
