import type { SceneSpec } from '../../src/core/scene-spec.ts';
import { wrapAngle } from '../../src/core/state-spec.ts';
import { box, type TypedArray } from '../../src/spaces/space.ts';
import { defineTask, type Params } from '../../src/task/task.ts';

const MAX_TORQUE_Nm = 2;
const ROD_RADIUS_m = 0.05;

/** Scene order of the joints. */
const HINGE = 0;
const position = new Float64Array(1);
const velocity = new Float64Array(1);

/** A uniform rod hinged at its end, swinging in the x–z plane, z up; its centre is half its length above the hinge at angle 0. */
function scene(params: Params): SceneSpec {
  const mass_kg = params.mass_kg!;
  const length_m = params.length_m!;
  // m l² / 12 about the centre is m l² / 3 about the hinge.
  const across_kgm2 = (mass_kg * length_m ** 2) / 12;
  const along_kgm2 = (mass_kg * ROD_RADIUS_m ** 2) / 2;
  return {
    name: 'pendulum',
    gravity_mps2: [0, 0, -params.gravity_mps2!],
    bodies: [
      {
        name: 'pivot',
        kind: 'fixed',
        pose: { position_m: [0, 0, 0] },
        shapes: [{ form: { kind: 'sphere', radius_m: 0.06 }, collides: false, colour: '#8a8f98' }],
      },
      {
        name: 'rod',
        kind: 'dynamic',
        pose: { position_m: [0, 0, length_m / 2] },
        inertial: { mass_kg, inertia_kgm2: [across_kgm2, across_kgm2, along_kgm2] },
        shapes: [{ form: { kind: 'capsule', radius_m: ROD_RADIUS_m, halfLength_m: length_m / 2 }, collides: false, colour: '#b24a4a' }],
      },
    ],
    joints: [
      {
        name: 'hinge',
        kind: 'hinge',
        parent: 'pivot',
        child: 'rod',
        parentAnchor_m: [0, 0, 0],
        childAnchor_m: [0, 0, -length_m / 2],
        axis: [0, 1, 0],
        damping: params.hingeDamping_Nmsprad!,
      },
    ],
    actuators: [{ name: 'torque', kind: 'force', joint: 'hinge', maxForce: MAX_TORQUE_Nm }],
  };
}

/** Swing a rod up with a torque too weak to lift it, and keep it there: Gymnasium's Pendulum-v1 on Rapier. Angle 0 is upright. */
export const pendulum = defineTask({
  id: 'Pendulum-v0',
  summary: 'Swing a rod up with a torque too weak to lift it directly, and keep it upright.',
  state: {
    angle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    velocity_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
  },
  observationSpace: box({ low: [-1, -1, -Infinity], high: [1, 1, Infinity], names: ['cosAngle', 'sinAngle', 'velocity_radps'] }),
  actionSpace: box({ low: [-MAX_TORQUE_Nm], high: [MAX_TORQUE_Nm], names: ['torque_Nm'] }),
  commands: [{ name: 'torque', unit: 'N·m', low: -MAX_TORQUE_Nm, high: MAX_TORQUE_Nm }],
  controlDt_s: 0.05,
  horizon: 200,
  params: { mass_kg: 1, length_m: 1, gravity_mps2: 10, hingeDamping_Nmsprad: 0 },
  randomize: {
    mass_kg: { low: 0.8, high: 1.25, scale: 'log' },
    length_m: { low: 0.8, high: 1.25, scale: 'log' },
    hingeDamping_Nmsprad: { low: 0, high: 0.1 },
    latency_steps: { low: 0, high: 1 },
    sensorNoise: { low: 0, high: 0.01 },
  },
  engines: { rapier: { step_s: 0.05, solverIterations: 25 }, mujoco: { step_s: 0.01, integrator: 'rk4' } },
  scene,
  initial(rng, _params, state) {
    state.angle_rad = wrapAngle(rng.uniform(-Math.PI, Math.PI));
    state.velocity_radps = rng.uniform(-1, 1);
  },
  place(world, state) {
    position[HINGE] = state.angle_rad;
    velocity[HINGE] = state.velocity_radps;
    world.setJoints(position, velocity);
  },
  read(world, state) {
    state.angle_rad = world.jointPosition(HINGE);
    state.velocity_radps = world.jointVelocity(HINGE);
  },
  actuate(_state, action, _next, command) {
    command[0] = action[0]!;
  },
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
  reward: {
    angle: { weight: -1, value: ({ state }) => wrapAngle(state.angle_rad) ** 2 },
    velocity: { weight: -0.1, value: ({ state }) => state.velocity_radps ** 2 },
    effort: { weight: -0.001, value: ({ command }) => command[0]! ** 2 },
  },
});
