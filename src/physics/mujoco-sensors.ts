import type { MainModule } from '@mujoco/mujoco';
import type { SceneSpec, SensorSpec } from '../core/scene-spec.ts';
import { unreachable } from '../errors.ts';
import { composeInto, rotateInto } from '../math/rotation.ts';
import type { BuiltModel } from './mujoco-build.ts';
import type { Kinematics } from './mujoco-kinematics.ts';
import { orientationOf } from './scene-check.ts';

/** Numbers kept for a sensor that speaks of the last step: a wrench, or an acceleration and three zeros. */
const keptSize = 6;

/** What sensors of joints need of the world. */
export interface JointReader {
  jointIndex(name: string): number;
  jointPosition(joint: number): number;
  jointVelocity(joint: number): number;
}

interface Placed {
  readonly spec: SensorSpec;
  /** Scene's indices; −1 where it has none. */
  readonly body: number;
  readonly joint: number;
  /** Pose of the site in the body's frame: position, then orientation x, y, z, w. */
  readonly site: Float64Array;
}

/**
 * The sensors of a scene. What they say of the last step is found when they are first read after it, from what that step left in MuJoCo's arrays:
 * contact wrenches by mj_rnePostConstraint, an imu's mean acceleration from joint coordinates before and after.
 */
export class MujocoSensors {
  /** `[sensors, 6]`: what a snapshot keeps. 0 when there was no step. */
  readonly kept: Float64Array;

  private readonly mujoco: MainModule;
  private readonly built: BuiltModel;
  private readonly joints: JointReader;
  private readonly gravity_mps2: readonly number[];
  private readonly step_s: number;
  private readonly placed: readonly Placed[];
  private readonly wrenches: readonly number[];
  private readonly imus: readonly number[];
  private wrenchesAreDue = false;
  private imusAreDue = false;

  private readonly before: Float64Array;
  private readonly now: Float64Array;
  /** `[sensors, 3]`, velocity of an imu's site before the last step. */
  private readonly velocitiesBefore: Float64Array;
  private readonly pose = new Float64Array(7);
  private readonly motion = new Float64Array(6);
  private readonly arm = new Float64Array(3);
  private readonly point = new Float64Array(3);

  constructor(mujoco: MainModule, built: BuiltModel, joints: JointReader, scene: SceneSpec, step_s: number) {
    this.mujoco = mujoco;
    this.built = built;
    this.joints = joints;
    this.gravity_mps2 = scene.gravity_mps2;
    this.step_s = step_s;
    this.placed = (scene.sensors ?? []).map((spec) => place(spec, scene, joints));
    const ofKind = (kind: SensorSpec['kind']): number[] => this.placed.flatMap(({ spec }, i) => (spec.kind === kind ? [i] : []));
    this.wrenches = ofKind('contactWrench');
    this.imus = ofKind('imu');
    this.kept = new Float64Array(this.placed.length * keptSize);
    this.velocitiesBefore = new Float64Array(this.placed.length * 3);
    const rowSize = this.imus.length > 0 ? built.model.nq + built.model.nv : 0;
    this.before = new Float64Array(rowSize);
    this.now = new Float64Array(rowSize);
  }

  /** Before every physics step. */
  beforeStep(kinematics: Kinematics): void {
    if (this.imus.length > 0) this.keepRow(kinematics, this.before);
  }

  /** After every physics step. */
  afterStep(): void {
    this.wrenchesAreDue = this.wrenches.length > 0;
    this.imusAreDue = this.imus.length > 0;
  }

  /** Forgets the last step. @param kept - what to say of it instead; default zeros. */
  restart(kept?: Float64Array): void {
    this.wrenchesAreDue = false;
    this.imusAreDue = false;
    if (kept) this.kept.set(kept);
    else this.kept.fill(0);
  }

  /** Fills `kept`: before it is saved, and before joint coordinates are changed from outside. */
  settle(kinematics: Kinematics): void {
    this.settleWrenches(kinematics);
    if (this.imusAreDue) this.measureImus(kinematics);
  }

  /** Before anything but a step overwrites what a step has left in MuJoCo's arrays. */
  settleWrenches(kinematics: Kinematics): void {
    if (!this.wrenchesAreDue) return;
    this.wrenchesAreDue = false;
    this.mujoco.mj_rnePostConstraint(this.built.model, this.built.data);
    for (const sensor of this.wrenches) this.measureWrench(kinematics, sensor);
  }

  read(sensor: number, kinematics: Kinematics, out: Float64Array, offset: number): void {
    const placed = this.placed[sensor]!;
    const { spec } = placed;
    switch (spec.kind) {
      case 'jointPosition':
        out[offset] = this.joints.jointPosition(placed.joint);
        return;
      case 'jointVelocity':
        out[offset] = this.joints.jointVelocity(placed.joint);
        return;
      case 'imu':
        if (this.imusAreDue) this.measureImus(kinematics);
        this.copyKept(sensor, 3, out, offset);
        this.readGyro(placed, kinematics, out, offset + 3);
        return;
      case 'contactWrench':
        this.settleWrenches(kinematics);
        this.copyKept(sensor, keptSize, out, offset);
        return;
      case 'ray':
        out[offset] = this.castRay(placed, spec.range_m, kinematics);
        return;
      case 'framePose':
        this.sitePose(placed, kinematics);
        for (let i = 0; i < 7; i++) out[offset + i] = this.pose[i]!;
        return;
      default:
        unreachable(spec);
    }
  }

  private copyKept(sensor: number, size: number, out: Float64Array, offset: number): void {
    for (let i = 0; i < size; i++) out[offset + i] = this.kept[sensor * keptSize + i]!;
  }

  /** Into `pose`. */
  private sitePose({ body, site }: Placed, kinematics: Kinematics): void {
    const { pose } = this;
    kinematics.pose(body, pose, 0);
    rotateInto(pose, 3, site[0]!, site[1]!, site[2]!, this.arm, 0);
    for (let i = 0; i < 3; i++) pose[i]! += this.arm[i]!;
    composeInto(pose, 3, site, 3, pose, 3);
  }

  private readGyro(placed: Placed, kinematics: Kinematics, out: Float64Array, offset: number): void {
    this.sitePose(placed, kinematics);
    kinematics.velocity(placed.body, this.motion, 0);
    this.intoSite(this.motion[3]!, this.motion[4]!, this.motion[5]!, out, offset);
  }

  /** Turns a vector of the world frame into that of `pose`. */
  private intoSite(x: number, y: number, z: number, out: Float64Array, offset: number): void {
    const { pose } = this;
    for (let i = 3; i < 6; i++) pose[i] = -pose[i]!;
    rotateInto(pose, 3, x, y, z, out, offset);
    for (let i = 3; i < 6; i++) pose[i] = -pose[i]!;
  }

  /** Of the site, in the world frame: velocity of the body's origin + ω × arm. */
  private siteVelocity(placed: Placed, kinematics: Kinematics, out: Float64Array, offset: number): void {
    const { motion, arm } = this;
    this.sitePose(placed, kinematics);
    kinematics.velocity(placed.body, motion, 0);
    for (let i = 0; i < 3; i++) {
      const j = (i + 1) % 3;
      const k = (i + 2) % 3;
      out[offset + i] = motion[i]! + motion[3 + j]! * arm[k]! - motion[3 + k]! * arm[j]!;
    }
  }

  private measureImus(kinematics: Kinematics): void {
    this.imusAreDue = false;
    this.keepRow(kinematics, this.now);
    this.writeRow(kinematics, this.before);
    for (const i of this.imus) this.siteVelocity(this.placed[i]!, kinematics, this.velocitiesBefore, i * 3);
    this.writeRow(kinematics, this.now);
    for (const i of this.imus) {
      this.siteVelocity(this.placed[i]!, kinematics, this.point, 0);
      for (let axis = 0; axis < 3; axis++)
        this.point[axis] = (this.point[axis]! - this.velocitiesBefore[i * 3 + axis]!) / this.step_s - this.gravity_mps2[axis]!;
      this.intoSite(this.point[0]!, this.point[1]!, this.point[2]!, this.kept, i * keptSize);
    }
  }

  private keepRow(kinematics: Kinematics, row: Float64Array): void {
    const { qpos, qvel } = kinematics.views();
    row.set(qpos);
    row.set(qvel, qpos.length);
  }

  private writeRow(kinematics: Kinematics, row: Float64Array): void {
    const { qpos, qvel } = kinematics.views();
    for (let i = 0; i < qpos.length; i++) qpos[i] = row[i]!;
    for (let i = 0; i < qvel.length; i++) qvel[i] = row[qpos.length + i]!;
    kinematics.forget();
  }

  /** MuJoCo has the torque about the centre of mass of the whole tree, first; ours comes second. */
  private measureWrench(kinematics: Kinematics, sensor: number): void {
    const { spec, body } = this.placed[sensor]!;
    const { cfrc_ext, xipos, subtree_com } = kinematics.views();
    const id = this.built.bodyIds[body]!;
    const root = this.built.rootIds[body]!;
    const isOfRobot = spec.kind === 'contactWrench' && spec.about === 'robot';
    for (let i = 0; i < 3; i++) this.arm[i] = isOfRobot ? 0 : xipos[id * 3 + i]! - subtree_com[root * 3 + i]!;
    const { arm, kept } = this;
    const at = sensor * keptSize;
    for (let i = 0; i < 3; i++) {
      const j = (i + 1) % 3;
      const k = (i + 2) % 3;
      kept[at + i] = cfrc_ext[id * 6 + 3 + i]!;
      kept[at + 3 + i] = cfrc_ext[id * 6 + i]! - (arm[j]! * cfrc_ext[id * 6 + 3 + k]! - arm[k]! * cfrc_ext[id * 6 + 3 + j]!);
    }
  }

  private castRay(placed: Placed, range_m: number, kinematics: Kinematics): number {
    this.sitePose(placed, kinematics);
    rotateInto(this.pose, 3, 0, 0, 1, this.arm, 0);
    for (let i = 0; i < 3; i++) this.point[i] = this.pose[i]!;
    const { model, data, bodyIds } = this.built;
    // Typed arrays serve where its types ask for plain ones.
    const from = this.point as unknown as number[];
    const along = this.arm as unknown as number[];
    const everyGroup = null as unknown as number[];
    const distance_m = this.mujoco.mj_ray(model, data, from, along, everyGroup, true, bodyIds[placed.body]!, null, null);
    return distance_m < 0 || distance_m > range_m ? range_m : distance_m;
  }
}

function place(spec: SensorSpec, scene: SceneSpec, joints: JointReader): Placed {
  const site = 'site' in spec ? spec.site : undefined;
  return {
    spec,
    body: 'body' in spec ? scene.bodies.findIndex(({ name }) => name === spec.body) : -1,
    joint: 'joint' in spec ? joints.jointIndex(spec.joint) : -1,
    site: Float64Array.from([...(site?.position_m ?? [0, 0, 0]), ...(site ? orientationOf(site) : [0, 0, 0, 1])]),
  };
}
