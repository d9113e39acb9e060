/**
 * The tree of joints as flat arrays: kinematics both ways between joint coordinates and body states, without allocation.
 * A body's state is 13 numbers: position (m), orientation x, y, z, w, velocity of the body frame's origin (m/s), angular velocity (rad/s); world frame.
 */
import { jointLayout } from '../core/joints.ts';
import type { JointSpec, SceneSpec, Vector3 } from '../core/scene-spec.ts';
import { unreachable } from '../errors.ts';
import { composeInto, relativeInto, rotateBackInto, rotateInto, twistAngle } from '../math/rotation.ts';

export const bodyStateSize = 13;
export const orientationAt = 3;
export const velocityAt = 7;
export const angularVelocityAt = 10;

export interface TreeJoint {
  readonly spec: JointSpec;
  readonly parent: number;
  readonly child: number;
  /** First element of its coordinates in rows of the joint layout. */
  readonly positionAt: number;
  readonly velocityAt: number;
}

export interface JointTree {
  /** In scene order. */
  readonly joints: readonly TreeJoint[];
  /** Indices of `joints`, parents before children. */
  readonly order: Int32Array;
  /** `[bodies]`, the joint that holds this body as its child, or −1. */
  readonly holder: Int32Array;
  /** `[bodies]`, 1 = some joint holds this body at either end. */
  readonly joined: Uint8Array;
  /** `[bodies]`, the body at the top of the tree this one is part of. */
  readonly root: Int32Array;
  /** Lengths of rows of coordinates. */
  readonly positions: number;
  readonly velocities: number;
}

/** @param scene - checked: names exist and the joints form a forest. */
export function jointTree(scene: SceneSpec): JointTree {
  const index = new Map(scene.bodies.map((body, i) => [body.name, i]));
  const layout = jointLayout(scene.joints);
  const joints = scene.joints.map((spec, i) => ({
    spec,
    parent: index.get(spec.parent)!,
    child: index.get(spec.child)!,
    positionAt: layout.positionAt[i]!,
    velocityAt: layout.velocityAt[i]!,
  }));
  const holder = new Int32Array(scene.bodies.length).fill(-1);
  const joined = new Uint8Array(scene.bodies.length);
  joints.forEach(({ parent, child }, i) => {
    holder[child] = i;
    joined[parent] = 1;
    joined[child] = 1;
  });
  const order = parentsFirst(joints, holder);
  const root = Int32Array.from(scene.bodies, (_, i) => i);
  for (const i of order) root[joints[i]!.child] = root[joints[i]!.parent]!;
  return { joints, order, holder, joined, root, positions: layout.positions, velocities: layout.velocities };
}

function parentsFirst(joints: readonly TreeJoint[], holder: Int32Array): Int32Array {
  const placed = Uint8Array.from(holder, (joint) => (joint < 0 ? 1 : 0));
  const order: number[] = [];
  while (order.length < joints.length)
    joints.forEach(({ parent, child }, i) => {
      if (placed[child] || !placed[parent]) return;
      placed[child] = 1;
      order.push(i);
    });
  return Int32Array.from(order);
}

const identity = Float64Array.of(0, 0, 0, 1);
const turn = new Float64Array(4);
const parentArm = new Float64Array(3);
const childArm = new Float64Array(3);
const axis = new Float64Array(3);
/** Velocity of the child's anchor against the parent's, and of turning, world frame. */
const sliding = new Float64Array(3);
const turning = new Float64Array(3);

/**
 * Forward kinematics over one joint: writes the child's state from its parent's.
 * @param states - `[bodies, 13]`. @param positions - a row of the joint layout. @param velocities - likewise.
 */
export function placeChild(joint: TreeJoint, positions: ArrayLike<number>, velocities: ArrayLike<number>, states: Float64Array): void {
  const { spec } = joint;
  const parent = joint.parent * bodyStateSize;
  const child = joint.child * bodyStateSize;
  writeTurn(joint, positions);
  composeInto(states, parent + orientationAt, turn, 0, states, child + orientationAt);
  turnedInto(spec.parentAnchor_m, states, parent, parentArm);
  turnedInto(spec.childAnchor_m, states, child, childArm);
  writeMotion(joint, positions, velocities, states);
  for (let i = 0; i < 3; i++) {
    states[child + i] = states[parent + i]! + parentArm[i]! - childArm[i]!;
    states[child + angularVelocityAt + i] = states[parent + angularVelocityAt + i]! + turning[i]!;
  }
  for (let i = 0; i < 3; i++)
    states[child + velocityAt + i] =
      states[parent + velocityAt + i]! +
      crossElement(states, parent + angularVelocityAt, parentArm, i) +
      sliding[i]! -
      crossElement(states, child + angularVelocityAt, childArm, i);
}

/** Sets `turn`: the child's orientation in the parent's frame. */
function writeTurn({ spec, positionAt }: TreeJoint, positions: ArrayLike<number>): void {
  switch (spec.kind) {
    case 'hinge':
      turnAbout(spec.axis, positions[positionAt]!);
      return;
    case 'planar':
      turnAbout(spec.axis, positions[positionAt + 2]!);
      return;
    case 'ball':
      for (let i = 0; i < 4; i++) turn[i] = positions[positionAt + i]!;
      return;
    case 'slide':
    case 'fixed':
      turn.set(identity);
      return;
    default:
      unreachable(spec.kind);
  }
}

/** Sets `sliding` and `turning`, and adds what the joint has slid to `parentArm`. The child's orientation must be in `states`. */
function writeMotion(joint: TreeJoint, positions: ArrayLike<number>, velocities: ArrayLike<number>, states: Float64Array): void {
  const { spec, positionAt: p, velocityAt: v } = joint;
  const parent = joint.parent * bodyStateSize;
  sliding.fill(0);
  turning.fill(0);
  switch (spec.kind) {
    case 'hinge':
      addAlong(spec.axis, states, parent, turning, velocities[v]!);
      return;
    case 'slide':
      slide(spec.axis, states, parent, positions[p]!, velocities[v]!);
      return;
    case 'planar':
      slide(spec.slideAxes![0], states, parent, positions[p]!, velocities[v]!);
      slide(spec.slideAxes![1], states, parent, positions[p + 1]!, velocities[v + 1]!);
      addAlong(spec.axis, states, parent, turning, velocities[v + 2]!);
      return;
    case 'ball':
      rotateInto(states, joint.child * bodyStateSize + orientationAt, velocities[v]!, velocities[v + 1]!, velocities[v + 2]!, turning, 0);
      return;
    case 'fixed':
      return;
    default:
      unreachable(spec.kind);
  }
}

function slide(along: Vector3, states: Float64Array, parent: number, position: number, velocity: number): void {
  turnedInto(along, states, parent, axis);
  for (let i = 0; i < 3; i++) {
    parentArm[i]! += position * axis[i]!;
    sliding[i]! += velocity * axis[i]!;
  }
}

function addAlong(along: Vector3, states: Float64Array, parent: number, out: Float64Array, amount: number): void {
  turnedInto(along, states, parent, axis);
  for (let i = 0; i < 3; i++) out[i]! += amount * axis[i]!;
}

function turnAbout(about: Vector3, angle_rad: number): void {
  const sine = Math.sin(angle_rad / 2);
  for (let i = 0; i < 3; i++) turn[i] = about[i]! * sine;
  turn[3] = Math.cos(angle_rad / 2);
}

/** A vector of a body's frame in the world. */
function turnedInto(vector: Vector3, states: Float64Array, body: number, out: Float64Array): void {
  rotateInto(states, body + orientationAt, vector[0], vector[1], vector[2], out, 0);
}

/** Element i of ω × arm. */
function crossElement(omega: Float64Array, at: number, arm: Float64Array, i: number): number {
  const j = (i + 1) % 3;
  const k = (i + 2) % 3;
  return omega[at + j]! * arm[k]! - omega[at + k]! * arm[j]!;
}

/**
 * One coordinate of a joint from the states of its bodies.
 * @param states - `[bodies, 13]`. @returns rad in (−π, π] or m; an element of the quaternion for a ball.
 */
export function positionOf(joint: TreeJoint, states: Float64Array, coordinate = 0): number {
  const { spec } = joint;
  const parent = joint.parent * bodyStateSize + orientationAt;
  const child = joint.child * bodyStateSize + orientationAt;
  switch (spec.kind) {
    case 'hinge':
      return twistAngle(states, parent, states, child, spec.axis);
    case 'slide':
      return distanceAlong(joint, spec.axis, states);
    case 'planar':
      return coordinate === 2
        ? twistAngle(states, parent, states, child, spec.axis)
        : distanceAlong(joint, spec.slideAxes![coordinate]!, states);
    case 'ball':
      relativeInto(states, parent, states, child, turn, 0);
      return turn[coordinate]!;
    case 'fixed':
      return 0;
    default:
      return unreachable(spec.kind);
  }
}

/** @param states - `[bodies, 13]`. @returns rad/s or m/s. */
export function velocityOf(joint: TreeJoint, states: Float64Array, coordinate = 0): number {
  const { spec } = joint;
  switch (spec.kind) {
    case 'hinge':
      return turningAbout(joint, spec.axis, states);
    case 'slide':
      return slidingAlong(joint, spec.axis, states);
    case 'planar':
      return coordinate === 2 ? turningAbout(joint, spec.axis, states) : slidingAlong(joint, spec.slideAxes![coordinate]!, states);
    case 'ball': {
      const [parent, child] = [joint.parent * bodyStateSize, joint.child * bodyStateSize];
      for (let i = 0; i < 3; i++) turning[i] = states[child + angularVelocityAt + i]! - states[parent + angularVelocityAt + i]!;
      rotateBackInto(states, child + orientationAt, turning[0]!, turning[1]!, turning[2]!, turning, 0);
      return turning[coordinate]!;
    }
    case 'fixed':
      return 0;
    default:
      return unreachable(spec.kind);
  }
}

function turningAbout(joint: TreeJoint, about: Vector3, states: Float64Array): number {
  const parent = joint.parent * bodyStateSize;
  const child = joint.child * bodyStateSize + angularVelocityAt;
  turnedInto(about, states, parent, axis);
  let sum = 0;
  for (let i = 0; i < 3; i++) sum += (states[child + i]! - states[parent + angularVelocityAt + i]!) * axis[i]!;
  return sum;
}

function distanceAlong(joint: TreeJoint, along: Vector3, states: Float64Array): number {
  setArms(joint, along, states);
  const [parent, child] = [joint.parent * bodyStateSize, joint.child * bodyStateSize];
  let sum = 0;
  for (let i = 0; i < 3; i++) sum += (states[child + i]! + childArm[i]! - states[parent + i]! - parentArm[i]!) * axis[i]!;
  return sum;
}

function slidingAlong(joint: TreeJoint, along: Vector3, states: Float64Array): number {
  setArms(joint, along, states);
  const [parent, child] = [joint.parent * bodyStateSize, joint.child * bodyStateSize];
  let sum = 0;
  for (let i = 0; i < 3; i++) {
    const there = states[child + velocityAt + i]! + crossElement(states, child + angularVelocityAt, childArm, i);
    const here = states[parent + velocityAt + i]! + crossElement(states, parent + angularVelocityAt, parentArm, i);
    sum += (there - here) * axis[i]!;
  }
  return sum;
}

/** An axis and both anchors, seen from their bodies' origins, in the world frame. */
function setArms({ spec, parent, child }: TreeJoint, along: Vector3, states: Float64Array): void {
  turnedInto(along, states, parent * bodyStateSize, axis);
  turnedInto(spec.parentAnchor_m, states, parent * bodyStateSize, parentArm);
  turnedInto(spec.childAnchor_m, states, child * bodyStateSize, childArm);
}

/** Writes the joint's axis in the world frame. */
export function axisInWorld(joint: TreeJoint, states: Float64Array, out: Float64Array): void {
  turnedInto(joint.spec.axis, states, joint.parent * bodyStateSize, out);
}

/** Writes all coordinates of a joint into rows of the joint layout. */
export function readCoordinates(joint: TreeJoint, states: Float64Array, positions: Float64Array, velocities: Float64Array): void {
  const { kind } = joint.spec;
  const count = kind === 'fixed' ? 0 : kind === 'planar' ? 3 : kind === 'ball' ? 4 : 1;
  for (let i = 0; i < count; i++) positions[joint.positionAt + i] = positionOf(joint, states, i);
  for (let i = 0; i < Math.min(count, 3); i++) velocities[joint.velocityAt + i] = velocityOf(joint, states, i);
}
