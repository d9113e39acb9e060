import { assetRobot } from '../../src/scene/assets.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { observePlanar, type PlanarState, planarNames, planarRobot, scatter } from '../../src/task/planar-robot.ts';
import { driveRobot, robotCommands, robotParams, robotRanges, robotScene, sumOfSquares } from '../../src/task/robot.ts';
import { defineTask } from '../../src/task/task.ts';

const joints = ['right-hip', 'right-knee', 'right-ankle', 'left-hip', 'left-knee', 'left-ankle'];
const { robot, state, place, read } = planarRobot(assetRobot('robots/walker2d.xml'), joints);
const controlDt_s = 0.008;
const standing_m = 1.25;
const START_RANGE = 0.005;
const LARGEST_OBSERVED = 10;

function isHealthy(next: PlanarState): boolean {
  return next.height_m > 0.8 && next.height_m < 2 && Math.abs(next.pitch_rad) < 1;
}

/** Walk forward on two legs in a plane: Gymnasium's Walker2d-v5 on our engines. */
export const walker2d = defineTask({
  id: 'Walker2d-v0',
  summary: 'Walk forward on two legs in a plane without falling.',
  state,
  observationSpace: unbounded(planarNames(joints)),
  actionSpace: unitBox(joints),
  commands: robotCommands(robot),
  controlDt_s,
  horizon: 1000,
  params: robotParams,
  randomize: robotRanges,
  engines: { rapier: { step_s: 0.008, solverIterations: 4, predictionDistance_m: 0.1 }, mujoco: robot.mujoco },
  scene: (params) => robotScene(robot, params),
  initial(rng, _params, start) {
    start.height_m = standing_m;
    const noise = () => rng.uniform(-START_RANGE, START_RANGE);
    scatter(start, noise, noise);
  },
  place,
  read,
  actuate: driveRobot(robot),
  observe(now, observation) {
    observePlanar(now, observation as TypedArray, LARGEST_OBSERVED);
  },
  reward: {
    forward: { weight: 1, value: ({ state: before, next }) => (next.x_m - before.x_m) / controlDt_s },
    healthy: { weight: 1, value: ({ next }) => (isHealthy(next) ? 1 : 0) },
    effort: { weight: -1e-3, value: ({ action }) => sumOfSquares(action) },
  },
  terminated: (next) => !isHealthy(next),
});
