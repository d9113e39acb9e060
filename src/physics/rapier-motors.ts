import type { RigidBody, World } from '@dimforge/rapier3d';
import type { RapierSettings, SceneSpec } from '../core/scene-spec.ts';
import { axisInWorld, type JointTree, velocityOf } from './joint-tree.ts';
import { type BuiltWorld, defaultSolverIterations, type RawMotors, rawAxisOf, rawMotors } from './rapier-build.ts';
import { movedInertia, rotorDamping } from './rotor.ts';

/** What the motors need to know of the bodies. */
export interface MovedBodies {
  readonly tree: JointTree;
  /** `[bodies, 13]`; call `refresh` first. */
  readonly states: Float64Array;
  refresh(body: number): void;
  /** The rigid body a scene body is part of, or undefined where it is fixed. */
  rigidOf(body: number): RigidBody | undefined;
  /** World frame, of the rigid body; reused. */
  centreOfMass(body: number): Triple;
}

export interface Triple {
  x: number;
  y: number;
  z: number;
}

interface Rotor {
  readonly joint: number;
  /** Actuators whose force goes through this rotor's motor. */
  readonly actuators: readonly number[];
  readonly handle: number;
  readonly axis: number;
  /** Armature over the time of a step, as a damping; see rotorDamping. */
  readonly inertia: number;
  readonly damping: number;
  readonly stiffness: number;
  readonly rest: number;
  /** Damping and what a spring adds to it in a substep. */
  readonly resistance: number;
}

/**
 * Turns controls into what moves Rapier's joints.
 *
 * - A force is applied as such, to the child and, with the other sign, to the parent; where the joint has armature, through the joint's motor.
 * - Armature A resists a joint's own acceleration: the motor brakes with about A/step against the velocity that the joint had before the step,
 *   which is −A · acceleration, implicitly; damping, spring and force are part of the same motor, so they are solved together with the links.
 * - Positions and velocities are tracked by a motor of their own, whose force is limited.
 */
export class RapierMotors {
  /** `[actuators]` */
  readonly controls: Float64Array;
  private readonly scene: SceneSpec;
  private readonly bodies: MovedBodies;
  private readonly joints: Int32Array;
  private readonly handles: readonly (number | undefined)[];
  private readonly rotors: readonly Rotor[];
  private readonly hasRotor: Uint8Array;
  /** Bodies that a force acts on directly. */
  private readonly pushed: Int32Array;
  /** Forces persist in Rapier, so where their direction cannot change they are only written when a control did. */
  private readonly directionsHold: boolean;
  private areStale = true;
  private raw: RawMotors;
  private readonly axis = new Float64Array(3);
  private readonly vector: Triple = { x: 0, y: 0, z: 0 };

  constructor(scene: SceneSpec, settings: RapierSettings, built: BuiltWorld, bodies: MovedBodies, controls: Float64Array) {
    this.scene = scene;
    this.bodies = bodies;
    this.controls = controls;
    const { joints } = bodies.tree;
    this.joints = Int32Array.from(scene.actuators, ({ joint }) => scene.joints.findIndex(({ name }) => name === joint));
    this.handles = built.motorHandles;
    this.rotors = scene.joints.flatMap((spec, joint) => {
      const handle = built.jointHandles[joint];
      if (!spec.armature || handle === undefined) return [];
      const { damping = 0, stiffness = 0, springRest: rest = 0 } = spec;
      const substeps = settings.solverIterations ?? defaultSolverIterations;
      const substep_s = settings.step_s / substeps;
      const inertia = rotorDamping(movedInertia(scene, bodies.tree, joint), spec.armature, settings.step_s, substeps);
      const resistance = inertia + damping + stiffness * substep_s;
      const actuators = scene.actuators.flatMap(({ kind }, i) => (kind === 'force' && this.joints[i] === joint ? [i] : []));
      return [{ joint, actuators, handle, axis: rawAxisOf(spec), inertia, damping: inertia + damping, stiffness, rest, resistance }];
    });
    this.hasRotor = Uint8Array.from(scene.joints, (_, joint) => (this.rotors.some((rotor) => rotor.joint === joint) ? 1 : 0));
    const direct = [...this.joints].filter((joint, i) => scene.actuators[i]!.kind === 'force' && !this.hasRotor[joint]);
    this.pushed = Int32Array.from(new Set(direct.flatMap((joint) => [joints[joint]!.child, joints[joint]!.parent])));
    this.directionsHold = direct.every((joint) => bodies.rigidOf(joints[joint]!.parent) === undefined);
    this.raw = rawMotors(built.world);
  }

  /** A restored snapshot is another Rapier world, which holds the forces and motors of its saved controls. */
  attach(world: World): void {
    this.raw = rawMotors(world);
    this.areStale = false;
  }

  set(actuator: number, value: number): void {
    const spec = this.scene.actuators[actuator]!;
    // Not clamped by comparisons, so that NaN stays NaN and problem() sees it.
    const wanted = spec.kind === 'force' ? Math.min(spec.maxForce, Math.max(-spec.maxForce, (spec.gain ?? 1) * value)) : value;
    if (wanted === this.controls[actuator]) return;
    this.controls[actuator] = wanted;
    this.areStale = true;
  }

  /** Null, or which control is not finite. */
  problem(): string | null {
    for (let i = 0; i < this.controls.length; i++)
      if (!Number.isFinite(this.controls[i])) return `the control of actuator '${this.scene.actuators[i]!.name}' is not finite`;
    return null;
  }

  /** Writes what has changed since the last step. */
  apply(): void {
    if (this.areStale || !this.directionsHold) this.push();
    for (const rotor of this.rotors) this.turn(rotor);
  }

  /** Equal controls leave equal bytes in the engine, whatever was applied before. */
  settle(): void {
    if (this.areStale) this.push();
  }

  private push(): void {
    const { bodies } = this;
    for (const body of this.pushed) {
      const rigid = bodies.rigidOf(body);
      rigid?.resetForces(true);
      rigid?.resetTorques(true);
    }
    for (let i = 0; i < this.controls.length; i++) this.drive(i, this.controls[i]!);
    this.areStale = false;
  }

  private drive(actuator: number, control: number): void {
    const spec = this.scene.actuators[actuator]!;
    const joint = this.joints[actuator]!;
    const handle = this.handles[actuator];
    if (spec.kind === 'position')
      this.raw.jointConfigureMotor(handle!, rawAxisOf(this.scene.joints[joint]!), control, 0, spec.stiffness, spec.damping);
    else if (spec.kind === 'velocity')
      this.raw.jointConfigureMotor(handle!, rawAxisOf(this.scene.joints[joint]!), 0, control, 0, spec.damping);
    else if (!this.hasRotor[joint] && control !== 0) this.force(joint, control);
  }

  private force(jointIndex: number, effort: number): void {
    const { bodies, vector, axis } = this;
    const joint = bodies.tree.joints[jointIndex]!;
    bodies.refresh(joint.parent);
    axisInWorld(joint, bodies.states, axis);
    const child = bodies.rigidOf(joint.child)!;
    const parent = bodies.rigidOf(joint.parent);
    if (joint.spec.kind === 'hinge') {
      child.addTorque(scale(axis, effort, vector), true);
      parent?.addTorque(scale(axis, -effort, vector), true);
      return;
    }
    // Before the force is written: reading a body reuses the same vector. The reaction acts along the same line.
    const point = bodies.centreOfMass(joint.child);
    child.addForce(scale(axis, effort, vector), true);
    parent?.addForceAtPoint(scale(axis, -effort, vector), point, true);
  }

  private turn(rotor: Rotor): void {
    const { bodies } = this;
    const joint = bodies.tree.joints[rotor.joint]!;
    bodies.refresh(joint.parent);
    bodies.refresh(joint.child);
    let effort = 0;
    for (const actuator of rotor.actuators) effort += this.controls[actuator]!;
    const target = (effort + rotor.inertia * velocityOf(joint, bodies.states)) / rotor.resistance;
    this.raw.jointConfigureMotor(rotor.handle, rotor.axis, rotor.rest, target, rotor.stiffness, rotor.damping);
  }
}

function scale(direction: Float64Array, factor: number, into: Triple): Triple {
  into.x = direction[0]! * factor;
  into.y = direction[1]! * factor;
  into.z = direction[2]! * factor;
  return into;
}
