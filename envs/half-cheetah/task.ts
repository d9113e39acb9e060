import { assetRobot } from '../../src/scene/assets.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { observePlanar, planarNames, planarRobot, scatter } from '../../src/task/planar-robot.ts';
import { driveRobot, robotCommands, robotParams, robotRanges, robotScene, sumOfSquares } from '../../src/task/robot.ts';
import { defineTask } from '../../src/task/task.ts';

const joints = ['back-hip', 'back-knee', 'back-ankle', 'front-hip', 'front-knee', 'front-ankle'];
const { robot, state, place, read } = planarRobot(assetRobot('robots/half-cheetah.xml'), joints);
const controlDt_s = 0.05;
const START_RANGE = 0.1;

/** Run forward on two legs in a plane: Gymnasium's HalfCheetah-v5 on our engines. `height_m` is measured from the rest pose. */
export const halfCheetah = defineTask({
  id: 'HalfCheetah-v0',
  summary: 'Run forward as fast as possible, a two-legged animal cut in half lengthwise.',
  state,
  observationSpace: unbounded(planarNames(joints)),
  actionSpace: unitBox(joints),
  commands: robotCommands(robot),
  controlDt_s,
  horizon: 1000,
  solvedAt: 4800,
  params: robotParams,
  randomize: robotRanges,
  engines: { rapier: { step_s: 0.05, solverIterations: 20, predictionDistance_m: 0.2 }, mujoco: { ...robot.mujoco, integrator: 'euler' } },
  scene: (params) => robotScene(robot, params),
  initial(rng, _params, start) {
    scatter(
      start,
      () => rng.uniform(-START_RANGE, START_RANGE),
      () => START_RANGE * rng.normal(),
    );
  },
  place,
  read,
  actuate: driveRobot(robot),
  observe(now, observation) {
    observePlanar(now, observation as TypedArray);
  },
  reward: {
    forward: { weight: 1, value: ({ state: before, next }) => (next.x_m - before.x_m) / controlDt_s },
    effort: { weight: -0.1, value: ({ action }) => sumOfSquares(action) },
  },
});
