/** Tasks to ask causal questions about, with episodes of policies that look at the state. */
import { TransitionRecorder, type Transitions } from '../../../src/data/transitions.ts';
import { type AxisContext, envSubject, modelSubject, predictedScale, type Subject, TruthModel } from '../../../src/gap/index.ts';
import { registry } from '../../../src/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { rapierEngine } from '../../../src/physics/rapier-engine.ts';
import { conditionOn } from '../../../src/task/condition.ts';
import { PhysicsDynamics } from '../../../src/task/physics-dynamics.ts';
import type { AnyTask, Params } from '../../../src/task/task.ts';
import { TaskEnv } from '../../../src/task/task-env.ts';

const engine = await rapierEngine();
const within = (value: number, bound: number) => Math.max(-bound, Math.min(bound, value));

/** What is done in a state. */
type Policy = (state: Float64Array, action: Float32Array, rng: Rng, step: number) => void;

export interface World {
  readonly task: AnyTask;
  readonly policy: Policy;
  /** A start of its own, where the task's are too much alike. */
  readonly start?: (rng: Rng) => readonly number[];
  /** Parameters 2 % off. */
  readonly off: (params: Params) => Params;
}

const scaled = (names: readonly string[]) => (params: Params) => ({
  ...params,
  ...Object.fromEntries(names.map((name) => [name, params[name]! * 1.02])),
});

/** Pumps, and is saturated for most of the time. */
const pump: Policy = (state, action) => {
  action[0] = within(40 * state[1]! * Math.cos(0.5 * state[0]!), 2);
};

export const pendulum: World = {
  task: registry.task('Pendulum-v0'),
  policy: (state, action) => {
    action[0] = within(2 * Math.sin(state[0]!) + 0.5 * state[1]! * Math.cos(2 * state[0]!), 2);
  },
  start: (rng) => [rng.uniform(-Math.PI, Math.PI), rng.uniform(-6, 6)],
  off: scaled(['mass_kg', 'gravity_mps2']),
};

export const saturated: World = { ...pendulum, policy: pump };

/** In honey. */
export const damped: World = {
  ...pendulum,
  task: { ...pendulum.task, params: { ...pendulum.task.params, hingeDamping_Nmsprad: 1 } },
};

/** Acts without looking. */
export const blind: World = {
  ...pendulum,
  policy: (_state, action, rng, step) => {
    if (step % 3 === 0) action[0] = rng.uniform(-2, 2);
  },
};

/** Swings the pole up and keeps to the middle of the rail. */
export const cartPole: World = {
  task: registry.task('CartPoleSwingUp-v0'),
  policy: ([x, v, angle, rate], action, rng) => {
    const up = 3 * Math.sin(angle!) + 0.6 * rate! + 0.2 * x! + 0.3 * v!;
    const pumping = -0.3 * rate! * Math.cos(angle!) - 1.2 * x! - 0.6 * v!;
    action[0] = within((Math.cos(angle!) > 0.7 ? up : pumping) + 0.1 * rng.normal(), 1);
  },
  off: scaled(['cartMass_kg', 'poleLength_m', 'gravity_mps2']),
};

/** Told its mass and gravity. */
export const conditioned: World = { ...pendulum, task: conditionOn(pendulum.task, ['mass_kg', 'gravity_mps2']) };

export const hopper: World = {
  task: registry.task('Hopper-v0'),
  policy: (_state, action, rng, step) => {
    if (step % 3 === 0) for (let i = 0; i < action.length; i++) action[i] = rng.uniform(-0.6, 0.6);
  },
  off: scaled(['massScale', 'gravity_mps2']),
};

export const truthOf = ({ task }: World, lanes: number) => new TaskEnv(task, new PhysicsDynamics(task, engine), lanes);

export async function record(world: World, seed: number, episodes: number, steps: number): Promise<Transitions> {
  const { task } = world;
  const env = truthOf(world, 1);
  const recorder = new TransitionRecorder(task);
  const rng = new Rng(seed);
  const action = new Float32Array(task.commands.length);
  for (let episode = 0; episode < episodes; episode++) {
    await env.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(1000 * seed + episode) });
    if (world.start) await env.setState(0, [...world.start(rng), ...env.state.slice(2)], 0);
    for (let step = 0; step < steps && !env.batch.terminated[0]; step++) {
      const before = env.state.slice();
      world.policy(before, action, rng, step);
      await env.step(action, Uint8Array.of(1));
      recorder.add(before, action, env.commands, env.state, episode);
    }
  }
  await env.close();
  return recorder.transitions();
}

/** Truth on as many lanes as asked for. */
export const oracle = (world: World): Subject => envSubject('oracle', world.task, async (lanes) => truthOf(world, Math.min(lanes, 16)));
/** Truth a step at a time, behind the contract of a model. */
export const exact = ({ task }: World): Subject => modelSubject(task, new TruthModel(task, engine));
export const slightlyOff = ({ task, off }: World): Subject => modelSubject(task, new TruthModel(task, engine, { changed: off }));
export const noisy = ({ task }: World, data: Transitions): Subject =>
  modelSubject(task, new TruthModel(task, engine, { noise: predictedScale(task, data).map((deviation) => 2e-3 * deviation) }));

export const partsOf = ({ task }: World, logged: Transitions) => ({ task, engine, logged });

/** Closed by the caller, truth and subject. */
export function contextOf(world: World, subject: Subject, data: Transitions, samples = 1, seed = 1): AxisContext {
  const scale = predictedScale(world.task, data);
  const [truth, rng] = [truthOf(world, 16), new Rng(seed)];
  return { truth, subject, engine, heldOut: data, training: data, scale, samples, rng, resamples: 300 };
}
