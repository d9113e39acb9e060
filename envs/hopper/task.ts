import { assetRobot } from '../../src/scene/assets.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { observePlanar, type PlanarState, planarNames, planarRobot, scatter } from '../../src/task/planar-robot.ts';
import { driveRobot, robotCommands, robotParams, robotRanges, robotScene, sumOfSquares } from '../../src/task/robot.ts';
import { defineTask } from '../../src/task/task.ts';

const joints = ['hip', 'knee', 'ankle'];
const { robot, state, place, read } = planarRobot(assetRobot('robots/hopper.xml'), joints);
const controlDt_s = 0.008;
const standing_m = 1.25;
const START_RANGE = 0.005;
const LARGEST_OBSERVED = 10;

/** Upright, off the ground, and nothing out of its bounds. */
function isHealthy(next: PlanarState): boolean {
  if (!(next.height_m > 0.7 && Math.abs(next.pitch_rad) < 0.2)) return false;
  const { angles_rad, angleRates_radps } = next;
  let largest = Math.max(Math.abs(next.vx_mps), Math.abs(next.vz_mps), Math.abs(next.pitchRate_radps));
  for (let i = 0; i < angles_rad.length; i++) largest = Math.max(largest, Math.abs(angles_rad[i]!), Math.abs(angleRates_radps[i]!));
  return largest < 100;
}

/** Hop forward on one leg: Gymnasium's Hopper-v5 on our engines. */
export const hopper = defineTask({
  id: 'Hopper-v0',
  summary: 'Hop forward on one leg without falling.',
  state,
  observationSpace: unbounded(planarNames(joints)),
  actionSpace: unitBox(joints),
  commands: robotCommands(robot),
  controlDt_s,
  horizon: 1000,
  solvedAt: 3800,
  params: robotParams,
  randomize: robotRanges,
  engines: { rapier: { step_s: 0.008, solverIterations: 4, pgsIterations: 3, predictionDistance_m: 0.1 }, mujoco: { ...robot.mujoco } },
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
