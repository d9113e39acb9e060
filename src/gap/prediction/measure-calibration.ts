import { type ModelManifest, predictedEntries } from '../../world-model/contract.ts';
import { type AxisContext, type AxisResult, type Finding, inconclusive, measured, notApplicable } from '../axis.ts';
import { type ResamplePlan, resamplePlan } from '../bootstrap.ts';
import { coverageOf, type Dreams, widestLevel } from '../coverage.ts';
import { figure, intervalFigures } from '../figures.ts';
import { drawHeldOut } from '../held-out.ts';
import { play } from '../play.ts';
import { withPlayer } from '../subject.ts';
import { COVERAGE_LEVEL, type GapTest } from '../thresholds.ts';
import { type CalibrationError, calibrationOf, drawClimatology } from './calibration.ts';
import { playApart, STARTS_TOGETHER } from './play-apart.ts';
import { CALIBRATION_HORIZONS, coverageTests, crpsTest, intervalTest, quantileTest } from './prediction-tests.ts';
import { predictedRows } from './whole-states.ts';

/** Draws that stand for climatology. */
const CLIMATOLOGY_DRAWS = 64;

const tests: readonly GapTest[] = [...coverageTests, intervalTest, quantileTest, crpsTest];

/** H4. @param starts - each played as far as the longest horizon. */
export async function measureCalibration(context: AxisContext, starts: number): Promise<AxisResult> {
  const silence = silenceOf(context.samples, starts);
  if (silence) return allAre(silence);
  const dreams = await playDreams(context, starts);
  const { scale, rng, resamples, truth, heldOut } = context;
  const plan = resamplePlan(starts, rng, resamples);
  return judgeCalibration(dreams, {
    scale,
    rng,
    plan,
    claims: claimsDoubt(context.subject.model),
    known: predictedRows(truth.spec, heldOut.state),
  });
}

export interface CalibrationContext extends Pick<AxisContext, 'scale' | 'rng'> {
  /** Of the starts. */
  readonly plan: ResamplePlan;
  /** See `claimsDoubt`. */
  readonly claims: boolean;
  /** float64 `[count, size]`: predicted elements that climatology is drawn from. */
  readonly known: Float64Array;
}

/** Of dreams already played, at the horizons that they reach. @param dreams - with at least one sample a start. */
export function judgeCalibration(dreams: Dreams, { claims, scale, rng, plan, known }: CalibrationContext): AxisResult {
  const { starts, samples, horizon: reach } = dreams;
  const silence = silenceOf(samples, starts);
  if (silence) return allAre(silence);
  if (!claims && drawsAgree(dreams))
    return allAre(notApplicable('The subject says the same every time, so it states no uncertainty.', starts));
  const horizons = CALIBRATION_HORIZONS.filter((horizon) => horizon <= reach);
  const coverage = coverageOf(dreams, horizons, [COVERAGE_LEVEL], plan);
  const found = calibrationOf(dreams, horizons, scale, drawClimatology(known, scale.length, CLIMATOLOGY_DRAWS, rng), plan);
  return {
    findings: [
      ...coverageTests.map((test, i) => ({
        test,
        finding:
          i < horizons.length ? measured(coverage.overall[i]!, starts) : inconclusive(`The rollouts are only ${reach} steps long.`, starts),
      })),
      { test: intervalTest, finding: judgedError(found.interval, intervalTest, starts) },
      { test: quantileTest, finding: judgedError(found.quantile, quantileTest, starts) },
      { test: crpsTest, finding: measured(found.skill, starts) },
    ],
    figures: {
      ranks: found.horizons.map(({ horizon, histogram }) => ({ horizon, histogram: histogram.map(figure) })),
      crps: found.horizons.map(({ horizon, crps, climatology }) => ({ horizon, subject: figure(crps), climatology: figure(climatology) })),
      coverage: coverage.elements.map(({ label, horizon, ...interval }) => ({ label, horizon, ...intervalFigures(interval) })),
    },
  };
}

/** Why nothing can be said, whatever is dreamed. */
function silenceOf(samples: number, starts: number): Finding | undefined {
  if (samples < 2) return notApplicable('The subject says one thing only, so it states no uncertainty.', starts);
  if (widestLevel(samples) < COVERAGE_LEVEL)
    return inconclusive(`A ${100 * COVERAGE_LEVEL} % interval needs at least 19 samples, there are ${samples}.`, starts);
  return undefined;
}

/** A mean of absolute differences is above 0 for an honest model too: what sampling may have done is not held against it. */
function judgedError(found: CalibrationError, { bound }: GapTest, starts: number): Finding {
  const most = bound.kind === 'atMost' ? bound.value : Number.NaN;
  const isLuck = found.measured > most && found.measured <= most + 2 * found.sampling;
  const doubt = `With ${starts} starts an honest model has an error of about ${found.sampling.toFixed(2)}: measure more.`;
  return measured(found, starts, isLuck ? { doubt } : {});
}

function allAre(finding: Finding): AxisResult {
  return { findings: tests.map((test) => ({ test, finding })), figures: {} };
}

async function playDreams({ truth, subject, heldOut, samples, rng, onProgress }: AxisContext, starts: number): Promise<Dreams> {
  const horizon = Math.max(...CALIBRATION_HORIZONS);
  const drawn = drawHeldOut(truth.task, heldOut, starts, horizon, rng);
  const seed = rng.integer(1 << 20) * 64;
  const real = await play(truth, drawn, 1, 0);
  const imagined = await withPlayer(subject, STARTS_TOGETHER * samples, (player) =>
    playApart(player, drawn, samples, seed, (done, of) => onProgress?.('calibration', done, of)),
  );
  return { entries: predictedEntries(truth.task), starts, horizon, samples, truth: real.rows, imaginedSamples: imagined.rows };
}

/** Whether the model itself says that it draws: then draws that agree are a claim to be sure, and judged as one. */
export function claimsDoubt(model: { readonly manifest: Pick<ModelManifest, 'noise' | 'members'> } | undefined): boolean {
  const { noise, members = 1 } = model?.manifest ?? {};
  return members > 1 || (noise?.distribution === 'normal' && noise.size > 0);
}

function drawsAgree({ starts, samples, imaginedSamples: rows }: Dreams): boolean {
  const width = rows.length / starts / samples;
  const whole = samples * width;
  return rows.every((value, i) => Object.is(value, rows[i - (i % whole) + (i % width)]));
}
