/** Scenes from scenes: pure functions for tasks that take a robot from a file and add, change or vary something. */
import type { ActuatorSpec, BodySpec, CameraSpec, JointSpec, SceneSpec, SensorSpec, ShapeSpec, Vector3 } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { add, scaled } from '../math/vector3.ts';

/** The fixed body that ground and walls belong to; scenes that are joined share it. */
const world = 'world';

/** What randomisation varies. A scale of 1 changes nothing. */
export interface SceneParams {
  /** Of masses and inertias; rotor inertias stay. */
  readonly massScale?: number;
  /** Of sliding, turning and rolling friction. */
  readonly frictionScale?: number;
  /** Of the damping of joints. */
  readonly dampingScale?: number;
  /** Of what actuators exert, their gains included. */
  readonly motorScale?: number;
  /** Downwards; gravity's other components stay. */
  readonly gravity_mps2?: number;
}

/** The scene with other masses, frictions, dampings, motors or gravity. */
export function withParams(scene: SceneSpec, params: SceneParams): SceneSpec {
  const { massScale = 1, frictionScale = 1, dampingScale = 1, motorScale = 1, gravity_mps2 } = params;
  const [x, y, z] = scene.gravity_mps2;
  return {
    ...scene,
    gravity_mps2: [x, y, gravity_mps2 === undefined ? z : -gravity_mps2],
    bodies: scene.bodies.map((body) => heavier(rougher(body, frictionScale), massScale)),
    joints: scene.joints.map((joint) => (joint.damping === undefined ? joint : { ...joint, damping: joint.damping * dampingScale })),
    actuators: scene.actuators.map((actuator) => stronger(actuator, motorScale)),
  };
}

function heavier(body: BodySpec, factor: number): BodySpec {
  const { inertial } = body;
  if (!inertial) return body;
  return { ...body, inertial: { ...inertial, mass_kg: inertial.mass_kg * factor, inertia_kgm2: scaled(inertial.inertia_kgm2, factor) } };
}

function rougher(body: BodySpec, factor: number): BodySpec {
  return { ...body, shapes: factor === 1 ? body.shapes : body.shapes.map((shape) => rougherShape(shape, factor)) };
}

function rougherShape(shape: ShapeSpec, factor: number): ShapeSpec {
  const { torsionalFriction_m: torsional, rollingFriction_m: rolling } = shape;
  return {
    ...shape,
    friction: (shape.friction ?? defaultFriction) * factor,
    ...(torsional !== undefined && { torsionalFriction_m: torsional * factor }),
    ...(rolling !== undefined && { rollingFriction_m: rolling * factor }),
  };
}

/** Of a shape that names none; see ShapeSpec. */
const defaultFriction = 0.5;

function stronger(actuator: ActuatorSpec, factor: number): ActuatorSpec {
  if (factor === 1) return actuator;
  const maxForce = actuator.maxForce * factor;
  if (actuator.kind === 'force') return { ...actuator, maxForce, gain: (actuator.gain ?? 1) * factor };
  const damping = actuator.damping * factor;
  return actuator.kind === 'velocity'
    ? { ...actuator, maxForce, damping }
    : { ...actuator, maxForce, damping, stiffness: actuator.stiffness * factor };
}

/** The scene on a horizontal plane. @param ground - height, and anything a shape can say; its friction is 1 unless given. */
export function withGround(scene: SceneSpec, ground: Omit<ShapeSpec, 'form' | 'pose'> & { readonly height_m?: number } = {}): SceneSpec {
  const { height_m = 0, ...shape } = ground;
  const plane: ShapeSpec = { friction: 1, colour: '#dcdee3', ...shape, form: { kind: 'plane' }, pose: { position_m: [0, 0, height_m] } };
  const place: BodySpec = scene.bodies.find(({ name }) => name === world) ?? {
    name: world,
    kind: 'fixed',
    pose: { position_m: [0, 0, 0] },
    shapes: [],
  };
  const others = scene.bodies.filter(({ name }) => name !== world);
  return { ...scene, bodies: [{ ...place, shapes: [...place.shapes, plane] }, ...others] };
}

/** The scene with more bodies, and joints that hold them. */
export function withBodies(scene: SceneSpec, bodies: readonly BodySpec[], joints: readonly JointSpec[] = []): SceneSpec {
  return { ...scene, bodies: [...scene.bodies, ...bodies], joints: [...scene.joints, ...joints] };
}

/** The scene with one body changed. @throws SCENE_INVALID when it has no such body. */
export function withBody(scene: SceneSpec, name: string, change: (body: BodySpec) => BodySpec): SceneSpec {
  if (!scene.bodies.some((body) => body.name === name))
    throw new GroundtwinError('SCENE_INVALID', { scene: scene.name, problem: `there is no body '${name}' to change` });
  return { ...scene, bodies: scene.bodies.map((body) => (body.name === name ? change(body) : body)) };
}

export function withSensors(scene: SceneSpec, sensors: readonly SensorSpec[]): SceneSpec {
  return { ...scene, sensors: [...(scene.sensors ?? []), ...sensors] };
}

export function withCameras(scene: SceneSpec, cameras: readonly CameraSpec[]): SceneSpec {
  return { ...scene, cameras: [...(scene.cameras ?? []), ...cameras] };
}

/** The scene with this before every name but the world's, so that two of a kind can stand side by side. */
export function prefixed(scene: SceneSpec, prefix: string): SceneSpec {
  const body = (name: string) => (name === world ? name : prefix + name);
  const own = <T extends { readonly name: string }>(part: T): T => ({ ...part, name: prefix + part.name });
  return {
    ...scene,
    bodies: scene.bodies.map((part) => ({ ...part, name: body(part.name) })),
    joints: scene.joints.map((joint) => ({ ...own(joint), parent: body(joint.parent), child: body(joint.child) })),
    actuators: scene.actuators.map((actuator) => ({ ...own(actuator), joint: prefix + actuator.joint })),
    ...(scene.sensors && {
      sensors: scene.sensors.map((sensor) =>
        'joint' in sensor ? { ...own(sensor), joint: prefix + sensor.joint } : { ...own(sensor), body: body(sensor.body) },
      ),
    }),
    ...(scene.cameras && {
      cameras: scene.cameras.map((camera) => (camera.body === undefined ? own(camera) : { ...own(camera), body: body(camera.body) })),
    }),
  };
}

/** The scene moved by `offset_m`, all but the world's own shapes. */
export function shifted(scene: SceneSpec, offset_m: Vector3): SceneSpec {
  const isCarriedByWorld = (body: string | undefined) => body === undefined || body === world;
  return {
    ...scene,
    bodies: scene.bodies.map((body) =>
      body.name === world ? body : { ...body, pose: { ...body.pose, position_m: add(body.pose.position_m, offset_m) } },
    ),
    joints: scene.joints.map((joint) =>
      joint.parent === world ? { ...joint, parentAnchor_m: add(joint.parentAnchor_m, offset_m) } : joint,
    ),
    ...(scene.cameras && {
      cameras: scene.cameras.map((camera) =>
        isCarriedByWorld(camera.body)
          ? { ...camera, position_m: add(camera.position_m, offset_m), target_m: add(camera.target_m, offset_m) }
          : camera,
      ),
    }),
  };
}

/**
 * Several scenes as one. Gravity and the world's own shapes are the first one's; of the others come their other bodies, joints, actuators, sensors and cameras.
 * @throws SCENE_INVALID when two of them share another name; see `prefixed`.
 */
export function joined(name: string, first: SceneSpec, ...others: readonly SceneSpec[]): SceneSpec {
  const all = [first, ...others];
  const sensors = all.flatMap((scene) => scene.sensors ?? []);
  const cameras = all.flatMap((scene) => scene.cameras ?? []);
  const isWorldNeeded = !first.bodies.some((body) => body.name === world);
  const bodies = all.flatMap((scene, i) => scene.bodies.filter((body) => i === 0 || body.name !== world));
  const borrowed = isWorldNeeded && others.flatMap((scene) => scene.bodies).find((body) => body.name === world);
  const scene: SceneSpec = {
    name,
    gravity_mps2: first.gravity_mps2,
    bodies: borrowed ? [{ ...borrowed, shapes: [] }, ...bodies] : bodies,
    joints: all.flatMap(({ joints }) => joints),
    actuators: all.flatMap(({ actuators }) => actuators),
    ...(sensors.length > 0 && { sensors }),
    ...(cameras.length > 0 && { cameras }),
  };
  for (const parts of [scene.bodies, scene.joints, scene.actuators, sensors, cameras]) refuseTwins(name, parts);
  return scene;
}

function refuseTwins(scene: string, parts: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of parts) {
    if (seen.has(name)) throw new GroundtwinError('SCENE_INVALID', { scene, problem: `two of the joined scenes have a '${name}'` });
    seen.add(name);
  }
}
