import { expect } from 'chai';
import { cem, cemDefaults, inModel, inTruth, planningPolicy, randomPolicy } from '../../agents/index.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, box, contains, dict, discrete, rowOf, type Space } from '../../src/spaces/space.ts';
import { anyTask } from '../../src/task/task.ts';
import { manifestFor, registryOf, StubModel } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';
import { pendulumModel } from '../planning/pendulum-model.ts';
import { Quadratic } from '../planning/scorers.ts';

/** All candidates search alike: what the default adds, narrow ones beside wide, is for plans that are warm already. */
const config = {
  ...cemDefaults,
  population: 200,
  elites: 20,
  iterations: 20,
  horizon: 3,
  finest: 1,
  noiseCorrelation: 0,
  initialDeviation: 1,
};

describe('cross-entropy planning', () => {
  it('finds the optimum of each start, inside the bounds of the actions', async () => {
    // Normalised, the middle of the first action is 1 and its half range 3.
    const space = box({ low: [-2, 0], high: [4, 1] });
    const targets = [
      [3, 0.25, -1, 0.75, 0, 0.5],
      [9, -5, 1, 0.5, 2, 0.9],
    ];
    const scorer = new Quadratic(targets, 2);
    const planner = cem(config).make(scorer, space);
    const out = new Float32Array(4);
    await planner.plan(new Rng(1), out);
    // What lies outside ends on its bound.
    [3, 0.25, 4, 0].forEach((value, i) => void expect(out[i]).to.be.closeTo(value, i % 2 ? 0.08 : 0.25));
    for (let i = 0; i < scorer.seen.length; i++) expect(scorer.seen[i]).to.be.within(i % 2 ? 0 : -2, i % 2 ? 1 : 4);
  });

  it('plans the same from the same seed', async () => {
    const plan = async (seed: number) => {
      const out = new Float32Array(1);
      const scorer = new Quadratic([[0.3, 0.2, 0.1]], 1);
      await cem({ ...config, iterations: 2 })
        .make(scorer, box({ low: [-1], high: [1] }))
        .plan(new Rng(seed), out);
      return out[0];
    };
    expect(await plan(5)).to.equal(await plan(5));
    expect(await plan(6)).to.not.equal(await plan(5));
  });

  it('begins each decision with the rest of the plan before, until it is reset', async () => {
    const space = box({ low: [-1], high: [1] });
    const scorer = new Quadratic([[0.8, -0.6, 0.4]], 1);
    const planner = cem(config).make(scorer, space);
    const out = new Float32Array(1);
    await planner.plan(new Rng(1), out);
    const firstCandidate = () => scorer.seen.splice(0).slice(0, 3);
    expect(firstCandidate()).to.deep.equal([0, 0, 0]);
    await planner.plan(new Rng(1), out);
    const [first, second] = firstCandidate();
    expect(first).to.be.closeTo(-0.6, 0.1);
    expect(second).to.be.closeTo(0.4, 0.1);
    planner.reset();
    await planner.plan(new Rng(1), out);
    expect(firstCandidate()).to.deep.equal([0, 0, 0]);
  });

  it('chooses among integers', async () => {
    const planner = cem(config).make(new Quadratic([[2, 0, 1]], 1), discrete(3));
    const out = new Float32Array(1);
    await planner.plan(new Rng(1), out);
    expect(out[0]).to.equal(2);
  });

  for (const [what, space] of Object.entries<Space>({
    'endless actions': box({ low: [0], high: [Number.POSITIVE_INFINITY] }),
    'named actions': dict({ a: discrete(2) }),
  }))
    it(`refuses ${what}`, () => expect(() => cem(config).make(new Quadratic([[0]], 1), space)).to.throw(/bounded box or integers/));
});

describe('planning agents', () => {
  const task = anyTask({ ...pendulum });
  const registry = registryOf(task);
  const small = { ...cemDefaults, population: 20, elites: 4, iterations: 2, horizon: 12 };

  it('swing a pendulum higher in truth than chance does', async () => {
    const play = async (planned: boolean) => {
      const [source, scratch] = [await registry.truth(task.id), await registry.truth(task.id)];
      const policy = planned ? planningPolicy(inTruth(source, scratch), cem(small)) : randomPolicy(task.actionSpace, 1);
      policy.reset(1);
      source.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(3) });
      let sum = 0;
      for (let step = 0; step < 40; step++) {
        source.step(await policy.act(source.batch.observation), Uint8Array.of(1));
        sum += source.batch.reward[0]!;
      }
      source.close();
      scratch.close();
      return sum;
    };
    expect(await play(true)).to.be.above((await play(false)) + 30);
  });

  it('plan in a model from observations alone, alike from the same seed, each lane for itself', async () => {
    const model = pendulumModel(task, 2);
    const look = (angle_rad: number) => [Math.cos(angle_rad), Math.sin(angle_rad), 0];
    const act = async (seed: number, angles: readonly number[]) => {
      const policy = planningPolicy(inModel(task, model, angles.length), cem({ ...small, population: 60, elites: 8, iterations: 5 }));
      policy.reset(seed);
      const chosen = [...((await policy.act(Float32Array.from(angles.flatMap(look)))) as Float32Array)];
      return chosen;
    };
    const [right, left] = [await act(1, [0.3]), await act(1, [-0.3])];
    expect(await act(1, [0.3])).to.deep.equal(right);
    // Leaning to one side, it pushes to the other.
    expect(right[0]).to.be.below(0);
    expect(left[0]).to.be.above(0);
    const both = await act(1, [0.3, -0.3]);
    expect(both[0]).to.be.below(0);
    expect(both[1]).to.be.above(0);
  });

  it('refuse a task that hides its state', () => {
    const model = new StubModel(manifestFor(walker), ({ state }) => ({ sample: [...state] }));
    expect(() => inModel(walker, model, 1)).to.throw(/observation determines its state/);
  });
});

describe('the random policy', () => {
  it('acts inside its space, by its seed, and holds', () => {
    const space = box({ low: [-1, 0], high: [1, 5] });
    const policy = randomPolicy(space, 3, 2);
    const play = (seed: number) => {
      policy.reset(seed);
      return Array.from({ length: 6 }, () => [...(policy.act(allocate(space, 3)) as Float32Array)]);
    };
    const first = play(1);
    expect(play(1)).to.deep.equal(first);
    expect(play(2)).to.not.deep.equal(first);
    expect(first[1]).to.deep.equal(first[0]);
    expect(first[2]).to.not.deep.equal(first[0]);
    for (const batch of first)
      for (let lane = 0; lane < 3; lane++) expect(contains(space, rowOf(space, Float32Array.from(batch), lane))).to.equal(true);
    expect(policy.name).to.equal('random, held 2 steps');
  });
});
