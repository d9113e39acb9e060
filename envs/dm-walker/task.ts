import { assetRobot } from '../../src/scene/assets.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { copyOut, type PlanarState, planarRobot } from '../../src/task/planar-robot.ts';
import { driveRobot, jointLimits, robotCommands, robotParams, robotRanges, robotScene } from '../../src/task/robot.ts';
import { RobotKinematics } from '../../src/task/robot-kinematics.ts';
import { defineTask } from '../../src/task/task.ts';
import { tolerance } from '../../src/task/tolerance.ts';

const legs = ['hip', 'knee', 'ankle'];
const joints = [...legs.map((joint) => `right-${joint}`), ...legs.map((joint) => `left-${joint}`)];
const { robot, mechanism, state, place, read } = planarRobot(assetRobot('robots/dm-walker.xml'), joints);
const kinematics = new RobotKinematics(robot, mechanism);
const positions = new Float64Array(3 + joints.length);
const velocities = new Float64Array(3 + joints.length);
const limits = joints.map((name) => jointLimits(robot, name));
/** The root's coordinate is 0 where the torso stands at this height. */
const STANDING_m = 1.3;
const STAND_HEIGHT_m = 1.2;
/** Hinges turn about −y, the root about +y. */
const JOINT_SIGN = -1;

function standing(next: PlanarState): number {
  const tall = tolerance(STANDING_m + next.height_m, STAND_HEIGHT_m, Number.POSITIVE_INFINITY, STAND_HEIGHT_m / 2);
  return (3 * tall + (1 + Math.cos(next.pitch_rad)) / 2) / 4;
}

/** Speed of the robot's centre of mass along x. */
function speed(next: PlanarState): number {
  copyOut(next, positions, velocities);
  kinematics.set(positions, velocities);
  return kinematics.velocityOfCentre(0);
}

const bodies = ['torso', ...joints];

function walkerTask(id: string, verb: string, speed_mps: number) {
  return defineTask({
    id,
    summary: `${verb} at ${speed_mps} m/s or more, upright, on two legs in a plane: dm_control.`,
    state,
    observationSpace: unbounded([
      ...bodies.flatMap((name) => [`${name}_xx`, `${name}_xz`]),
      'torsoHeight_m',
      'vz_mps',
      'vx_mps',
      'pitchRate_radps',
      ...joints.map((name) => `${name}Rate_radps`),
    ]),
    actionSpace: unitBox(joints),
    commands: robotCommands(robot),
    controlDt_s: 0.025,
    horizon: 1000,
    params: robotParams,
    randomize: robotRanges,
    engines: { rapier: { step_s: 0.0125, solverIterations: 5, predictionDistance_m: 0.1 }, mujoco: robot.mujoco },
    scene: (params) => robotScene(robot, params),
    initial(rng, _params, start) {
      start.pitch_rad = rng.uniform(-Math.PI, Math.PI);
      limits.forEach(([low, high], i) => {
        start.angles_rad[i] = rng.uniform(low, high);
      });
    },
    place,
    read,
    actuate: driveRobot(robot),
    observe(now, observation) {
      const row = observation as TypedArray;
      row[0] = Math.cos(now.pitch_rad);
      row[1] = Math.sin(now.pitch_rad);
      let turned_rad = 0;
      for (let i = 0; i < joints.length; i++) {
        // Each leg's chain begins anew at the torso.
        turned_rad = (i % legs.length === 0 ? now.pitch_rad : turned_rad) + JOINT_SIGN * now.angles_rad[i]!;
        row[2 + 2 * i] = Math.cos(turned_rad);
        row[3 + 2 * i] = Math.sin(turned_rad);
      }
      row[14] = STANDING_m + now.height_m;
      row[15] = now.vz_mps;
      row[16] = now.vx_mps;
      row[17] = now.pitchRate_radps;
      row.set(now.angleRates_radps, 18);
    },
    reward: {
      move: {
        weight: 1,
        value: ({ next }) => {
          const moving = tolerance(speed(next), speed_mps, Number.POSITIVE_INFINITY, speed_mps / 2, 'linear', 0.5);
          return (standing(next) * (5 * moving + 1)) / 6;
        },
      },
    },
  });
}

/** dm_control's walker walk on our engines. */
export const dmWalkerWalk = walkerTask('DmWalkerWalk-v0', 'Walk', 1);
/** dm_control's walker run on our engines. */
export const dmWalkerRun = walkerTask('DmWalkerRun-v0', 'Run', 8);
