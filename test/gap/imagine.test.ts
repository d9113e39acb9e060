import { expect } from 'chai';
import { icem, icemDefaults } from '../../agents/index.ts';
import { type ImagineOptions, imagine } from '../../src/gap/index.ts';
import { make, registry } from '../../src/index.ts';
import { parseGoal } from '../../src/planning/index.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { manifestFor, StubModel } from '../contracts/stub-backends.ts';
import { pendulumModel } from '../planning/pendulum-model.ts';

const task = registry.task('Pendulum-v0');
const horizon = 16;
const planner = icem({ ...icemDefaults, horizon, population: 40, elites: 5, iterations: 5, initialDeviation: 0.8 });
const goal = parseGoal(task, 'velocity_radps=0.5');

describe('imagining ways to a goal', () => {
  let truth: TaskEnv;
  before(async () => {
    truth = await registry.truth(task.id);
  });
  after(() => truth.close());
  const ways = (parts: Partial<ImagineOptions> = {}) =>
    imagine({ truth, model: pendulumModel(task), goal, planner, plans: 3, start: 5, seed: 1, ...parts });

  it('executes in physics what a rollout of the env gives, from the same start', async () => {
    const plans = await ways();
    const env = await make(task.id);
    for (const { actions, executed } of plans) {
      const { observation } = await env.reset({ seed: 5 });
      let sum = 0;
      const velocities = [(observation as Float32Array)[2]!];
      for (const action of actions) {
        const { observation: seen, reward } = await env.step(Float32Array.from(action));
        sum += reward as number;
        velocities.push((seen as Float32Array)[2]!);
      }
      expect(executed.return).to.equal(sum);
      expect(executed.path.velocity_radps!.map(Math.fround)).to.deep.equal(velocities);
      expect(executed.final.velocity_radps).to.equal(executed.path.velocity_radps![horizon]);
      expect(executed.distance).to.be.closeTo(Math.abs(velocities[horizon]! - 0.5), 1e-6);
      expect(executed.steps).to.equal(horizon);
    }
    await env.close();
  });

  it('dreams what the model says, and takes the difference', async () => {
    const [plan] = await ways({ plans: 1 });
    const { actions, imagined, executed, difference, apart } = plan!;
    await truth.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(5) });
    let [angle_rad, velocity_radps] = [truth.state[0]!, truth.state[1]!];
    for (const [i, [torque_Nm]] of actions.entries()) {
      velocity_radps += 0.05 * (15 * Math.sin(angle_rad) + 3 * torque_Nm!);
      angle_rad += 0.05 * velocity_radps;
      expect(imagined.path.velocity_radps![i + 1]).to.be.closeTo(velocity_radps, 1e-4);
    }
    expect(difference.return).to.equal(imagined.return - executed.return);
    expect(difference.final.velocity_radps).to.equal(imagined.final.velocity_radps! - executed.final.velocity_radps!);
    expect(difference.path.velocity_radps).to.be.above(0);
    expect(apart).to.equal(null);
  });

  it('finds plans that are apart, gives the best of them first, and reaches the goal where it can be', async () => {
    const plans = await ways();
    for (const { apart } of plans) expect(apart).to.be.above(0.35);
    const closeness = plans.map(({ imagined }) => imagined.closeness);
    expect(closeness).to.deep.equal([...closeness].sort((a, b) => b - a));
    expect(plans[0]!.imagined.distance).to.be.below(0.1);
  });

  it('averages over the members, angles around the circle', async () => {
    const [plan] = await ways({ plans: 1, model: pendulumModel(task, 2, 1), goal: parseGoal(task, 'angle_rad=3.1') });
    const { imagined } = plan!;
    for (const angle of imagined.path.angle_rad!) expect(angle).to.be.within(-Math.PI, Math.PI);
    expect(imagined.final.angle_rad).to.equal(imagined.path.angle_rad![horizon]);
  });

  it('finds the same again from the same seed', async () => {
    const [first, again, other] = [await ways(), await ways(), await ways({ seed: 2 })];
    expect(again).to.deep.equal(first);
    expect(other).to.not.deep.equal(first);
  });

  it('stops where an episode ends', async () => {
    const cart = registry.task('CartPole-v0');
    const env = await registry.truth(cart.id);
    const model = new StubModel(manifestFor(cart), ({ state }) => ({ sample: [...state] }));
    const steps = 60;
    const push = {
      name: 'push',
      settings: {},
      horizon: steps,
      make: () => ({ sequence: new Float32Array(steps).fill(1), reset() {}, async plan() {} }),
    };
    const [name] = Object.keys(cart.state);
    const [plan] = await imagine({ truth: env, model, goal: parseGoal(cart, `${name}=0`), planner: push, plans: 1, start: 1, seed: 1 });
    await env.close();
    expect(plan!.imagined).to.include({ steps, return: steps });
    expect(plan!.executed.steps).to.be.within(5, 20);
    expect(plan!.executed.return).to.equal(plan!.executed.steps);
    expect(plan!.executed.path[name!]).to.have.length(steps + 1);
    expect(plan!.difference.steps).to.equal(steps - plan!.executed.steps);
  });

  it('refuses no plans, too many, and truths of several lanes', async () => {
    const messageOf = (parts: Partial<ImagineOptions>) => ways(parts).then(String, (error: Error) => error.message);
    expect(await messageOf({ plans: 0 })).to.match(/plans is 0/);
    expect(await messageOf({ plans: 65 })).to.match(/at most 64/);
    expect(await messageOf({ separation: 0 })).to.match(/separation is 0; it must be from 0.001 to 2/);
    expect(await messageOf({ goal: [] })).to.match(/goal is 0/);
    const two = await registry.truth(task.id, 2);
    expect(await messageOf({ truth: two })).to.match(/one lane/);
    await two.close();
  });
});
