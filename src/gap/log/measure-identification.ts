/** A7: is what physics predicts of a log nearer to it with the parameters that were identified? */
import { type AxisResult, type Finding, inconclusive, measured, notApplicable } from '../axis.ts';
import { plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { allSquaredErrors, normalisedSquares, skillOverHorizon, squaredErrors } from '../error-over-horizon.ts';
import { intervalFigures } from '../figures.ts';
import { errorFall } from '../identify/error-fall.ts';
import type { PairedRollouts } from '../paired-rollouts.ts';
import { mean } from '../statistics.ts';
import { errorFallTest, logTests, skillGainTest } from './log-tests.ts';

/** Fewer are no sample to draw an interval from. */
const FEWEST_SEGMENTS = 8;
/** Steps ahead that skill is compared at; the end of shorter segments. */
const SKILL_HORIZON = 10;

export function withoutIdentification(reason: string): AxisResult {
  return { findings: logTests.map((test) => ({ test, finding: notApplicable(reason) })), figures: {} };
}

/**
 * Both on the same segments, which neither was fitted on, paired.
 * @param apart - how many of the segments share nothing.
 * @param rollouts - of any subject: truth, references and floor are taken from it.
 * @param before - `[starts, horizon + 1, size]`: physics with the parameters of the task. @param after - as identified.
 */
export function measureIdentification(
  rollouts: PairedRollouts,
  before: Float64Array,
  after: Float64Array,
  plan: ResamplePlan,
  apart: number,
): AxisResult {
  const { starts, horizon } = rollouts;
  const steps = horizon + 1;
  const [old, young] = [before, after].map((rows) => normalisedSquares(rollouts, squaredErrors(rollouts, rows))) as [
    Float64Array,
    Float64Array,
  ];
  const ofSegments = (squares: Float64Array) =>
    Float64Array.from({ length: starts }, (_, start) => mean(squares.subarray(start * steps + 1, (start + 1) * steps)));
  const { before: errorBefore, after: errorAfter, fall } = errorFall(ofSegments(old), ofSegments(young), plan);
  const skill = skillGain(rollouts, old, young, plan);
  return {
    findings: [
      { test: errorFallTest, finding: unlessFew(measured(fall, starts, { horizon }), apart) },
      { test: skillGainTest, finding: unlessFew(skill.finding, apart) },
    ],
    figures: {
      identification: {
        segments: starts,
        error: { before: intervalFigures(errorBefore), after: intervalFigures(errorAfter), fall: intervalFigures(fall) },
        skill: { horizon: skill.horizon, before: intervalFigures(skill.before), after: intervalFigures(skill.after) },
      },
    },
  };
}

function unlessFew(finding: Finding, apart: number): Finding {
  if (apart >= FEWEST_SEGMENTS || finding.kind === 'absent') return finding;
  return inconclusive(
    `An interval over ${apart} segments that share nothing means little: log more, or ask for shorter ones (--segment).`,
    finding.n,
  );
}

function skillGain(rollouts: PairedRollouts, before: Float64Array, after: Float64Array, plan: ResamplePlan) {
  const horizon = Math.min(SKILL_HORIZON, rollouts.horizon);
  const squared = allSquaredErrors(rollouts);
  const { room } = skillOverHorizon(rollouts, squared, plan)[horizon - 1]!;
  const references = (['persistence', 'linear', 'floor'] as const).map((one) => normalisedSquares(rollouts, squared[one]));
  const columns = [before, after, ...references].map((squares) => atStep(squares, rollouts.horizon + 1, horizon));
  const skills = (samples: readonly Float64Array[]) => {
    const [old, young, persistence, linear, floor] = samples.map((values) => Math.sqrt(mean(values))) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const reference = Math.min(persistence, linear);
    return { before: (reference - old) / (reference - floor), after: (reference - young) / (reference - floor) };
  };
  const of = (value: (found: { before: number; after: number }) => number) =>
    plannedInterval(columns, (samples) => value(skills(samples)), plan);
  // Which of two skills is the larger one does not hang on how wide the room is, only on there being any.
  const doubt =
    'Trivial predictions may be no worse than the noise floor, so that skill means nothing: log more, or motion that is harder to foresee.';
  return {
    horizon,
    before: of((found) => found.before),
    after: of((found) => found.after),
    finding: measured(
      of((found) => found.after - found.before),
      rollouts.starts,
      { horizon, ...(room.low > 0 ? {} : { doubt }) },
    ),
  };
}

function atStep(values: Float64Array, steps: number, step: number): Float64Array {
  return Float64Array.from({ length: values.length / steps }, (_, start) => values[start * steps + step]!);
}
