import { assetRobot } from '../../src/scene/assets.ts';
import { box, type TypedArray, unbounded } from '../../src/spaces/space.ts';
import { driveRobot, mechanismParams, mechanismRanges, namedCoordinates, robotCommands, robotScene } from '../../src/task/robot.ts';
import { defineTask } from '../../src/task/task.ts';

const robot = assetRobot('robots/inverted-pendulum.xml');
const { place, read } = namedCoordinates(robot, [
  ['slider', 'cartPosition_m', 'cartVelocity_mps'],
  ['hinge', 'poleAngle_rad', 'poleVelocity_radps'],
]);
const RAIL_HALF_LENGTH_m = 1;
const ANGLE_LIMIT_rad = 0.2;
const START_RANGE = 0.01;

/** Keep a pole on a cart from falling by pushing the cart with a force of choice: Gymnasium's InvertedPendulum-v5 on our engines. */
export const invertedPendulum = defineTask({
  id: 'InvertedPendulum-v0',
  summary: 'Keep a pole upright on a cart by pushing the cart with a force of choice.',
  state: {
    cartPosition_m: { role: 'dynamic', kind: 'length', unit: 'm', limits: [-RAIL_HALF_LENGTH_m, RAIL_HALF_LENGTH_m] },
    poleAngle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    cartVelocity_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
    poleVelocity_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
  },
  observationSpace: unbounded(['cartPosition_m', 'poleAngle_rad', 'cartVelocity_mps', 'poleVelocity_radps']),
  actionSpace: box({ low: [-3], high: [3], names: ['push'] }),
  commands: robotCommands(robot),
  controlDt_s: 0.04,
  horizon: 1000,
  solvedAt: 950,
  params: mechanismParams,
  randomize: mechanismRanges,
  engines: { rapier: { step_s: 0.02, solverIterations: 10 }, mujoco: { ...robot.mujoco, step_s: 0.01 } },
  scene: (params) => robotScene(robot, params),
  initial(rng, _params, start) {
    start.cartPosition_m = rng.uniform(-START_RANGE, START_RANGE);
    start.poleAngle_rad = rng.uniform(-START_RANGE, START_RANGE);
    start.cartVelocity_mps = rng.uniform(-START_RANGE, START_RANGE);
    start.poleVelocity_radps = rng.uniform(-START_RANGE, START_RANGE);
  },
  place,
  read,
  actuate: driveRobot(robot),
  observe(state, observation) {
    const row = observation as TypedArray;
    row[0] = state.cartPosition_m;
    row[1] = state.poleAngle_rad;
    row[2] = state.cartVelocity_mps;
    row[3] = state.poleVelocity_radps;
  },
  infer(observation, state) {
    const row = observation as TypedArray;
    state.cartPosition_m = row[0]!;
    state.poleAngle_rad = row[1]!;
    state.cartVelocity_mps = row[2]!;
    state.poleVelocity_radps = row[3]!;
  },
  reward: { upright: { weight: 1, value: ({ next }) => (Math.abs(next.poleAngle_rad) <= ANGLE_LIMIT_rad ? 1 : 0) } },
  terminated: (next) => Math.abs(next.poleAngle_rad) > ANGLE_LIMIT_rad,
});
