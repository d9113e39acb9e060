/** Physical plausibility: predicted states are put into the task's own engine, and asked for overlaps, energy, momentum, fall, stops and surprise. */
import { loadShapeGaps } from '../../physics/shape-gaps.ts';
import type { Axis, AxisContext, AxisResult, Finding } from '../axis.ts';
import { notApplicable } from '../axis.ts';
import { type ResamplePlan, resamplePlan } from '../bootstrap.ts';
import { figure, picked } from '../figures.ts';
import { drawHeldOut } from '../held-out.ts';
import { mean } from '../statistics.ts';
import type { GapTest } from '../thresholds.ts';
import { type Expectations, measureExpectations, VIOLATION_LEVELS } from './expectation.ts';
import { findAtTenth, findSmallest, presentKinds, smallestOf } from './expectation-rows.ts';
import { fallingParts, loosePairs } from './free-flight.ts';
import type { PhysicsProbe } from './physics-probe.ts';
import {
  deepFrom,
  energyScaleOf,
  findEnergy,
  findExcess,
  findGravity,
  findKinematics,
  findMomentum,
  findPenetration,
  unexplainedFrom,
} from './plausibility-rows.ts';
import { Probes } from './probes.ts';
import { type DriveReadings, type Reading, readRollouts } from './read-rollouts.ts';
import { accuracy } from './surprise.ts';

export interface PlausibilitySettings {
  /** Of rollouts, and of single steps for P6. */
  readonly starts: number;
  readonly horizon: number;
  /** Most draws of a start. */
  readonly copies: number;
}

export const plausibilityDefaults: PlausibilitySettings = { starts: 256, horizon: 40, copies: 8 };

/** Envs of a subject side by side. */
const MOST_LANES = 64;

const row = (id: string, title: string, kind: 'atMost' | 'atLeast', value: number): GapTest => ({ id, title, bound: { kind, value } });

export const PLAUSIBILITY_TESTS = {
  penetration: row('P1', 'Moments too deep inside something (share)', 'atMost', 0.01),
  energy: row('P2', 'Energy from nowhere, beyond truth’s own (share)', 'atMost', 0.01),
  momentum: row('P3', 'Momentum lost in isolated collisions (share)', 'atMost', 0.05),
  gravity: row('P4', 'Error of gravity in free flight (share)', 'atMost', 0.15),
  kinematics: row('P5', 'Steps that velocities do not explain (share)', 'atMost', 0.005),
  overshoot: row('P5', 'Beyond joint stops, more than truth (rad, m)', 'atMost', 0.005),
  stretch: row('P5', 'Stretched links, more than truth (m)', 'atMost', 0.005),
  quaternions: row('P5', 'Quaternions’ length off 1', 'atMost', 0.005),
  smallest: row('P6', 'Smallest violation told apart (sensor noises)', 'atMost', 5),
  tenth: row('P6', 'Violations of a tenth of body size told apart (share)', 'atLeast', 0.9),
} as const;

export const plausibilityAxis: Axis = plausibilityWith(plausibilityDefaults);

/** @throws DATA_INVALID when the held-out episodes are too short or too few. */
export function plausibilityWith(settings: PlausibilitySettings): Axis {
  return { name: 'plausibility', tests: Object.values(PLAUSIBILITY_TESTS), measure: (context) => measure(context, settings) };
}

async function measure(context: AxisContext, { starts, horizon, copies: most }: PlausibilitySettings): Promise<AxisResult> {
  const { truth, engine, rng, resamples } = context;
  const probes = new Probes({ task: truth.task, engine, gapsOf: await loadShapeGaps() });
  try {
    const copies = Math.min(most, Math.max(1, context.samples));
    const plan = drawHeldOut(truth.task, context.heldOut, starts, horizon, rng);
    const shared = { ...context, copies, lanes: Math.min(MOST_LANES, starts * copies), probes };
    const drives = await readRollouts({ ...shared, plan });
    const expectations = await measureExpectations({ ...shared, starts, samples: Math.max(1, context.samples) });
    const resampling = resamplePlan(starts, rng, resamples);
    return {
      findings: findings(drives, expectations, probes.first(), resampling),
      figures: figuresOf(drives, expectations),
    };
  } finally {
    probes.close();
  }
}

function findings(
  drives: readonly DriveReadings[],
  expectations: Expectations,
  probe: PhysicsProbe,
  plan: ResamplePlan,
): AxisResult['findings'] {
  const { facts } = probe;
  const { joints } = facts.scene;
  const found: Record<keyof typeof PLAUSIBILITY_TESTS, Finding> = {
    penetration: findPenetration(drives, probe.canTouch, plan),
    energy: findEnergy(drives, plan),
    momentum: findMomentum(drives, loosePairs(facts).length > 0, plan),
    gravity: findGravity(drives, fallingParts(facts).length > 0, plan),
    kinematics: findKinematics(drives, plan),
    overshoot: joints.some(({ limits }) => limits) ? findExcess(drives, (of) => of.overshoot, plan) : notApplicable('No joint has a stop.'),
    stretch: joints.length > 0 ? findExcess(drives, (of) => of.stretch_m, plan) : notApplicable('There are no joints.'),
    quaternions: probe.hasQuaternions ? findExcess(drives, (of) => of.unnormalised, plan) : notApplicable('States hold no quaternions.'),
    smallest: findSmallest(expectations, plan),
    tenth: findAtTenth(expectations, plan),
  };
  return Object.entries(found).map(([name, finding]) => ({ test: PLAUSIBILITY_TESTS[name as keyof typeof found], finding }));
}

function figuresOf(drives: readonly DriveReadings[], expectations: Expectations): Record<string, unknown> {
  const scale_J = energyScaleOf(drives);
  return {
    deepFrom: figure(deepFrom(drives)),
    unexplainedFrom: figure(unexplainedFrom(drives)),
    energyScale_J: figure(scale_J),
    energy: drives.map(({ drive, truth, subject }) => ({
      drive,
      truth: meanResidual(truth, scale_J),
      subject: meanResidual(subject.flat(), scale_J),
    })),
    violations: presentKinds(expectations).map((kind) => ({
      kind,
      smallest: figure(smallestOf(expectations[kind])),
      atTenthOfSize: figure(accuracy(expectations[kind].atTenthOfSize)),
      levels: [...VIOLATION_LEVELS],
      accuracy: picked(
        expectations[kind].atLevel.map((outcomes) => accuracy(outcomes)),
        [...VIOLATION_LEVELS.keys()],
      ),
    })),
  };
}

/** Of each moment, in energy scales; null where a rollout is no longer finite. */
function meanResidual(readings: readonly Reading[], scale_J: number): (number | null)[] {
  return Array.from(readings[0]!.residual_J, (_, moment) => figure(mean(readings.map(({ residual_J }) => residual_J[moment]!)) / scale_J));
}
