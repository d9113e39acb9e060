import {
  CoefficientCombineRule,
  ColliderDesc,
  HalfSpace,
  type ImpulseJoint,
  type JointAxesMask,
  JointData,
  MotorModel,
  RigidBodyDesc,
  type UnitImpulseJoint,
  World,
} from '@dimforge/rapier3d';
import type { JointSpec, Quaternion, RapierSettings, SceneSpec, ShapeForm, ShapeSpec, Vector3 } from '../core/scene-spec.ts';
import { GroundtwinError, unreachable } from '../errors.ts';
import { add } from '../math/vector3.ts';
import { contactGroups } from './collision-groups.ts';
import { type Compound, compoundsOf } from './compound.ts';
import type { JointTree } from './joint-tree.ts';
import { orientationOf } from './scene-check.ts';
import { coordinateAxis, turningAxes } from './turning-axes.ts';

/** Rapier's own default; stated so that a scene's hash covers it. */
export const defaultSolverIterations = 4;
/** Ten boxes sink 1 mm into each other; with Rapier's own 30 Hz 25 mm. */
const defaultContactFrequency_Hz = 240;
/** Coefficients of a shape that names none. */
const defaultFriction = 0.5;
const defaultRestitution = 0;
/** Rapier's axes of a joint, its first axis along ours. */
const rawAxis = { slide: 0, hinge: 3, turns: [3, 4, 5] } as const;
const nothingLocked = 0 as JointAxesMask;

/** The motors of any axis of any joint: Rapier's own classes reach those of hinges and slides only. */
export interface RawMotors {
  jointConfigureMotorModel(handle: number, axis: number, model: number): void;
  jointConfigureMotor(handle: number, axis: number, position: number, velocity: number, stiffness: number, damping: number): void;
  jointSetMotorMaxForce(handle: number, axis: number, maxForce: number): void;
}

export function rawMotors(world: World): RawMotors {
  return world.impulseJoints.raw as unknown as RawMotors;
}

/** The axis along or about which a hinge or slide moves. */
export function rawAxisOf({ kind }: Pick<JointSpec, 'kind'>): number {
  return kind === 'slide' ? rawAxis.slide : rawAxis.hinge;
}

export interface BuiltWorld {
  readonly world: World;
  readonly compounds: readonly Compound[];
  /** `[bodies]`, index of each body's compound. */
  readonly compoundOf: Int32Array;
  /** Rapier's handles, which outlive a restored snapshot; one per compound. */
  readonly bodyHandles: readonly number[];
  /** Handles of each scene body's colliders. */
  readonly colliderHandles: readonly (readonly number[])[];
  /** Per joint, scene order; absent for welds and planar joints, which are none to Rapier. */
  readonly jointHandles: readonly (number | undefined)[];
  /** Per actuator that tracks a position or velocity: a joint that holds nothing and carries only its motor. */
  readonly motorHandles: readonly (number | undefined)[];
}

/**
 * Builds a scene with impulse joints. Shapes that touch nothing become no collider at all, welded bodies one rigid body, so they cost nothing;
 * a planar joint is a body whose other motions are locked.
 * @param scene - checked. @returns a world the caller must free. @throws SCENE_INVALID for what Rapier cannot do.
 */
export function buildWorld(scene: SceneSpec, tree: JointTree, settings: RapierSettings): BuiltWorld {
  const { compounds, of } = compoundsOf(scene, tree);
  const groups = contactGroups(scene);
  refuseWhatItCannot(scene);
  const world = new World(vector(scene.gravity_mps2));
  world.timestep = settings.step_s;
  world.numSolverIterations = settings.solverIterations ?? defaultSolverIterations;
  if (settings.pgsIterations !== undefined) world.integrationParameters.numInternalPgsIterations = settings.pgsIterations;
  world.integrationParameters.contact_natural_frequency = settings.contactFrequency_Hz ?? defaultContactFrequency_Hz;
  // A contact that is foreseen bounces before it is met.
  const bounces = scene.bodies.some(({ shapes }) => shapes.some(({ restitution }) => restitution));
  if (settings.predictionDistance_m !== undefined && !bounces)
    world.integrationParameters.normalizedPredictionDistance = settings.predictionDistance_m / world.integrationParameters.lengthUnit;
  const axes = turningAxes(scene);
  const rigid = compounds.map((compound) => world.createRigidBody(bodyDesc(scene, tree, compound, axes[compound.host]!)));
  const colliderHandles = scene.bodies.map((body, i) => {
    const { members } = compounds[of[i]!]!;
    const { offset_m } = members.find((member) => member.body === i)!;
    return body.shapes
      .filter((shape) => shape.collides !== false)
      .map((shape) => world.createCollider(colliderDesc(scene.name, shape, offset_m, groups), rigid[of[i]!]!).handle);
  });
  const place = (joint: number, make: (parentAnchor: Vector3, childAnchor: Vector3) => JointData): ImpulseJoint => {
    const { spec, parent, child } = tree.joints[joint]!;
    const offset = (body: number) => compounds[of[body]!]!.members.find((member) => member.body === body)!.offset_m;
    const data = make(add(spec.parentAnchor_m, offset(parent)), add(spec.childAnchor_m, offset(child)));
    const made = world.createImpulseJoint(data, rigid[of[parent]!]!, rigid[of[child]!]!, true);
    made.setContactsEnabled(scene.bodies[compounds[of[parent]!]!.host]!.kind === 'fixed');
    return made;
  };
  const jointHandles = scene.joints.map((spec, i) => {
    if (spec.kind === 'fixed' || spec.kind === 'planar') return undefined;
    const joint = place(i, (parent, child) => jointData(spec, parent, child));
    configureJoint(world, spec, joint);
    if (spec.dryFriction) driverJoint(world, spec, place, i, spec.dryFriction);
    return joint.handle;
  });
  const motorHandles = scene.actuators.map((actuator) => {
    if (actuator.kind === 'force') return undefined;
    const i = scene.joints.findIndex(({ name }) => name === actuator.joint);
    rigid[of[tree.joints[i]!.child]!]!.setAdditionalPgsIterations(motorPgsIterations);
    return driverJoint(world, scene.joints[i]!, place, i, actuator.maxForce).handle;
  });
  return { world, compounds, compoundOf: of, bodyHandles: rigid.map(({ handle }) => handle), colliderHandles, jointHandles, motorHandles };
}

function refuseWhatItCannot(scene: SceneSpec): void {
  const refuse = (problem: string): never => {
    throw new GroundtwinError('SCENE_INVALID', { scene: scene.name, problem: `${problem}; use engine 'mujoco'` });
  };
  for (const joint of scene.joints) {
    const who = `joint '${joint.name}'`;
    if (joint.kind === 'ball' && joint.armature) refuse(`${who}: Rapier has no armature of ball joints`);
    if (joint.kind !== 'planar') continue;
    if (joint.armature || joint.damping) refuse(`${who}: Rapier has no armature or damping of planar joints`);
    const parent = scene.bodies.find(({ name }) => name === joint.parent)!;
    const isTurned = orientationOf(parent.pose)[3] !== 1;
    if (isTurned || [joint.axis, ...joint.slideAxes!].some((axis) => coordinateAxis(axis) < 0))
      refuse(`${who}: Rapier takes planar joints along the world's axes only`);
  }
}

function bodyDesc(
  scene: SceneSpec,
  tree: JointTree,
  { host, inertial }: Compound,
  turns: readonly [boolean, boolean, boolean],
): RigidBodyDesc {
  const body = scene.bodies[host]!;
  const desc = inertial ? RigidBodyDesc.dynamic().setCanSleep(false) : RigidBodyDesc.fixed();
  desc.setTranslation(...body.pose.position_m).setRotation(quaternion(orientationOf(body.pose)));
  if (!inertial) return desc;
  desc.enabledRotations(...turns);
  const holder = tree.holder[host]! < 0 ? undefined : scene.joints[tree.holder[host]!];
  if (holder?.kind === 'planar') {
    const moves = [0, 1, 2].map((axis) => holder.slideAxes!.some((slide) => coordinateAxis(slide) === axis));
    desc.enabledTranslations(moves[0]!, moves[1]!, moves[2]!);
  }
  return desc.setAdditionalMassProperties(
    inertial.mass_kg,
    vector(inertial.centreOfMass_m),
    vector(inertial.inertia_kgm2),
    quaternion(inertial.principalAxes_xyzw),
  );
}

function colliderDesc(scene: string, shape: ShapeSpec, offset_m: Vector3, groups: (shape: ShapeSpec) => number): ColliderDesc {
  const turn = shape.pose ? orientationOf(shape.pose) : ([0, 0, 0, 1] as const);
  return formDesc(scene, shape.form)
    .setTranslation(...add(shape.pose?.position_m ?? [0, 0, 0], offset_m))
    .setRotation(quaternion(isAlongY(shape.form) ? aboutX(turn) : turn))
    .setDensity(0)
    .setCollisionGroups(groups(shape))
    .setFriction(shape.friction ?? defaultFriction)
    .setFrictionCombineRule(CoefficientCombineRule.Max)
    .setRestitution(shape.restitution ?? defaultRestitution);
}

function formDesc(scene: string, form: ShapeForm): ColliderDesc {
  switch (form.kind) {
    case 'box':
      return ColliderDesc.cuboid(...form.halfExtents_m);
    case 'sphere':
      return ColliderDesc.ball(form.radius_m);
    case 'capsule':
      return ColliderDesc.capsule(form.halfLength_m, form.radius_m);
    case 'cylinder':
      return ColliderDesc.cylinder(form.halfLength_m, form.radius_m);
    case 'plane':
      return new ColliderDesc(new HalfSpace(vector([0, 0, 1])));
    case 'mesh': {
      const hull = ColliderDesc.convexHull(form.vertices_m);
      if (hull) return hull;
      throw new GroundtwinError('SCENE_INVALID', { scene, problem: 'the vertices of a mesh lie in one plane, so it has no convex hull' });
    }
    default:
      return unreachable(form);
  }
}

/** Rapier's capsules and cylinders lie along y, ours along z. */
function isAlongY(form: ShapeForm): boolean {
  return form.kind === 'capsule' || form.kind === 'cylinder';
}

/** `turn` after a quarter turn about x, which brings y to z. */
function aboutX([x, y, z, w]: Quaternion): Quaternion {
  const half = Math.SQRT1_2;
  return [half * (x + w), half * (y + z), half * (z - y), half * (w - x)];
}

function jointData(joint: JointSpec, parentAnchor: Vector3, childAnchor: Vector3): JointData {
  const [parent, child] = [vector(parentAnchor), vector(childAnchor)];
  switch (joint.kind) {
    case 'hinge':
      return JointData.revolute(parent, child, vector(joint.axis));
    case 'slide':
      return JointData.prismatic(parent, child, vector(joint.axis));
    case 'ball':
      return JointData.spherical(parent, child);
    default:
      throw new Error(`a ${joint.kind} joint is none to Rapier`);
  }
}

function configureJoint(world: World, spec: JointSpec, joint: ImpulseJoint): void {
  if (spec.kind === 'ball') {
    if (spec.damping)
      for (const axis of rawAxis.turns) {
        rawMotors(world).jointConfigureMotorModel(joint.handle, axis, MotorModel.ForceBased);
        rawMotors(world).jointConfigureMotor(joint.handle, axis, 0, 0, 0, spec.damping);
      }
    return;
  }
  const unit = joint as UnitImpulseJoint;
  // Limits given in JointData reach prismatic joints only.
  if (spec.limits) unit.setLimits(spec.limits[0], spec.limits[1]);
  if (!spec.damping && !spec.stiffness && !spec.armature) return;
  unit.configureMotorModel(MotorModel.ForceBased);
  unit.configureMotor(spec.springRest ?? 0, 0, spec.stiffness ?? 0, spec.damping ?? 0);
}

/** A joint that holds nothing: its motor along or about our axis, of limited force, acts beside the real one's. Unset, it brakes. */
function driverJoint(
  world: World,
  spec: JointSpec,
  place: (joint: number, make: (parentAnchor: Vector3, childAnchor: Vector3) => JointData) => ImpulseJoint,
  index: number,
  maxForce: number,
): ImpulseJoint {
  const joint = place(index, (parent, child) => JointData.generic(vector(parent), vector(child), vector(spec.axis), nothingLocked));
  const raw = rawMotors(world);
  const axis = rawAxisOf(spec);
  raw.jointConfigureMotorModel(joint.handle, axis, MotorModel.ForceBased);
  raw.jointConfigureMotor(joint.handle, axis, 0, 0, 0, brake);
  raw.jointSetMotorMaxForce(joint.handle, axis, maxForce);
  return joint;
}

/** More sweeps in a substep for what a position or velocity motor drives: it converges slowly against the joint where a link is light. */
const motorPgsIterations = 23;
/** Damping that stops any joint within a step, as far as its force allows. */
const brake = 1e6;

function vector([x, y, z]: Vector3): { x: number; y: number; z: number } {
  return { x, y, z };
}

function quaternion([x, y, z, w]: Quaternion): { x: number; y: number; z: number; w: number } {
  return { x, y, z, w };
}
