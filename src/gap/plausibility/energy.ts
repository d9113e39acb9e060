/** Energy that bodies and joints hold, and work that motors and brakes do on them. */
import type { ActuatorSpec, JointSpec, SceneSpec } from '../../core/scene-spec.ts';
import { unreachable } from '../../errors.ts';
import { rotateBackInto, rotateInto } from '../../math/rotation.ts';
import { angularVelocityAt, bodyStateSize, orientationAt, velocityAt } from '../../physics/joint-tree.ts';

const arm = new Float64Array(3);
const turning = new Float64Array(3);
const upright = [0, 0, 0, 1] as const;

/** Writes position (m) and velocity (m/s) of a body's centre of mass, world frame. @param bodies - float64 `[bodies, 13]`. @param out - float64 `[6]`. */
export function centreOfMass(scene: SceneSpec, bodies: Float64Array, body: number, out: Float64Array): void {
  const at = body * bodyStateSize;
  const [x, y, z] = scene.bodies[body]!.inertial?.centreOfMass_m ?? [0, 0, 0];
  rotateInto(bodies, at + orientationAt, x, y, z, arm, 0);
  for (let i = 0; i < 3; i++) {
    const [j, k] = [(i + 1) % 3, (i + 2) % 3];
    const swing = bodies[at + angularVelocityAt + j]! * arm[k]! - bodies[at + angularVelocityAt + k]! * arm[j]!;
    out[i] = bodies[at + i]! + arm[i]!;
    out[3 + i] = bodies[at + velocityAt + i]! + swing;
  }
}

const centre = new Float64Array(6);

/** Of all bodies, J: ½mv² + ½ω·Iω, and of rotors ½Aq̇². @param rates - float64 `[joints]`: rad/s or m/s of hinges and slides. */
export function kineticEnergy(scene: SceneSpec, bodies: Float64Array, rates: Float64Array): number {
  let sum = 0;
  scene.bodies.forEach(({ inertial }, body) => {
    if (!inertial) return;
    centreOfMass(scene, bodies, body, centre);
    sum += 0.5 * inertial.mass_kg * (centre[3]! ** 2 + centre[4]! ** 2 + centre[5]! ** 2);
    const at = body * bodyStateSize;
    const [wx, wy, wz] = [0, 1, 2].map((i) => bodies[at + angularVelocityAt + i]!) as [number, number, number];
    rotateBackInto(bodies, at + orientationAt, wx, wy, wz, turning, 0);
    rotateBackInto(inertial.principalAxes_xyzw ?? upright, 0, turning[0]!, turning[1]!, turning[2]!, turning, 0);
    for (let i = 0; i < 3; i++) sum += 0.5 * inertial.inertia_kgm2[i]! * turning[i]! ** 2;
  });
  scene.joints.forEach(({ armature = 0 }, joint) => {
    sum += 0.5 * armature * rates[joint]! ** 2;
  });
  return sum;
}

/** In gravity and springs, J, from an arbitrary zero. @param coordinates - float64 `[joints]`: rad or m of hinges and slides. */
export function potentialEnergy(scene: SceneSpec, bodies: Float64Array, coordinates: Float64Array): number {
  let sum = 0;
  scene.bodies.forEach(({ inertial }, body) => {
    if (!inertial) return;
    centreOfMass(scene, bodies, body, centre);
    for (let i = 0; i < 3; i++) sum -= inertial.mass_kg * scene.gravity_mps2[i]! * centre[i]!;
  });
  scene.joints.forEach(({ stiffness = 0, springRest = 0 }, joint) => {
    sum += 0.5 * stiffness * (coordinates[joint]! - springRest) ** 2;
  });
  return sum;
}

/** A hinge or slide at both ends of a control step. */
export interface JointStep {
  /** Way it went, rad or m: the short way round for a hinge, unless its velocities say otherwise. */
  readonly way: number;
  readonly from: { readonly coordinate: number; readonly rate: number };
  readonly to: { readonly coordinate: number; readonly rate: number };
  readonly dt_s: number;
}

/** Work of one actuator over a control step of constant command, J. What depends on the motion is taken as the mean of both ends. */
export function actuatorWork(actuator: ActuatorSpec, command: number, { way, from, to, dt_s }: JointStep): number {
  const { maxForce } = actuator;
  const capped = (force: number) => Math.max(-maxForce, Math.min(maxForce, force));
  const meanPower = (force: (end: JointStep['from']) => number) => 0.5 * (force(from) * from.rate + force(to) * to.rate);
  switch (actuator.kind) {
    case 'force':
      return capped((actuator.gain ?? 1) * command) * way;
    case 'position':
      return dt_s * meanPower(({ coordinate, rate }) => capped(actuator.stiffness * (command - coordinate) - actuator.damping * rate));
    case 'velocity':
      return dt_s * meanPower(({ rate }) => capped(actuator.damping * (command - rate)));
    default:
      return unreachable(actuator);
  }
}

/** Work that a joint's own damping and dry friction take, J, below 0. */
export function brakeWork({ damping = 0, dryFriction = 0 }: JointSpec, { way, from, to, dt_s }: JointStep): number {
  // The mean of a square that changes linearly in between.
  const square = (from.rate ** 2 + from.rate * to.rate + to.rate ** 2) / 3;
  return -damping * square * dt_s - dryFriction * Math.abs(way);
}
