import { wrapAngle } from '../../src/core/state-spec.ts';
import { assetRobot } from '../../src/scene/assets.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { armParams, driveRobot, mechanismRanges, namedCoordinates, robotCommands, robotScene } from '../../src/task/robot.ts';
import { defineTask, type Marker } from '../../src/task/task.ts';

const robot = assetRobot('robots/dm-reacher.xml');
const { place, read } = namedCoordinates(robot, [
  ['shoulder', 'shoulder_rad', 'shoulderRate_radps'],
  ['wrist', 'wrist_rad', 'wristRate_radps'],
]);
/** Of both links, to the middle of the finger. */
const LINK_m = 0.12;
const FINGER_RADIUS_m = 0.01;
const HEIGHT_m = 0.01;
const WRIST_RANGE_rad = (160 * Math.PI) / 180;
const [NEAREST_m, FURTHEST_m] = [0.05, 0.2];

const state = {
  shoulder_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
  wrist_rad: { role: 'dynamic', kind: 'angle', unit: 'rad', limits: [-WRIST_RANGE_rad, WRIST_RANGE_rad] },
  shoulderRate_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
  wristRate_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
  target_m: { role: 'context', kind: 'length', unit: 'm', size: 2 },
} as const;

interface Arm {
  readonly shoulder_rad: number;
  readonly wrist_rad: number;
  readonly target_m: Float64Array;
}

/** From the finger to the target. */
function missX(state: Arm): number {
  return state.target_m[0]! - LINK_m * (Math.cos(state.shoulder_rad) + Math.cos(state.shoulder_rad + state.wrist_rad));
}

function missY(state: Arm): number {
  return state.target_m[1]! - LINK_m * (Math.sin(state.shoulder_rad) + Math.sin(state.shoulder_rad + state.wrist_rad));
}

/** The target as pictures show it. */
function mark(radius_m: number): Marker<typeof state> {
  return {
    name: 'target',
    shapes: [{ form: { kind: 'sphere', radius_m }, colour: '#cc4040' }],
    place(now, pose) {
      pose[0] = now.target_m[0]!;
      pose[1] = now.target_m[1]!;
      pose[2] = HEIGHT_m;
    },
  };
}

function reacherTask(id: string, size: string, targetRadius_m: number) {
  return defineTask({
    id,
    summary: `Bring the finger of a weak arm onto a ${size} target and keep it there: dm_control, sparse reward.`,
    state,
    observationSpace: unbounded(['shoulder_rad', 'wrist_rad', 'toTargetX_m', 'toTargetY_m', 'shoulderRate_radps', 'wristRate_radps']),
    actionSpace: unitBox(['shoulder', 'wrist']),
    commands: robotCommands(robot),
    controlDt_s: 0.02,
    horizon: 1000,
    params: armParams,
    randomize: mechanismRanges,
    engines: { rapier: { step_s: 0.02, solverIterations: 8 }, mujoco: { step_s: 0.01, integrator: 'rk4' } },
    scene: (params) => robotScene(robot, params),
    initial(rng, _params, start) {
      start.shoulder_rad = wrapAngle(rng.uniform(-Math.PI, Math.PI));
      start.wrist_rad = rng.uniform(-WRIST_RANGE_rad, WRIST_RANGE_rad);
      const [direction_rad, distance_m] = [rng.uniform(0, 2 * Math.PI), rng.uniform(NEAREST_m, FURTHEST_m)];
      start.target_m[0] = distance_m * Math.sin(direction_rad);
      start.target_m[1] = distance_m * Math.cos(direction_rad);
    },
    place,
    read,
    actuate: driveRobot(robot),
    observe(now, observation) {
      const row = observation as TypedArray;
      row[0] = now.shoulder_rad;
      row[1] = now.wrist_rad;
      row[2] = missX(now);
      row[3] = missY(now);
      row[4] = now.shoulderRate_radps;
      row[5] = now.wristRate_radps;
    },
    infer(observation, now) {
      const row = observation as TypedArray;
      now.shoulder_rad = row[0]!;
      now.wrist_rad = row[1]!;
      now.target_m[0] = 0;
      now.target_m[1] = 0;
      const [x, y] = [missX(now), missY(now)];
      now.target_m[0] = row[2]! - x;
      now.target_m[1] = row[3]! - y;
      now.shoulderRate_radps = row[4]!;
      now.wristRate_radps = row[5]!;
    },
    reward: {
      onTarget: { weight: 1, value: ({ next }) => (Math.hypot(missX(next), missY(next)) <= targetRadius_m + FINGER_RADIUS_m ? 1 : 0) },
    },
    markers: [mark(targetRadius_m)],
  });
}

/** dm_control's reacher easy on our engines. */
export const dmReacherEasy = reacherTask('DmReacherEasy-v0', 'large', 0.05);
/** dm_control's reacher hard on our engines. */
export const dmReacherHard = reacherTask('DmReacherHard-v0', 'small', 0.015);
