/** Small tasks that ask of DESIGN.md what the shipped envs do not: contact signals, goals, delays, model memory, several agents. */
import type { BodySpec, SceneSpec, Vector3 } from '../../src/core/scene-spec.ts';
import { wrapAngle } from '../../src/core/state-spec.ts';
import { box, dict, type TypedArray } from '../../src/spaces/space.ts';
import { type AnyTask, anyTask, defineTask } from '../../src/task/task.ts';

const nowhere: SceneSpec = { name: 'nowhere', gravity_mps2: [0, 0, 0], bodies: [], joints: [], actuators: [] };
/** A task of numbers alone, without physics, for what looks at nothing but the rows of its state. */
export function bareTask(parts: Pick<AnyTask, 'id' | 'state'> & Partial<AnyTask>): AnyTask {
  return {
    summary: '',
    observationSpace: box({ low: -10, high: 10, shape: [1] }),
    actionSpace: box({ low: -1, high: 1, shape: [1] }),
    commands: [{ name: 'push', unit: '1', low: -1, high: 1 }],
    controlDt_s: 0.1,
    horizon: 10,
    params: {},
    engines: { rapier: { step_s: 0.1 } },
    scene: () => nowhere,
    initial() {},
    place() {},
    read() {},
    actuate() {},
    observe() {},
    reward: {},
    ...parts,
  };
}

const cube_kgm2: Vector3 = [0.01, 0.01, 0.01];

function ground(name: string, shapes: BodySpec['shapes'] = []): BodySpec {
  return { name, kind: 'fixed', pose: { position_m: [0, 0, 0] }, shapes };
}

/**
 * A point on a line without physics: position grows by `gain · push` a step; a drift is drawn anew by the task now and then, and sensors are noisy.
 * Runs on any Dynamics that predicts one number.
 */
export const walker = anyTask(
  defineTask({
    id: 'Walker-v0',
    summary: 'A point on a line.',
    state: {
      position_m: { role: 'dynamic', kind: 'length', unit: 'm' },
      goal_m: { role: 'context', kind: 'length', unit: 'm' },
      lastPush: { role: 'memory', kind: 'scalar', unit: '1' },
    },
    observationSpace: box({ low: -Infinity, high: Infinity, shape: [3] }),
    actionSpace: box({ low: [-1], high: [1] }),
    commands: [{ name: 'push', unit: '1', low: -1, high: 1 }],
    controlDt_s: 0.1,
    horizon: 50,
    params: { gain: 1 },
    engines: { rapier: { step_s: 0.1 } },
    scene: () => nowhere,
    initial(rng, _params, state) {
      state.position_m = rng.uniform(-1, 1);
      state.goal_m = rng.uniform(-5, 5);
      state.lastPush = 0;
    },
    place() {},
    read() {},
    actuate(_state, action, next, command) {
      command[0] = action[0]!;
      next.lastPush = action[0]!;
    },
    advance(_state, _action, next, rng) {
      if (rng.uniform() < 0.2) next.goal_m = rng.uniform(-5, 5);
    },
    observe(state, observation) {
      const row = observation as TypedArray;
      row[0] = state.position_m;
      row[1] = state.goal_m;
      row[2] = state.lastPush;
    },
    sense(observation, rng) {
      const row = observation as TypedArray;
      row[0] = row[0]! + 0.01 * rng.normal();
    },
    reward: {
      progress: { weight: 2, value: ({ state, next }) => next.position_m - state.position_m },
      effort: { weight: -0.5, value: ({ action }) => action[0]! ** 2 },
    },
    terminated: (next) => next.position_m > 3,
  }),
);

const boxMass_kg = 2;
export const boxWeight_N = boxMass_kg * 9.81;
const joints1 = new Float64Array(1);
const rates1 = new Float64Array(1);
const pose = new Float64Array(7);
const motion = new Float64Array(6);
const wrench = new Float64Array(6);

/** A free box on a plane, pushed along x by a rod on a slide; the contact wrench on the box is a signal, averaged over four physics steps. */
export const contactBox = anyTask(
  defineTask({
    id: 'ContactBox-v0',
    summary: 'Push a box over a plane and feel it.',
    state: {
      boxPosition_m: { role: 'dynamic', kind: 'length', unit: 'm', size: 3 },
      boxTurn: { role: 'dynamic', kind: 'quaternion', unit: '1', size: 4 },
      boxMotion: { role: 'dynamic', kind: 'velocity', unit: 'm/s', size: 6 },
      rod_m: { role: 'dynamic', kind: 'length', unit: 'm' },
      rodSpeed_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
      touch: { role: 'signal', kind: 'wrench', unit: 'N', size: 6 },
    },
    observationSpace: box({
      low: -Infinity,
      high: Infinity,
      shape: [5],
      names: ['box_m', 'rod_m', 'rodSpeed_mps', 'touchX_N', 'touchZ_N'],
    }),
    actionSpace: box({ low: [-1], high: [1] }),
    commands: [{ name: 'shove', unit: 'N', low: -20, high: 20 }],
    controlDt_s: 0.02,
    horizon: 100,
    params: { friction: 0.5 },
    engines: { rapier: { step_s: 0.005 } },
    scene: ({ friction }) => ({
      name: 'contact-box',
      gravity_mps2: [0, 0, -9.81],
      bodies: [
        ground('ground', [{ form: { kind: 'plane' }, friction: friction! }]),
        {
          name: 'box',
          kind: 'dynamic',
          pose: { position_m: [0, 0, 0.1] },
          inertial: { mass_kg: boxMass_kg, inertia_kgm2: [0.0133, 0.0133, 0.0133] },
          shapes: [{ form: { kind: 'box', halfExtents_m: [0.1, 0.1, 0.1] }, friction: friction! }],
        },
        {
          name: 'rod',
          kind: 'dynamic',
          pose: { position_m: [-0.4, 0, 0.1] },
          inertial: { mass_kg: 1, inertia_kgm2: cube_kgm2 },
          shapes: [{ form: { kind: 'box', halfExtents_m: [0.1, 0.02, 0.02] }, friction: 0 }],
        },
      ],
      joints: [
        {
          name: 'slide',
          kind: 'slide',
          parent: 'ground',
          child: 'rod',
          parentAnchor_m: [-0.4, 0, 0.1],
          childAnchor_m: [0, 0, 0],
          axis: [1, 0, 0],
          damping: 5,
        },
      ],
      actuators: [{ name: 'shove', kind: 'force', joint: 'slide', maxForce: 20 }],
      sensors: [{ name: 'touch', kind: 'contactWrench', body: 'box' }],
    }),
    initial(rng, _params, state) {
      state.boxPosition_m.set([rng.uniform(-0.05, 0.05), 0, 0.1]);
      state.boxTurn[3] = 1;
      state.rod_m = rng.uniform(-0.05, 0.05);
    },
    place(world, state) {
      joints1[0] = state.rod_m;
      rates1[0] = state.rodSpeed_mps;
      world.setJoints(joints1, rates1);
      pose.set(state.boxPosition_m);
      pose.set(state.boxTurn, 3);
      world.setBody(world.bodyIndex('box'), pose, state.boxMotion);
    },
    read(world, state) {
      world.bodyPose(world.bodyIndex('box'), pose);
      world.bodyVelocity(world.bodyIndex('box'), motion);
      state.boxPosition_m.set(pose.subarray(0, 3));
      state.boxTurn.set(pose.subarray(3));
      state.boxMotion.set(motion);
      state.rod_m = world.jointPosition(0);
      state.rodSpeed_mps = world.jointVelocity(0);
    },
    accumulate(world, state, share) {
      world.readSensor(0, wrench);
      for (let i = 0; i < 6; i++) state.touch[i] = state.touch[i]! + share * wrench[i]!;
    },
    actuate(_state, action, _next, command) {
      command[0] = 20 * action[0]!;
    },
    observe(state, observation) {
      const row = observation as TypedArray;
      row[0] = state.boxPosition_m[0]!;
      row[1] = state.rod_m;
      row[2] = state.rodSpeed_mps;
      row[3] = state.touch[0]!;
      row[4] = state.touch[2]!;
    },
    reward: { moved: { weight: 1, value: ({ state, next }) => next.boxPosition_m[0]! - state.boxPosition_m[0]! } },
  }),
);

const link_m = 0.5;
export const reach_m = 0.08;
const angles2 = new Float64Array(2);
const rates2 = new Float64Array(2);

/** x, y of the tip of two links of half a metre. */
export function tipOf(shoulder_rad: number, elbow_rad: number): [number, number] {
  const x = link_m * Math.cos(shoulder_rad) + link_m * Math.cos(shoulder_rad + elbow_rad);
  return [x, link_m * Math.sin(shoulder_rad) + link_m * Math.sin(shoulder_rad + elbow_rad)];
}

/** A planar arm that reaches for one goal after the other; observations are those of a goal env. */
export const goalArm = anyTask(
  defineTask({
    id: 'GoalArm-v0',
    summary: 'Reach with two links; a reached goal is replaced by a new one.',
    state: {
      shoulder_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
      elbow_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
      shoulderRate_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
      elbowRate_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
      goal_m: { role: 'context', kind: 'length', unit: 'm', size: 2 },
      reached: { role: 'context', kind: 'scalar', unit: '1' },
    },
    observationSpace: dict({
      observation: box({ low: [-1, -1, -1, -1, -Infinity, -Infinity], high: [1, 1, 1, 1, Infinity, Infinity] }),
      achieved_goal: box({ low: -1.01, high: 1.01, shape: [2] }),
      desired_goal: box({ low: -1.01, high: 1.01, shape: [2] }),
    }),
    actionSpace: box({ low: -1, high: 1, shape: [2] }),
    commands: [
      { name: 'shoulder', unit: 'N·m', low: -1, high: 1 },
      { name: 'elbow', unit: 'N·m', low: -1, high: 1 },
    ],
    controlDt_s: 0.05,
    horizon: 100,
    params: { linkMass_kg: 0.5 },
    engines: { rapier: { step_s: 0.01 } },
    scene: ({ linkMass_kg }) => ({
      name: 'goal-arm',
      gravity_mps2: [0, 0, 0],
      bodies: [
        ground('base'),
        {
          name: 'upper',
          kind: 'dynamic',
          pose: { position_m: [link_m / 2, 0, 0] },
          inertial: { mass_kg: linkMass_kg!, inertia_kgm2: cube_kgm2 },
          shapes: [],
        },
        {
          name: 'lower',
          kind: 'dynamic',
          pose: { position_m: [1.5 * link_m, 0, 0] },
          inertial: { mass_kg: linkMass_kg!, inertia_kgm2: cube_kgm2 },
          shapes: [],
        },
      ],
      joints: [
        {
          name: 'shoulder',
          kind: 'hinge',
          parent: 'base',
          child: 'upper',
          parentAnchor_m: [0, 0, 0],
          childAnchor_m: [-link_m / 2, 0, 0],
          axis: [0, 0, 1],
          damping: 0.2,
        },
        {
          name: 'elbow',
          kind: 'hinge',
          parent: 'upper',
          child: 'lower',
          parentAnchor_m: [link_m / 2, 0, 0],
          childAnchor_m: [-link_m / 2, 0, 0],
          axis: [0, 0, 1],
          damping: 0.2,
        },
      ],
      actuators: [
        { name: 'shoulder', kind: 'force', joint: 'shoulder', maxForce: 1 },
        { name: 'elbow', kind: 'force', joint: 'elbow', maxForce: 1 },
      ],
    }),
    initial(rng, _params, state) {
      state.shoulder_rad = wrapAngle(rng.uniform(-Math.PI, Math.PI));
      state.elbow_rad = rng.uniform(-2, 2);
      state.goal_m.set(drawGoal(rng.uniform(0, 1), rng.uniform(-Math.PI, Math.PI)));
    },
    place(world, state) {
      angles2[0] = state.shoulder_rad;
      angles2[1] = state.elbow_rad;
      rates2[0] = state.shoulderRate_radps;
      rates2[1] = state.elbowRate_radps;
      world.setJoints(angles2, rates2);
    },
    read(world, state) {
      state.shoulder_rad = world.jointPosition(0);
      state.elbow_rad = world.jointPosition(1);
      state.shoulderRate_radps = world.jointVelocity(0);
      state.elbowRate_radps = world.jointVelocity(1);
    },
    actuate(_state, action, _next, command) {
      command[0] = action[0]!;
      command[1] = action[1]!;
    },
    advance(_state, _action, next, rng) {
      const [x, y] = tipOf(next.shoulder_rad, next.elbow_rad);
      if (Math.hypot(x - next.goal_m[0]!, y - next.goal_m[1]!) > reach_m) return;
      next.reached = next.reached + 1;
      next.goal_m.set(drawGoal(rng.uniform(0, 1), rng.uniform(-Math.PI, Math.PI)));
    },
    observe(state, observation) {
      const parts = observation as Record<string, TypedArray>;
      const { shoulder_rad, elbow_rad } = state;
      parts.observation!.set([
        Math.cos(shoulder_rad),
        Math.sin(shoulder_rad),
        Math.cos(elbow_rad),
        Math.sin(elbow_rad),
        state.shoulderRate_radps,
        state.elbowRate_radps,
      ]);
      parts.achieved_goal!.set(tipOf(shoulder_rad, elbow_rad));
      parts.desired_goal!.set(state.goal_m);
    },
    reward: { reached: { weight: 1, value: ({ state, next }) => next.reached - state.reached } },
  }),
);

function drawGoal(share: number, angle_rad: number): [number, number] {
  const distance_m = 0.3 + 0.6 * share;
  return [distance_m * Math.cos(angle_rad), distance_m * Math.sin(angle_rad)];
}

/** A cart whose force arrives `delaySteps` control steps late: the queue is memory, kept by task code. */
export function delayedCart(delaySteps: number): AnyTask {
  return anyTask(
    defineTask({
      id: `DelayedCart${delaySteps}-v0`,
      summary: 'A cart with a slow wire.',
      state: {
        position_m: { role: 'dynamic', kind: 'length', unit: 'm' },
        speed_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
        queue: { role: 'memory', kind: 'force', unit: 'N', size: delaySteps },
      },
      observationSpace: box({ low: -Infinity, high: Infinity, shape: [2 + delaySteps] }),
      actionSpace: box({ low: [-1], high: [1] }),
      commands: [{ name: 'push', unit: 'N', low: -1, high: 1 }],
      controlDt_s: 0.05,
      horizon: 100,
      params: { mass_kg: 1 },
      engines: { rapier: { step_s: 0.05 } },
      scene: ({ mass_kg }) => ({
        name: 'delayed-cart',
        gravity_mps2: [0, 0, -9.81],
        bodies: [
          ground('rail'),
          {
            name: 'cart',
            kind: 'dynamic',
            pose: { position_m: [0, 0, 0] },
            inertial: { mass_kg: mass_kg!, inertia_kgm2: cube_kgm2 },
            shapes: [],
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
          },
        ],
        actuators: [{ name: 'push', kind: 'force', joint: 'slide', maxForce: 1 }],
      }),
      initial(rng, _params, state) {
        state.position_m = rng.uniform(-1, 1);
        state.speed_mps = rng.uniform(-0.1, 0.1);
      },
      place(world, state) {
        joints1[0] = state.position_m;
        rates1[0] = state.speed_mps;
        world.setJoints(joints1, rates1);
      },
      read(world, state) {
        state.position_m = world.jointPosition(0);
        state.speed_mps = world.jointVelocity(0);
      },
      actuate(state, action, next, command) {
        command[0] = delaySteps > 0 ? state.queue[0]! : action[0]!;
        for (let i = 0; i < delaySteps; i++) next.queue[i] = i + 1 < delaySteps ? state.queue[i + 1]! : action[0]!;
      },
      observe(state, observation) {
        const row = observation as TypedArray;
        row[0] = state.position_m;
        row[1] = state.speed_mps;
        row.set(state.queue, 2);
      },
      reward: { centred: { weight: -1, value: ({ next }) => next.position_m ** 2 } },
    }),
  );
}

/** Two carts on one rail, an agent each; every agent sees itself first and is paid by its own place. */
export const twoCarts = anyTask(
  defineTask({
    id: 'TwoCarts-v0',
    summary: 'Two agents on one axis.',
    agents: 2,
    state: {
      positions_m: { role: 'dynamic', kind: 'length', unit: 'm', size: 2 },
      speeds_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s', size: 2 },
    },
    observationSpace: box({ low: -Infinity, high: Infinity, shape: [2, 3] }),
    actionSpace: box({ low: -1, high: 1, shape: [2, 1] }),
    commands: [
      { name: 'left', unit: 'N', low: -1, high: 1 },
      { name: 'right', unit: 'N', low: -1, high: 1 },
    ],
    controlDt_s: 0.05,
    horizon: 60,
    params: { mass_kg: 1 },
    engines: { rapier: { step_s: 0.05 } },
    scene: ({ mass_kg }) => ({
      name: 'two-carts',
      gravity_mps2: [0, 0, -9.81],
      bodies: [
        ground('rail'),
        ...['left', 'right'].map(
          (name): BodySpec => ({
            name,
            kind: 'dynamic',
            pose: { position_m: [0, 0, 0] },
            inertial: { mass_kg: mass_kg!, inertia_kgm2: cube_kgm2 },
            shapes: [],
          }),
        ),
      ],
      joints: ['left', 'right'].map(
        (name) =>
          ({
            name,
            kind: 'slide',
            parent: 'rail',
            child: name,
            parentAnchor_m: [0, 0, 0],
            childAnchor_m: [0, 0, 0],
            axis: [1, 0, 0],
          }) as const,
      ),
      actuators: ['left', 'right'].map((name) => ({ name, kind: 'force', joint: name, maxForce: 1 }) as const),
    }),
    initial(rng, _params, state) {
      state.positions_m.set([rng.uniform(-2, -1), rng.uniform(1, 2)]);
      state.speeds_mps.set([rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1)]);
    },
    place(world, state) {
      world.setJoints(state.positions_m, state.speeds_mps);
    },
    read(world, state) {
      for (let agent = 0; agent < 2; agent++) {
        state.positions_m[agent] = world.jointPosition(agent);
        state.speeds_mps[agent] = world.jointVelocity(agent);
      }
    },
    actuate(_state, action, _next, command) {
      command[0] = action[0]!;
      command[1] = action[1]!;
    },
    observe(state, observation) {
      const rows = observation as TypedArray;
      for (let agent = 0; agent < 2; agent++) {
        rows[agent * 3] = state.positions_m[agent]!;
        rows[agent * 3 + 1] = state.speeds_mps[agent]!;
        rows[agent * 3 + 2] = state.positions_m[1 - agent]!;
      }
    },
    reward: {
      place: { weight: 1, value: ({ next, agent }) => next.positions_m[agent]! },
      effort: { weight: -0.1, value: ({ action, agent }) => action[agent]! ** 2 },
    },
  }),
);
