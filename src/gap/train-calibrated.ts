/** A model for many transitions: trained on most episodes, its uncertainty fitted to dreams of the others. */
import { splitEpisodes, type Transitions } from '../data/transitions.ts';
import { Rng } from '../math/rng.ts';
import type { OnnxRuntime } from '../onnx/index.ts';
import type { AnyTask } from '../task/task.ts';
import { accurateEnsemble } from '../world-model/ensemble.ts';
import { openModel } from '../world-model/model-folder.ts';
import { type TrainedModel, type TrainOptions, trainEnsemble } from '../world-model/train-ensemble.ts';
import { rolloutCorrelation } from './calibrate-rollouts.ts';
import { drawHeldOut, requireMoments } from './held-out.ts';

/** One episode in so many is held back. */
const HELD_BACK_ONE_IN = 8;

/** Dreams that the noise is fitted to. */
export interface CalibrationDreams {
  /** Moments they begin from. */
  readonly starts: number;
  /** Imagined draws of each. */
  readonly samples: number;
  /** Steps ahead at which they are held against what was recorded. */
  readonly horizons: readonly number[];
}

const calibrationDreams: CalibrationDreams = { starts: 512, samples: 35, horizons: [10, 40] };

/**
 * Trains on seven of eight episodes; how wide its intervals are one step ahead, and how persistent its noise is further on, is fitted to the eighth.
 * @param options - `config` is `accurateEnsemble` by default.
 * @throws DATA_INVALID when the episodes are too few, or shorter than the furthest horizon; as `trainEnsemble`.
 */
export async function trainCalibrated(
  task: AnyTask,
  runtime: OnnxRuntime,
  data: Transitions,
  options: Omit<TrainOptions, 'heldBack' | 'calibrationShare'>,
  dreams = calibrationDreams,
): Promise<TrainedModel> {
  const rng = new Rng(options.seed);
  const [seen, heldBack] = splitEpisodes(data, HELD_BACK_ONE_IN);
  requireMoments(
    heldBack,
    dreams.starts,
    Math.max(...dreams.horizons),
    `the one episode in ${HELD_BACK_ONE_IN} that is held back to calibrate on`,
  );
  const heldOut = drawHeldOut(task, heldBack, dreams.starts, Math.max(...dreams.horizons), rng);
  const trained = await trainEnsemble(task, seen, { config: accurateEnsemble, ...options, heldBack });
  // It goes on from its checkpoint; its noise is fitted then.
  if (trained.stopped) return trained;
  const model = await openModel(runtime, options.name, trained.manifest, trained.predict, task);
  try {
    const correlation = await rolloutCorrelation({ task, model, heldOut, ...dreams, seed: rng.uint32() });
    return { ...trained, manifest: { ...trained.manifest, noise: { ...trained.manifest.noise, correlation } } };
  } finally {
    await model.close();
  }
}
