import { type RigidBody, SerializationPipeline, VectorOps, World } from '@dimforge/rapier3d';
import type { EngineInfo, PhysicsWorld } from '../core/physics-world.ts';
import type { RapierSettings, SceneSpec } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { ContactSum, wrenchSize } from './contact-wrench.ts';
import {
  angularVelocityAt,
  axisInWorld,
  bodyStateSize,
  type JointTree,
  jointTree,
  orientationAt,
  placeChild,
  positionOf,
  velocityAt,
  velocityOf,
} from './joint-tree.ts';
import { type BuiltWorld, buildWorld } from './rapier-build.ts';
import { rotateInto } from './rotation.ts';
import { sceneHash } from './scene-hash.ts';

let living = 0;

/** Rapier worlds made and not yet freed in this process: must return to where it was when envs are closed. */
export function liveRapierWorlds(): number {
  return living;
}

type RawVector = ReturnType<typeof VectorOps.intoRaw>;
/** Poses as numbers: x, y, z, qx, qy, qz, qw. */
const poseSize = 7;

/**
 * One Rapier world with impulse joints.
 *
 * - Actuators are forces and torques applied anew for each physics step; a slide's reaction acts on the parent along the same line.
 * - `setJoints` leaves no trace of the past: a world that was used and a new one go on bit-identically. Where shapes can touch it first returns
 *   to the world as built, because contacts remember impulses. Bodies that no joint holds stay where they are: to reset, call it first, then `setBody`.
 * - Saved bytes: controls and sensor readings (float64), then Rapier's own snapshot; loading brings all of them back.
 * - A `contactWrench` is exact in its normal part. Rapier does not report friction: on a body without joints it is found from the change of
 *   momentum and put at the centre of pressure; on a jointed body it is left out.
 */
export class RapierWorld implements PhysicsWorld {
  readonly engine: EngineInfo;
  readonly scene: SceneSpec;
  readonly sceneHash: string;

  private readonly tree: JointTree;
  private readonly built: BuiltWorld;
  private world: World;
  private readonly bodies: RigidBody[] = [];
  private readonly gravity: RawVector;
  private readonly serialization = new SerializationPipeline();
  private advance: () => void;
  private isFreed = false;

  /** `[bodies, 13]`, read back from Rapier when first asked for after a step. */
  private readonly states: Float64Array;
  private readonly isFresh: Uint8Array;
  /** `[bodies, 3]`, body frame. */
  private readonly centresOfMass: Float64Array;
  private readonly isDynamic: Uint8Array;

  /** `[actuators + 6 · sensors]`: what a snapshot keeps beside Rapier's bytes. */
  private readonly kept: Float64Array;
  private readonly controls: Float64Array;
  private readonly wrenches: Float64Array;
  private readonly actuatorJoints: Int32Array;
  private readonly driven: Int32Array;
  /** Forces persist in Rapier, so where their direction cannot change they are only written when a control did. */
  private readonly directionsHold: boolean;
  private forcesAreStale = false;

  private readonly sensorBodies: Int32Array;
  private readonly velocitiesBefore: Float64Array;
  private readonly contacts: ContactSum | undefined;
  /** The world as built, saved. */
  private readonly pristine: Uint8Array;
  private readonly canTouch: boolean;

  private readonly vector = { x: 0, y: 0, z: 0 };
  private readonly point = { x: 0, y: 0, z: 0 };
  private readonly quaternion = { x: 0, y: 0, z: 0, w: 1 };
  private readonly arm = new Float64Array(3);
  private readonly axis = new Float64Array(3);
  private readonly settings: RapierSettings;

  /** @param scene - checked. */
  constructor(scene: SceneSpec, settings: RapierSettings, engine: EngineInfo) {
    this.engine = engine;
    this.scene = scene;
    this.settings = settings;
    this.sceneHash = sceneHash(scene, engine, settings);
    this.tree = jointTree(scene);
    this.built = buildWorld(scene, settings);
    living++;
    this.world = this.built.world;
    this.gravity = VectorOps.intoRaw(this.world.gravity);
    this.advance = stepperOf(this.world, this.gravity);

    const count = scene.bodies.length;
    this.states = new Float64Array(count * bodyStateSize);
    this.isFresh = new Uint8Array(count);
    this.centresOfMass = Float64Array.from(scene.bodies.flatMap((body) => [...(body.inertial?.centreOfMass_m ?? [0, 0, 0])]));
    this.isDynamic = Uint8Array.from(scene.bodies, (body) => (body.kind === 'dynamic' ? 1 : 0));

    const sensors = scene.sensors ?? [];
    const bodyNames = scene.bodies.map(({ name }) => name);
    this.kept = new Float64Array(scene.actuators.length + sensors.length * wrenchSize);
    this.controls = this.kept.subarray(0, scene.actuators.length);
    this.wrenches = this.kept.subarray(scene.actuators.length);
    this.actuatorJoints = Int32Array.from(scene.actuators, ({ joint }) => scene.joints.findIndex(({ name }) => name === joint));
    this.driven = Int32Array.from(
      new Set([...this.actuatorJoints].flatMap((j) => [this.tree.joints[j]!.child, this.tree.joints[j]!.parent])),
    );
    this.directionsHold = this.actuatorJoints.every((j) => !this.isDynamic[this.tree.joints[j]!.parent]);
    this.sensorBodies = Int32Array.from(sensors, (sensor) => bodyNames.indexOf('body' in sensor ? sensor.body : ''));
    this.velocitiesBefore = new Float64Array(sensors.length * 3);
    this.contacts = sensors.length > 0 ? new ContactSum(this.world) : undefined;
    this.attach(this.world);
    this.pristine = this.save();
    this.canTouch = this.built.colliderHandles.some((handles) => handles.length > 0);
  }

  jointIndex(name: string): number {
    return this.indexOf('joint', this.scene.joints, name);
  }

  bodyIndex(name: string): number {
    return this.indexOf('body', this.scene.bodies, name);
  }

  actuatorIndex(name: string): number {
    return this.indexOf('actuator', this.scene.actuators, name);
  }

  sensorIndex(name: string): number {
    return this.indexOf('sensor', this.scene.sensors ?? [], name);
  }

  jointPosition(joint: number): number {
    const held = this.tree.joints[joint]!;
    this.refresh(held.parent);
    this.refresh(held.child);
    return positionOf(held, this.states);
  }

  jointVelocity(joint: number): number {
    const held = this.tree.joints[joint]!;
    this.refresh(held.parent);
    this.refresh(held.child);
    return velocityOf(held, this.states);
  }

  setJoints(positions: ArrayLike<number>, velocities: ArrayLike<number>): void {
    if (this.canTouch || !this.areEnabled()) this.returnToBuilt();
    for (let actuator = 0; actuator < this.controls.length; actuator++) this.setControl(actuator, 0);
    this.wrenches.fill(0);
    for (let i = 0; i < this.bodies.length; i++) if (!this.tree.held[i]) this.refresh(i);
    for (const j of this.tree.order) {
      const joint = this.tree.joints[j]!;
      placeChild(joint, positions[j]!, velocities[j]!, this.states);
      this.writeBody(joint.child);
    }
    // Rapier rounds to float32: what is read back must be what it holds.
    this.markMoved();
  }

  bodyPose(body: number, out: Float64Array, offset = 0): void {
    this.refresh(body);
    for (let i = 0; i < poseSize; i++) out[offset + i] = this.states[body * bodyStateSize + i]!;
  }

  bodyVelocity(body: number, out: Float64Array, offset = 0): void {
    const rigidBody = this.bodies[body]!;
    store(rigidBody.linvel(this.vector), out, offset);
    store(rigidBody.angvel(this.vector), out, offset + 3);
  }

  setBody(body: number, pose: ArrayLike<number>, velocity: ArrayLike<number>): void {
    if (this.tree.held[body] || !this.isDynamic[body])
      this.refuse(
        `setBody cannot move '${this.scene.bodies[body]?.name}': it is ${this.isDynamic[body] ? 'held by a joint' : 'no dynamic body'}`,
      );
    const at = body * bodyStateSize;
    for (let i = 0; i < poseSize; i++) this.states[at + i] = pose[i]!;
    for (let i = 0; i < 6; i++) this.states[at + velocityAt + i] = velocity[i]!;
    this.moveToOrigin(body, -1);
    this.writeBody(body);
    this.isFresh[body] = 0;
  }

  setControl(actuator: number, value: number): void {
    const { maxForce } = this.scene.actuators[actuator]!;
    // Not clamped by comparisons, so that NaN stays NaN and problem() sees it.
    const clipped = Math.min(maxForce, Math.max(-maxForce, value));
    if (clipped === this.controls[actuator]) return;
    this.controls[actuator] = clipped;
    this.forcesAreStale = true;
  }

  readSensor(sensor: number, out: Float64Array, offset = 0): void {
    for (let i = 0; i < wrenchSize; i++) out[offset + i] = this.wrenches[sensor * wrenchSize + i]!;
  }

  step(): void {
    if (this.forcesAreStale || !this.directionsHold) this.applyControls();
    for (let i = 0; i < this.sensorBodies.length; i++)
      store(this.bodies[this.sensorBodies[i]!]!.linvel(this.vector), this.velocitiesBefore, i * 3);
    this.advance();
    this.markMoved();
    for (let i = 0; i < this.sensorBodies.length; i++) this.measureWrench(i);
  }

  problem(): string | null {
    for (let body = 0; body < this.bodies.length; body++) {
      const wrong = this.isDynamic[body] ? this.problemOf(body) : null;
      if (wrong) return wrong;
    }
    return null;
  }

  save(): Uint8Array {
    // Equal worlds give equal bytes, whatever forces an earlier step left behind.
    if (this.forcesAreStale) this.applyControls();
    const snapshot = this.world.takeSnapshot();
    const bytes = new Uint8Array(this.kept.byteLength + snapshot.byteLength);
    bytes.set(new Uint8Array(this.kept.buffer, 0, this.kept.byteLength));
    bytes.set(snapshot, this.kept.byteLength);
    return bytes;
  }

  load(state: Uint8Array): void {
    const head = this.kept.byteLength;
    if (state.byteLength <= head)
      throw new GroundtwinError('SNAPSHOT_INVALID', { problem: `it has ${state.byteLength} bytes, at least ${head + 1} were expected` });
    this.replaceWorld(state.subarray(head));
    new Uint8Array(this.kept.buffer, 0, head).set(state.subarray(0, head));
  }

  free(): void {
    if (this.isFreed) return;
    this.isFreed = true;
    living--;
    this.world.free();
    this.gravity.free();
    this.serialization.free();
  }

  private problemOf(body: number): string | null {
    this.refresh(body);
    const at = body * bodyStateSize;
    let sum = 0;
    for (let i = 0; i < bodyStateSize; i++) sum += this.states[at + i]!;
    if (!Number.isFinite(sum)) return `the pose or velocity of body '${this.scene.bodies[body]!.name}' is not finite`;
    return this.bodies[body]!.isEnabled() ? null : `the engine disabled body '${this.scene.bodies[body]!.name}'`;
  }

  private indexOf(what: string, named: readonly { readonly name: string }[], name: string): number {
    const index = named.findIndex((one) => one.name === name);
    if (index < 0) this.refuse(`it has no ${what} '${name}'; it has ${named.map((one) => one.name).join(', ') || 'none'}`);
    return index;
  }

  private refuse(problem: string): never {
    throw new GroundtwinError('SCENE_INVALID', { scene: this.scene.name, problem });
  }

  /** Points everything at a Rapier world: the one built, or one restored from a snapshot. Handles stay the same, objects do not. */
  private attach(world: World): void {
    this.world = world;
    this.built.bodyHandles.forEach((handle, i) => {
      this.bodies[i] = world.getRigidBody(handle);
    });
    this.contacts?.attach(world);
    this.advance = stepperOf(world, this.gravity);
    this.isFresh.fill(0);
    // A saved world holds the forces of its saved controls.
    this.forcesAreStale = false;
  }

  /** @throws SNAPSHOT_INVALID, leaving this world as it was. */
  private replaceWorld(snapshot: Uint8Array): void {
    const restored = this.deserialize(snapshot);
    if (!restored) throw new GroundtwinError('SNAPSHOT_INVALID', { problem: 'the physics engine refuses its bytes' });
    if (!this.isSameScene(restored)) {
      restored.free();
      throw new GroundtwinError('SNAPSHOT_INVALID', {
        problem: `its bodies, shapes or joints are not those of scene '${this.scene.name}'`,
      });
    }
    this.world.free();
    this.attach(restored);
  }

  /** As Rapier's own, but frees what it unpacked from: otherwise that memory waits for the garbage collector and the event loop. */
  private deserialize(snapshot: Uint8Array): World | null {
    try {
      const parts = this.serialization.raw.deserializeAll(snapshot);
      if (!parts) return null;
      const world = World.fromRaw(parts);
      parts.free();
      return world;
    } catch {
      return null;
    }
  }

  private isSameScene(other: World): boolean {
    return (
      other.bodies.len() === this.world.bodies.len() &&
      other.colliders.len() === this.world.colliders.len() &&
      other.impulseJoints.len() === this.world.impulseJoints.len() &&
      this.built.bodyHandles.every((handle) => other.bodies.contains(handle)) &&
      other.timestep === this.world.timestep
    );
  }

  /** Forgets contacts and their impulses, but leaves bodies that no joint holds where they are. */
  private returnToBuilt(): void {
    const isKept = (body: number): boolean => this.isDynamic[body] === 1 && !this.tree.held[body] && this.problemOf(body) === null;
    const kept = this.bodies.map((_, body) => body).filter(isKept);
    this.load(this.pristine);
    for (const body of kept) this.writeBody(body);
  }

  /** Rapier disables a body whose state is not finite, and never enables it again. */
  private areEnabled(): boolean {
    for (let i = 0; i < this.bodies.length; i++) if (!this.bodies[i]!.isEnabled()) return false;
    return true;
  }

  /** After a step only fixed bodies are known to be where they were. */
  private markMoved(): void {
    for (let i = 0; i < this.isFresh.length; i++) if (this.isDynamic[i]) this.isFresh[i] = 0;
  }

  private refresh(body: number): void {
    if (this.isFresh[body]) return;
    const at = body * bodyStateSize;
    const rigidBody = this.bodies[body]!;
    store(rigidBody.translation(this.vector), this.states, at);
    const { x, y, z, w } = rigidBody.rotation(this.quaternion);
    this.states[at + orientationAt] = x;
    this.states[at + orientationAt + 1] = y;
    this.states[at + orientationAt + 2] = z;
    this.states[at + orientationAt + 3] = w;
    store(rigidBody.linvel(this.vector), this.states, at + velocityAt);
    store(rigidBody.angvel(this.vector), this.states, at + angularVelocityAt);
    this.moveToOrigin(body, -1);
    this.isFresh[body] = 1;
  }

  /** Rapier's velocity is that of the centre of mass, ours that of the body frame's origin: adds (+1) or takes away (−1) ω × arm. */
  private moveToOrigin(body: number, sign: 1 | -1): void {
    const { states, arm } = this;
    const at = body * bodyStateSize;
    this.setArm(body);
    if (arm[0] === 0 && arm[1] === 0 && arm[2] === 0) return;
    const wx = states[at + angularVelocityAt]!;
    const wy = states[at + angularVelocityAt + 1]!;
    const wz = states[at + angularVelocityAt + 2]!;
    states[at + velocityAt]! += sign * (wy * arm[2]! - wz * arm[1]!);
    states[at + velocityAt + 1]! += sign * (wz * arm[0]! - wx * arm[2]!);
    states[at + velocityAt + 2]! += sign * (wx * arm[1]! - wy * arm[0]!);
  }

  /** From the body's origin to its centre of mass, world frame. */
  private setArm(body: number): void {
    const com = this.centresOfMass;
    rotateInto(this.states, body * bodyStateSize + orientationAt, com[body * 3]!, com[body * 3 + 1]!, com[body * 3 + 2]!, this.arm, 0);
  }

  /** Copies a body's row of `states` into Rapier. */
  private writeBody(body: number): void {
    const { states, vector } = this;
    const at = body * bodyStateSize;
    const rigidBody = this.bodies[body]!;
    rigidBody.setTranslation(load(states, at, vector), true);
    this.quaternion.x = states[at + orientationAt]!;
    this.quaternion.y = states[at + orientationAt + 1]!;
    this.quaternion.z = states[at + orientationAt + 2]!;
    this.quaternion.w = states[at + orientationAt + 3]!;
    rigidBody.setRotation(this.quaternion, true);
    this.moveToOrigin(body, 1);
    rigidBody.setLinvel(load(states, at + velocityAt, vector), true);
    this.moveToOrigin(body, -1);
    rigidBody.setAngvel(load(states, at + angularVelocityAt, vector), true);
  }

  private applyControls(): void {
    for (const body of this.driven) {
      this.bodies[body]!.resetForces(true);
      this.bodies[body]!.resetTorques(true);
    }
    for (let actuator = 0; actuator < this.controls.length; actuator++)
      if (this.controls[actuator] !== 0) this.drive(this.actuatorJoints[actuator]!, this.controls[actuator]!);
    this.forcesAreStale = false;
  }

  private drive(jointIndex: number, effort: number): void {
    const joint = this.tree.joints[jointIndex]!;
    this.refresh(joint.parent);
    axisInWorld(joint, this.states, this.axis);
    const { vector, axis } = this;
    const child = this.bodies[joint.child]!;
    const parent = this.isDynamic[joint.parent] ? this.bodies[joint.parent]! : undefined;
    if (joint.spec.kind === 'hinge') {
      child.addTorque(scale(axis, effort, vector), true);
      parent?.addTorque(scale(axis, -effort, vector), true);
      return;
    }
    // Before the force is written: reading a body reuses the same vector.
    const point = this.centreOfMass(joint.child);
    child.addForce(scale(axis, effort, vector), true);
    parent?.addForceAtPoint(scale(axis, -effort, vector), point, true);
  }

  /** World frame; reused. */
  private centreOfMass(body: number): Triple {
    this.refresh(body);
    this.setArm(body);
    const at = body * bodyStateSize;
    this.point.x = this.states[at]! + this.arm[0]!;
    this.point.y = this.states[at + 1]! + this.arm[1]!;
    this.point.z = this.states[at + 2]! + this.arm[2]!;
    return this.point;
  }

  private measureWrench(sensor: number): void {
    const contacts = this.contacts!;
    const body = this.sensorBodies[sensor]!;
    const { wrenches } = this;
    contacts.measure(this.built.colliderHandles[body]!, this.centreOfMass(body));
    const out = sensor * wrenchSize;
    for (let i = 0; i < 3; i++) {
      wrenches[out + i] = contacts.impulse[i]! / this.settings.step_s;
      wrenches[out + 3 + i] = contacts.angularImpulse[i]! / this.settings.step_s;
    }
    if (contacts.pressure > 0 && !this.tree.joined[body]) this.addFriction(sensor, body, contacts.centre);
  }

  /** On a free body the whole contact force is the change of momentum less gravity; what is not normal is friction. */
  private addFriction(sensor: number, body: number, centre: Float64Array): void {
    const mass_kg = this.scene.bodies[body]!.inertial!.mass_kg;
    const { wrenches, arm } = this;
    const out = sensor * wrenchSize;
    const after = this.bodies[body]!.linvel(this.vector);
    for (let i = 0; i < 3; i++) {
      const velocity = i === 0 ? after.x : i === 1 ? after.y : after.z;
      const whole = mass_kg * ((velocity - this.velocitiesBefore[sensor * 3 + i]!) / this.settings.step_s - this.scene.gravity_mps2[i]!);
      arm[i] = whole - wrenches[out + i]!;
    }
    for (let i = 0; i < 3; i++) {
      const j = (i + 1) % 3;
      const k = (i + 2) % 3;
      wrenches[out + i]! += arm[i]!;
      wrenches[out + 3 + i]! += centre[j]! * arm[k]! - centre[k]! * arm[j]!;
    }
  }
}

/** The same call as `world.step()` makes, without its garbage and its look-out for soft bodies: a fifth less time on small scenes. */
function stepperOf(world: World, gravity: RawVector): () => void {
  const pipeline = world.physicsPipeline.raw;
  const parameters = world.integrationParameters.raw;
  const islands = world.islands.raw;
  const broadPhase = world.broadPhase.raw;
  const narrowPhase = world.narrowPhase.raw;
  const bodies = world.bodies.raw;
  const colliders = world.colliders.raw;
  const softBodies = world.softBodies.raw;
  const impulseJoints = world.impulseJoints.raw;
  const multibodyJoints = world.multibodyJoints.raw;
  const ccdSolver = world.ccdSolver.raw;
  return () =>
    pipeline.step(
      gravity,
      parameters,
      islands,
      broadPhase,
      narrowPhase,
      bodies,
      colliders,
      softBodies,
      impulseJoints,
      multibodyJoints,
      ccdSolver,
    );
}

interface Triple {
  x: number;
  y: number;
  z: number;
}

function store(from: Triple, into: Float64Array, at: number): void {
  into[at] = from.x;
  into[at + 1] = from.y;
  into[at + 2] = from.z;
}

function load(from: Float64Array, at: number, into: Triple): Triple {
  into.x = from[at]!;
  into.y = from[at + 1]!;
  into.z = from[at + 2]!;
  return into;
}

function scale(direction: Float64Array, factor: number, into: Triple): Triple {
  into.x = direction[0]! * factor;
  into.y = direction[1]! * factor;
  into.z = direction[2]! * factor;
  return into;
}
