import type {
  ActuatorSpec,
  BodySpec,
  CameraSpec,
  Compliance,
  EngineSettings,
  JointSpec,
  Pose,
  SceneSpec,
  SensorSpec,
  ShapeForm,
  ShapeSpec,
} from '../core/scene-spec.ts';
import { GroundtwinError, unreachable } from '../errors.ts';
import { rotateInto } from '../math/rotation.ts';

/** How far joined anchors may be apart in the rest pose, and how far lengths of unit vectors may be from 1. */
const tolerance = 1e-6;

/**
 * Checks that a scene is consistent, before any engine sees it.
 * @throws SCENE_INVALID naming the first thing wrong.
 */
export function checkScene(scene: SceneSpec, settings: EngineSettings): void {
  const refuse: Refuse = (problem) => {
    throw new GroundtwinError('SCENE_INVALID', { scene: scene.name, problem });
  };
  checkSettings(settings, refuse);
  if (!allFinite(scene.gravity_mps2, 3)) refuse('gravity is not three finite numbers');
  checkNames('body', scene.bodies, refuse);
  checkNames('joint', scene.joints, refuse);
  checkNames('actuator', scene.actuators, refuse);
  checkNames('sensor', scene.sensors ?? [], refuse);
  checkNames('camera', scene.cameras ?? [], refuse);
  const bodies = new Map(scene.bodies.map((body) => [body.name, body]));
  for (const body of scene.bodies) checkBody(body, refuse);
  for (const joint of scene.joints) checkJoint(joint, bodies, refuse);
  checkTree(scene.joints, refuse);
  for (const actuator of scene.actuators) checkActuator(actuator, scene.joints, refuse);
  for (const sensor of scene.sensors ?? []) checkSensor(sensor, bodies, scene.joints, refuse);
  for (const camera of scene.cameras ?? []) checkCamera(camera, bodies, refuse);
}

type Refuse = (problem: string) => never;

/** Whole numbers among the settings of either engine; the rest is above 0 or of a list. */
const counts = ['solverIterations', 'pgsIterations', 'iterations'];

function checkSettings(settings: EngineSettings, refuse: Refuse): void {
  if (!positive(settings.step_s)) refuse(`the physics step is ${settings.step_s} s; it must be above 0`);
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value !== 'number') continue;
    if (!positive(value)) refuse(`${name} is ${value}; it must be above 0`);
    if (counts.includes(name) && !Number.isInteger(value)) refuse(`${name} is ${value}; it must be an integer of at least 1`);
  }
}

function checkNames(what: string, named: readonly { readonly name: string }[], refuse: Refuse): void {
  const seen = new Set<string>();
  for (const { name } of named) {
    if (name === '') refuse(`a ${what} has no name`);
    if (seen.has(name)) refuse(`two of its ${what} names are '${name}'`);
    seen.add(name);
  }
}

function checkBody(body: BodySpec, refuse: Refuse): void {
  const who = `body '${body.name}'`;
  checkPose(who, body.pose, refuse);
  if (body.kind === 'dynamic') checkInertial(who, body, refuse);
  for (const shape of body.shapes) checkShape(who, body.kind, shape, refuse);
}

function checkInertial(who: string, body: BodySpec, refuse: Refuse): void {
  const inertial = body.inertial;
  if (!inertial) refuse(`${who} is dynamic but has no inertial`);
  if (!positive(inertial.mass_kg)) refuse(`${who} has mass ${inertial.mass_kg} kg; it must be above 0`);
  if (inertial.inertia_kgm2.length !== 3 || !inertial.inertia_kgm2.every(positive))
    refuse(`${who} has inertia [${inertial.inertia_kgm2}] kg·m²; all three moments must be above 0`);
  if (inertial.centreOfMass_m && !allFinite(inertial.centreOfMass_m, 3))
    refuse(`${who} has a centre of mass that is not three finite numbers`);
  if (inertial.principalAxes_xyzw && !isUnit(inertial.principalAxes_xyzw, 4))
    refuse(`${who} has principalAxes_xyzw [${inertial.principalAxes_xyzw}]; it must be a unit quaternion`);
}

function checkShape(who: string, kind: BodySpec['kind'], shape: ShapeSpec, refuse: Refuse): void {
  if (shape.pose) checkPose(`a shape of ${who}`, shape.pose, refuse);
  if (!sizesOf(shape.form).every(positive))
    refuse(`${who} has a ${shape.form.kind} whose sizes are [${sizesOf(shape.form)}] m; they must be above 0`);
  if (shape.form.kind === 'plane' && kind === 'dynamic') refuse(`${who} is dynamic and has a plane; planes stand on fixed bodies only`);
  if (shape.form.kind === 'mesh') checkMesh(who, shape.form, refuse);
  for (const name of ['friction', 'torsionalFriction_m', 'rollingFriction_m', 'restitution'] as const)
    atLeastZero(who, shape, name, refuse);
  for (const name of ['group', 'mask'] as const) {
    const bits = shape[name];
    if (bits !== undefined && !(Number.isInteger(bits) && bits >= 0 && bits < 2 ** 16))
      refuse(`${who} has ${name} ${bits}; it must be an integer from 0 to 65535`);
  }
  checkCompliance(who, shape.compliance, refuse);
}

function checkMesh(who: string, form: ShapeForm & { kind: 'mesh' }, refuse: Refuse): void {
  const vertices = form.vertices_m.length / 3;
  if (!Number.isInteger(vertices) || vertices < 4) refuse(`${who} has a mesh of ${vertices} vertices; it needs at least 4`);
  if (!form.vertices_m.every(Number.isFinite)) refuse(`${who} has a mesh with a vertex that is not finite`);
  if (form.triangles.length % 3 !== 0 || form.triangles.length < 12) refuse(`${who} has a mesh of less than 4 whole triangles`);
  if (form.triangles.some((vertex) => vertex >= vertices)) refuse(`${who} has a mesh with a triangle of vertices it does not have`);
}

function checkCompliance(who: string, compliance: Compliance | undefined, refuse: Refuse): void {
  if (!compliance) return;
  const { solref, solimp, margin } = compliance;
  if (solref && !(allFinite(solref, 2) && Math.sign(solref[0]) === Math.sign(solref[1]) && solref[0] !== 0))
    refuse(`${who} has solref [${solref}]; it must be two positive or two negative numbers`);
  if (solimp && !(solimp.length >= 3 && solimp.length <= 5 && solimp.every((part) => Number.isFinite(part) && part >= 0)))
    refuse(`${who} has solimp [${solimp}]; it must be three to five numbers of at least 0`);
  if (margin !== undefined && !(Number.isFinite(margin) && margin >= 0)) refuse(`${who} has margin ${margin}; it must be at least 0`);
}

function atLeastZero<K extends string>(who: string, part: Readonly<Partial<Record<K, number>>>, name: K, refuse: Refuse): void {
  const value = part[name];
  if (value !== undefined && !(Number.isFinite(value) && value >= 0)) refuse(`${who} has ${name} ${value}; it must be at least 0`);
}

function sizesOf(form: ShapeForm): readonly number[] {
  switch (form.kind) {
    case 'box':
      return form.halfExtents_m;
    case 'sphere':
      return [form.radius_m];
    case 'capsule':
    case 'cylinder':
      return [form.radius_m, form.halfLength_m];
    case 'plane':
    case 'mesh':
      return [];
    default:
      return unreachable(form);
  }
}

function checkJoint(joint: JointSpec, bodies: ReadonlyMap<string, BodySpec>, refuse: Refuse): void {
  const who = `joint '${joint.name}'`;
  const parent = bodies.get(joint.parent) ?? refuse(`${who} has parent '${joint.parent}', which is no body`);
  const child = bodies.get(joint.child) ?? refuse(`${who} has child '${joint.child}', which is no body`);
  if (child.kind !== 'dynamic') refuse(`${who} has a fixed child, '${joint.child}'`);
  if (!allFinite(joint.parentAnchor_m, 3) || !allFinite(joint.childAnchor_m, 3))
    refuse(`${who} has an anchor that is not three finite numbers`);
  if (joint.kind !== 'fixed' && !isUnit(joint.axis, 3)) refuse(`${who} has axis [${joint.axis}]; it must be a unit vector`);
  for (const name of ['damping', 'armature', 'stiffness', 'dryFriction'] as const) atLeastZero(who, joint, name, refuse);
  if (joint.springRest !== undefined && !Number.isFinite(joint.springRest)) refuse(`${who} has springRest ${joint.springRest}`);
  checkKind(who, joint, refuse);
  if (joint.kind === 'planar' && parent.kind !== 'fixed') refuse(`${who} is planar, but its parent '${joint.parent}' is not fixed`);
  checkLimits(who, joint, refuse);
  checkCompliance(who, joint.limitCompliance, refuse);
  checkRest(who, joint, parent, child, refuse);
}

/** Joints of several coordinates carry no stops, springs or dry friction. */
function checkKind(who: string, joint: JointSpec, refuse: Refuse): void {
  const isScalar = joint.kind === 'hinge' || joint.kind === 'slide';
  for (const name of ['limits', 'stiffness', 'springRest', 'dryFriction'] as const)
    if (!isScalar && joint[name] !== undefined) refuse(`${who} is ${joint.kind} and cannot have ${name}`);
  if (joint.kind === 'fixed' && (joint.damping || joint.armature)) refuse(`${who} is fixed and cannot have damping or armature`);
  if ((joint.kind === 'planar') !== (joint.slideAxes !== undefined))
    refuse(`${who} is ${joint.kind}; slideAxes belong to planar joints, and these need them`);
  if (!joint.slideAxes) return;
  const [along, across] = joint.slideAxes;
  for (const axis of joint.slideAxes) if (!isUnit(axis, 3)) refuse(`${who} has a slide axis [${axis}]; it must be a unit vector`);
  for (const [a, b] of [
    [along, across],
    [along, joint.axis],
    [across, joint.axis],
  ] as const)
    if (Math.abs(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) > tolerance) refuse(`${who}: its axis and slide axes are not at right angles`);
}

function checkLimits(who: string, joint: JointSpec, refuse: Refuse): void {
  if (!joint.limits) return;
  const [low, high] = joint.limits;
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high))
    refuse(`${who} has limits [${joint.limits}]; the first must be below the second`);
  if (joint.kind === 'hinge' && (low < -Math.PI || high > Math.PI))
    refuse(`${who} has limits [${joint.limits}]; a hinge's must lie in [−π, π]`);
}

/** At position 0 the frames must be parallel and the anchors must coincide. */
function checkRest(who: string, joint: JointSpec, parent: BodySpec, child: BodySpec, refuse: Refuse): void {
  const [a, b] = [orientationOf(parent.pose), orientationOf(child.pose)];
  const alike = Math.abs(a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]);
  if (alike < 1 - tolerance) refuse(`${who}: the frames of '${joint.parent}' and '${joint.child}' are not parallel in the rest pose`);
  const [here, there] = [anchorInWorld(parent.pose, joint.parentAnchor_m), anchorInWorld(child.pose, joint.childAnchor_m)];
  const distance_m = Math.hypot(here[0]! - there[0]!, here[1]! - there[1]!, here[2]! - there[2]!);
  if (distance_m > tolerance) refuse(`${who}: its anchors are ${distance_m} m apart in the rest pose`);
}

function anchorInWorld(pose: Pose, anchor: readonly [number, number, number]): Float64Array {
  const out = new Float64Array(3);
  rotateInto(orientationOf(pose), 0, anchor[0], anchor[1], anchor[2], out, 0);
  return out.map((value, i) => value + pose.position_m[i]!);
}

/** A body is the child of one joint at most, and no body is its own ancestor. */
function checkTree(joints: readonly JointSpec[], refuse: Refuse): void {
  const above = new Map<string, JointSpec>();
  for (const joint of joints) {
    const other = above.get(joint.child);
    if (other) refuse(`joints '${other.name}' and '${joint.name}' both hold '${joint.child}'; closed loops are not supported`);
    above.set(joint.child, joint);
  }
  for (const joint of joints) {
    let climbed = 0;
    for (let up = above.get(joint.child); up; up = above.get(up.parent))
      if (++climbed > joints.length) refuse(`joint '${joint.name}' is part of a cycle of parents and children`);
  }
}

function checkActuator(actuator: ActuatorSpec, joints: readonly JointSpec[], refuse: Refuse): void {
  const who = `actuator '${actuator.name}'`;
  const joint = joints.find(({ name }) => name === actuator.joint) ?? refuse(`${who} drives '${actuator.joint}', which is no joint`);
  if (joint.kind !== 'hinge' && joint.kind !== 'slide')
    refuse(`${who} drives '${actuator.joint}', which is ${joint.kind}; only hinges and slides can be driven`);
  if (!positive(actuator.maxForce)) refuse(`${who} has maxForce ${actuator.maxForce}; it must be above 0`);
  if (actuator.kind === 'force') atLeastZero(who, actuator, 'gain', refuse);
  if (actuator.kind === 'position' && !positive(actuator.stiffness))
    refuse(`${who} has stiffness ${actuator.stiffness}; it must be above 0`);
  if (actuator.kind === 'velocity' && !positive(actuator.damping)) refuse(`${who} has damping ${actuator.damping}; it must be above 0`);
  if (actuator.kind === 'position') atLeastZero(who, actuator, 'damping', refuse);
}

function checkSensor(sensor: SensorSpec, bodies: ReadonlyMap<string, BodySpec>, joints: readonly JointSpec[], refuse: Refuse): void {
  const who = `sensor '${sensor.name}'`;
  if ('joint' in sensor) {
    const joint = joints.find(({ name }) => name === sensor.joint) ?? refuse(`${who} reads '${sensor.joint}', which is no joint`);
    if (joint.kind !== 'hinge' && joint.kind !== 'slide')
      refuse(`${who} reads '${sensor.joint}', which is ${joint.kind}, not a hinge or slide`);
    return;
  }
  const body = bodies.get(sensor.body) ?? refuse(`${who} sits on '${sensor.body}', which is no body`);
  if (body.kind !== 'dynamic' && (sensor.kind === 'contactWrench' || sensor.kind === 'imu'))
    refuse(`${who} sits on '${sensor.body}', which is fixed`);
  if ('site' in sensor && sensor.site) checkPose(who, sensor.site, refuse);
  if (sensor.kind === 'ray' && !positive(sensor.range_m)) refuse(`${who} has range_m ${sensor.range_m}; it must be above 0`);
}

function checkCamera(camera: CameraSpec, bodies: ReadonlyMap<string, BodySpec>, refuse: Refuse): void {
  const who = `camera '${camera.name}'`;
  if (camera.body !== undefined && !bodies.has(camera.body)) refuse(`${who} sits on '${camera.body}', which is no body`);
  if (!(camera.fieldOfView_rad > 0 && camera.fieldOfView_rad < Math.PI))
    refuse(`${who} has fieldOfView_rad ${camera.fieldOfView_rad}; it must lie in (0, π)`);
  if (!allFinite(camera.position_m, 3) || !allFinite(camera.target_m, 3))
    refuse(`${who} has a position or target that is not three finite numbers`);
}

function checkPose(who: string, pose: Pose, refuse: Refuse): void {
  if (!allFinite(pose.position_m, 3)) refuse(`${who} has a position that is not three finite numbers`);
  if (pose.orientation_xyzw && !isUnit(pose.orientation_xyzw, 4))
    refuse(`${who} has orientation [${pose.orientation_xyzw}]; it must be a unit quaternion`);
}

/** x, y, z, w; the identity where none is given. */
export function orientationOf(pose: Pose): readonly [number, number, number, number] {
  return pose.orientation_xyzw ?? [0, 0, 0, 1];
}

function positive(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

function allFinite(values: readonly number[], length: number): boolean {
  return values.length === length && values.every(Number.isFinite);
}

function isUnit(values: readonly number[], length: number): boolean {
  return allFinite(values, length) && Math.abs(Math.hypot(...values) - 1) < tolerance;
}
