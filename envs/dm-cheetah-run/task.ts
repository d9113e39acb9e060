import { wrapAngle } from '../../src/core/state-spec.ts';
import { assetRobot } from '../../src/scene/assets.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { copyOut, observePlanar, type PlanarState, planarNames, planarRobot } from '../../src/task/planar-robot.ts';
import { driveRobot, jointLimits, robotCommands, robotParams, robotRanges, robotScene } from '../../src/task/robot.ts';
import { RobotKinematics } from '../../src/task/robot-kinematics.ts';
import { defineTask } from '../../src/task/task.ts';
import { tolerance } from '../../src/task/tolerance.ts';

const joints = ['back-hip', 'back-knee', 'back-ankle', 'front-hip', 'front-knee', 'front-ankle'];
const { robot, mechanism, state, place, read } = planarRobot(assetRobot('robots/dm-cheetah.xml'), joints);
const kinematics = new RobotKinematics(robot, mechanism);
const positions = new Float64Array(3 + joints.length);
const velocities = new Float64Array(3 + joints.length);
const limits = joints.map((name) => jointLimits(robot, name));
/** The back ankle's range reaches past −π: an angle is observed within half a turn of the middle, so that it never jumps. */
const middles_rad = limits.map(([low, high]) => (low + high) / 2);
const RUN_SPEED_mps = 10;

function pose(now: PlanarState): void {
  copyOut(now, positions, velocities);
  kinematics.set(positions, velocities);
}

/** Run forward: dm_control's cheetah run on our engines. `height_m` is measured from the rest pose. */
export const dmCheetahRun = defineTask({
  id: 'DmCheetahRun-v0',
  summary: 'Run forward as fast as 10 m/s, a two-legged animal cut in half lengthwise: dm_control.',
  state,
  observationSpace: unbounded(planarNames(joints)),
  actionSpace: unitBox(joints),
  commands: robotCommands(robot),
  controlDt_s: 0.01,
  horizon: 1000,
  params: robotParams,
  randomize: robotRanges,
  engines: { rapier: { step_s: 0.01, solverIterations: 4, predictionDistance_m: 0.1 }, mujoco: robot.mujoco },
  scene: (params) => robotScene(robot, params),
  initial(rng, _params, start) {
    limits.forEach(([low, high], i) => {
      start.angles_rad[i] = wrapAngle(rng.uniform(low, high));
    });
    // dm_control lets it fall and settle for two seconds; ours is set onto the ground.
    pose(start);
    start.height_m -= kinematics.lowest();
  },
  place,
  read,
  actuate: driveRobot(robot),
  observe(now, observation) {
    const row = observation as TypedArray;
    observePlanar(now, row);
    middles_rad.forEach((middle_rad, i) => {
      row[2 + i] = middle_rad + wrapAngle(now.angles_rad[i]! - middle_rad);
    });
  },
  reward: {
    run: {
      weight: 1,
      value: ({ next }) => {
        pose(next);
        return tolerance(kinematics.velocityOfCentre(0), RUN_SPEED_mps, Number.POSITIVE_INFINITY, RUN_SPEED_mps, 'linear');
      },
    },
  },
});
