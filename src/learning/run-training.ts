import { setImmediate } from 'node:timers/promises';
import type { VectorEnv } from '../core/vector-env.ts';
import type { Identity } from '../data/checkpoint-file.ts';
import { requireCounts } from './config-checks.ts';
import { keepLines, writeLine } from './metrics-file.ts';

/** Where a training is written down, and who hears of it. */
export interface TrainingOptions<Progress> {
  readonly onProgress?: (progress: Progress) => void;
  /** A file of JSON lines, one an iteration. */
  readonly metrics?: string;
  /** A file that it goes on from, if it is there, and that is written every so many iterations (default 10, where they are long 1) and at the end. */
  readonly checkpoint?: {
    readonly path: string;
    readonly every?: number;
    /** Of what results depend on, by name: a checkpoint of others is refused. */
    readonly versions?: Readonly<Record<string, string>>;
  };
  /** Asked between iterations; true ends the training there. */
  readonly isStopped?: () => boolean;
}

interface Counted {
  readonly iteration: number;
}

export interface Training<Progress, State> {
  readonly isDone: boolean;
  iterate(): Promise<Progress>;
  save(): Promise<State>;
  close(): Promise<void>;
}

export interface TrainingParts<Progress, State, T> {
  readonly open: (saved: State | undefined) => Promise<T>;
  /** Nothing where there is no file. */
  readonly load: (path: string) => State | undefined;
  readonly store: (path: string, state: State) => void;
  /** Iterations from one checkpoint to the next, unless told otherwise; default 10. */
  readonly every?: number;
  /** What of an iteration is written to the metrics; default all. */
  readonly lineOf?: (progress: Progress) => object;
}

/** What must be alike to go on. @param versions - of what results depend on, by name. */
export function identityOf(env: VectorEnv, config: object, seed: number, versions: Readonly<Record<string, string>> = {}): Identity {
  const { id, kind, lanes, madeWith = null } = env;
  const named = Object.entries(versions).map(([name, version]) => [`${name} version`, version]);
  const settings = Object.entries({ ...config, env: id, kind, lanes, 'env options': madeWith, seed, ...Object.fromEntries(named) });
  return Object.fromEntries(settings.map(([name, value]) => [name, JSON.stringify(value)]));
}

/**
 * Trains to the end, or goes on to it from a checkpoint.
 *
 * @param resultOf - asked, and waited for, before the training is closed.
 * @throws OPTION_INVALID, and what the parts throw.
 */
export async function runTraining<P extends Counted, S extends Counted, T extends Training<P, S>, R>(
  who: string,
  { onProgress, metrics, checkpoint, isStopped }: TrainingOptions<P>,
  { open, load, store, every: usual = 10, lineOf = (progress) => progress }: TrainingParts<P, S, T>,
  resultOf: (training: T) => R | Promise<R>,
): Promise<R> {
  const { path, every = usual } = checkpoint ?? {};
  requireCounts(who, { 'checkpoint.every': every });
  const saved = path === undefined ? undefined : load(path);
  const training = await open(saved);
  try {
    if (metrics !== undefined) keepLines(metrics, saved?.iteration ?? 0);
    for (let isOver = training.isDone; !isOver; ) {
      const progress = await training.iterate();
      // So that Ctrl-C is heard, whatever else kept the thread.
      await setImmediate();
      if (metrics !== undefined) writeLine(metrics, lineOf(progress));
      onProgress?.(progress);
      isOver = training.isDone || isStopped?.() === true;
      if (path !== undefined && (isOver || progress.iteration % every === 0)) store(path, await training.save());
    }
    return await resultOf(training);
  } finally {
    await training.close();
  }
}
