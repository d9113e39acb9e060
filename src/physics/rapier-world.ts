import { type RigidBody, SerializationPipeline, VectorOps, World } from '@dimforge/rapier3d';
import type { EngineInfo, PhysicsWorld } from '../core/physics-world.ts';
import type { RapierSettings, SceneSpec } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { rotateInto } from '../math/rotation.ts';
import {
  angularVelocityAt,
  bodyStateSize,
  type JointTree,
  jointTree,
  orientationAt,
  placeChild,
  positionOf,
  readCoordinates,
  velocityAt,
  velocityOf,
} from './joint-tree.ts';
import { type BuiltWorld, buildWorld } from './rapier-build.ts';
import { type MovedBodies, RapierMotors, type Triple } from './rapier-motors.ts';
import { RapierSensors, sensorMemorySize } from './rapier-sensors.ts';
import { sceneHash } from './scene-hash.ts';

let living = 0;

/** Rapier worlds made and not yet freed in this process: must return to where it was when envs are closed. */
export function liveRapierWorlds(): number {
  return living;
}

let lastBuilt: { sceneHash: string; bytes: Uint8Array } = { sceneHash: '', bytes: new Uint8Array() };

/** Lanes of a batch are one scene after the other: a copy for each would take more than the worlds themselves. */
function savedAsBuilt(world: RapierWorld): Uint8Array {
  if (lastBuilt.sceneHash !== world.sceneHash) lastBuilt = { sceneHash: world.sceneHash, bytes: world.save() };
  return lastBuilt.bytes;
}

type RawVector = ReturnType<typeof VectorOps.intoRaw>;
/** Poses as numbers: x, y, z, qx, qy, qz, qw. */
const poseSize = 7;

/**
 * One Rapier world with impulse joints.
 *
 * - `setJoints` leaves no trace of the past: a world that was used and a new one go on bit-identically. Where shapes can touch it first returns
 *   to the world as built, because contacts remember impulses. Free bodies stay where they are.
 * - Saved bytes: controls and what sensors remember (float64), then Rapier's own snapshot; loading brings all of them back.
 */
export class RapierWorld implements PhysicsWorld, MovedBodies {
  readonly engine: EngineInfo;
  readonly scene: SceneSpec;
  readonly sceneHash: string;
  readonly tree: JointTree;
  /** `[bodies, 13]`, read back from Rapier when first asked for after a step. */
  readonly states: Float64Array;

  private readonly built: BuiltWorld;
  private world: World;
  /** One per compound. */
  private readonly rigid: RigidBody[] = [];
  private readonly gravity: RawVector;
  private readonly serialization = new SerializationPipeline();
  private advance: () => void;
  private isFreed = false;

  /** `[bodies]` */
  private readonly isFresh: Uint8Array;
  /** `[compounds, 3]`, in the host's frame. */
  private readonly centresOfMass: Float64Array;
  /** `[bodies]`, 1 = Rapier moves it. */
  private readonly isMoved: Uint8Array;
  /** `[bodies]`, 1 = a frame of its own to Rapier; the others are welded to one. */
  private readonly isHost: Uint8Array;

  /** What a snapshot keeps beside Rapier's bytes: controls, then what sensors remember. */
  private readonly kept: Float64Array;
  private readonly motors: RapierMotors;
  private readonly sensors: RapierSensors;
  /** The world as built, saved; shared with others of the scene. */
  private readonly asBuilt: Uint8Array;
  /** Whether nothing was set or stepped since it was as built. */
  private isAsBuilt: boolean;
  private readonly canTouch: boolean;
  /** Rows of the joint layout, for moving a free body and what hangs on it; as they were set, where nothing has moved since. */
  private readonly positions: Float64Array;
  private readonly velocities: Float64Array;
  private areAsSet = false;

  private readonly vector = { x: 0, y: 0, z: 0 };
  private readonly point = { x: 0, y: 0, z: 0 };
  private readonly quaternion = { x: 0, y: 0, z: 0, w: 1 };
  private readonly arm = new Float64Array(3);

  /** @param scene - checked. @throws SCENE_INVALID for what Rapier cannot do. */
  constructor(scene: SceneSpec, settings: RapierSettings, engine: EngineInfo) {
    this.engine = engine;
    this.scene = scene;
    this.sceneHash = sceneHash(scene, engine, settings);
    this.tree = jointTree(scene);
    this.built = buildWorld(scene, this.tree, settings);
    living++;
    const { compounds, compoundOf } = this.built;
    this.world = this.built.world;
    this.gravity = VectorOps.intoRaw(this.world.gravity);
    this.advance = stepperOf(this.world, this.gravity);

    const count = scene.bodies.length;
    this.states = new Float64Array(count * bodyStateSize);
    this.isFresh = new Uint8Array(count);
    this.centresOfMass = Float64Array.from(compounds.flatMap(({ inertial }) => [...(inertial?.centreOfMass_m ?? [0, 0, 0])]));
    this.isMoved = Uint8Array.from(scene.bodies, (_, body) => (compounds[compoundOf[body]!]!.inertial ? 1 : 0));
    this.isHost = Uint8Array.from(scene.bodies, (_, body) => (compounds[compoundOf[body]!]!.host === body ? 1 : 0));
    this.positions = new Float64Array(this.tree.positions);
    this.velocities = new Float64Array(this.tree.velocities);

    this.kept = new Float64Array(scene.actuators.length + sensorMemorySize(scene));
    this.findRigid();
    this.motors = new RapierMotors(scene, settings, this.built, this, this.kept.subarray(0, scene.actuators.length));
    this.sensors = new RapierSensors(scene, settings, this.built, this, this.kept.subarray(scene.actuators.length));
    this.asBuilt = savedAsBuilt(this);
    this.isAsBuilt = true;
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

  jointPosition(joint: number, axis = 0): number {
    return positionOf(this.refreshed(joint), this.states, axis);
  }

  jointVelocity(joint: number, axis = 0): number {
    return velocityOf(this.refreshed(joint), this.states, axis);
  }

  setJoints(positions: ArrayLike<number>, velocities: ArrayLike<number>): void {
    if (!this.isAsBuilt && (this.canTouch || !this.areEnabled())) this.returnToBuilt();
    this.isAsBuilt = false;
    for (let actuator = 0; actuator < this.scene.actuators.length; actuator++) this.motors.set(actuator, 0);
    this.sensors.forget();
    for (let i = 0; i < this.scene.bodies.length; i++) if (this.tree.holder[i]! < 0) this.refresh(i);
    for (let i = 0; i < this.positions.length; i++) this.positions[i] = positions[i]!;
    for (let i = 0; i < this.velocities.length; i++) this.velocities[i] = velocities[i]!;
    this.areAsSet = true;
    for (const j of this.tree.order) this.placeAndWrite(j, this.positions, this.velocities);
    // Rapier rounds to float32: what is read back must be what it holds.
    this.markMoved();
  }

  bodyPose(body: number, out: Float64Array, offset = 0): void {
    this.refresh(body);
    for (let i = 0; i < poseSize; i++) out[offset + i] = this.states[body * bodyStateSize + i]!;
  }

  bodyVelocity(body: number, out: Float64Array, offset = 0): void {
    this.refresh(body);
    for (let i = 0; i < 6; i++) out[offset + i] = this.states[body * bodyStateSize + velocityAt + i]!;
  }

  setBody(body: number, pose: ArrayLike<number>, velocity: ArrayLike<number>): void {
    if (this.tree.holder[body]! >= 0 || !this.isMoved[body])
      this.refuse(
        `setBody cannot move '${this.scene.bodies[body]?.name}': it is ${this.isMoved[body] ? 'held by a joint' : 'no dynamic body'}`,
      );
    const carried = this.tree.joined[body] ? [...this.tree.order].filter((j) => this.tree.root[this.tree.joints[j]!.child] === body) : [];
    // Not read back right after `setJoints`: rounding would depend on where the body was before.
    if (!this.areAsSet) for (const j of carried) readCoordinates(this.refreshed(j), this.states, this.positions, this.velocities);
    this.isAsBuilt = false;
    const at = body * bodyStateSize;
    for (let i = 0; i < poseSize; i++) this.states[at + i] = pose[i]!;
    for (let i = 0; i < 6; i++) this.states[at + velocityAt + i] = velocity[i]!;
    this.writeBody(body);
    for (const j of carried) this.placeAndWrite(j, this.positions, this.velocities);
    this.sensors.forget();
    this.markMoved();
  }

  setControl(actuator: number, value: number): void {
    this.isAsBuilt = false;
    this.motors.set(actuator, value);
  }

  readSensor(sensor: number, out: Float64Array, offset = 0): void {
    this.sensors.read(sensor, out, offset);
  }

  step(): void {
    this.areAsSet = false;
    this.isAsBuilt = false;
    this.motors.apply();
    this.sensors.beforeStep();
    this.advance();
    this.markMoved();
  }

  problem(): string | null {
    const wrong = this.motors.problem();
    if (wrong) return wrong;
    for (let body = 0; body < this.scene.bodies.length; body++) {
      const problem = this.isMoved[body] && this.isHost[body] ? this.problemOf(body) : null;
      if (problem) return problem;
    }
    return null;
  }

  save(): Uint8Array {
    // Equal worlds give equal bytes, whatever forces an earlier step left behind.
    this.motors.settle();
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
    this.areAsSet = false;
    this.isAsBuilt = false;
    new Uint8Array(this.kept.buffer, 0, head).set(state.subarray(0, head));
  }

  rewind(): void {
    if (this.isAsBuilt) return;
    this.load(this.asBuilt);
    this.isAsBuilt = true;
  }

  /** @internal */
  rigidOf(body: number): RigidBody | undefined {
    return this.isMoved[body] ? this.rigid[this.built.compoundOf[body]!] : undefined;
  }

  /** Of the rigid body that a body is part of; world frame; reused. @internal */
  centreOfMass(body: number): Triple {
    const { host } = this.built.compounds[this.built.compoundOf[body]!]!;
    this.refresh(host);
    this.setArm(host);
    const at = host * bodyStateSize;
    this.point.x = this.states[at]! + this.arm[0]!;
    this.point.y = this.states[at + 1]! + this.arm[1]!;
    this.point.z = this.states[at + 2]! + this.arm[2]!;
    return this.point;
  }

  /** Brings a body's row of `states` up to date. @internal */
  refresh(body: number): void {
    if (this.isFresh[body]) return;
    if (this.isHost[body]) this.readBody(body);
    else {
      const joint = this.tree.joints[this.tree.holder[body]!]!;
      this.refresh(joint.parent);
      placeChild(joint, this.positions, this.velocities, this.states);
    }
    this.isFresh[body] = 1;
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
    return this.rigidOf(body)!.isEnabled() ? null : `the engine disabled body '${this.scene.bodies[body]!.name}'`;
  }

  private refreshed(joint: number): JointTree['joints'][number] {
    const held = this.tree.joints[joint]!;
    this.refresh(held.parent);
    this.refresh(held.child);
    return held;
  }

  private placeAndWrite(j: number, positions: ArrayLike<number>, velocities: ArrayLike<number>): void {
    const joint = this.tree.joints[j]!;
    placeChild(joint, positions, velocities, this.states);
    if (this.isHost[joint.child]) this.writeBody(joint.child);
  }

  private indexOf(what: string, named: readonly { readonly name: string }[], name: string): number {
    const index = named.findIndex((one) => one.name === name);
    if (index < 0) this.refuse(`it has no ${what} '${name}'; it has ${named.map((one) => one.name).join(', ') || 'none'}`);
    return index;
  }

  private refuse(problem: string): never {
    throw new GroundtwinError('SCENE_INVALID', { scene: this.scene.name, problem });
  }

  /** Points everything at a Rapier world restored from a snapshot. Handles stay the same, objects do not. */
  private attach(world: World): void {
    this.world = world;
    this.findRigid();
    this.sensors.attach(world);
    this.motors.attach(world);
    this.advance = stepperOf(world, this.gravity);
    this.isFresh.fill(0);
  }

  private findRigid(): void {
    this.built.bodyHandles.forEach((handle, i) => {
      this.rigid[i] = this.world.getRigidBody(handle);
    });
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

  /** Forgets contacts and their impulses, but leaves free bodies where they are. */
  private returnToBuilt(): void {
    const isKept = (body: number): boolean => this.isMoved[body] === 1 && this.tree.holder[body]! < 0 && this.problemOf(body) === null;
    const kept = [...this.scene.bodies.keys()].filter(isKept);
    const rows = kept.map((body) => this.states.slice(body * bodyStateSize, (body + 1) * bodyStateSize));
    this.rewind();
    kept.forEach((body, i) => {
      this.states.set(rows[i]!, body * bodyStateSize);
      this.writeBody(body);
    });
  }

  /** Rapier disables a body whose state is not finite, and never enables it again. */
  private areEnabled(): boolean {
    for (const rigid of this.rigid) if (!rigid.isEnabled()) return false;
    return true;
  }

  /** After a step only what does not move is known to be where it was. */
  private markMoved(): void {
    for (let i = 0; i < this.isFresh.length; i++) if (this.isMoved[i]) this.isFresh[i] = 0;
  }

  private readBody(body: number): void {
    const at = body * bodyStateSize;
    const rigidBody = this.rigid[this.built.compoundOf[body]!]!;
    store(rigidBody.translation(this.vector), this.states, at);
    const { x, y, z, w } = rigidBody.rotation(this.quaternion);
    this.states[at + orientationAt] = x;
    this.states[at + orientationAt + 1] = y;
    this.states[at + orientationAt + 2] = z;
    this.states[at + orientationAt + 3] = w;
    store(rigidBody.linvel(this.vector), this.states, at + velocityAt);
    store(rigidBody.angvel(this.vector), this.states, at + angularVelocityAt);
    this.moveToOrigin(body, -1);
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

  /** From a host's origin to the centre of mass of its compound, world frame. */
  private setArm(host: number): void {
    const com = this.centresOfMass;
    const at = 3 * this.built.compoundOf[host]!;
    rotateInto(this.states, host * bodyStateSize + orientationAt, com[at]!, com[at + 1]!, com[at + 2]!, this.arm, 0);
  }

  /** Copies a host's row of `states` into Rapier. */
  private writeBody(body: number): void {
    const { states, vector } = this;
    const at = body * bodyStateSize;
    const rigidBody = this.rigidOf(body);
    if (!rigidBody) return;
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
