/** P2: energy that neither motors nor brakes account for. */
import { wrapAngle } from '../../core/state-spec.ts';
import { actuatorWork, brakeWork, type JointStep } from './energy.ts';
import type { Motion } from './physics-probe.ts';

export interface EnergyBalance {
  /** float64 `[moments]`, J; NaN from the first moment on that is not finite. */
  readonly residual_J: Float64Array;
  /** J that motors and brakes moved up to there, in or out. */
  readonly turnover_J: number;
}

/**
 * E(t) − E(0) − work done up to t: what came from nowhere (above 0) or went there (below). Motors, dampers, springs, rotors and dry friction of joints are accounted for;
 * what contacts, stops and the engine's own errors take is not, which is why it is held against truth's own.
 */
export function energyBalance(motion: Motion): EnergyBalance {
  const { moments, kinetic_J, potential_J, isWhole } = motion;
  const residual_J = new Float64Array(moments).fill(Number.NaN);
  let [work, turnover_J] = [0, 0];
  for (let moment = 0; moment < moments && isWhole[moment]; moment++) {
    const done = moment > 0 ? workOfStep(motion, moment - 1) : 0;
    work += done;
    turnover_J += Math.abs(done);
    residual_J[moment] = kinetic_J[moment]! + potential_J[moment]! - kinetic_J[0]! - potential_J[0]! - work;
  }
  return { residual_J, turnover_J };
}

function workOfStep(motion: Motion, step: number): number {
  const { joints, actuators } = motion.facts.scene;
  const steps = joints.map((_, joint) => jointStep(motion, step, joint));
  const byMotors = actuators.reduce(
    (sum, actuator, i) =>
      sum +
      actuatorWork(
        actuator,
        motion.controls[step * actuators.length + i]!,
        steps[joints.findIndex(({ name }) => name === actuator.joint)]!,
      ),
    0,
  );
  return joints.reduce((sum, joint, i) => sum + brakeWork(joint, steps[i]!), byMotors);
}

function jointStep({ facts, coordinates, rates, dt_s }: Motion, step: number, joint: number): JointStep {
  const { joints } = facts.scene;
  const [from, to] = [step, step + 1].map((moment) => {
    const at = moment * joints.length + joint;
    return { coordinate: coordinates[at]!, rate: rates[at]! };
  }) as [JointStep['from'], JointStep['to']];
  const said = 0.5 * (from.rate + to.rate) * dt_s;
  const apart = to.coordinate - from.coordinate;
  const way = joints[joint]!.kind === 'hinge' ? said + wrapAngle(apart - said) : apart;
  return { way, from, to, dt_s };
}
