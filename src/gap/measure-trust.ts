/** Everything a manifest says under `trust`, measured on episodes that the model never saw. */
import type { Transitions } from '../data/transitions.ts';
import type { Rng } from '../math/rng.ts';
import type { TaskEnv } from '../task/task-env.ts';
import { calibrateDrift, type DriftCalibrationOptions, fewestDriftSteps } from '../twin/calibrate-drift.ts';
import { measureFamiliarity } from '../world-model/familiarity.ts';
import { predictOneStep } from '../world-model/one-step.ts';
import type { Trust, TrustHorizon } from '../world-model/trust.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { resamplePlan } from './bootstrap.ts';
import { squaredErrors } from './error-over-horizon.ts';
import { drawHeldOut } from './held-out.ts';
import { pairRollouts } from './pair-rollouts.ts';
import { gapDefaults } from './run-gap.ts';
import { modelSubject } from './subject.ts';
import { horizonAlone, trustHorizon } from './trust-horizon.ts';

export interface MeasureTrustOptions extends DriftCalibrationOptions {
  /** Truth without wrappers; owned by the caller. */
  readonly truth: TaskEnv;
  readonly model: WorldModel;
  /** What the model was trained on. */
  readonly training: Transitions;
  /** Episodes it never saw, acted in as it will be acted in later. */
  readonly heldOut: Transitions;
  readonly rng: Rng;
  /** Where it is known already, as from a gap report: it is then not measured again. */
  readonly known?: TrustHorizon;
  /** Default 256 starts, 40 steps, 30 samples. */
  readonly starts?: number;
  readonly horizon?: number;
  readonly samples?: number;
}

/**
 * Trust horizon, familiarity, and a drift calibration where the held-out steps are enough for one (4,000 or more).
 * Put it into a manifest: `{ ...manifest, trust }`.
 * @throws DATA_INVALID when the held-out episodes are too short or too few for the horizon.
 */
export async function measureTrust(options: MeasureTrustOptions): Promise<Trust> {
  const { truth, model, training, heldOut } = options;
  const said = await predictOneStep(truth.task, model, heldOut);
  const familiarity = measureFamiliarity(truth.task, training, heldOut, said);
  const horizon = options.known ?? (await horizonOf(options));
  const drift = heldOut.count < fewestDriftSteps ? undefined : calibrateDrift(truth.task, familiarity, heldOut, said, options);
  return { horizon, familiarity, ...(drift && { drift }) };
}

async function horizonOf({ truth, model, training, heldOut, rng, ...settings }: MeasureTrustOptions): Promise<TrustHorizon> {
  const { starts, horizon, samples } = { ...gapDefaults, ...settings };
  const { task } = truth;
  const { rollouts } = await pairRollouts({
    truth,
    subject: modelSubject(task, model),
    heldOut: drawHeldOut(task, heldOut, starts, horizon, rng),
    training,
    all: heldOut,
    samples,
    rng,
  });
  // Its bands are not kept.
  const plan = resamplePlan(rollouts.starts, rng, 1);
  return horizonAlone(trustHorizon(rollouts, squaredErrors(rollouts, rollouts.imaginedMean), plan));
}
