import type { SceneSpec } from '../../src/core/scene-spec.ts';
import { box, discrete, type TypedArray } from '../../src/spaces/space.ts';
import { defineTask, type Params } from '../../src/task/task.ts';

const FORCE_N = 10;
const POSITION_LIMIT_m = 2.4;
const ANGLE_LIMIT_rad = (12 * 2 * Math.PI) / 360;
const START_RANGE = 0.05;
const POLE_RADIUS_m = 0.05;

/** Scene order of the joints. */
const SLIDE = 0;
const HINGE = 1;
const positions = new Float64Array(2);
const velocities = new Float64Array(2);

/** A cart on an endless rail along x, z up; the pole's centre is half its length above the cart at angle 0. */
function scene(params: Params): SceneSpec {
  const { cartMass_kg, poleMass_kg, poleHalfLength_m } = params as Record<ParamName, number>;
  const across_kgm2 = (poleMass_kg * poleHalfLength_m ** 2) / 3;
  const along_kgm2 = (poleMass_kg * POLE_RADIUS_m ** 2) / 2;
  return {
    name: 'cart-pole',
    gravity_mps2: [0, 0, -params.gravity_mps2!],
    bodies: [
      {
        name: 'rail',
        kind: 'fixed',
        pose: { position_m: [0, 0, 0] },
        shapes: [{ form: { kind: 'box', halfExtents_m: [POSITION_LIMIT_m, 0.02, 0.02] }, collides: false, colour: '#8a8f98' }],
      },
      {
        name: 'cart',
        kind: 'dynamic',
        pose: { position_m: [0, 0, 0] },
        // A cube of .2 m: the joint lets it not turn, so this never shows.
        inertial: { mass_kg: cartMass_kg, inertia_kgm2: [cartMass_kg / 150, cartMass_kg / 150, cartMass_kg / 150] },
        shapes: [{ form: { kind: 'box', halfExtents_m: [0.25, 0.15, 0.1] }, collides: false, colour: '#2f5d8a' }],
      },
      {
        name: 'pole',
        kind: 'dynamic',
        pose: { position_m: [0, 0, poleHalfLength_m] },
        inertial: { mass_kg: poleMass_kg, inertia_kgm2: [across_kgm2, across_kgm2, along_kgm2] },
        shapes: [
          { form: { kind: 'capsule', radius_m: POLE_RADIUS_m, halfLength_m: poleHalfLength_m }, collides: false, colour: '#6fa3d8' },
        ],
      },
    ],
    joints: [
      {
        name: 'slide',
        kind: 'slide',
        parent: 'rail',
        child: 'cart',
        parentAnchor_m: [0, 0, 0],
        childAnchor_m: [0, 0, 0],
        axis: [1, 0, 0],
        damping: params.railDamping_Nspm!,
      },
      {
        name: 'hinge',
        kind: 'hinge',
        parent: 'cart',
        child: 'pole',
        parentAnchor_m: [0, 0, 0],
        childAnchor_m: [0, 0, -poleHalfLength_m],
        axis: [0, 1, 0],
        damping: params.hingeDamping_Nmsprad!,
      },
    ],
    actuators: [{ name: 'push', kind: 'force', joint: 'slide', maxForce: FORCE_N }],
  };
}

const params = {
  cartMass_kg: 1,
  poleMass_kg: 0.1,
  poleHalfLength_m: 0.5,
  gravity_mps2: 9.8,
  railDamping_Nspm: 0,
  hingeDamping_Nmsprad: 0,
} as const;
type ParamName = keyof typeof params;

/** Keep a pole on a cart from falling by pushing left or right: Gymnasium's CartPole-v1 on Rapier. Angle 0 is upright, growing towards +x. */
export const cartPole = defineTask({
  id: 'CartPole-v0',
  summary: 'Keep a pole upright on a cart by pushing the cart left or right with a fixed force.',
  state: {
    cartPosition_m: { role: 'dynamic', kind: 'length', unit: 'm' },
    cartVelocity_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
    poleAngle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    poleVelocity_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
  },
  // Gymnasium's bounds: twice the limits, so that the last observation of an episode is inside.
  observationSpace: box({
    low: [-2 * POSITION_LIMIT_m, -Infinity, -2 * ANGLE_LIMIT_rad, -Infinity],
    high: [2 * POSITION_LIMIT_m, Infinity, 2 * ANGLE_LIMIT_rad, Infinity],
    names: ['cartPosition_m', 'cartVelocity_mps', 'poleAngle_rad', 'poleVelocity_radps'],
  }),
  actionSpace: discrete(2),
  commands: [{ name: 'push', unit: 'N', low: -FORCE_N, high: FORCE_N }],
  controlDt_s: 0.02,
  horizon: 500,
  solvedAt: 475,
  params,
  randomize: {
    cartMass_kg: { low: 0.8, high: 1.25, scale: 'log' },
    poleMass_kg: { low: 0.08, high: 0.125, scale: 'log' },
    poleHalfLength_m: { low: 0.4, high: 0.625, scale: 'log' },
    railDamping_Nspm: { low: 0, high: 0.2 },
    hingeDamping_Nmsprad: { low: 0, high: 0.01 },
    latency_steps: { low: 0, high: 1 },
    sensorNoise: { low: 0, high: 0.01 },
  },
  engines: { rapier: { step_s: 0.02, solverIterations: 8 }, mujoco: { step_s: 0.01, integrator: 'rk4' } },
  scene,
  initial(rng, _params, state) {
    state.cartPosition_m = rng.uniform(-START_RANGE, START_RANGE);
    state.cartVelocity_mps = rng.uniform(-START_RANGE, START_RANGE);
    state.poleAngle_rad = rng.uniform(-START_RANGE, START_RANGE);
    state.poleVelocity_radps = rng.uniform(-START_RANGE, START_RANGE);
  },
  place(world, state) {
    positions[SLIDE] = state.cartPosition_m;
    positions[HINGE] = state.poleAngle_rad;
    velocities[SLIDE] = state.cartVelocity_mps;
    velocities[HINGE] = state.poleVelocity_radps;
    world.setJoints(positions, velocities);
  },
  read(world, state) {
    state.cartPosition_m = world.jointPosition(SLIDE);
    state.cartVelocity_mps = world.jointVelocity(SLIDE);
    state.poleAngle_rad = world.jointPosition(HINGE);
    state.poleVelocity_radps = world.jointVelocity(HINGE);
  },
  actuate(_state, action, _next, command) {
    command[0] = action[0] === 1 ? FORCE_N : -FORCE_N;
  },
  observe(state, observation) {
    const row = observation as TypedArray;
    row[0] = state.cartPosition_m;
    row[1] = state.cartVelocity_mps;
    row[2] = state.poleAngle_rad;
    row[3] = state.poleVelocity_radps;
  },
  infer(observation, state) {
    const row = observation as TypedArray;
    state.cartPosition_m = row[0]!;
    state.cartVelocity_mps = row[1]!;
    state.poleAngle_rad = row[2]!;
    state.poleVelocity_radps = row[3]!;
  },
  reward: { alive: { weight: 1, value: () => 1 } },
  terminated: (next) => Math.abs(next.cartPosition_m) > POSITION_LIMIT_m || Math.abs(next.poleAngle_rad) > ANGLE_LIMIT_rad,
});
