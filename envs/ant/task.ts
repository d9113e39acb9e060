import type { MutableStateView, StateView } from '../../src/core/state-spec.ts';
import { rotateBackInto, rotateInto } from '../../src/math/rotation.ts';
import { assetRobot } from '../../src/scene/assets.ts';
import { withSensors } from '../../src/scene/compose.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { clip } from '../../src/task/planar-robot.ts';
import { driveRobot, Mechanism, robotCommands, robotParams, robotRanges, robotScene, sumOfSquares } from '../../src/task/robot.ts';
import { defineTask } from '../../src/task/task.ts';

const robot = assetRobot('robots/ant.xml');
/** As the observation has them. */
const joints = ['front-left', 'front-right', 'back-left', 'back-right'].flatMap((leg) => [`${leg}-hip`, `${leg}-ankle`]);
const bodies = robot.scene.bodies.filter(({ kind }) => kind === 'dynamic').map(({ name }) => name);
const wrenchSensors = bodies.map((body) => ({ name: `${body}-contact`, kind: 'contactWrench', body, about: 'robot' }) as const);
const TORSO = robot.scene.bodies.findIndex(({ name }) => name === 'torso');
const mechanism = new Mechanism(robot, joints);
const positions = new Float64Array(joints.length);
const velocities = new Float64Array(joints.length);
const pose = new Float64Array(7);
const motion = new Float64Array(6);
const wrench = new Float64Array(6);
const WRENCH_SIZE = 6;
const controlDt_s = 0.05;
const START_RANGE = 0.1;
const standing_m = 0.75;

const wrenchNames = bodies.flatMap((body) => ['tx', 'ty', 'tz', 'fx', 'fy', 'fz'].map((part) => `${body}-contact_${part}`));

const state = {
  position_m: { role: 'dynamic', kind: 'length', unit: 'm', size: 3 },
  orientation_xyzw: { role: 'dynamic', kind: 'quaternion', unit: '1', size: 4 },
  angles_rad: { role: 'dynamic', kind: 'angle', unit: 'rad', size: joints.length },
  /** Of the torso's middle, world frame. */
  velocity_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s', size: 3 },
  /** In the torso's frame. */
  turning_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s', size: 3 },
  angleRates_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s', size: joints.length },
  /** Torque N·m about the robot's centre of mass, then force N, of what touches each body, world frame; of the last physics step. */
  contacts: { role: 'signal', kind: 'wrench', unit: 'N', size: WRENCH_SIZE * bodies.length },
} as const;
type AntState = StateView<typeof state>;

function isHealthy(next: AntState): boolean {
  const height_m = next.position_m[2]!;
  return height_m >= 0.2 && height_m <= 1;
}

/** Sum of squares of what touches, each part cut at 1. */
function pressure(contacts: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < contacts.length; i++) {
    const part = clip(contacts[i]!, 1);
    sum += part * part;
  }
  return sum;
}

/** Walk forward on four legs: Gymnasium's Ant-v5 on our engines. */
export const ant = defineTask({
  id: 'Ant-v0',
  summary: 'Walk forward on four legs without falling.',
  state,
  observationSpace: unbounded([
    'height_m',
    ...['w', 'x', 'y', 'z'].map((part) => `orientation_${part}`),
    ...joints.map((name) => `${name}_rad`),
    ...['x', 'y', 'z'].map((axis) => `v${axis}_mps`),
    ...['x', 'y', 'z'].map((axis) => `turning_${axis}_radps`),
    ...joints.map((name) => `${name}Rate_radps`),
    ...wrenchNames,
  ]),
  actionSpace: unitBox(robot.controls.map(({ actuator }) => actuator)),
  quiet: wrenchNames,
  commands: robotCommands(robot),
  controlDt_s,
  horizon: 1000,
  solvedAt: 6000,
  params: robotParams,
  randomize: robotRanges,
  engines: { rapier: { step_s: 0.05, solverIterations: 19, predictionDistance_m: 0.12 }, mujoco: robot.mujoco },
  scene: (params) => withSensors(robotScene(robot, params), wrenchSensors),
  initial(rng, _params, start) {
    const noise = () => rng.uniform(-START_RANGE, START_RANGE);
    start.position_m.set([noise(), noise(), standing_m + noise()]);
    const [w, x, y, z] = [1 + noise(), noise(), noise(), noise()] as const;
    const length = Math.sqrt(w * w + x * x + y * y + z * z);
    start.orientation_xyzw.set([x / length, y / length, z / length, w / length]);
    for (let i = 0; i < joints.length; i++) start.angles_rad[i] = noise();
    const speed = () => START_RANGE * rng.normal();
    for (const row of [start.velocity_mps, start.turning_radps, start.angleRates_radps])
      for (let i = 0; i < row.length; i++) row[i] = speed();
  },
  place(world, from) {
    mechanism.place(world, from.angles_rad, from.angleRates_radps);
    pose.set(from.position_m);
    pose.set(from.orientation_xyzw, 3);
    motion.set(from.velocity_mps);
    rotateInto(from.orientation_xyzw, 0, from.turning_radps[0]!, from.turning_radps[1]!, from.turning_radps[2]!, motion, 3);
    world.setBody(TORSO, pose, motion);
  },
  read(world, into) {
    mechanism.read(world, positions, velocities);
    into.angles_rad.set(positions);
    into.angleRates_radps.set(velocities);
    world.bodyPose(TORSO, pose);
    world.bodyVelocity(TORSO, motion);
    into.position_m.set(pose.subarray(0, 3));
    into.orientation_xyzw.set(pose.subarray(3));
    into.velocity_mps.set(motion.subarray(0, 3));
    rotateBackInto(into.orientation_xyzw, 0, motion[3]!, motion[4]!, motion[5]!, into.turning_radps, 0);
    readContacts(world, into);
  },
  actuate: driveRobot(robot),
  observe(now, observation) {
    const row = observation as TypedArray;
    const [x, y, z, w] = now.orientation_xyzw as unknown as [number, number, number, number];
    row[0] = now.position_m[2]!;
    row[1] = w;
    row[2] = x;
    row[3] = y;
    row[4] = z;
    row.set(now.angles_rad, 5);
    row.set(now.velocity_mps, 13);
    row.set(now.turning_radps, 16);
    row.set(now.angleRates_radps, 19);
    const { contacts } = now;
    for (let i = 0; i < contacts.length; i++) row[27 + i] = clip(contacts[i]!, 1);
  },
  reward: {
    forward: { weight: 1, value: ({ state: before, next }) => (next.position_m[0]! - before.position_m[0]!) / controlDt_s },
    healthy: { weight: 1, value: ({ next }) => (isHealthy(next) ? 1 : 0) },
    effort: { weight: -0.5, value: ({ action }) => sumOfSquares(action) },
    contact: { weight: -5e-4, value: ({ next }) => pressure(next.contacts) },
  },
  terminated: (next) => !isHealthy(next),
});

function readContacts(world: Parameters<typeof ant.read>[0], into: MutableStateView<typeof state>): void {
  const { contacts } = into;
  for (let i = 0; i < bodies.length; i++) {
    world.readSensor(i, wrench);
    for (let k = 0; k < 3; k++) {
      contacts[WRENCH_SIZE * i + k] = wrench[3 + k]!;
      contacts[WRENCH_SIZE * i + 3 + k] = wrench[k]!;
    }
  }
}
