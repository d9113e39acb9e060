import { assetRobot } from '../../src/scene/assets.ts';
import { withSensors } from '../../src/scene/compose.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { copyOut, observePlanar, type PlanarState, planarNames, planarRobot } from '../../src/task/planar-robot.ts';
import { driveRobot, jointLimits, robotCommands, robotParams, robotRanges, robotScene } from '../../src/task/robot.ts';
import { RobotKinematics } from '../../src/task/robot-kinematics.ts';
import { defineTask } from '../../src/task/task.ts';
import { tolerance } from '../../src/task/tolerance.ts';

const joints = ['waist', 'hip', 'knee', 'ankle'];
const planar = planarRobot(assetRobot('robots/dm-hopper.xml'), joints);
const { robot, mechanism, place } = planar;
const kinematics = new RobotKinematics(robot, mechanism);
const positions = new Float64Array(3 + joints.length);
const velocities = new Float64Array(3 + joints.length);
const limits = joints.map((name) => jointLimits(robot, name));
const [TORSO, FOOT] = [kinematics.bodyIndex('torso'), kinematics.bodyIndex('foot')];
const STAND_HEIGHT_m = 0.6;
const HOP_SPEED_mps = 2;
/** Toe and heel seen from the foot's centre of mass, along the foot. */
const centre_m = robot.scene.bodies[FOOT]!.inertial!.centreOfMass_m![0];
const [TOE_m, HEEL_m] = [0.17 - centre_m, -0.08 - centre_m];
const wrench = new Float64Array(6);
const pressSensor = { name: 'foot-contact', kind: 'contactWrench', body: 'foot' } as const;

const state = {
  ...planar.state,
  /** What presses on toe and heel. */
  touch_N: { role: 'signal', kind: 'force', unit: 'N', size: 2 },
} as const;

function pose(now: PlanarState): void {
  copyOut(now, positions, velocities);
  kinematics.set(positions, velocities);
}

/** Hop forward on one leg: dm_control's hopper hop on our engines. `height_m` is measured from the rest pose. */
export const dmHopperHop = defineTask({
  id: 'DmHopperHop-v0',
  summary: 'Hop forward at 2 m/s or more on one leg, upright: dm_control.',
  state,
  observationSpace: unbounded([...planarNames(joints), 'logToe', 'logHeel']),
  actionSpace: unitBox(joints),
  commands: robotCommands(robot),
  controlDt_s: 0.02,
  horizon: 1000,
  params: robotParams,
  randomize: robotRanges,
  engines: { rapier: { step_s: 0.01, solverIterations: 4, predictionDistance_m: 0.1 }, mujoco: robot.mujoco },
  scene: (params) => withSensors(robotScene(robot, params), [pressSensor]),
  initial(rng, _params, start) {
    start.pitch_rad = rng.uniform(-Math.PI, Math.PI);
    limits.forEach(([low, high], i) => {
      start.angles_rad[i] = rng.uniform(low, high);
    });
  },
  place: (world, from) => place(world, from),
  read(world, into) {
    planar.read(world, into);
    // The ground presses up at both ends of the foot: two forces with the sum and the torque that the sensor has.
    world.readSensor(0, wrench);
    const upward = Math.max(0, wrench[2]!);
    const levelled = -wrench[4]!;
    const toe = Math.min(upward, Math.max(0, (levelled - HEEL_m * upward) / (TOE_m - HEEL_m)));
    into.touch_N[0] = toe;
    into.touch_N[1] = upward - toe;
  },
  actuate: driveRobot(robot),
  observe(now, observation) {
    const row = observation as TypedArray;
    observePlanar(now, row);
    const at = 5 + 2 * joints.length;
    row[at] = Math.log1p(now.touch_N[0]!);
    row[at + 1] = Math.log1p(now.touch_N[1]!);
  },
  reward: {
    hop: {
      weight: 1,
      value: ({ next }) => {
        pose(next);
        const height_m = kinematics.centre(TORSO, 2) - kinematics.centre(FOOT, 2);
        const speed_mps = kinematics.velocityOfCentre(0);
        const hopping = tolerance(speed_mps, HOP_SPEED_mps, Number.POSITIVE_INFINITY, HOP_SPEED_mps / 2, 'linear', 0.5);
        return tolerance(height_m, STAND_HEIGHT_m, 2) * hopping;
      },
    },
  },
});
