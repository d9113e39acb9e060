/** Two balls that meet in mid-air, and one that turns: isolated collisions, free fall and a quaternion, without any joint. */

import type { SceneSpec } from '../../../src/core/scene-spec.ts';
import { layOut } from '../../../src/core/state-spec.ts';
import { TransitionRecorder, type Transitions } from '../../../src/data/transitions.ts';
import { Rng } from '../../../src/math/rng.ts';
import { box, type TypedArray } from '../../../src/spaces/space.ts';
import { anyTask, defineTask } from '../../../src/task/task.ts';
import { truthOf } from './measure.ts';

const RADIUS_m = 0.2;
const masses_kg = [1, 3];
const pose = new Float64Array(7);
const motion = new Float64Array(6);

const scene: SceneSpec = {
  name: 'two-balls',
  gravity_mps2: [0, 0, -9.81],
  bodies: masses_kg.map((mass_kg, i) => ({
    name: `ball-${i}`,
    kind: 'dynamic',
    pose: { position_m: [i, 0, 0] },
    inertial: { mass_kg, inertia_kgm2: [0.02, 0.02, 0.02] },
    shapes: [{ form: { kind: 'sphere', radius_m: RADIUS_m }, restitution: 0.9, friction: 0 }],
  })),
  joints: [],
  actuators: [],
};

export const twoBalls = anyTask(
  defineTask({
    id: 'TwoBalls-v0',
    summary: 'Two balls meet as they fall.',
    state: {
      positions_m: { role: 'dynamic', kind: 'length', unit: 'm', size: 6 },
      turn: { role: 'dynamic', kind: 'quaternion', unit: '1', size: 4 },
      velocities_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s', size: 6 },
    },
    observationSpace: box({ low: -Infinity, high: Infinity, shape: [6] }),
    actionSpace: box({ low: -1, high: 1, shape: [1] }),
    commands: [],
    controlDt_s: 0.02,
    horizon: 50,
    params: { gravity_mps2: 9.81 },
    engines: { rapier: { step_s: 0.005 } },
    scene: ({ gravity_mps2 }) => ({ ...scene, gravity_mps2: [0, 0, -gravity_mps2!] }),
    initial(rng, _params, state) {
      state.positions_m.set([-0.5, rng.uniform(-0.05, 0.05), 0, 0.5, 0, 0]);
      state.turn[3] = 1;
      state.velocities_mps.set([rng.uniform(1.5, 3), 0, 0, rng.uniform(-3, -1.5), 0, 0]);
    },
    place(world, state) {
      world.setJoints([], []);
      for (const i of [0, 1]) {
        pose.set(state.positions_m.subarray(3 * i, 3 * i + 3));
        pose.set(i === 0 ? state.turn : [0, 0, 0, 1], 3);
        motion.fill(0);
        motion.set(state.velocities_mps.subarray(3 * i, 3 * i + 3));
        world.setBody(i, pose, motion);
      }
    },
    read(world, state) {
      for (const i of [0, 1]) {
        world.bodyPose(i, pose);
        world.bodyVelocity(i, motion);
        state.positions_m.set(pose.subarray(0, 3), 3 * i);
        if (i === 0) state.turn.set(pose.subarray(3));
        state.velocities_mps.set(motion.subarray(0, 3), 3 * i);
      }
    },
    actuate() {},
    observe(state, observation) {
      (observation as TypedArray).set(state.velocities_mps);
    },
    reward: {},
  }),
);

/** Episodes of 40 steps, the balls meet in each. */
export async function meetings(count: number): Promise<Transitions> {
  const env = await truthOf(twoBalls, 1);
  const recorder = new TransitionRecorder(twoBalls);
  const size = layOut(twoBalls.state).size;
  const rng = new Rng(3);
  for (let episode = 0; episode < count; episode++) {
    env.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(rng.integer(1000)) });
    for (let step = 0; step < 40; step++) {
      const before = env.state.slice(0, size);
      await env.step(Float32Array.of(0), Uint8Array.of(1));
      recorder.add(before, Float32Array.of(0), env.commands, env.state, episode);
    }
  }
  await env.close();
  return recorder.transitions();
}
