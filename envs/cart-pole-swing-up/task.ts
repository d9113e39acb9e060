import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import type { SceneSpec } from '../../src/core/scene-spec.ts';
import { wrapAngle } from '../../src/core/state-spec.ts';
import { box, type TypedArray } from '../../src/spaces/space.ts';
import { defineTask, type Params } from '../../src/task/task.ts';

const MAX_FORCE_N = 10;
const RAIL_HALF_LENGTH_m = 1.8;
const POLE_RADIUS_m = 0.05;
const START_DEVIATION = 0.1;

/** Scene order of the joints. */
const SLIDE = 0;
const HINGE = 1;
const positions = new Float64Array(2);
const velocities = new Float64Array(2);

/** 1 with the pole up, 0 with the pole down. */
export function upright(poleAngle_rad: number): number {
  return (Math.cos(poleAngle_rad) + 1) / 2;
}

/** 1 at rest, .8 at full action: (4 + quadratic tolerance of margin 1, 0 at the margin) / 5. @param action - in [−1, 1]. */
export function smallControl(action: number): number {
  return (4 + Math.max(0, 1 - action * action)) / 5;
}

/** 1 at rest, .55 at 5 rad/s, never below .5. */
export function smallVelocity(poleVelocity_radps: number): number {
  return (1 + gaussianTolerance(poleVelocity_radps, 5)) / 2;
}

/** 1 in the middle of the rail, .55 at 2 m, never below .5. */
export function centred(cartPosition_m: number): number {
  return (1 + gaussianTolerance(cartPosition_m, 2)) / 2;
}

/** dm_control's tolerance around 0 with a Gaussian edge: 1 at 0, .1 at the margin. */
export function gaussianTolerance(value: number, margin: number): number {
  const share = value / margin;
  return Math.exp(-Math.LN10 * share * share);
}

/** A cart on a rail along x, z up, y along the hinge; the pole's centre is half its length above the cart at angle 0. */
function scene(params: Params): SceneSpec {
  const { cartMass_kg, poleMass_kg, poleLength_m } = params as Record<ParamName, number>;
  const across_kgm2 = (poleMass_kg * poleLength_m ** 2) / 12;
  const along_kgm2 = (poleMass_kg * POLE_RADIUS_m ** 2) / 2;
  return {
    name: 'cart-pole-swing-up',
    gravity_mps2: [0, 0, -params.gravity_mps2!],
    bodies: [
      {
        name: 'rail',
        kind: 'fixed',
        pose: { position_m: [0, 0, 0] },
        shapes: [{ form: { kind: 'box', halfExtents_m: [RAIL_HALF_LENGTH_m + 0.2, 0.02, 0.02] }, collides: false, colour: '#8a8f98' }],
      },
      {
        name: 'cart',
        kind: 'dynamic',
        pose: { position_m: [0, 0, 0] },
        // A cube of .2 m: the joint lets it not turn, so this never shows.
        inertial: { mass_kg: cartMass_kg, inertia_kgm2: [cartMass_kg / 150, cartMass_kg / 150, cartMass_kg / 150] },
        shapes: [{ form: { kind: 'box', halfExtents_m: [0.2, 0.15, 0.1] }, collides: false, colour: '#2f5d8a' }],
      },
      {
        name: 'pole',
        kind: 'dynamic',
        pose: { position_m: [0, 0, poleLength_m / 2] },
        inertial: { mass_kg: poleMass_kg, inertia_kgm2: [across_kgm2, across_kgm2, along_kgm2] },
        shapes: [
          { form: { kind: 'capsule', radius_m: POLE_RADIUS_m, halfLength_m: poleLength_m / 2 }, collides: false, colour: '#6fa3d8' },
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
        limits: [-RAIL_HALF_LENGTH_m, RAIL_HALF_LENGTH_m],
        damping: params.railDamping_Nspm!,
      },
      {
        name: 'hinge',
        kind: 'hinge',
        parent: 'cart',
        child: 'pole',
        parentAnchor_m: [0, 0, 0],
        childAnchor_m: [0, 0, -poleLength_m / 2],
        axis: [0, 1, 0],
        damping: params.hingeDamping_Nmsprad!,
      },
    ],
    actuators: [{ name: 'push', kind: 'force', joint: 'slide', maxForce: MAX_FORCE_N }],
  };
}

const params = {
  cartMass_kg: 1,
  poleMass_kg: 0.1,
  poleLength_m: 1,
  gravity_mps2: 9.81,
  railDamping_Nspm: 0,
  hingeDamping_Nmsprad: 0,
} as const;
type ParamName = keyof typeof params;

/**
 * Swing a hanging pole up by pushing its cart, and keep it there. dm_control's cartpole-swingup on Rapier, at a coarser control step.
 * Angle 0 is upright and grows as the pole leans towards +x; hanging is π.
 */
export const cartPoleSwingUp = defineTask({
  id: 'CartPoleSwingUp-v0',
  summary: 'Swing a hanging pole up by pushing its cart along a rail, and keep it upright in the middle.',
  state: {
    cartPosition_m: { role: 'dynamic', kind: 'length', unit: 'm', limits: [-RAIL_HALF_LENGTH_m, RAIL_HALF_LENGTH_m] },
    cartVelocity_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
    poleAngle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    poleVelocity_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
  },
  observationSpace: box({
    low: [-Infinity, -Infinity, -1, -1, -Infinity],
    high: [Infinity, Infinity, 1, 1, Infinity],
    names: ['cartPosition_m', 'cartVelocity_mps', 'cosPoleAngle', 'sinPoleAngle', 'poleVelocity_radps'],
  }),
  actionSpace: box({ low: [-1], high: [1], names: ['push'] }),
  commands: [{ name: 'push', unit: 'N', low: -MAX_FORCE_N, high: MAX_FORCE_N }],
  controlDt_s: 0.04,
  horizon: 250,
  params,
  randomize: {
    cartMass_kg: { low: 0.8, high: 1.25, scale: 'log' },
    poleMass_kg: { low: 0.08, high: 0.125, scale: 'log' },
    poleLength_m: { low: 0.8, high: 1.25, scale: 'log' },
    railDamping_Nspm: { low: 0, high: 0.2 },
    hingeDamping_Nmsprad: { low: 0, high: 0.01 },
    latency_steps: { low: 0, high: 1 },
    sensorNoise: { low: 0, high: 0.01 },
  },
  engines: { rapier: { step_s: 0.01, solverIterations: 4 }, mujoco: { step_s: 0.01, integrator: 'rk4' } },
  scene,
  initial(rng, _params, state) {
    state.cartPosition_m = START_DEVIATION * rng.normal();
    state.cartVelocity_mps = START_DEVIATION * rng.normal();
    state.poleAngle_rad = wrapAngle(Math.PI + START_DEVIATION * rng.normal());
    state.poleVelocity_radps = START_DEVIATION * rng.normal();
  },
  place(world: PhysicsWorld, state) {
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
    command[0] = MAX_FORCE_N * action[0]!;
  },
  observe(state, observation) {
    const row = observation as TypedArray;
    row[0] = state.cartPosition_m;
    row[1] = state.cartVelocity_mps;
    row[2] = Math.cos(state.poleAngle_rad);
    row[3] = Math.sin(state.poleAngle_rad);
    row[4] = state.poleVelocity_radps;
  },
  infer(observation, state) {
    const row = observation as TypedArray;
    state.cartPosition_m = row[0]!;
    state.cartVelocity_mps = row[1]!;
    state.poleAngle_rad = wrapAngle(Math.atan2(row[3]!, row[2]!));
    state.poleVelocity_radps = row[4]!;
  },
  reward: {
    swingUp: {
      weight: 1,
      value: ({ next, action }) =>
        upright(next.poleAngle_rad) * smallControl(action[0]!) * smallVelocity(next.poleVelocity_radps) * centred(next.cartPosition_m),
    },
  },
});
