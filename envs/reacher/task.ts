import { assetRobot } from '../../src/scene/assets.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { armParams, driveRobot, mechanismRanges, namedCoordinates, robotCommands, robotScene, sumOfSquares } from '../../src/task/robot.ts';
import { defineTask } from '../../src/task/task.ts';

const robot = assetRobot('robots/reacher.xml');
const { place, read } = namedCoordinates(robot, [
  ['shoulder', 'shoulder_rad', 'shoulderRate_radps'],
  ['elbow', 'elbow_rad', 'elbowRate_radps'],
]);
const UPPER_ARM_m = 0.1;
/** To the middle of the fingertip. */
const FOREARM_m = 0.11;
const HEIGHT_m = 0.01;
const START_ANGLE_rad = 0.1;
const START_SPEED_radps = 0.005;
const REACH_m = 0.2;

interface Arm {
  readonly shoulder_rad: number;
  readonly elbow_rad: number;
  readonly target_m: Float64Array;
}

function missX(state: Arm): number {
  return UPPER_ARM_m * Math.cos(state.shoulder_rad) + FOREARM_m * Math.cos(state.shoulder_rad + state.elbow_rad) - state.target_m[0]!;
}

function missY(state: Arm): number {
  return UPPER_ARM_m * Math.sin(state.shoulder_rad) + FOREARM_m * Math.sin(state.shoulder_rad + state.elbow_rad) - state.target_m[1]!;
}

/** Bring the tip of a two-link arm to a target: Gymnasium's Reacher-v5 on our engines. */
export const reacher = defineTask({
  id: 'Reacher-v0',
  summary: 'Bring the tip of an arm of two links to a target in the plane.',
  state: {
    shoulder_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    elbow_rad: { role: 'dynamic', kind: 'angle', unit: 'rad', limits: [-3, 3] },
    shoulderRate_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
    elbowRate_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
    target_m: { role: 'context', kind: 'length', unit: 'm', size: 2 },
  },
  observationSpace: unbounded([
    'cosShoulder',
    'cosElbow',
    'sinShoulder',
    'sinElbow',
    'targetX_m',
    'targetY_m',
    'shoulderRate_radps',
    'elbowRate_radps',
    'missX_m',
    'missY_m',
  ]),
  actionSpace: unitBox(['shoulder', 'elbow']),
  commands: robotCommands(robot),
  controlDt_s: 0.02,
  horizon: 50,
  solvedAt: -3.75,
  params: armParams,
  randomize: mechanismRanges,
  engines: { rapier: { step_s: 0.02, solverIterations: 10 }, mujoco: robot.mujoco },
  scene: (params) => robotScene(robot, params),
  initial(rng, _params, start) {
    start.shoulder_rad = rng.uniform(-START_ANGLE_rad, START_ANGLE_rad);
    start.elbow_rad = rng.uniform(-START_ANGLE_rad, START_ANGLE_rad);
    do {
      start.target_m[0] = rng.uniform(-REACH_m, REACH_m);
      start.target_m[1] = rng.uniform(-REACH_m, REACH_m);
    } while (Math.hypot(start.target_m[0]!, start.target_m[1]!) >= REACH_m);
    start.shoulderRate_radps = rng.uniform(-START_SPEED_radps, START_SPEED_radps);
    start.elbowRate_radps = rng.uniform(-START_SPEED_radps, START_SPEED_radps);
  },
  place,
  read,
  actuate: driveRobot(robot),
  observe(state, observation) {
    const row = observation as TypedArray;
    row[0] = Math.cos(state.shoulder_rad);
    row[1] = Math.cos(state.elbow_rad);
    row[2] = Math.sin(state.shoulder_rad);
    row[3] = Math.sin(state.elbow_rad);
    row[4] = state.target_m[0]!;
    row[5] = state.target_m[1]!;
    row[6] = state.shoulderRate_radps;
    row[7] = state.elbowRate_radps;
    row[8] = missX(state);
    row[9] = missY(state);
  },
  infer(observation, state) {
    const row = observation as TypedArray;
    state.shoulder_rad = Math.atan2(row[2]!, row[0]!);
    state.elbow_rad = Math.atan2(row[3]!, row[1]!);
    state.target_m[0] = row[4]!;
    state.target_m[1] = row[5]!;
    state.shoulderRate_radps = row[6]!;
    state.elbowRate_radps = row[7]!;
  },
  reward: {
    distance: { weight: -1, value: ({ next }) => Math.hypot(missX(next), missY(next)) },
    effort: { weight: -1, value: ({ action }) => sumOfSquares(action) },
  },
  markers: [
    {
      name: 'target',
      shapes: [{ form: { kind: 'sphere', radius_m: 0.009 }, colour: '#cc4040' }],
      place(state, pose) {
        pose[0] = state.target_m[0]!;
        pose[1] = state.target_m[1]!;
        pose[2] = HEIGHT_m;
      },
    },
  ],
});
