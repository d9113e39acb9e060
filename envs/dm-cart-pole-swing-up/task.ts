import { wrapAngle } from '../../src/core/state-spec.ts';
import { assetRobot } from '../../src/scene/assets.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { driveRobot, mechanismParams, mechanismRanges, namedCoordinates, robotCommands, robotScene } from '../../src/task/robot.ts';
import { defineTask } from '../../src/task/task.ts';
import { tolerance } from '../../src/task/tolerance.ts';

const robot = assetRobot('robots/dm-cartpole.xml');
const { place, read } = namedCoordinates(robot, [
  ['slider', 'cartPosition_m', 'cartVelocity_mps'],
  ['hinge', 'poleAngle_rad', 'poleVelocity_radps'],
]);
const START_DEVIATION = 0.01;
const RAIL_HALF_LENGTH_m = 1.8;

/** Swing a hanging pole up by pushing its cart, and keep it there: dm_control's cartpole swingup on our engines. */
export const dmCartPoleSwingUp = defineTask({
  id: 'DmCartPoleSwingUp-v0',
  summary: 'Swing a hanging pole up by pushing its cart, and keep it upright: dm_control, 100 steps a second.',
  state: {
    cartPosition_m: { role: 'dynamic', kind: 'length', unit: 'm', limits: [-RAIL_HALF_LENGTH_m, RAIL_HALF_LENGTH_m] },
    poleAngle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    cartVelocity_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
    poleVelocity_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
  },
  observationSpace: unbounded(['cartPosition_m', 'cosPoleAngle', 'sinPoleAngle', 'cartVelocity_mps', 'poleVelocity_radps']),
  actionSpace: unitBox(['push']),
  commands: robotCommands(robot),
  controlDt_s: 0.01,
  horizon: 1000,
  params: mechanismParams,
  randomize: mechanismRanges,
  engines: { rapier: { step_s: 0.01, solverIterations: 4 }, mujoco: robot.mujoco },
  scene: (params) => robotScene(robot, params),
  initial(rng, _params, start) {
    start.cartPosition_m = START_DEVIATION * rng.normal();
    start.poleAngle_rad = wrapAngle(Math.PI + START_DEVIATION * rng.normal());
    start.cartVelocity_mps = START_DEVIATION * rng.normal();
    start.poleVelocity_radps = START_DEVIATION * rng.normal();
  },
  place,
  read,
  actuate: driveRobot(robot),
  observe(state, observation) {
    const row = observation as TypedArray;
    row[0] = state.cartPosition_m;
    row[1] = Math.cos(state.poleAngle_rad);
    row[2] = Math.sin(state.poleAngle_rad);
    row[3] = state.cartVelocity_mps;
    row[4] = state.poleVelocity_radps;
  },
  infer(observation, state) {
    const row = observation as TypedArray;
    state.cartPosition_m = row[0]!;
    state.poleAngle_rad = wrapAngle(Math.atan2(row[2]!, row[1]!));
    state.cartVelocity_mps = row[3]!;
    state.poleVelocity_radps = row[4]!;
  },
  reward: {
    swingUp: {
      weight: 1,
      value: ({ next, action }) => {
        const upright = (1 + Math.cos(next.poleAngle_rad)) / 2;
        const gentle = (4 + tolerance(action[0]!, 0, 0, 1, 'quadratic')) / 5;
        const slow = (1 + tolerance(next.poleVelocity_radps, 0, 0, 5)) / 2;
        const centred = (1 + tolerance(next.cartPosition_m, 0, 0, 2)) / 2;
        return upright * gentle * slow * centred;
      },
    },
  },
});
