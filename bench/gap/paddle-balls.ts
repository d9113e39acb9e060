/** A task to try the suite on: what stands on joints alone has neither free flight, nor collisions, nor quaternions. */
import type { SceneSpec, Vector3 } from '../../src/core/scene-spec.ts';
import { box, type TypedArray } from '../../src/spaces/space.ts';
import { anyTask, defineTask, type Params } from '../../src/task/task.ts';

const RADIUS_m = 0.1;
const HALF_WIDTH_m = 1.2;
const HALF_DEPTH_m = 0.3;
const FLOOR_m = -0.3;
const CEILING_m = 2.2;
const REACH_m = 0.8;
const MAX_FORCE_N = 20;
const masses_kg = { light: 0.4, heavy: 0.8 };
const balls = ['light', 'heavy'] as const;
const [position, velocity] = [new Float64Array(1), new Float64Array(1)];
const [pose, motion] = [new Float64Array(7), new Float64Array(6)];
const surface = { restitution: 0.7, friction: 0.3 };

/** z up; the paddle slides along x; a closed room keeps the balls. */
function scene(params: Params): SceneSpec {
  const height_m = (CEILING_m - FLOOR_m) / 2;
  const wall = (name: string, position_m: Vector3, halfExtents_m: Vector3) =>
    ({ name, kind: 'fixed', pose: { position_m }, shapes: [{ form: { kind: 'box', halfExtents_m }, ...surface }] }) as const;
  return {
    name: 'paddle-balls',
    gravity_mps2: [0, 0, -params.gravity_mps2!],
    bodies: [
      wall('floor', [0, 0, FLOOR_m - 0.1], [HALF_WIDTH_m, HALF_DEPTH_m, 0.1]),
      wall('ceiling', [0, 0, CEILING_m + 0.1], [HALF_WIDTH_m, HALF_DEPTH_m, 0.1]),
      ...[-1, 1].flatMap((side) => [
        wall(`end-${side}`, [side * (HALF_WIDTH_m + 0.1), 0, FLOOR_m + height_m], [0.1, HALF_DEPTH_m, height_m]),
        wall(`side-${side}`, [0, side * (HALF_DEPTH_m + 0.1), FLOOR_m + height_m], [HALF_WIDTH_m, 0.1, height_m]),
      ]),
      {
        name: 'paddle',
        kind: 'dynamic',
        pose: { position_m: [0, 0, 0] },
        inertial: { mass_kg: params.paddleMass_kg!, inertia_kgm2: [0.05, 0.05, 0.05] },
        shapes: [{ form: { kind: 'box', halfExtents_m: [0.25, 0.25, 0.05] }, ...surface }],
      },
      ...balls.map((name) => {
        const mass_kg = masses_kg[name];
        const turning = (2 / 5) * mass_kg * RADIUS_m ** 2;
        return {
          name,
          kind: 'dynamic',
          pose: { position_m: [0, 0, 1] },
          inertial: { mass_kg, inertia_kgm2: [turning, turning, turning] },
          shapes: [{ form: { kind: 'sphere', radius_m: RADIUS_m }, ...surface }],
        } as const;
      }),
    ],
    joints: [
      {
        name: 'slide',
        kind: 'slide',
        parent: 'floor',
        child: 'paddle',
        parentAnchor_m: [0, 0, 0.1 - FLOOR_m],
        childAnchor_m: [0, 0, 0],
        axis: [1, 0, 0],
        limits: [-REACH_m, REACH_m],
        damping: params.damping_Nspm!,
      },
    ],
    actuators: [{ name: 'push', kind: 'force', joint: 'slide', maxForce: MAX_FORCE_N }],
  };
}

export const paddleBalls = anyTask(
  defineTask({
    id: 'PaddleBalls-v0',
    summary: 'A paddle on a rail under two balls that bounce in a room; it is to stay below the light one.',
    state: {
      paddle_m: { role: 'dynamic', kind: 'length', unit: 'm', limits: [-REACH_m, REACH_m] },
      paddle_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
      light_m: { role: 'dynamic', kind: 'length', unit: 'm', size: 3 },
      heavy_m: { role: 'dynamic', kind: 'length', unit: 'm', size: 3 },
      lightTurn: { role: 'dynamic', kind: 'quaternion', unit: '1', size: 4 },
      heavyTurn: { role: 'dynamic', kind: 'quaternion', unit: '1', size: 4 },
      light_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s', size: 3 },
      heavy_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s', size: 3 },
      light_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s', size: 3 },
      heavy_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s', size: 3 },
    },
    observationSpace: box({ low: -Infinity, high: Infinity, shape: [8] }),
    actionSpace: box({ low: [-1], high: [1], names: ['push'] }),
    commands: [{ name: 'push', unit: 'N', low: -MAX_FORCE_N, high: MAX_FORCE_N }],
    controlDt_s: 0.02,
    horizon: 200,
    params: { gravity_mps2: 9.81, paddleMass_kg: 2, damping_Nspm: 4 },
    engines: { rapier: { step_s: 0.01 } },
    scene,
    initial(rng, _params, state) {
      state.paddle_m = rng.uniform(-0.5, 0.5);
      for (const [i, ball] of balls.entries()) {
        const side = i === 0 ? -1 : 1;
        state[`${ball}_m`].set([side * rng.uniform(0.15, 0.9), rng.uniform(-0.15, 0.15), rng.uniform(0.5, 1.8)]);
        state[`${ball}_mps`].set([-side * rng.uniform(0, 2), rng.uniform(-0.3, 0.3), rng.uniform(-1, 1)]);
        state[`${ball}_radps`].set([rng.uniform(-3, 3), rng.uniform(-3, 3), rng.uniform(-3, 3)]);
        state[`${ball}Turn`][3] = 1;
      }
    },
    place(world, state) {
      position[0] = state.paddle_m;
      velocity[0] = state.paddle_mps;
      world.setJoints(position, velocity);
      for (const ball of balls) {
        pose.set(state[`${ball}_m`]);
        // x, y, z, w
        pose.set(state[`${ball}Turn`], 3);
        motion.set(state[`${ball}_mps`]);
        motion.set(state[`${ball}_radps`], 3);
        world.setBody(world.bodyIndex(ball), pose, motion);
      }
    },
    read(world, state) {
      state.paddle_m = world.jointPosition(0);
      state.paddle_mps = world.jointVelocity(0);
      for (const ball of balls) {
        const body = world.bodyIndex(ball);
        world.bodyPose(body, pose);
        world.bodyVelocity(body, motion);
        state[`${ball}_m`].set(pose.subarray(0, 3));
        state[`${ball}Turn`].set(pose.subarray(3));
        state[`${ball}_mps`].set(motion.subarray(0, 3));
        state[`${ball}_radps`].set(motion.subarray(3));
      }
    },
    actuate(_state, action, _next, command) {
      command[0] = MAX_FORCE_N * action[0]!;
    },
    observe(state, observation) {
      const row = observation as TypedArray;
      row.set([state.paddle_m, state.paddle_mps]);
      row.set(state.light_m, 2);
      row.set(state.light_mps, 5);
    },
    reward: { below: { weight: 1, value: ({ next }) => 1 - Math.abs(next.light_m[0]! - next.paddle_m) } },
  }),
);
