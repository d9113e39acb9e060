/**
 * A task of your own: a block on a rail is to be moved to a goal. One description of bodies, state, observation and reward;
 * truth, model and twin all come from it.
 */
import { box, defineTask, make, registry, type SceneSpec, type TypedArray } from 'groundtwin';

const RAIL_HALF_LENGTH_m = 2;
const MAX_FORCE_N = 5;

const scene: SceneSpec = {
  name: 'block-on-rail',
  gravity_mps2: [0, 0, -9.81],
  bodies: [
    {
      name: 'rail',
      kind: 'fixed',
      pose: { position_m: [0, 0, 0] },
      shapes: [{ form: { kind: 'box', halfExtents_m: [2.2, 0.02, 0.02] }, collides: false }],
    },
    {
      name: 'block',
      kind: 'dynamic',
      pose: { position_m: [0, 0, 0] },
      inertial: { mass_kg: 1, inertia_kgm2: [0.01, 0.01, 0.01] },
      shapes: [{ form: { kind: 'box', halfExtents_m: [0.1, 0.1, 0.1] }, collides: false, colour: '#3b6ea8' }],
    },
  ],
  joints: [
    {
      name: 'slide',
      kind: 'slide',
      parent: 'rail',
      child: 'block',
      parentAnchor_m: [0, 0, 0],
      childAnchor_m: [0, 0, 0],
      axis: [1, 0, 0],
      limits: [-RAIL_HALF_LENGTH_m, RAIL_HALF_LENGTH_m],
      damping: 0.5,
    },
  ],
  actuators: [{ name: 'push', kind: 'force', joint: 'slide', maxForce: MAX_FORCE_N }],
};

export const blockToGoal = defineTask({
  id: 'BlockToGoal-v0',
  summary: 'Move a block along a rail to a goal.',
  state: {
    // Physics moves these two, so a model learns them …
    position_m: { role: 'dynamic', kind: 'length', unit: 'm', limits: [-RAIL_HALF_LENGTH_m, RAIL_HALF_LENGTH_m] },
    velocity_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
    // … and this one stays put within an episode: it conditions a model and is never predicted.
    goal_m: { role: 'context', kind: 'length', unit: 'm' },
  },
  observationSpace: box({ low: -Infinity, high: Infinity, shape: [3], names: ['position_m', 'velocity_mps', 'goal_m'] }),
  actionSpace: box({ low: [-1], high: [1], names: ['push'] }),
  commands: [{ name: 'push', unit: 'N', low: -MAX_FORCE_N, high: MAX_FORCE_N }],
  controlDt_s: 0.05,
  horizon: 100,
  params: {},
  engines: { rapier: { step_s: 0.01, solverIterations: 4 } },
  scene: () => scene,
  initial(rng, _params, state) {
    state.position_m = rng.uniform(-1, 1);
    state.velocity_mps = 0;
    state.goal_m = rng.uniform(-1.5, 1.5);
  },
  place: (world, state) => world.setJoints([state.position_m], [state.velocity_mps]),
  read(world, state) {
    state.position_m = world.jointPosition(0);
    state.velocity_mps = world.jointVelocity(0);
  },
  actuate(_state, action, _next, command) {
    command[0] = MAX_FORCE_N * action[0]!;
  },
  observe(state, observation) {
    (observation as TypedArray).set([state.position_m, state.velocity_mps, state.goal_m]);
  },
  // An observation says all there is: planners may start from it.
  infer(observation, state) {
    [state.position_m, state.velocity_mps, state.goal_m] = observation as unknown as [number, number, number];
  },
  reward: {
    near: { weight: 1, value: ({ next }) => Math.exp(-((next.position_m - next.goal_m) ** 2) / 0.1) },
    effort: { weight: -0.05, value: ({ action }) => action[0]! ** 2 },
  },
});

registry.register(blockToGoal);

const env = await make('BlockToGoal-v0');
let { observation } = await env.reset({ seed: 3 });
let sum = 0;
for (let ended = false; !ended; ) {
  const [position_m, velocity_mps, goal_m] = observation as unknown as [number, number, number];
  const push = 2 * (goal_m - position_m) - velocity_mps;
  const result = await env.step([Math.min(Math.max(push, -1), 1)]);
  observation = result.observation;
  sum += result.reward;
  ended = result.terminated || result.truncated;
}
console.log(`return ${sum.toFixed(1)} of at most ${blockToGoal.horizon}`);
await env.close();
