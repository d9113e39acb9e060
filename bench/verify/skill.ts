/** How well a model learned from at most 50,000 steps predicts episodes that it has never seen, and how honest it is about it. */
import {
  allSquaredErrors,
  type CalibrationDreams,
  COVERAGE_LEVEL,
  coverageOf,
  drawHeldOut,
  type HeldOut,
  mean,
  modelSubject,
  normalisedSquares,
  type PairedRollouts,
  pairRollouts,
  perturb,
  play,
  recordedRows,
  resamplePlan,
  skillOverHorizon,
  squaredErrors,
  trainCalibrated,
} from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import type { TrainOptions } from '../../src/world-model/train-ensemble.ts';
import { recordAgentLike } from './agent-like.ts';
import { keptSearch } from './learnable-search.ts';

export interface SkillSizes {
  /** Real steps learned from. */
  readonly steps: number;
  readonly updates: number;
  readonly episodeSteps: number;
  readonly testEpisodes: number;
  readonly starts: number;
  /** Imagined draws a start. */
  readonly samples: number;
}

export const skillSizes: SkillSizes = { steps: 50_000, updates: 6000, episodeSteps: 125, testEpisodes: 300, starts: 600, samples: 35 };
const horizons = [1, 10, 40] as const;
const furthest = 40;
/** Test episodes are seeded apart from those learned from. */
const TEST_SEEDS = 1_000_000;
const RESAMPLES = 500;

export interface AtHorizon {
  readonly horizon: number;
  readonly skill: number;
  /** 95 % bootstrap interval over starts. */
  readonly skillInterval: readonly [number, number];
  /** Root-mean-square errors in standard deviations. */
  readonly error: number;
  readonly reference: number;
  readonly floor: number;
  /** Of the 90 % interval. */
  readonly coverage: number;
  readonly coverageInterval: readonly [number, number];
}

export interface SkillFigures {
  readonly env: string;
  readonly seed: number;
  readonly at: readonly AtHorizon[];
  readonly factor: unknown;
  readonly correlation: number;
  readonly train_s: number;
  readonly seconds: number;
}

/** Everything measured on the same held-out starts. */
export interface Measurement {
  readonly figures: SkillFigures;
  readonly rollouts: PairedRollouts;
  readonly heldOut: HeldOut;
  /** The caller closes it. */
  readonly truth: TaskEnv;
}

/** @param dreams - that the model is calibrated on; fewer only in tests. */
export async function measureSkill(id: string, seed: number, sizes = skillSizes, dreams?: CalibrationDreams): Promise<Measurement> {
  const task = registry.task(id);
  const started_ms = performance.now();
  const seconds = () => (performance.now() - started_ms) / 1000;
  const { policy } = keptSearch(id);
  const { episodeSteps, testEpisodes: episodes } = sizes;
  const training = await recordAgentLike(id, policy, { seed, episodeSteps, steps: sizes.steps });
  const all = await recordAgentLike(id, policy, { seed: TEST_SEEDS + seed, episodeSteps, episodes });
  const recorded_s = seconds();
  const runtime = nodeRuntime();
  const { updates } = sizes;
  const fit: TrainOptions['fit'] = (job, hooks) => fitEnsemble(runtime, job, hooks);
  const { manifest, predict } = await trainCalibrated(task, runtime, training, { name: id, updates, seed, fit }, dreams);
  const train_s = seconds() - recorded_s;
  const model = await openModel(runtime, id, manifest, predict, task);
  const truth = await registry.truth(id, 16);
  const rng = new Rng(seed);
  const heldOut = drawHeldOut(task, all, sizes.starts, furthest, rng);
  const subject = modelSubject(task, model);
  const { rollouts } = await pairRollouts({ truth, subject, heldOut, training, all, samples: sizes.samples, rng });
  await model.close();
  const { correlation = 0 } = manifest.noise;
  const at = figuresOf(rollouts, rng);
  return {
    figures: { env: id, seed, at, factor: manifest.calibration?.factor, correlation, train_s, seconds: seconds() },
    rollouts,
    heldOut,
    truth,
  };
}

function figuresOf(rollouts: PairedRollouts, rng: Rng): AtHorizon[] {
  const plan = resamplePlan(rollouts.starts, rng, RESAMPLES);
  const errors = allSquaredErrors(rollouts);
  const skills = skillOverHorizon(rollouts, errors, plan);
  const { overall } = coverageOf(rollouts, horizons, [COVERAGE_LEVEL], plan);
  return horizons.map((horizon, i) => {
    const [skill, coverage] = [skills[horizon - 1]!, overall[i]!];
    const floor = errorAt(rollouts, errors.floor, horizon);
    return {
      horizon,
      skill: skill.measured,
      skillInterval: [skill.low, skill.high],
      error: errorAt(rollouts, errors.model, horizon),
      reference: floor + skill.room.measured,
      floor,
      coverage: coverage.measured,
      coverageInterval: [coverage.low, coverage.high],
    };
  });
}

/** E(h), in standard deviations. */
function errorAt(rollouts: PairedRollouts, squared: Float64Array, horizon: number): number {
  return Math.sqrt(mean(squaresAt(rollouts, squared, horizon)));
}

/** Of each start. */
function squaresAt(rollouts: PairedRollouts, squared: Float64Array, horizon: number): Float64Array {
  return normalisedSquares(rollouts, squared).filter((_, i) => i % (rollouts.horizon + 1) === horizon);
}

/** What stands between a model of a body with contacts and the skill of the others. */
export interface Limits {
  /** Share of the squared error one step ahead that the worst twentieth of the starts makes: much = rare events, as contacts are. */
  readonly worstTwentieth: number;
  /** Truth itself begun again from the same states: what it keeps beside the state, as solvers' memory of contacts, is lost. */
  readonly restarted: readonly Drift[];
  /** Truth from starts moved by such a share of each standard deviation: how fast small errors grow. */
  readonly moved: readonly { readonly share: number; readonly drift: readonly Drift[] }[];
}

interface Drift {
  readonly horizon: number;
  /** In standard deviations. */
  readonly error: number;
}

const movedShares = [1e-6, 1e-5, 1e-4, 1e-3] as const;

/** Executes in physics what no model can know better. */
export async function limitsOf({ rollouts, heldOut, truth, figures }: Measurement): Promise<Limits> {
  const driftOf = (predicted: Float64Array) => {
    const squared = squaredErrors(rollouts, predicted);
    return horizons.map((horizon) => ({ horizon, error: errorAt(rollouts, squared, horizon) }));
  };
  const rng = new Rng(figures.seed);
  const moved: { share: number; drift: Drift[] }[] = [];
  for (const share of movedShares) {
    const { rows } = await play(truth, { ...heldOut, state: perturb(truth, heldOut, rollouts.scale, rng, share) }, 1, 0);
    moved.push({ share, drift: driftOf(rows) });
  }
  const first = squaresAt(rollouts, squaredErrors(rollouts, rollouts.imaginedMean), 1).sort();
  const total = first.reduce((sum, value) => sum + value, 0);
  const worst = first.subarray(Math.floor(first.length * 0.95)).reduce((sum, value) => sum + value, 0);
  return { worstTwentieth: worst / total, restarted: driftOf(recordedRows(truth.task, heldOut)), moved };
}
