import type {
  ActuatorSpec,
  BodySpec,
  Compliance,
  JointSpec,
  MujocoSettings,
  Pose,
  Quaternion,
  SceneSpec,
  ShapeForm,
  ShapeSpec,
  Vector3,
} from '../core/scene-spec.ts';
import { GroundtwinError, unreachable } from '../errors.ts';

/** Sliding friction of a shape that names none. */
const defaultFriction = 0.5;
/**
 * Working memory of a world: MuJoCo's own guess is 4 to 128 MiB, of which scenes of the same kind used less than a sixtieth, and all worlds of a
 * process share 2 GiB. A contact of a robot of 59 coordinates takes 14 kB at the very most. Running out is a problem() of the world.
 */
const baseMemory_KiB = 1024;
const memoryOfShape_KiB = 256;

const integrators = { euler: 'Euler', rk4: 'RK4', implicit: 'implicit', implicitfast: 'implicitfast' } as const;

/** MJCF names: of the one joint, the first of a planar joint's three, or a body. A prefix keeps a body called 'world' apart from MuJoCo's. */
export const bodyLabel = (name: string): string => `body.${name}`;
export const jointLabel = (name: string): string => `joint.${name}`;

/**
 * A scene as MJCF text for MuJoCo's compiler. Every number keeps its full precision; actuators keep their order.
 *
 * - A fixed body becomes a static body of the world body, a free one a body with a free joint, and the child of a joint is nested in its parent.
 * - Two bodies joined by a joint never touch, except that a body does touch the fixed one it is joined to. Bodies welded together (fixed joints)
 *   are one rigid thing: none of its shapes touch each other, nor those of a thing joined to it.
 * - A shape that touches nothing is left out: it has no mass either.
 * - Contact dimensions: 1 when not rough, else 6 with rolling friction, 4 with torsional friction, 3 with neither. So of a model whose contacts have
 *   3 dimensions the torsional and rolling coefficients, which MuJoCo does not use there, must be left out of the scene.
 * @param scene - checked. @throws SCENE_INVALID for what MuJoCo cannot do: restitution.
 */
export function sceneXml(scene: SceneSpec, settings: MujocoSettings): string {
  refuseRestitution(scene);
  const held = new Map(scene.joints.map((joint) => [joint.child, joint]));
  const meshes: string[] = [];
  const roots = scene.bodies.filter(({ name }) => !held.has(name));
  const bodies = roots.flatMap((body) => bodyLines(body, undefined, scene, meshes));
  const shapes = scene.bodies.reduce((count, body) => count + body.shapes.filter(touches).length, 0);
  return [
    `<mujoco model=${quoted(scene.name)}>`,
    '<compiler angle="radian" autolimits="true" inertiafromgeom="false"/>',
    `<size memory="${baseMemory_KiB + memoryOfShape_KiB * shapes}K"/>`,
    ...optionLines(scene, settings),
    '<asset>',
    ...meshes,
    '</asset>',
    '<worldbody>',
    ...bodies,
    '</worldbody>',
    '<contact>',
    ...exclusions(scene, held),
    '</contact>',
    '<actuator>',
    ...scene.actuators.map(actuatorLine),
    '</actuator>',
    '</mujoco>',
  ].join('\n');
}

/** Whether a shape can touch anything, and so is part of the model at all. */
export function touches(shape: ShapeSpec): boolean {
  return shape.collides !== false;
}

function refuseRestitution(scene: SceneSpec): void {
  const body = scene.bodies.find(({ shapes }) => shapes.some((shape) => (shape.restitution ?? 0) > 0));
  if (!body) return;
  throw new GroundtwinError('SCENE_INVALID', {
    scene: scene.name,
    problem: `body '${body.name}' has a shape with restitution, which MuJoCo does not have; leave it out, give it a compliance, or use engine 'rapier'`,
  });
}

/** Free bodies and bodies joined to fixed ones, each with all that hangs on it. */
function treeCount({ bodies, joints }: SceneSpec): number {
  const fixed = new Set(bodies.filter(({ kind }) => kind === 'fixed').map(({ name }) => name));
  const held = new Map(joints.map(({ parent, child }) => [child, parent]));
  return bodies.filter(({ name, kind }) => kind === 'dynamic' && (!held.has(name) || fixed.has(held.get(name)!))).length;
}

function optionLines(scene: SceneSpec, settings: MujocoSettings): string[] {
  const { step_s, integrator = 'implicitfast', iterations = 100, cone = 'pyramidal', impratio = 1 } = settings;
  const option = attributes({
    timestep: step_s,
    gravity: scene.gravity_mps2,
    integrator: integrators[integrator],
    iterations,
    cone,
    impratio,
  });
  // Otherwise MuJoCo answers a state that is not finite by starting over, without a word.
  // One tree of bodies is one island: looking for more takes a twentieth of an ant's step.
  const flags = treeCount(scene) > 1 ? attributes({ autoreset: 'disable' }) : attributes({ autoreset: 'disable', island: 'disable' });
  return [`<option${option}>`, `<flag${flags}/>`, '</option>'];
}

/** A body and all that hangs on it. */
function bodyLines(body: BodySpec, joint: JointSpec | undefined, scene: SceneSpec, meshes: string[]): string[] {
  const placed = joint
    ? attributes({ pos: minus(joint.parentAnchor_m, joint.childAnchor_m) })
    : attributes({ pos: body.pose.position_m, quat: wxyz(body.pose.orientation_xyzw) });
  const isFree = !joint && body.kind === 'dynamic';
  const hanging = scene.joints.filter(({ parent }) => parent === body.name);
  return [
    `<body name=${quoted(bodyLabel(body.name))}${placed}>`,
    ...(isFree ? ['<freejoint align="false"/>'] : []),
    ...(joint ? jointLines(joint) : []),
    ...inertialLine(body),
    ...body.shapes.filter(touches).map((shape) => shapeLine(shape, meshes)),
    ...hanging.flatMap((next) => bodyLines(scene.bodies.find(({ name }) => name === next.child)!, next, scene, meshes)),
    '</body>',
  ];
}

function inertialLine({ kind, inertial }: BodySpec): string[] {
  if (kind === 'fixed' || !inertial) return [];
  const given = attributes({
    pos: inertial.centreOfMass_m ?? [0, 0, 0],
    quat: wxyz(inertial.principalAxes_xyzw),
    mass: inertial.mass_kg,
    diaginertia: inertial.inertia_kgm2,
  });
  return [`<inertial${given}/>`];
}

/** The coordinates of a joint, in our order: in MJCF later ones ride on earlier ones. */
function jointLines(joint: JointSpec): string[] {
  const name = ` name=${quoted(jointLabel(joint.name))}`;
  const shared = attributes({ pos: joint.childAnchor_m, damping: joint.damping, armature: joint.armature });
  switch (joint.kind) {
    case 'fixed':
      return [];
    case 'hinge':
    case 'slide':
      return [`<joint${name} type="${joint.kind}"${attributes({ axis: joint.axis })}${shared}${scalarOnly(joint)}/>`];
    case 'ball':
      return [`<joint${name} type="ball"${shared}/>`];
    case 'planar': {
      const [along, across] = joint.slideAxes!;
      return [
        `<joint${name} type="slide"${attributes({ axis: along })}${shared}/>`,
        `<joint type="slide"${attributes({ axis: across })}${shared}/>`,
        `<joint type="hinge"${attributes({ axis: joint.axis })}${shared}/>`,
      ];
    }
    default:
      return unreachable(joint.kind);
  }
}

function scalarOnly(joint: JointSpec): string {
  return attributes({
    range: joint.limits,
    solreflimit: joint.limitCompliance?.solref,
    solimplimit: joint.limitCompliance?.solimp,
    margin: joint.limitCompliance?.margin,
    stiffness: joint.stiffness,
    springref: joint.springRest,
    frictionloss: joint.dryFriction,
  });
}

function shapeLine(shape: ShapeSpec, meshes: string[]): string {
  const friction = [shape.friction ?? defaultFriction, shape.torsionalFriction_m ?? 0, shape.rollingFriction_m ?? 0];
  const given = attributes({ ...placing(shape.pose), contype: shape.group ?? 1, conaffinity: shape.mask ?? 1, friction });
  return `<geom${formAttributes(shape.form, meshes)}${given} condim="${contactDimensions(shape)}"${softness(shape.compliance)}/>`;
}

function contactDimensions(shape: ShapeSpec): 1 | 3 | 4 | 6 {
  if (shape.isRough === false) return 1;
  if ((shape.rollingFriction_m ?? 0) > 0) return 6;
  return (shape.torsionalFriction_m ?? 0) > 0 ? 4 : 3;
}

function softness(compliance: Compliance | undefined): string {
  return attributes({ solref: compliance?.solref, solimp: compliance?.solimp, margin: compliance?.margin });
}

function formAttributes(form: ShapeForm, meshes: string[]): string {
  switch (form.kind) {
    case 'box':
      return ` type="box"${attributes({ size: form.halfExtents_m })}`;
    case 'sphere':
      return ` type="sphere"${attributes({ size: [form.radius_m] })}`;
    case 'capsule':
    case 'cylinder':
      return ` type="${form.kind}"${attributes({ size: [form.radius_m, form.halfLength_m] })}`;
    case 'plane':
      // Half sizes 0: without end. The third is for pictures only.
      return ' type="plane" size="0 0 1"';
    case 'mesh': {
      const name = `mesh${meshes.length}`;
      // Its own inertia is not used; that of the hull asks least of the triangles.
      meshes.push(`<mesh name="${name}" inertia="convex"${attributes({ vertex: form.vertices_m, face: form.triangles })}/>`);
      return ` type="mesh" mesh="${name}"`;
    }
    default:
      return unreachable(form);
  }
}

/**
 * MuJoCo itself keeps joined bodies from touching, unless one of them cannot move. So only a dynamic body that is welded to a fixed one, and
 * therefore cannot move either, has to be kept apart from those that are joined to it.
 */
function exclusions(scene: SceneSpec, held: ReadonlyMap<string, JointSpec>): string[] {
  const bodies = new Map(scene.bodies.map((body) => [body.name, body]));
  const isStatic = (name: string): boolean => {
    const joint = held.get(name);
    return joint ? joint.kind === 'fixed' && isStatic(joint.parent) : bodies.get(name)!.kind === 'fixed';
  };
  return scene.joints
    .filter(({ kind, parent }) => kind !== 'fixed' && bodies.get(parent)!.kind === 'dynamic' && isStatic(parent))
    .map(({ parent, child }) => `<exclude body1=${quoted(bodyLabel(parent))} body2=${quoted(bodyLabel(child))}/>`);
}

function actuatorLine(actuator: ActuatorSpec): string {
  const { maxForce } = actuator;
  const named = ` name=${quoted(actuator.name)} joint=${quoted(jointLabel(actuator.joint))}${attributes({ forcerange: [-maxForce, maxForce] })}`;
  switch (actuator.kind) {
    case 'force':
      return `<motor${named}${attributes({ ctrlrange: [-maxForce, maxForce] })}/>`;
    case 'position':
      return `<position${named}${attributes({ kp: actuator.stiffness, kv: actuator.damping })}/>`;
    case 'velocity':
      return `<velocity${named}${attributes({ kv: actuator.damping })}/>`;
    default:
      return unreachable(actuator);
  }
}

function placing(pose: Pose | undefined): Attributes {
  return pose ? { pos: pose.position_m, quat: wxyz(pose.orientation_xyzw) } : {};
}

/** MuJoCo writes the scalar part of a quaternion first. */
function wxyz(turn: Quaternion | undefined): readonly number[] | undefined {
  return turn && [turn[3], turn[0], turn[1], turn[2]];
}

function minus(a: Vector3, b: Vector3): Vector3 {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

type Attributes = Readonly<Record<string, number | string | ArrayLike<number> | undefined>>;

/** ` name="value"` for each that is given. A number's shortest text gives it back exactly. */
function attributes(given: Attributes): string {
  return Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${typeof value === 'object' ? Array.from(value).join(' ') : value}"`)
    .join('');
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function quoted(text: string): string {
  return `"${text.replace(/[&<>"]/g, (sign) => escapes[sign]!)}"`;
}
