import type { DoubleBuffer, MainModule, MjWarningStatVec } from '@mujoco/mujoco';
import { type JointLayout, jointLayout } from '../core/joints.ts';
import type { EngineInfo, PhysicsWorld } from '../core/physics-world.ts';
import type { JointSpec, MujocoSettings, SceneSpec } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { rotateInto } from '../math/rotation.ts';
import { type BuiltModel, buildModel, wordsOf } from './mujoco-build.ts';
import { Kinematics } from './mujoco-kinematics.ts';
import { MujocoSensors } from './mujoco-sensors.ts';
import { sceneHash } from './scene-hash.ts';

let living = 0;

/** MuJoCo worlds made and not yet freed in this process: must return to where it was when envs are closed. */
export function liveMujocoWorlds(): number {
  return living;
}

/** What is not below it in magnitude MuJoCo calls bad (its mjMAXVAL): such a control it would silently take for 0, and all others with it. */
const largest = 1e10;
/** Velocity or acceleration, in whatever unit, far below what an acceleration beyond `largest` leaves behind after a step. */
const wild = 1e4;
/** Bytes of a snapshot before its numbers: the beginning of the scene's hash. */
const tagSize = 8;
const freePositionSize = 7;
const freeVelocitySize = 6;

/**
 * One MuJoCo world.
 *
 * - Hinges count their turns inside: springs and position actuators of a hinge that has turned past π pull it all the way back.
 *   Readings lie in (−π, π], and `setJoints` forgets the turns.
 * - `setJoints` leaves no trace of the past: a world that was used and a new one go on bit-identically. Bodies that no joint holds stay where they
 *   are (or go to where they started, if that is not a place any more): to reset, call it first, then `setBody`.
 * - Saved bytes: a tag of the scene, MuJoCo's whole integration state (controls and warm start included), and what sensors said of the last step.
 * - MuJoCo's answer to a state that is not finite, to start over, is switched off; `problem()` says what is wrong instead.
 */
export class MujocoWorld implements PhysicsWorld {
  readonly engine: EngineInfo;
  readonly scene: SceneSpec;
  readonly sceneHash: string;

  private readonly mujoco: MainModule;
  private readonly built: BuiltModel;
  private readonly layout: JointLayout;
  private readonly kinematics: Kinematics;
  private readonly sensors: MujocoSensors;
  /** `[actuators]`, what a control is clipped to; a target is not. */
  private readonly controlLimits: Float64Array;

  private readonly stateBits: number;
  private readonly stateBuffer: DoubleBuffer;
  /** `[state + 6 · sensors]`, on its way from or to a snapshot. */
  private readonly snapshot: Float64Array;
  private readonly tag: Uint8Array;
  /** `[free bodies, 13]` */
  private readonly freeRows: Float64Array;
  /** MuJoCo's counters, owned by its data: not to be deleted. */
  private readonly warnings: MjWarningStatVec;
  private readonly hasStages: boolean;
  /** Whether anything moved so fast since the last start that a stage may have gone wrong. */
  private isWild = false;
  /** With less than both, no contact can have been left out: half of the arena in bytes, and contacts that fit into the other half. */
  private readonly roomy: readonly [used: number, contacts: number];
  private failure: string | null = null;
  /** Whether joints or bodies were set since the last step. */
  private wasPlaced = false;
  private isFreed = false;
  private readonly asBuilt: Uint8Array;
  private readonly vector = new Float64Array(3);

  /** @param scene - checked. @throws SCENE_INVALID for what MuJoCo refuses. */
  constructor(mujoco: MainModule, scene: SceneSpec, settings: MujocoSettings, engine: EngineInfo) {
    this.mujoco = mujoco;
    this.engine = engine;
    this.scene = scene;
    this.sceneHash = sceneHash(scene, engine, settings);
    this.layout = jointLayout(scene.joints);
    this.built = buildModel(mujoco, scene, settings);
    living++;
    this.sensors = new MujocoSensors(mujoco, this.built, this, scene, settings.step_s);
    this.kinematics = new Kinematics(mujoco, this.built, () => this.sensors.settleWrenches(this.kinematics));
    this.controlLimits = Float64Array.from(scene.actuators, ({ kind, maxForce }) =>
      kind === 'force' ? maxForce : Number.POSITIVE_INFINITY,
    );
    this.stateBits = mujoco.mjtState.mjSTATE_INTEGRATION.value;
    const stateSize = mujoco.mj_stateSize(this.built.model, this.stateBits);
    this.stateBuffer = new mujoco.DoubleBuffer(stateSize);
    this.snapshot = new Float64Array(stateSize + this.sensors.kept.length);
    this.tag = Uint8Array.from({ length: tagSize }, (_, i) => Number.parseInt(this.sceneHash.slice(2 * i, 2 * i + 2), 16));
    this.freeRows = new Float64Array(scene.bodies.length * (freePositionSize + freeVelocitySize));
    this.warnings = this.built.data.warning;
    this.hasStages = settings.integrator === 'rk4';
    const half = Number(this.built.data.narena) / 2;
    const { nv } = this.built.model;
    this.roomy = [half, half / contactBytes(nv) - 3 * nv];
    this.asBuilt = this.save();
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
    const at = this.built.positionAt[joint]!;
    if (at < 0) return 0;
    const { qpos } = this.kinematics.views();
    const { kind } = this.scene.joints[joint]!;
    if (kind === 'ball') return qpos[at + ((axis + 1) & 3)]!;
    return isAngle(kind, axis) ? wrap(qpos[at + axis]!) : qpos[at + axis]!;
  }

  jointVelocity(joint: number, axis = 0): number {
    const at = this.built.velocityAt[joint]!;
    return at < 0 ? 0 : this.kinematics.views().qvel[at + axis]!;
  }

  setJoints(positions: ArrayLike<number>, velocities: ArrayLike<number>): void {
    this.keepFreeBodies();
    // Clears time, controls, warm start and warnings.
    this.mujoco.mj_resetData(this.built.model, this.built.data);
    this.failure = null;
    this.isWild = false;
    this.putBackFreeBodies();
    const { joints } = this.scene;
    for (let j = 0; j < joints.length; j++) this.writeJoint(j, joints[j]!.kind, positions, velocities);
    this.wasPlaced = true;
    this.sensors.restart();
    this.kinematics.forget();
  }

  bodyPose(body: number, out: Float64Array, offset = 0): void {
    const at = this.built.freePositionAt[body]!;
    if (at < 0) {
      this.kinematics.pose(body, out, offset);
      return;
    }
    const { qpos } = this.kinematics.views();
    for (let i = 0; i < 3; i++) out[offset + i] = qpos[at + i]!;
    for (let i = 0; i < 4; i++) out[offset + 3 + i] = qpos[at + 3 + ((i + 1) & 3)]!;
  }

  bodyVelocity(body: number, out: Float64Array, offset = 0): void {
    const at = this.built.freeVelocityAt[body]!;
    if (at < 0) {
      this.kinematics.velocity(body, out, offset);
      return;
    }
    const { qpos, qvel } = this.kinematics.views();
    for (let i = 0; i < 3; i++) out[offset + i] = qvel[at + i]!;
    // A free body turns in its own frame.
    turn(qpos, this.built.freePositionAt[body]! + 3, 1, qvel[at + 3]!, qvel[at + 4]!, qvel[at + 5]!, out, offset + 3);
  }

  setBody(body: number, pose: ArrayLike<number>, velocity: ArrayLike<number>): void {
    const at = this.built.freePositionAt[body]!;
    if (at < 0) {
      const { name, kind } = this.scene.bodies[body]!;
      this.refuse(`setBody cannot move '${name}': it is ${kind === 'dynamic' ? 'held by a joint' : 'no dynamic body'}`);
    }
    this.sensors.settle(this.kinematics);
    const { qpos, qvel } = this.kinematics.views();
    for (let i = 0; i < 3; i++) qpos[at + i] = pose[i]!;
    for (let i = 0; i < 4; i++) qpos[at + 3 + ((i + 1) & 3)] = pose[3 + i]!;
    const moving = this.built.freeVelocityAt[body]!;
    turn(qpos, at + 3, -1, velocity[3]!, velocity[4]!, velocity[5]!, this.vector, 0);
    for (let i = 0; i < 3; i++) {
      qvel[moving + i] = velocity[i]!;
      qvel[moving + 3 + i] = this.vector[i]!;
    }
    this.wasPlaced = true;
    this.kinematics.forget();
  }

  setControl(actuator: number, value: number): void {
    const limit = this.controlLimits[actuator]!;
    const spec = this.scene.actuators[actuator]!;
    const wanted = spec.kind === 'force' ? (spec.gain ?? 1) * value : value;
    // Not clamped by comparisons, so that NaN stays NaN and problem() sees it.
    this.kinematics.views().ctrl[actuator] = Math.min(limit, Math.max(-limit, wanted));
  }

  readSensor(sensor: number, out: Float64Array, offset = 0): void {
    this.sensors.read(sensor, this.kinematics, out, offset);
  }

  step(): void {
    this.sensors.beforeStep(this.kinematics);
    // A step may mend what it was given, such as the length of a quaternion.
    if (this.wasPlaced) this.failure ??= this.stateProblem();
    this.wasPlaced = false;
    try {
      this.mujoco.mj_step(this.built.model, this.built.data);
    } catch (error) {
      this.failure = `MuJoCo gave up: ${wordsOf(error)}`;
    }
    this.kinematics.forget();
    this.sensors.afterStep();
    // Of several steps only the last leaves its accelerations behind.
    this.failure ??= this.stateProblem();
    if (this.hasStages) this.watchStages();
  }

  problem(): string | null {
    if (this.failure !== null) return this.failure;
    const { ctrl } = this.kinematics.views();
    for (let i = 0; i < ctrl.length; i++)
      if (isBad(ctrl[i]!)) return `the control of actuator '${this.scene.actuators[i]!.name}' is ${ctrl[i]}`;
    return this.stateProblem() ?? this.stageProblem() ?? this.overflow();
  }

  private stateProblem(): string | null {
    const { qpos, qvel, qacc } = this.kinematics.views();
    for (let i = 0; i < qpos.length; i++) if (isBad(qpos[i]!)) return this.badState(this.built.bodyOfPosition[i]!, qpos[i]!);
    for (let i = 0; i < qvel.length; i++)
      if (isBad(qvel[i]!) || isBad(qacc[i]!)) return this.badState(this.built.bodyOfVelocity[i]!, isBad(qvel[i]!) ? qvel[i]! : qacc[i]!);
    return null;
  }

  save(): Uint8Array {
    this.sensors.settle(this.kinematics);
    this.mujoco.mj_getState(this.built.model, this.built.data, this.stateBuffer, this.stateBits);
    const bytes = new Uint8Array(tagSize + this.snapshot.byteLength);
    this.snapshot.set(this.stateBuffer.GetView());
    this.snapshot.set(this.sensors.kept, this.snapshot.length - this.sensors.kept.length);
    bytes.set(this.tag);
    bytes.set(new Uint8Array(this.snapshot.buffer), tagSize);
    return bytes;
  }

  load(state: Uint8Array): void {
    this.readSnapshot(state);
    const split = this.snapshot.length - this.sensors.kept.length;
    const { model, data } = this.built;
    // Clears warnings, and accelerations, which are no part of the state.
    this.mujoco.mj_resetData(model, data);
    this.failure = null;
    this.isWild = false;
    this.mujoco.mj_setState(model, data, this.snapshot.subarray(0, split) as unknown as number[], this.stateBits);
    this.sensors.restart(this.snapshot.subarray(split));
    this.kinematics.forget();
  }

  rewind(): void {
    this.load(this.asBuilt);
  }

  free(): void {
    if (this.isFreed) return;
    this.isFreed = true;
    living--;
    this.stateBuffer.delete();
    this.built.data.delete();
    this.built.model.delete();
  }

  private writeJoint(joint: number, kind: JointSpec['kind'], positions: ArrayLike<number>, velocities: ArrayLike<number>): void {
    const at = this.built.positionAt[joint]!;
    if (at < 0) return;
    const { qpos, qvel } = this.kinematics.views();
    const from = this.layout.positionAt[joint]!;
    const size = kind === 'ball' ? 4 : kind === 'planar' ? 3 : 1;
    for (let i = 0; i < size; i++) {
      const value = positions[from + i]!;
      qpos[at + (kind === 'ball' ? (i + 1) & 3 : i)] = isAngle(kind, i) ? wrap(value) : value;
    }
    const moving = this.built.velocityAt[joint]!;
    const velocityFrom = this.layout.velocityAt[joint]!;
    for (let i = 0; i < Math.min(size, 3); i++) qvel[moving + i] = velocities[velocityFrom + i]!;
  }

  private keepFreeBodies(): void {
    const { qpos, qvel } = this.kinematics.views();
    let to = 0;
    this.forFreeBodies((at, moving) => {
      for (let i = 0; i < freePositionSize; i++) this.freeRows[to++] = qpos[at + i]!;
      for (let i = 0; i < freeVelocitySize; i++) this.freeRows[to++] = qvel[moving + i]!;
    });
  }

  private putBackFreeBodies(): void {
    const { qpos, qvel } = this.kinematics.views();
    const rowSize = freePositionSize + freeVelocitySize;
    let row = 0;
    this.forFreeBodies((at, moving) => {
      const from = rowSize * row++;
      for (let i = 0; i < rowSize; i++) if (isBad(this.freeRows[from + i]!)) return;
      for (let i = 0; i < freePositionSize; i++) qpos[at + i] = this.freeRows[from + i]!;
      for (let i = 0; i < freeVelocitySize; i++) qvel[moving + i] = this.freeRows[from + freePositionSize + i]!;
    });
  }

  private forFreeBodies(visit: (at: number, moving: number) => void): void {
    const { freePositionAt, freeVelocityAt } = this.built;
    for (let body = 0; body < freePositionAt.length; body++)
      if (freePositionAt[body]! >= 0) visit(freePositionAt[body]!, freeVelocityAt[body]!);
  }

  /** Fills `snapshot`. @throws SNAPSHOT_INVALID, leaving this world as it was. */
  private readSnapshot(state: Uint8Array): void {
    const expected = tagSize + this.snapshot.byteLength;
    if (state.byteLength !== expected) invalid(`it has ${state.byteLength} bytes, ${expected} were expected`);
    if (this.tag.some((byte, i) => byte !== state[i])) invalid(`it is not of scene '${this.scene.name}' on this engine`);
    new Uint8Array(this.snapshot.buffer).set(state.subarray(tagSize));
    if (!this.snapshot.every(Number.isFinite)) invalid('it holds a number that is not finite');
  }

  private badState(body: number, value: number): string {
    const { name } = this.scene.bodies[body]!;
    return Number.isFinite(value)
      ? `the pose, velocity or acceleration of body '${name}' is beyond ${largest}`
      : `the pose or velocity of body '${name}' is not finite`;
  }

  /** Runge–Kutta's first stage is the one that MuJoCo looks at; the others overwrite it, but a sixth of it stays in the velocity. */
  private watchStages(): void {
    const { qvel, qacc } = this.kinematics.views();
    for (let i = 0; i < qvel.length; i++) if (!(Math.abs(qvel[i]!) < wild && Math.abs(qacc[i]!) < wild)) this.isWild = true;
  }

  private stageProblem(): string | null {
    if (!this.isWild || this.countOf(this.mujoco.mjtWarning.mjWARN_BADQACC.value) === 0) return null;
    return `an acceleration was beyond ${largest} within a step`;
  }

  /** Whether MuJoCo has left contacts or constraints out since the last start. */
  private overflow(): string | null {
    const { data } = this.built;
    // Counters are costly to read.
    if (data.maxuse_arena < this.roomy[0] && data.maxuse_con < this.roomy[1]) return null;
    const { mjWARN_CONTACTFULL, mjWARN_CNSTRFULL } = this.mujoco.mjtWarning;
    if (this.countOf(mjWARN_CONTACTFULL.value) === 0 && this.countOf(mjWARN_CNSTRFULL.value) === 0) return null;
    return 'there are more contacts than MuJoCo has memory for; it left some out';
  }

  private countOf(warning: number): number {
    const one = this.warnings.get(warning)!;
    const count = one.number;
    one.delete();
    return count;
  }

  private indexOf(what: string, named: readonly { readonly name: string }[], name: string): number {
    const index = named.findIndex((one) => one.name === name);
    if (index < 0) this.refuse(`it has no ${what} '${name}'; it has ${named.map((one) => one.name).join(', ') || 'none'}`);
    return index;
  }

  private refuse(problem: string): never {
    throw new GroundtwinError('SCENE_INVALID', { scene: this.scene.name, problem });
  }
}

function invalid(problem: string): never {
  throw new GroundtwinError('SNAPSHOT_INVALID', { problem });
}

/** More than MuJoCo takes for one contact, or one stop or friction of a joint: ten rows over all velocities in four arrays, and what is fixed. */
function contactBytes(velocities: number): number {
  return 10 * (4 * 8 * velocities + 1000) + 1000;
}

function isBad(value: number): boolean {
  return !(Math.abs(value) < largest);
}

/** Whether a coordinate of a joint is an angle. */
function isAngle(kind: JointSpec['kind'], axis: number): boolean {
  return kind === 'hinge' || (kind === 'planar' && axis === 2);
}

/** Into (−π, π]; what lies there already keeps its bits. */
function wrap(angle_rad: number): number {
  if (angle_rad > -Math.PI && angle_rad <= Math.PI) return angle_rad;
  const turned = angle_rad - 2 * Math.PI * Math.round(angle_rad / (2 * Math.PI));
  return turned <= -Math.PI ? Math.PI : turned > Math.PI ? turned - 2 * Math.PI : turned;
}

const xyzw = new Float64Array(4);

/** Turns a vector by a quaternion w, x, y, z (`sign` 1) or back (−1). */
function turn(wxyz: Float64Array, at: number, sign: 1 | -1, x: number, y: number, z: number, out: Float64Array, outAt: number): void {
  for (let i = 0; i < 3; i++) xyzw[i] = sign * wxyz[at + 1 + i]!;
  xyzw[3] = wxyz[at]!;
  rotateInto(xyzw, 0, x, y, z, out, outAt);
}
