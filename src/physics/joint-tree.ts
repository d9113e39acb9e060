/**
 * The tree of joints as flat arrays: kinematics both ways between joint coordinates and body states, without allocation.
 * A body's state is 13 numbers: position (m), orientation x, y, z, w, velocity of the body frame's origin (m/s), angular velocity (rad/s); world frame.
 */
import type { JointSpec, SceneSpec } from '../core/scene-spec.ts';
import { composeInto, rotateInto, twistAngle } from './rotation.ts';

export const bodyStateSize = 13;
export const orientationAt = 3;
export const velocityAt = 7;
export const angularVelocityAt = 10;

export interface TreeJoint {
  readonly spec: JointSpec;
  readonly parent: number;
  readonly child: number;
}

export interface JointTree {
  /** In scene order. */
  readonly joints: readonly TreeJoint[];
  /** Indices of `joints`, parents before children. */
  readonly order: Int32Array;
  /** `[bodies]`, 1 = some joint holds this body as its child. */
  readonly held: Uint8Array;
  /** `[bodies]`, 1 = some joint holds this body at either end. */
  readonly joined: Uint8Array;
}

/** @param scene - checked: names exist and the joints form a forest. */
export function jointTree(scene: SceneSpec): JointTree {
  const index = new Map(scene.bodies.map((body, i) => [body.name, i]));
  const joints = scene.joints.map((spec) => ({ spec, parent: index.get(spec.parent)!, child: index.get(spec.child)! }));
  const held = new Uint8Array(scene.bodies.length);
  const joined = new Uint8Array(scene.bodies.length);
  for (const { parent, child } of joints) {
    held[child] = 1;
    joined[parent] = 1;
    joined[child] = 1;
  }
  return { joints, order: parentsFirst(joints, held), held, joined };
}

function parentsFirst(joints: readonly TreeJoint[], held: Uint8Array): Int32Array {
  const placed = Uint8Array.from(held, (isHeld) => 1 - isHeld);
  const order: number[] = [];
  while (order.length < joints.length)
    joints.forEach(({ parent, child }, i) => {
      if (placed[child] || !placed[parent]) return;
      placed[child] = 1;
      order.push(i);
    });
  return Int32Array.from(order);
}

const turn = new Float64Array(4);
const parentArm = new Float64Array(3);
const childArm = new Float64Array(3);
const axis = new Float64Array(3);

/**
 * Forward kinematics over one joint: writes the child's state from its parent's.
 * @param states - `[bodies, 13]`. @param position - rad or m. @param velocity - rad/s or m/s.
 */
export function placeChild(joint: TreeJoint, position: number, velocity: number, states: Float64Array): void {
  const { spec } = joint;
  const parent = joint.parent * bodyStateSize;
  const child = joint.child * bodyStateSize;
  const isHinge = spec.kind === 'hinge';
  const slid = spec.kind === 'slide' ? position : 0;
  const sliding = spec.kind === 'slide' ? velocity : 0;
  setTurn(spec, isHinge ? position : 0);
  composeInto(states, parent + orientationAt, turn, 0, states, child + orientationAt);
  rotateInto(states, parent + orientationAt, spec.axis[0], spec.axis[1], spec.axis[2], axis, 0);
  rotateInto(states, parent + orientationAt, spec.parentAnchor_m[0], spec.parentAnchor_m[1], spec.parentAnchor_m[2], parentArm, 0);
  rotateInto(states, child + orientationAt, spec.childAnchor_m[0], spec.childAnchor_m[1], spec.childAnchor_m[2], childArm, 0);
  for (let i = 0; i < 3; i++) {
    parentArm[i]! += slid * axis[i]!;
    states[child + i] = states[parent + i]! + parentArm[i]! - childArm[i]!;
    states[child + angularVelocityAt + i] = states[parent + angularVelocityAt + i]! + (isHinge ? velocity * axis[i]! : 0);
  }
  for (let i = 0; i < 3; i++)
    states[child + velocityAt + i] =
      states[parent + velocityAt + i]! +
      crossElement(states, parent + angularVelocityAt, parentArm, i) +
      sliding * axis[i]! -
      crossElement(states, child + angularVelocityAt, childArm, i);
}

function setTurn(spec: JointSpec, angle_rad: number): void {
  const sine = Math.sin(angle_rad / 2);
  turn[0] = spec.axis[0] * sine;
  turn[1] = spec.axis[1] * sine;
  turn[2] = spec.axis[2] * sine;
  turn[3] = Math.cos(angle_rad / 2);
}

/** Element i of ω × arm. */
function crossElement(omega: Float64Array, at: number, arm: Float64Array, i: number): number {
  const j = (i + 1) % 3;
  const k = (i + 2) % 3;
  return omega[at + j]! * arm[k]! - omega[at + k]! * arm[j]!;
}

/** @param states - `[bodies, 13]`. @returns rad in (−π, π] for a hinge, m for a slide, 0 for a fixed joint. */
export function positionOf(joint: TreeJoint, states: Float64Array): number {
  const parent = joint.parent * bodyStateSize;
  const child = joint.child * bodyStateSize;
  if (joint.spec.kind === 'hinge') return twistAngle(states, parent + orientationAt, states, child + orientationAt, joint.spec.axis);
  if (joint.spec.kind === 'fixed') return 0;
  setArms(joint, states);
  let along = 0;
  for (let i = 0; i < 3; i++) along += (states[child + i]! + childArm[i]! - states[parent + i]! - parentArm[i]!) * axis[i]!;
  return along;
}

/** @param states - `[bodies, 13]`. @returns rad/s for a hinge, m/s for a slide, 0 for a fixed joint. */
export function velocityOf(joint: TreeJoint, states: Float64Array): number {
  const parent = joint.parent * bodyStateSize;
  const child = joint.child * bodyStateSize;
  const { kind } = joint.spec;
  if (kind === 'fixed') return 0;
  setArms(joint, states);
  let along = 0;
  for (let i = 0; i < 3; i++) {
    const relative =
      kind === 'hinge'
        ? states[child + angularVelocityAt + i]! - states[parent + angularVelocityAt + i]!
        : states[child + velocityAt + i]! +
          crossElement(states, child + angularVelocityAt, childArm, i) -
          states[parent + velocityAt + i]! -
          crossElement(states, parent + angularVelocityAt, parentArm, i);
    along += relative * axis[i]!;
  }
  return along;
}

/** The axis and both anchors, seen from their bodies' origins, in the world frame. */
function setArms(joint: TreeJoint, states: Float64Array): void {
  const { spec } = joint;
  const parent = joint.parent * bodyStateSize + orientationAt;
  const child = joint.child * bodyStateSize + orientationAt;
  rotateInto(states, parent, spec.axis[0], spec.axis[1], spec.axis[2], axis, 0);
  rotateInto(states, parent, spec.parentAnchor_m[0], spec.parentAnchor_m[1], spec.parentAnchor_m[2], parentArm, 0);
  rotateInto(states, child, spec.childAnchor_m[0], spec.childAnchor_m[1], spec.childAnchor_m[2], childArm, 0);
}

/** Writes the joint's axis in the world frame. */
export function axisInWorld(joint: TreeJoint, states: Float64Array, out: Float64Array): void {
  const { axis: local } = joint.spec;
  rotateInto(states, joint.parent * bodyStateSize + orientationAt, local[0], local[1], local[2], out, 0);
}
