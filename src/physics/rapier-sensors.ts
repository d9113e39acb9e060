import { Ray, type World } from '@dimforge/rapier3d';
import type { Pose, RapierSettings, SceneSpec, SensorSpec } from '../core/scene-spec.ts';
import { unreachable } from '../errors.ts';
import { composeInto, rotateBackInto, rotateInto } from '../math/rotation.ts';
import { ContactTable, contactRow } from './contact-wrench.ts';
import { angularVelocityAt, bodyStateSize, orientationAt, positionOf, velocityAt, velocityOf } from './joint-tree.ts';
import type { BuiltWorld } from './rapier-build.ts';
import type { MovedBodies, Triple } from './rapier-motors.ts';
import { orientationOf } from './scene-check.ts';

const origin = [0, 0, 0] as const;
const identity = [0, 0, 0, 1] as const;
/** Numbers a sensor keeps of the time before the last step: a velocity, m/s. */
const memorySize = 3;
/** Where the memory says whether there was a step since the world was put somewhere. */
const steppedAt = 0;

/** Elements that the sensors of a scene keep in a snapshot. */
export function sensorMemorySize(scene: SceneSpec): number {
  return 1 + memorySize * (scene.sensors ?? []).length;
}

interface Placed {
  readonly spec: SensorSpec;
  readonly body: number;
  /** That body alone. */
  readonly own: readonly number[];
  readonly joint: number;
  readonly memoryAt: number;
}

/**
 * Reads a world's sensors when asked; nothing is computed for those that are not.
 *
 * A `contactWrench` is exact in its normal part. Rapier does not report friction: on a body without joints it is found from the change of
 * momentum and put at the centre of pressure; on a jointed body it is left out.
 * A `ray` meets shapes that touch others; those that do not are nothing to Rapier.
 */
export class RapierSensors {
  private readonly scene: SceneSpec;
  private readonly step_s: number;
  private readonly bodies: MovedBodies;
  private readonly built: BuiltWorld;
  private readonly memory: Float64Array;
  private readonly sensors: readonly Placed[];
  /** Those that compare with the time before a step. */
  private readonly watchful: readonly Placed[];
  private readonly masses_kg: Float64Array;
  /** By the body at the top: all that have mass and are joined with it. */
  private readonly robots: readonly (readonly number[])[];
  private readonly contacts: ContactTable;
  private world: World;
  private readonly site = new Float64Array(7);
  private readonly velocity = new Float64Array(3);
  private readonly wrench = new Float64Array(6);
  private readonly centre: Triple = { x: 0, y: 0, z: 0 };

  constructor(scene: SceneSpec, settings: RapierSettings, built: BuiltWorld, bodies: MovedBodies, memory: Float64Array) {
    this.scene = scene;
    this.step_s = settings.step_s;
    this.bodies = bodies;
    this.built = built;
    this.memory = memory;
    this.world = built.world;
    const [bodyNames, jointNames] = [scene.bodies.map(({ name }) => name), scene.joints.map(({ name }) => name)];
    this.sensors = (scene.sensors ?? []).map((spec, i) => {
      const body = 'body' in spec ? bodyNames.indexOf(spec.body) : -1;
      const joint = 'joint' in spec ? jointNames.indexOf(spec.joint) : -1;
      return { spec, body, own: [body], joint, memoryAt: 1 + memorySize * i };
    });
    const watched = this.sensors.filter(({ spec }) => spec.kind === 'contactWrench').map(({ body }) => body);
    this.contacts = new ContactTable(scene, built, watched);
    this.watchful = this.sensors.filter(({ spec, body }) => spec.kind === 'imu' || (spec.kind === 'contactWrench' && this.isLoose(body)));
    this.masses_kg = Float64Array.from(scene.bodies, ({ inertial }) => inertial?.mass_kg ?? 0);
    this.robots = scene.bodies.map((_, root) =>
      [...scene.bodies.keys()].filter((body) => bodies.tree.root[body] === root && scene.bodies[body]!.inertial),
    );
  }

  attach(world: World): void {
    this.world = world;
    this.contacts.attach(world);
  }

  /** The world was put somewhere: what its sensors knew is void. */
  forget(): void {
    this.memory.fill(0);
    this.contacts.forget();
  }

  beforeStep(): void {
    this.memory[steppedAt] = 1;
    this.contacts.forget();
    for (const sensor of this.watchful) this.writeVelocity(sensor, this.memory, sensor.memoryAt);
  }

  read(index: number, out: Float64Array, offset: number): void {
    const sensor = this.sensors[index]!;
    const { spec } = sensor;
    switch (spec.kind) {
      case 'jointPosition':
      case 'jointVelocity':
        out[offset] = this.readJoint(sensor);
        return;
      case 'framePose':
        this.writeSite(sensor.body, spec.site);
        for (let i = 0; i < 7; i++) out[offset + i] = this.site[i]!;
        return;
      case 'imu':
        this.readImu(sensor, spec.site, out, offset);
        return;
      case 'ray':
        out[offset] = this.readRay(sensor.body, spec.site, spec.range_m);
        return;
      case 'contactWrench':
        this.readWrench(sensor, spec.about ?? 'body', out, offset);
        return;
      default:
        unreachable(spec);
    }
  }

  private readJoint({ spec, joint }: Placed): number {
    const held = this.bodies.tree.joints[joint]!;
    this.bodies.refresh(held.parent);
    this.bodies.refresh(held.child);
    return (spec.kind === 'jointPosition' ? positionOf : velocityOf)(held, this.bodies.states);
  }

  /** Pose of a site in the world. */
  private writeSite(body: number, site: Pose | undefined): void {
    this.bodies.refresh(body);
    const { states } = this.bodies;
    const at = body * bodyStateSize;
    const [x, y, z] = site?.position_m ?? origin;
    rotateInto(states, at + orientationAt, x, y, z, this.site, 0);
    for (let i = 0; i < 3; i++) this.site[i]! += states[at + i]!;
    composeInto(states, at + orientationAt, site ? orientationOf(site) : identity, 0, this.site, 3);
  }

  /** Of an IMU's site, or of the centre of mass of a loose body; world frame. */
  private writeVelocity({ spec, body }: Placed, out: Float64Array, at: number): void {
    if (spec.kind === 'contactWrench') {
      const { x, y, z } = this.bodies.rigidOf(body)!.linvel(this.centre);
      out[at] = x;
      out[at + 1] = y;
      out[at + 2] = z;
      return;
    }
    this.writeSite(body, spec.kind === 'imu' ? spec.site : undefined);
    const { states } = this.bodies;
    const from = body * bodyStateSize;
    for (let i = 0; i < 3; i++) {
      const j = (i + 1) % 3;
      const k = (i + 2) % 3;
      out[at + i] =
        states[from + velocityAt + i]! +
        states[from + angularVelocityAt + j]! * (this.site[k]! - states[from + k]!) -
        states[from + angularVelocityAt + k]! * (this.site[j]! - states[from + j]!);
    }
  }

  private readImu(sensor: Placed, site: Pose | undefined, out: Float64Array, offset: number): void {
    const { velocity, scene, memory } = this;
    this.writeVelocity(sensor, velocity, 0);
    const stepped = memory[steppedAt]!;
    for (let i = 0; i < 3; i++)
      velocity[i] = (stepped * (velocity[i]! - memory[sensor.memoryAt + i]!)) / this.step_s - scene.gravity_mps2[i]!;
    this.writeSite(sensor.body, site);
    rotateBackInto(this.site, 3, velocity[0]!, velocity[1]!, velocity[2]!, out, offset);
    const turning = sensor.body * bodyStateSize + angularVelocityAt;
    const { states } = this.bodies;
    rotateBackInto(this.site, 3, states[turning]!, states[turning + 1]!, states[turning + 2]!, out, offset + 3);
  }

  private readRay(body: number, site: Pose | undefined, range_m: number): number {
    this.writeSite(body, site);
    rotateInto(this.site, 3, 0, 0, 1, this.velocity, 0);
    const [x, y, z] = this.site as unknown as [number, number, number];
    const ray = new Ray({ x, y, z }, { x: this.velocity[0]!, y: this.velocity[1]!, z: this.velocity[2]! });
    const own = this.world.getRigidBody(this.built.bodyHandles[this.built.compoundOf[body]!]!);
    const hit = this.world.castRay(ray, range_m, true, undefined, undefined, undefined, own);
    return hit ? Math.min(hit.timeOfImpact, range_m) : range_m;
  }

  private readWrench(sensor: Placed, about: 'body' | 'robot', out: Float64Array, offset: number): void {
    const { wrench, contacts } = this;
    wrench.fill(0);
    if (this.memory[steppedAt]) {
      contacts.gather();
      if (contacts.rows[sensor.body * contactRow.size + contactRow.pressure]! > 0) this.writeWrench(sensor, about);
    }
    for (let i = 0; i < 6; i++) out[offset + i] = wrench[i]!;
  }

  private writeWrench(sensor: Placed, about: 'body' | 'robot'): void {
    const { wrench, contacts, step_s, centre } = this;
    const at = sensor.body * contactRow.size;
    for (let i = 0; i < wrench.length; i++) wrench[i] = contacts.rows[at + i]! / step_s;
    if (this.isLoose(sensor.body)) this.addFriction(sensor);
    this.writeCentre(about === 'body' ? sensor.own : this.robots[this.bodies.tree.root[sensor.body]!]!);
    // From the world's origin to the centre of mass.
    wrench[3]! -= centre.y * wrench[2]! - centre.z * wrench[1]!;
    wrench[4]! -= centre.z * wrench[0]! - centre.x * wrench[2]!;
    wrench[5]! -= centre.x * wrench[1]! - centre.y * wrench[0]!;
  }

  /** The common centre of mass of some bodies, world frame, into `centre`. */
  private writeCentre(members: readonly number[]): void {
    const { centre, bodies, velocity, masses_kg } = this;
    centre.x = 0;
    centre.y = 0;
    centre.z = 0;
    let whole_kg = 0;
    for (const body of members) {
      bodies.refresh(body);
      const at = body * bodyStateSize;
      const [x, y, z] = this.scene.bodies[body]!.inertial!.centreOfMass_m ?? origin;
      rotateInto(bodies.states, at + orientationAt, x, y, z, velocity, 0);
      const mass_kg = masses_kg[body]!;
      whole_kg += mass_kg;
      centre.x += mass_kg * (bodies.states[at]! + velocity[0]!);
      centre.y += mass_kg * (bodies.states[at + 1]! + velocity[1]!);
      centre.z += mass_kg * (bodies.states[at + 2]! + velocity[2]!);
    }
    centre.x /= whole_kg;
    centre.y /= whole_kg;
    centre.z /= whole_kg;
  }

  private isLoose(body: number): boolean {
    return !this.bodies.tree.joined[body];
  }

  /** On a loose body the whole contact force is the change of momentum less gravity; what is not normal is friction. */
  private addFriction(sensor: Placed): void {
    const { wrench, velocity, scene, memory, step_s } = this;
    const { rows } = this.contacts;
    const at = sensor.body * contactRow.size;
    const pressure = rows[at + contactRow.pressure]!;
    this.writeVelocity(sensor, velocity, 0);
    for (let i = 0; i < 3; i++) {
      const whole = this.masses_kg[sensor.body]! * ((velocity[i]! - memory[sensor.memoryAt + i]!) / step_s - scene.gravity_mps2[i]!);
      velocity[i] = whole - wrench[i]!;
    }
    for (let i = 0; i < 3; i++) {
      const j = (i + 1) % 3;
      const k = (i + 2) % 3;
      wrench[i]! += velocity[i]!;
      wrench[3 + i]! += (rows[at + contactRow.centre + j]! * velocity[k]! - rows[at + contactRow.centre + k]! * velocity[j]!) / pressure;
    }
  }
}
