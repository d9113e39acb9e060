import {
  ColliderDesc,
  HalfSpace,
  type ImpulseJoint,
  JointData,
  MotorModel,
  type RigidBody,
  RigidBodyDesc,
  type UnitImpulseJoint,
  World,
} from '@dimforge/rapier3d';
import type { BodySpec, JointSpec, Quaternion, RapierSettings, SceneSpec, ShapeForm, ShapeSpec, Vector3 } from '../core/scene-spec.ts';
import { GroundtwinError, unreachable } from '../errors.ts';
import { orientationOf } from './scene-check.ts';
import { type TurningAxes, turningAxes } from './turning-axes.ts';

/** Rapier's own default; stated so that a scene's hash covers it. */
export const defaultSolverIterations = 4;
/** Coefficients of a shape that names none (Rapier's defaults). Two touching shapes use the mean of theirs. */
const defaultFriction = 0.5;
const defaultRestitution = 0;

export interface BuiltWorld {
  readonly world: World;
  /** Rapier's handles, which outlive a restored snapshot; one per body, scene order. */
  readonly bodyHandles: readonly number[];
  /** Handles of each body's colliders. */
  readonly colliderHandles: readonly (readonly number[])[];
}

/**
 * Builds a scene with impulse joints. Shapes that touch nothing become no collider at all, so they cost nothing.
 * @param scene - checked. @returns a world the caller must free.
 */
export function buildWorld(scene: SceneSpec, settings: RapierSettings): BuiltWorld {
  const world = new World(vector(scene.gravity_mps2));
  world.timestep = settings.step_s;
  world.numSolverIterations = settings.solverIterations ?? defaultSolverIterations;
  const bodies = new Map<string, RigidBody>();
  const axes = turningAxes(scene);
  for (const [i, body] of scene.bodies.entries()) bodies.set(body.name, world.createRigidBody(bodyDesc(body, axes[i]!)));
  const colliderHandles = scene.bodies.map((body) =>
    body.shapes.filter(touches).map((shape) => world.createCollider(colliderDesc(shape), bodies.get(body.name)!).handle),
  );
  for (const joint of scene.joints)
    configureJoint(joint, world.createImpulseJoint(jointData(joint), bodies.get(joint.parent)!, bodies.get(joint.child)!, true));
  return { world, bodyHandles: scene.bodies.map((body) => bodies.get(body.name)!.handle), colliderHandles };
}

function bodyDesc(body: BodySpec, axes: TurningAxes): RigidBodyDesc {
  const desc = body.kind === 'fixed' ? RigidBodyDesc.fixed() : RigidBodyDesc.dynamic().setCanSleep(false);
  desc.setTranslation(...body.pose.position_m).setRotation(quaternion(orientationOf(body.pose)));
  if (body.kind === 'dynamic') desc.enabledRotations(...axes);
  const { inertial } = body;
  if (body.kind === 'dynamic' && inertial)
    desc.setAdditionalMassProperties(
      inertial.mass_kg,
      vector(inertial.centreOfMass_m ?? [0, 0, 0]),
      vector(inertial.inertia_kgm2),
      quaternion([0, 0, 0, 1]),
    );
  return desc;
}

function touches(shape: ShapeSpec): boolean {
  return shape.collides !== false;
}

function colliderDesc(shape: ShapeSpec): ColliderDesc {
  const [x, y, z] = shape.pose?.position_m ?? [0, 0, 0];
  const turn = shape.pose ? orientationOf(shape.pose) : ([0, 0, 0, 1] as const);
  return formDesc(shape.form)
    .setTranslation(x, y, z)
    .setRotation(quaternion(isAlongY(shape.form) ? aboutX(turn) : turn))
    .setDensity(0)
    .setFriction(shape.friction ?? defaultFriction)
    .setRestitution(shape.restitution ?? defaultRestitution);
}

function formDesc(form: ShapeForm): ColliderDesc {
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
    case 'mesh':
      throw new GroundtwinError('SCENE_INVALID', { scene: 'mesh', problem: 'Rapier does not take meshes yet' });
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

function jointData(joint: JointSpec): JointData {
  const [parent, child] = [vector(joint.parentAnchor_m), vector(joint.childAnchor_m)];
  switch (joint.kind) {
    case 'hinge':
      return JointData.revolute(parent, child, vector(joint.axis));
    case 'slide':
      return JointData.prismatic(parent, child, vector(joint.axis));
    case 'fixed':
      return JointData.fixed(parent, quaternion([0, 0, 0, 1]), child, quaternion([0, 0, 0, 1]));
    case 'planar':
    case 'ball':
      throw new GroundtwinError('SCENE_INVALID', { scene: joint.name, problem: `Rapier does not take ${joint.kind} joints yet` });
    default:
      return unreachable(joint.kind);
  }
}

function configureJoint(spec: JointSpec, joint: ImpulseJoint): void {
  joint.setContactsEnabled(false);
  if (spec.kind === 'fixed') return;
  const unit = joint as UnitImpulseJoint;
  // Limits given in JointData reach prismatic joints only.
  if (spec.limits) unit.setLimits(spec.limits[0], spec.limits[1]);
  if (!spec.damping) return;
  unit.configureMotorModel(MotorModel.ForceBased);
  unit.configureMotorVelocity(0, spec.damping);
}

function vector([x, y, z]: Vector3): { x: number; y: number; z: number } {
  return { x, y, z };
}

function quaternion([x, y, z, w]: Quaternion): { x: number; y: number; z: number; w: number } {
  return { x, y, z, w };
}
