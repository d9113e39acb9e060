import { wrapAngle } from '../../src/core/state-spec.ts';
import { assetRobot } from '../../src/scene/assets.ts';
import { box, type TypedArray, unitBox } from '../../src/spaces/space.ts';
import { driveRobot, mechanismParams, mechanismRanges, namedCoordinates, robotCommands, robotScene } from '../../src/task/robot.ts';
import { defineTask } from '../../src/task/task.ts';

const robot = assetRobot('robots/dm-pendulum.xml');
const { place, read } = namedCoordinates(robot, [['hinge', 'angle_rad', 'velocity_radps']]);
const UPRIGHT_COSINE = Math.cos((8 * Math.PI) / 180);

/** Swing a pole up with a torque too weak to lift it, and keep it within 8° of upright: dm_control's pendulum swingup on our engines. */
export const dmPendulumSwingUp = defineTask({
  id: 'DmPendulumSwingUp-v0',
  summary: 'Swing a pole up with a weak torque and keep it within 8 degrees of upright: dm_control, sparse reward.',
  state: {
    angle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    velocity_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
  },
  observationSpace: box({
    low: [-1, -1, Number.NEGATIVE_INFINITY],
    high: [1, 1, Number.POSITIVE_INFINITY],
    names: ['cosAngle', 'sinAngle', 'velocity_radps'],
  }),
  actionSpace: unitBox(['torque']),
  commands: robotCommands(robot),
  controlDt_s: 0.02,
  horizon: 1000,
  params: mechanismParams,
  randomize: mechanismRanges,
  engines: { rapier: { step_s: 0.02, solverIterations: 8 }, mujoco: { step_s: 0.01, integrator: 'rk4' } },
  scene: (params) => robotScene(robot, params),
  initial(rng, _params, start) {
    start.angle_rad = wrapAngle(rng.uniform(-Math.PI, Math.PI));
    start.velocity_radps = 0;
  },
  place,
  read,
  actuate: driveRobot(robot),
  observe(state, observation) {
    const row = observation as TypedArray;
    row[0] = Math.cos(state.angle_rad);
    row[1] = Math.sin(state.angle_rad);
    row[2] = state.velocity_radps;
  },
  infer(observation, state) {
    const row = observation as TypedArray;
    state.angle_rad = wrapAngle(Math.atan2(row[1]!, row[0]!));
    state.velocity_radps = row[2]!;
  },
  reward: { upright: { weight: 1, value: ({ next }) => (Math.cos(next.angle_rad) >= UPRIGHT_COSINE ? 1 : 0) } },
});
