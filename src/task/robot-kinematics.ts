import type { ShapeForm } from '../core/scene-spec.ts';
import { rotateInto } from '../math/rotation.ts';
import { angularVelocityAt, bodyStateSize, jointTree, orientationAt, placeChild, velocityAt } from '../physics/joint-tree.ts';
import { orientationOf } from '../physics/scene-check.ts';
import type { RobotFile } from '../scene/mjcf.ts';
import type { Mechanism } from './robot.ts';

/**
 * Where the bodies of a robot are and how they move in a given state, without any engine: what observations and rewards need beyond coordinates.
 * Robots that stand on fixed bodies or move in a plane; nothing here allocates after construction.
 */
export class RobotKinematics {
  /** float64 `[bodies, 13]`, scene order: m, quaternion x, y, z, w, m/s of the body's origin, rad/s; world frame. */
  readonly bodies: Float64Array;
  readonly mass_kg: number;
  private readonly robot: RobotFile;
  private readonly tree;
  private readonly mechanism: Mechanism;
  private readonly masses_kg: Float64Array;
  /** `[bodies, 3]`, in the body frame. */
  private readonly centres: Float64Array;
  private readonly arm = new Float64Array(3);

  /** @param mechanism - of the same robot; its coordinates are those given to `set`. */
  constructor(robot: RobotFile, mechanism: Mechanism) {
    const { bodies } = robot.scene;
    this.robot = robot;
    this.mechanism = mechanism;
    this.tree = jointTree(robot.scene);
    this.bodies = new Float64Array(bodies.length * bodyStateSize);
    bodies.forEach(({ pose }, body) => {
      this.bodies.set(pose.position_m, body * bodyStateSize);
      this.bodies.set(orientationOf(pose), body * bodyStateSize + orientationAt);
    });
    this.masses_kg = Float64Array.from(bodies, ({ inertial }) => inertial?.mass_kg ?? 0);
    this.centres = Float64Array.from(bodies.flatMap(({ inertial }) => [...(inertial?.centreOfMass_m ?? [0, 0, 0])]));
    this.mass_kg = this.masses_kg.reduce((sum, mass) => sum + mass, 0);
  }

  /** @param positions - the mechanism's coordinates. @param velocities - likewise. */
  set(positions: ArrayLike<number>, velocities: ArrayLike<number>): void {
    const rows = this.mechanism.rows(positions, velocities);
    for (const joint of this.tree.order) placeChild(this.tree.joints[joint]!, rows.positions, rows.velocities, this.bodies);
  }

  bodyIndex(name: string): number {
    return this.robot.scene.bodies.findIndex((body) => body.name === name);
  }

  /** Element `axis` of a body's centre of mass, m, world frame. */
  centre(body: number, axis: 0 | 1 | 2): number {
    this.setArm(body);
    return this.bodies[body * bodyStateSize + axis]! + this.arm[axis]!;
  }

  /** Element `axis` of the velocity of the whole robot's centre of mass, m/s, world frame. */
  velocityOfCentre(axis: 0 | 1 | 2): number {
    const [j, k] = [(axis + 1) % 3, (axis + 2) % 3];
    let sum = 0;
    for (let body = 0; body < this.masses_kg.length; body++) {
      if (this.masses_kg[body] === 0) continue;
      this.setArm(body);
      const turning = body * bodyStateSize + angularVelocityAt;
      const swing = this.bodies[turning + j]! * this.arm[k]! - this.bodies[turning + k]! * this.arm[j]!;
      sum += this.masses_kg[body]! * (this.bodies[body * bodyStateSize + velocityAt + axis]! + swing);
    }
    return sum / this.mass_kg;
  }

  /** Lowest point of spheres and capsules of dynamic bodies, m, world frame. */
  lowest(): number {
    let low = Number.POSITIVE_INFINITY;
    this.robot.scene.bodies.forEach(({ kind, shapes }, body) => {
      if (kind !== 'dynamic') return;
      for (const { form, pose } of shapes) {
        const [x, y, z] = pose?.position_m ?? [0, 0, 0];
        rotateInto(this.bodies, body * bodyStateSize + orientationAt, x, y, z, this.arm, 0);
        const middle = this.bodies[body * bodyStateSize + 2]! + this.arm[2]!;
        const [ax, ay, az] = axisOf(pose ? orientationOf(pose) : [0, 0, 0, 1]);
        rotateInto(this.bodies, body * bodyStateSize + orientationAt, ax, ay, az, this.arm, 0);
        low = Math.min(low, middle - Math.abs(this.arm[2]!) * halfLengthOf(form) - radiusOf(form));
      }
    });
    return low;
  }

  private setArm(body: number): void {
    const at = body * bodyStateSize + orientationAt;
    rotateInto(this.bodies, at, this.centres[3 * body]!, this.centres[3 * body + 1]!, this.centres[3 * body + 2]!, this.arm, 0);
  }
}

/** A shape's own z axis in its body. */
function axisOf([x, y, z, w]: readonly [number, number, number, number]): readonly [number, number, number] {
  return [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)];
}

function halfLengthOf(form: ShapeForm): number {
  return form.kind === 'capsule' ? form.halfLength_m : 0;
}

function radiusOf(form: ShapeForm): number {
  return form.kind === 'capsule' || form.kind === 'sphere' ? form.radius_m : 0;
}
