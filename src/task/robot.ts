/**
 * What tasks on robots from files have in common: the state of the mechanism, how it is placed and read, and the parameters that can be varied.
 * Positions are the file's own (MuJoCo's qpos); ours plus an offset.
 */

import { jointLayout } from '../core/joints.ts';
import type { PhysicsWorld } from '../core/physics-world.ts';
import type { Ranges } from '../core/range.ts';
import type { JointSpec, SceneSpec } from '../core/scene-spec.ts';
import { wrapAngle } from '../core/state-spec.ts';
import { withParams } from '../scene/compose.ts';
import type { RobotFile } from '../scene/mjcf.ts';
import type { CommandSpec, Params } from './task.ts';

/** Parameters of what is driven by motors and touches nothing: factors on the file's own values. */
export const armParams = { massScale: 1, dampingScale: 1, motorScale: 1 } as const;
/** The same where gravity matters. */
export const mechanismParams = { ...armParams, gravity_mps2: 9.81 } as const;
/** The same where it touches the ground. */
export const robotParams = { ...mechanismParams, frictionScale: 1 } as const;

/** Ranges about these parameters that leave a robot playable. */
export const mechanismRanges: Ranges = {
  massScale: { low: 0.8, high: 1.25, scale: 'log' },
  dampingScale: { low: 0.7, high: 1.4, scale: 'log' },
  motorScale: { low: 0.8, high: 1.25, scale: 'log' },
  latency_steps: { low: 0, high: 1 },
  sensorNoise: { low: 0, high: 0.01 },
};
export const robotRanges: Ranges = { ...mechanismRanges, frictionScale: { low: 0.7, high: 1.4, scale: 'log' } };

/** The robot's scene with a task's parameters. */
export function robotScene(robot: RobotFile, params: Params): SceneSpec {
  return withParams(robot.scene, params);
}

/** One command a motor of the file, N·m or N: its control, −1 to 1 or as the file says, times its gear. */
export function robotCommands(robot: RobotFile): readonly CommandSpec[] {
  return robot.controls.map(({ actuator: name, scale, range }) => {
    const spec = robot.scene.actuators.find((actuator) => actuator.name === name)!;
    const joint = robot.scene.joints.find((one) => one.name === spec.joint)!;
    const [low, high] = range ?? [-1, 1];
    return { name, unit: joint.kind === 'slide' ? 'N' : 'N·m', low: scale * low, high: scale * high };
  });
}

/** Turns an action in the file's controls into commands. */
export function driveRobot(robot: RobotFile): (state: unknown, action: ArrayLike<number>, next: unknown, command: Float64Array) => void {
  const scales = Float64Array.from(robot.controls, ({ scale }) => scale);
  return (_state, action, _next, command) => {
    for (let i = 0; i < scales.length; i++) command[i] = scales[i]! * action[i]!;
  };
}

/** Stops of a hinge or slide in the file's own coordinate, rad or m. */
export function jointLimits(robot: RobotFile, name: string): readonly [number, number] {
  const [low, high] = robot.scene.joints.find((joint) => joint.name === name)!.limits!;
  const { offset } = robot.offsets.find((coordinate) => coordinate.name === name)!;
  return [low + offset, high + offset];
}

/** The usual price of effort. */
export function sumOfSquares(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}

/** Coordinates of a robot by the names its file gives them, both ways between a task's numbers and a world. */
export class Mechanism {
  private readonly joints: Int32Array;
  /** Which coordinate of its joint. */
  private readonly indices: Int32Array;
  private readonly offsets: Float64Array;
  private readonly turns: Uint8Array;
  private readonly positionAt: Int32Array;
  private readonly velocityAt: Int32Array;
  /** Rows of the scene's joint layout. */
  private readonly positions: Float64Array;
  private readonly velocities: Float64Array;

  /** @param names - every coordinate of the scene's hinges, slides and planar joints, in the order of the task's numbers. */
  constructor(robot: RobotFile, names: readonly string[]) {
    const { joints } = robot.scene;
    const layout = jointLayout(joints);
    const coordinates = names.map((name) => robot.offsets.find((one) => one.name === name)!);
    this.joints = Int32Array.from(coordinates, ({ joint }) => joints.findIndex(({ name }) => name === joint));
    this.indices = Int32Array.from(coordinates, ({ index }) => index);
    this.offsets = Float64Array.from(coordinates, ({ offset }) => offset);
    this.turns = Uint8Array.from(coordinates, ({ index }, i) => (turnsIn(joints[this.joints[i]!]!.kind, index) ? 1 : 0));
    this.positionAt = Int32Array.from(coordinates, ({ index }, i) => layout.positionAt[this.joints[i]!]! + index);
    this.velocityAt = Int32Array.from(coordinates, ({ index }, i) => layout.velocityAt[this.joints[i]!]! + index);
    this.positions = new Float64Array(layout.positions);
    this.velocities = new Float64Array(layout.velocities);
  }

  /** @param positions - `[names]`, the file's own coordinates (MuJoCo's qpos), rad or m. @param velocities - rad/s or m/s. */
  place(world: PhysicsWorld, positions: ArrayLike<number>, velocities: ArrayLike<number>): void {
    this.rows(positions, velocities);
    world.setJoints(this.positions, this.velocities);
  }

  /** The same as rows of the scene's joint layout; reused. */
  rows(
    positions: ArrayLike<number>,
    velocities: ArrayLike<number>,
  ): { readonly positions: Float64Array; readonly velocities: Float64Array } {
    for (let i = 0; i < this.joints.length; i++) {
      this.positions[this.positionAt[i]!] = positions[i]! - this.offsets[i]!;
      this.velocities[this.velocityAt[i]!] = velocities[i]!;
    }
    return { positions: this.positions, velocities: this.velocities };
  }

  /** Angles in (−π, π]. */
  read(world: PhysicsWorld, positions: Float64Array, velocities: Float64Array): void {
    for (let i = 0; i < this.joints.length; i++) {
      const position = world.jointPosition(this.joints[i]!, this.indices[i]!) + this.offsets[i]!;
      positions[i] = this.turns[i] ? wrapAngle(position) : position;
      velocities[i] = world.jointVelocity(this.joints[i]!, this.indices[i]!);
    }
  }
}

function turnsIn(kind: JointSpec['kind'], index: number): boolean {
  return kind === 'hinge' || (kind === 'planar' && index === 2);
}

/** What a task calls a coordinate of its robot file: its position and its velocity, both scalar entries of the state. */
export type NamedCoordinate = readonly [coordinate: string, position: string, velocity: string];

/** Placing and reading of a task whose state names every coordinate of its robot. */
export function namedCoordinates(robot: RobotFile, names: readonly NamedCoordinate[]) {
  const mechanism = new Mechanism(
    robot,
    names.map(([coordinate]) => coordinate),
  );
  const positions = new Float64Array(names.length);
  const velocities = new Float64Array(names.length);
  /** A state's numbers in the mechanism's order; reused. */
  const rowsOf = (state: object): { readonly positions: Float64Array; readonly velocities: Float64Array } => {
    const values = state as Readonly<Record<string, number>>;
    for (let i = 0; i < names.length; i++) {
      positions[i] = values[names[i]![1]]!;
      velocities[i] = values[names[i]![2]]!;
    }
    return { positions, velocities };
  };
  return {
    mechanism,
    rowsOf,
    place(world: PhysicsWorld, state: object): void {
      rowsOf(state);
      mechanism.place(world, positions, velocities);
    },
    read(world: PhysicsWorld, state: object): void {
      mechanism.read(world, positions, velocities);
      const values = state as Record<string, number>;
      for (let i = 0; i < names.length; i++) {
        values[names[i]![1]] = positions[i]!;
        values[names[i]![2]] = velocities[i]!;
      }
    },
  };
}
