import type { PhysicsWorld } from '../core/physics-world.ts';
import type { MutableStateView, StateView } from '../core/state-spec.ts';
import type { RobotFile } from '../scene/mjcf.ts';
import { Mechanism } from './robot.ts';

/** Coordinates of a root that moves in the x–z plane. */
const root = ['root-x', 'root-z', 'root-pitch'] as const;

/** State of a robot in the x–z plane: its root, then its joints in the order they were named. */
function planarState(joints: number) {
  return {
    x_m: { role: 'dynamic', kind: 'length', unit: 'm' },
    height_m: { role: 'dynamic', kind: 'length', unit: 'm' },
    pitch_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    angles_rad: { role: 'dynamic', kind: 'angle', unit: 'rad', size: joints },
    vx_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
    vz_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
    pitchRate_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
    angleRates_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s', size: joints },
  } as const;
}

export type PlanarShape = ReturnType<typeof planarState>;
export type PlanarState = StateView<PlanarShape>;
type MutablePlanarState = MutableStateView<PlanarShape>;

/**
 * State, placing and reading of a robot whose root slides along x and z and pitches about y; the file calls these `root-x`, `root-z` and `root-pitch`.
 * @param joints - its hinges, in the order of the state.
 */
export function planarRobot(robot: RobotFile, joints: readonly string[]) {
  const mechanism = new Mechanism(robot, [...root, ...joints]);
  const positions = new Float64Array(root.length + joints.length);
  const velocities = new Float64Array(root.length + joints.length);
  return {
    robot,
    mechanism,
    state: planarState(joints.length),
    place(world: PhysicsWorld, state: PlanarState): void {
      copyOut(state, positions, velocities);
      mechanism.place(world, positions, velocities);
    },
    read(world: PhysicsWorld, state: MutablePlanarState): void {
      mechanism.read(world, positions, velocities);
      copyIn(state, positions, velocities);
    },
  };
}

/** Writes x, z, pitch and angles, and their rates: MuJoCo's qpos and qvel. */
export function copyOut(state: PlanarState, positions: Float64Array, velocities: Float64Array): void {
  positions[0] = state.x_m;
  positions[1] = state.height_m;
  positions[2] = state.pitch_rad;
  positions.set(state.angles_rad, root.length);
  velocities[0] = state.vx_mps;
  velocities[1] = state.vz_mps;
  velocities[2] = state.pitchRate_radps;
  velocities.set(state.angleRates_radps, root.length);
}

/** The reverse. */
export function copyIn(state: MutablePlanarState, positions: Float64Array, velocities: Float64Array): void {
  state.x_m = positions[0]!;
  state.height_m = positions[1]!;
  state.pitch_rad = positions[2]!;
  state.angles_rad.set(positions.subarray(root.length));
  state.vx_mps = velocities[0]!;
  state.vz_mps = velocities[1]!;
  state.pitchRate_radps = velocities[2]!;
  state.angleRates_radps.set(velocities.subarray(root.length));
}

/** Adds noise of one kind to every position and of another to every velocity, in that order. */
export function scatter(state: MutablePlanarState, position: () => number, velocity: () => number): void {
  state.x_m += position();
  state.height_m += position();
  state.pitch_rad += position();
  for (let i = 0; i < state.angles_rad.length; i++) state.angles_rad[i]! += position();
  state.vx_mps += velocity();
  state.vz_mps += velocity();
  state.pitchRate_radps += velocity();
  for (let i = 0; i < state.angleRates_radps.length; i++) state.angleRates_radps[i]! += velocity();
}

/** Observes everything but x: height, pitch and angles, then all rates, these clipped to ±`limit`. */
export function observePlanar(state: PlanarState, row: { [index: number]: number }, limit = Number.POSITIVE_INFINITY): void {
  const { angles_rad, angleRates_radps } = state;
  const joints = angles_rad.length;
  row[0] = state.height_m;
  row[1] = state.pitch_rad;
  for (let i = 0; i < joints; i++) row[2 + i] = angles_rad[i]!;
  const at = 2 + joints;
  row[at] = clip(state.vx_mps, limit);
  row[at + 1] = clip(state.vz_mps, limit);
  row[at + 2] = clip(state.pitchRate_radps, limit);
  for (let i = 0; i < joints; i++) row[at + 3 + i] = clip(angleRates_radps[i]!, limit);
}

/** Names of what `observePlanar` writes. */
export function planarNames(joints: readonly string[]): string[] {
  return [
    'height_m',
    'pitch_rad',
    ...joints.map((name) => `${name}_rad`),
    'vx_mps',
    'vz_mps',
    'pitchRate_radps',
    ...joints.map((name) => `${name}Rate_radps`),
  ];
}

export function clip(value: number, limit: number): number {
  return Math.min(limit, Math.max(-limit, value));
}
