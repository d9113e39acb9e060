import { expect } from 'chai';
import { cem, cemDefaults, icem, icemDefaults, mppi, mppiDefaults, randomPolicy } from '../../agents/index.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { TerminalValue } from '../../src/core/rollouts.ts';
import { inMemory, inModel, inTruth, planningPolicy } from '../../src/planning/index.ts';
import { anyTask } from '../../src/task/task.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { MemoryScorer } from '../../src/world-model/memory-scorer.ts';
import { registryOf } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';
import { stubModel } from '../world-model/observation-stub.ts';
import { pendulumModel } from './pendulum-model.ts';

const task = anyTask(pendulum);
const registry = registryOf(task);
const shape = { population: 20, iterations: 2, horizon: 12 };
const recipes = [
  cem({ ...cemDefaults, ...shape, elites: 4 }),
  icem({ ...icemDefaults, ...shape, elites: 4 }),
  mppi({ ...mppiDefaults, ...shape }),
];

async function withEnvs<T>(use: (source: TaskEnv, scratch: TaskEnv) => Promise<T>): Promise<T> {
  const [source, scratch] = [await registry.truth(task.id), await registry.truth(task.id)];
  for (const env of [source, scratch]) env.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(3) });
  return use(source, scratch).finally(() => {
    source.close();
    scratch.close();
  });
}

async function play(policy: Policy, env: TaskEnv, steps: number): Promise<{ sum: number; actions: number[] }> {
  policy.reset(1);
  let sum = 0;
  const actions: number[] = [];
  for (let step = 0; step < steps; step++) {
    const action = (await policy.act(env.batch.observation)) as Float32Array;
    actions.push(action[0]!);
    env.step(action, Uint8Array.of(1));
    sum += env.batch.reward[0]!;
  }
  return { sum, actions };
}

describe('planning in a view', () => {
  it('swings a pendulum higher than chance, with any planner, in truth and in a model', async () => {
    const chance = await withEnvs((source) => play(randomPolicy(task.actionSpace, 1), source, 20));
    for (const recipe of recipes) {
      const dreamed = await withEnvs((source) => play(planningPolicy(inModel(task, pendulumModel(task), 1), recipe), source, 20));
      expect(dreamed.sum, `${recipe.name} in a model`).to.be.above(chance.sum + 10);
    }
    const truth = await withEnvs((source, scratch) => play(planningPolicy(inTruth(source, scratch), recipes[1]!), source, 20));
    expect(truth.sum, 'in truth').to.be.above(chance.sum + 10);
  });

  it('names the planner and the view', () => {
    expect(planningPolicy(inModel(task, pendulumModel(task), 1), cem()).name).to.equal('cem in the model');
    expect(planningPolicy(inModel(task, pendulumModel(task), 1), mppi()).name).to.equal('mppi in the model');
  });

  it('plans for every lane of a twin from what the twin shows', async () => {
    const twin = await registry.makeVector(task.id, { backend: 'twin', model: pendulumModel(task), lanes: 2 });
    const policy = planningPolicy(inModel(task, pendulumModel(task), 2), recipes[1]!);
    policy.reset(1);
    const { observation } = await twin.reset({ seed: 1 });
    const { reward } = await twin.step((await policy.act(observation)) as Float32Array);
    expect(reward).to.have.length(2);
    await twin.close();
  });

  it('refuses a task that hides its state, and values of states where there are none', async () => {
    expect(() => inModel(walker, pendulumModel(task), 1)).to.throw(/observation determines its state/);
    const terminal: TerminalValue = { of: 'state', evaluate: () => {} };
    const model = await stubModel(walker);
    expect(() => inMemory(walker, model, 1, { terminal })).to.throw(/of 'observation'/);
    await model.close();
  });
});

describe('a terminal value', () => {
  /** Of a pendulum: how fast it turns, from its state or as it shows. */
  const judging = (of: TerminalValue['of'], calls: number[] = []): TerminalValue => ({
    of,
    evaluate(rows, count, out) {
      calls.push(count);
      const width = of === 'state' ? 2 : 3;
      for (let i = 0; i < count; i++) out[i] = 1000 * rows[i * width + width - 1]!;
    },
  });
  const plans = Float32Array.of(2, 2, 2, -2, -2, -2);

  it('is added to what each plan earns, in truth as in a model', async () => {
    await withEnvs(async (source, scratch) => {
      for (const of of ['state', 'observation'] as const) {
        const [plain, valued] = [new Float64Array(2), new Float64Array(2)];
        const calls: number[] = [];
        for (const [terminal, out] of [
          [undefined, plain],
          [judging(of, calls), valued],
        ] as const) {
          const view = inTruth(source, scratch, terminal ? { terminal } : {});
          await view.look(source.batch.observation);
          await view.scorer.score(plans, 2, 3, out);
        }
        for (let plan = 0; plan < 2; plan++) {
          const env = scratch;
          env.load(0, source.save(0));
          for (let step = 0; step < 3; step++) env.step(plans.subarray(plan * 3 + step, plan * 3 + step + 1), Uint8Array.of(1));
          expect(valued[plan]! - plain[plan]!).to.be.closeTo(1000 * Math.fround(env.state[1]!), of === 'state' ? 1e-3 : 1e-3);
        }
        expect(calls.every((count) => count === 1)).to.equal(true);
      }
    });
  });

  it('is asked once for all dreams, and not about ended ones', async () => {
    const model = pendulumModel(task, 2);
    const calls: number[] = [];
    const view = inModel(task, model, 1, { terminal: judging('state', calls) });
    await view.look(Float32Array.of(1, 0, 0), 1);
    const out = new Float64Array(2);
    await view.scorer.score(plans, 2, 3, out);
    expect(calls).to.deep.equal([4]);
    expect(out[0]).to.be.above(500);
    expect(out[1]).to.be.below(-500);
    const ending = anyTask({ ...pendulum, terminated: ({ velocity_radps }) => velocity_radps > 0 });
    const ended = inModel(ending, pendulumModel(ending, 2), 1, { terminal: judging('state', calls) });
    await ended.look(Float32Array.of(1, 0, 0), 1);
    await ended.scorer.score(plans, 2, 3, out);
    expect(calls).to.deep.equal([4, 2]);
    expect(out[0]).to.be.within(-1, 0);
  });

  it('counts in a memory as likely as the task goes on', async () => {
    const model = await stubModel(walker);
    const score = async (position: number, terminal?: TerminalValue) => {
      const scorer = new MemoryScorer(model, 1, 1, () => 0, terminal);
      scorer.seed(1);
      scorer.begin(Float32Array.of(position, 0, 0, position, 0, 0));
      const out = new Float64Array(1);
      await scorer.score(Float32Array.of(0), 1, 1, out);
      return out[0]!;
    };
    /** Steps, the second element of what is seen: 1 after one. */
    const steps: TerminalValue = {
      of: 'observation',
      evaluate(rows, count, out) {
        for (let i = 0; i < count; i++) out[i] = 500 * rows[3 * i + 1]!;
      },
    };
    // The task surely goes on below a position of 10 and is surely over past it.
    expect((await score(1, steps)) - (await score(1))).to.be.closeTo(500, 1e-6);
    expect((await score(20, steps)) - (await score(20))).to.be.closeTo(0, 1e-6);
    await model.close();
  });
});
