import type { ActuatorSpec } from '../../src/core/scene-spec.ts';
import { assetRobot } from '../../src/scene/assets.ts';
import { type TypedArray, unbounded, unitBox } from '../../src/spaces/space.ts';
import { clip } from '../../src/task/planar-robot.ts';
import { mechanismParams, mechanismRanges, namedCoordinates, robotCommands, robotScene } from '../../src/task/robot.ts';
import { RobotKinematics } from '../../src/task/robot-kinematics.ts';
import { defineTask } from '../../src/task/task.ts';

const robot = assetRobot('robots/inverted-double-pendulum.xml');
const { mechanism, rowsOf, place, read } = namedCoordinates(robot, [
  ['slider', 'cartPosition_m', 'cartVelocity_mps'],
  ['lower-hinge', 'lowerAngle_rad', 'lowerVelocity_radps'],
  ['upper-hinge', 'upperAngle_rad', 'upperVelocity_radps'],
]);
const kinematics = new RobotKinematics(robot, mechanism);
/** Of the world, within a step. */
const positions = new Float64Array(3);
const velocities = new Float64Array(3);
const SLIDER = robot.scene.joints.findIndex(({ name }) => name === 'slider');
const CART = robot.scene.joints[SLIDER]!.child;
const cart = robot.scene.bodies.findIndex(({ name }) => name === CART);
const controlDt_s = 0.05;
const POLE_LENGTH_m = 0.6;
const LARGEST_OBSERVED = 10;
const RAIL_HALF_LENGTH_m = 1;

interface Poles {
  readonly cartPosition_m: number;
  readonly lowerAngle_rad: number;
  readonly upperAngle_rad: number;
}

/** Height of the tip over the cart, m; 1.2 with both poles upright. */
function tipHeight(state: Poles): number {
  return POLE_LENGTH_m * (Math.cos(state.lowerAngle_rad) + Math.cos(state.lowerAngle_rad + state.upperAngle_rad));
}

function tipPosition(state: Poles): number {
  return state.cartPosition_m + POLE_LENGTH_m * (Math.sin(state.lowerAngle_rad) + Math.sin(state.lowerAngle_rad + state.upperAngle_rad));
}

/** Momentum of cart and poles along the rail, N·s, with the file's own masses. */
function momentum(at: Float64Array, moving: Float64Array): number {
  kinematics.set(at, moving);
  return kinematics.mass_kg * kinematics.velocityOfCentre(0);
}

function gainOf(motor: ActuatorSpec): number {
  return motor.kind === 'force' ? (motor.gain ?? 1) : 1;
}

/** Balance two poles, one on the other, on a cart: Gymnasium's InvertedDoublePendulum-v5 on our engines. */
export const invertedDoublePendulum = defineTask({
  id: 'InvertedDoublePendulum-v0',
  summary: 'Balance two poles, one hinged on top of the other, by pushing the cart they stand on.',
  state: {
    cartPosition_m: { role: 'dynamic', kind: 'length', unit: 'm', limits: [-RAIL_HALF_LENGTH_m, RAIL_HALF_LENGTH_m] },
    lowerAngle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    upperAngle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    cartVelocity_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
    lowerVelocity_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
    upperVelocity_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
    // What moves the poles along the rail beside the motor: nothing, until the cart meets an end.
    stopForce_N: { role: 'signal', kind: 'force', unit: 'N' },
    push_N: { role: 'memory', kind: 'force', unit: 'N' },
  },
  observationSpace: unbounded([
    'cartPosition_m',
    'sinLowerAngle',
    'sinUpperAngle',
    'cosLowerAngle',
    'cosUpperAngle',
    'cartVelocity_mps',
    'lowerVelocity_radps',
    'upperVelocity_radps',
    'stopForce_N',
  ]),
  actionSpace: unitBox(['push']),
  commands: robotCommands(robot),
  controlDt_s,
  horizon: 1000,
  solvedAt: 9100,
  params: mechanismParams,
  randomize: mechanismRanges,
  engines: { rapier: { step_s: 0.05, solverIterations: 25 }, mujoco: robot.mujoco },
  scene: (params) => robotScene(robot, params),
  initial(rng, _params, start) {
    start.cartPosition_m = rng.uniform(-0.1, 0.1);
    start.lowerAngle_rad = rng.uniform(-0.1, 0.1);
    start.upperAngle_rad = rng.uniform(-0.1, 0.1);
    start.cartVelocity_mps = 0.1 * rng.normal();
    start.lowerVelocity_radps = 0.1 * rng.normal();
    start.upperVelocity_radps = 0.1 * rng.normal();
  },
  place,
  read,
  // Before `read`, the state still is that of the step's beginning; after the last physics step this is the mean over the whole.
  accumulate(world, state) {
    const begun = rowsOf(state);
    const before = momentum(begun.positions, begun.velocities);
    mechanism.read(world, positions, velocities);
    const { bodies, joints, actuators } = world.scene;
    // Parameters scale masses, damping and motor.
    const heavier = bodies[cart]!.inertial!.mass_kg / robot.scene.bodies[cart]!.inertial!.mass_kg;
    const braked = (joints[SLIDER]!.damping! * (positions[0]! - state.cartPosition_m)) / controlDt_s;
    state.stopForce_N =
      (heavier * (momentum(positions, velocities) - before)) / controlDt_s - gainOf(actuators[0]!) * state.push_N + braked;
  },
  actuate(_state, action, next, command) {
    command[0] = robot.controls[0]!.scale * action[0]!;
    next.push_N = command[0]!;
  },
  observe(state, observation) {
    const row = observation as TypedArray;
    row[0] = state.cartPosition_m;
    row[1] = Math.sin(state.lowerAngle_rad);
    row[2] = Math.sin(state.upperAngle_rad);
    row[3] = Math.cos(state.lowerAngle_rad);
    row[4] = Math.cos(state.upperAngle_rad);
    row[5] = clip(state.cartVelocity_mps, LARGEST_OBSERVED);
    row[6] = clip(state.lowerVelocity_radps, LARGEST_OBSERVED);
    row[7] = clip(state.upperVelocity_radps, LARGEST_OBSERVED);
    row[8] = clip(state.stopForce_N, LARGEST_OBSERVED);
  },
  reward: {
    alive: { weight: 10, value: ({ next }) => (tipHeight(next) > 1 ? 1 : 0) },
    distance: { weight: -1, value: ({ next }) => 0.01 * tipPosition(next) ** 2 + (tipHeight(next) - 2) ** 2 },
    velocity: { weight: -1, value: ({ next }) => 1e-3 * next.lowerVelocity_radps ** 2 + 5e-3 * next.upperVelocity_radps ** 2 },
  },
  terminated: (next) => tipHeight(next) <= 1,
});
