import { expect } from 'chai';
import { icem, icemDefaults, mppi, mppiDefaults } from '../../agents/index.ts';
import type { RolloutScorer } from '../../src/core/rollouts.ts';
import { Rng } from '../../src/math/rng.ts';
import { type SequenceRecipe, softmaxWeights } from '../../src/planning/index.ts';
import { box, dict, discrete, type Space } from '../../src/spaces/space.ts';
import { Quadratic } from './scorers.ts';

const icemConfig = { ...icemDefaults, population: 100, elites: 10, iterations: 12, horizon: 3, noiseExponent: 0.5, initialDeviation: 1 };
const mppiConfig = { ...mppiDefaults, population: 200, iterations: 20, horizon: 3, noiseExponent: 0, deviation: 0.3 };
const recipes: readonly SequenceRecipe[] = [icem(icemConfig), mppi(mppiConfig)];
const unit = box({ low: [-1], high: [1] });

/** Breaks every candidate. */
const broken: RolloutScorer = {
  starts: 1,
  actionSize: 1,
  score: async (_plans, _candidates, _horizon, out) => void out.fill(Number.NEGATIVE_INFINITY),
};

describe('softmax weights', () => {
  it('are exponentials of scores over the temperature, by hand', () => {
    // exp(0), exp(−1), exp(−2) over their sum 1.50321472.
    [0.66524096, 0.24472847, 0.09003057].forEach((weight, i) => {
      expect(softmaxWeights(Float64Array.of(7, 5, 3), 2)[i]).to.be.closeTo(weight, 1e-8);
      expect(softmaxWeights(Float64Array.of(1e6 + 7, 1e6 + 5, 1e6 + 3), 2)[i], 'whatever the level').to.be.closeTo(weight, 1e-8);
    });
  });

  it('are 0 for what broke, all of them if all broke', () => {
    expect([...softmaxWeights(Float64Array.of(1, Number.NEGATIVE_INFINITY, 1), 1)]).to.deep.equal([0.5, 0, 0.5]);
    expect([...softmaxWeights(Float64Array.of(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY), 1)]).to.deep.equal([0, 0]);
  });
});

for (const recipe of recipes)
  describe(`the planner ${recipe.name}`, () => {
    it('finds the optimum of each start, inside the bounds of the actions', async () => {
      const space = box({ low: [-2, 0], high: [4, 1] });
      const scorer = new Quadratic(
        [
          [3, 0.25, -1, 0.75, 0, 0.5],
          [9, -5, 1, 0.5, 2, 0.9],
        ],
        2,
      );
      const planner = recipe.make(scorer, space);
      const out = new Float32Array(4);
      await planner.plan(new Rng(1), out);
      [3, 0.25, 4, 0].forEach((value, i) => void expect(out[i]).to.be.closeTo(value, i % 2 ? 0.2 : 0.4));
      for (let i = 0; i < scorer.seen.length; i++) expect(scorer.seen[i]).to.be.within(i % 2 ? 0 : -2, i % 2 ? 1 : 4);
      // The plan as a whole: its first actions are what was decided.
      expect([...planner.sequence.subarray(0, 2), ...planner.sequence.subarray(6, 8)]).to.deep.equal([...out]);
      expect(planner.sequence[2]).to.be.closeTo(-1, 0.4);
    });

    it('plans the same from the same seed, and each start for itself', async () => {
      const plan = async (seed: number) => {
        const planner = recipe.make(new Quadratic([[0.3, 0.2, 0.1]], 1), unit);
        await planner.plan(new Rng(seed), new Float32Array(1));
        return [...planner.sequence];
      };
      expect(await plan(5)).to.deep.equal(await plan(5));
      expect(await plan(6)).to.not.deep.equal(await plan(5));
    });

    it('chooses among integers', async () => {
      const out = new Float32Array(1);
      await recipe.make(new Quadratic([[2, 0, 1]], 1), discrete(3)).plan(new Rng(1), out);
      expect(out[0]).to.equal(2);
    });

    it('gives a plan inside the space even where everything breaks', async () => {
      const out = Float32Array.of(7);
      await recipe.make(broken, unit).plan(new Rng(1), out);
      expect(out[0]).to.be.within(-1, 1);
    });

    for (const [what, space] of Object.entries<Space>({
      'endless actions': box({ low: [0], high: [Number.POSITIVE_INFINITY] }),
      'named actions': dict({ a: discrete(2) }),
    }))
      it(`refuses ${what}`, () => expect(() => recipe.make(new Quadratic([[0]], 1), space)).to.throw(/bounded box or integers/));
  });

describe('iCEM', () => {
  const small = { ...icemConfig, population: 40, elites: 5, iterations: 4, decay: 2, keptShare: 0.4 };
  const bestOf = (plans: Float32Array, target: readonly number[]) => {
    const misses = Array.from({ length: plans.length / 3 }, (_, i) => target.reduce((sum, t, k) => sum + (plans[3 * i + k]! - t) ** 2, 0));
    return misses.indexOf(Math.min(...misses));
  };

  it('shrinks its population, down to twice the elites', async () => {
    const scorer = new Quadratic([[0, 0, 0]], 1);
    await icem(small).make(scorer, unit).plan(new Rng(1), new Float32Array(1));
    expect(scorer.populations).to.deep.equal([40, 20, 10, 10]);
  });

  it('keeps elites for the next iteration, and moved on by a step for the next decision', async () => {
    const target = [0.5, -0.2, 0.3];
    const scorer = new Quadratic([target], 1);
    const planner = icem(small).make(scorer, unit);
    const rng = new Rng(1);
    await planner.plan(rng, new Float32Array(1));
    for (let i = 1; i < 4; i++) {
      const [before, after] = [scorer.plans[i - 1]!, scorer.plans[i]!];
      const best = bestOf(before, target);
      expect([...after.subarray(0, 3)]).to.deep.equal([...before.subarray(3 * best, 3 * best + 3)]);
    }
    const last = scorer.plans[3]!;
    const best = bestOf(last, target);
    await planner.plan(rng, new Float32Array(1));
    expect([...scorer.plans[4]!.subarray(0, 2)]).to.deep.equal([...last.subarray(3 * best + 1, 3 * best + 3)]);
    planner.reset();
    scorer.plans.length = 0;
    await planner.plan(new Rng(1), new Float32Array(1));
    const fresh = new Quadratic([target], 1);
    await icem(small).make(fresh, unit).plan(new Rng(1), new Float32Array(1));
    expect(scorer.plans).to.deep.equal(fresh.plans);
  });

  it('executes the best of all candidates of a decision', async () => {
    const target = [0.5, -0.2, 0.3];
    const scorer = new Quadratic([target], 1);
    const planner = icem(small).make(scorer, unit);
    await planner.plan(new Rng(4), new Float32Array(1));
    const all = Float32Array.from(scorer.plans.flatMap((plans) => [...plans]));
    const best = bestOf(all, target);
    expect([...planner.sequence]).to.deep.equal([...all.subarray(3 * best, 3 * best + 3)]);
  });

  it('refuses settings that cannot be', () => {
    for (const [change, says] of [
      [{ horizon: 0 }, /icem: option horizon is 0/],
      [{ population: 2.5 }, /population/],
      [{ keptShare: 1.5 }, /keptShare is 1.5; it must be from 0 to 1/],
      [{ decay: 0.5 }, /decay/],
      [{ initialDeviation: Number.NaN }, /initialDeviation is NaN/],
    ] as const)
      expect(() => icem({ ...icemDefaults, ...change })).to.throw(says);
  });
});

describe('MPPI', () => {
  const once = { ...mppiConfig, iterations: 1, population: 4, horizon: 1, temperature: 0.5 };

  it('moves to the mean of its candidates, weighted by exponentials of their scores', async () => {
    for (const temperatureUnit of ['reward', 'deviation'] as const) {
      const scorer = new Quadratic([[0.4]], 1);
      const out = new Float32Array(1);
      await mppi({ ...once, temperatureUnit })
        .make(scorer, unit)
        .plan(new Rng(2), out);
      const actions = [...scorer.plans[0]!];
      expect(actions[0], 'the plan itself competes').to.equal(0);
      const scores = actions.map((action) => -((action - 0.4) ** 2));
      const centre = scores.reduce((sum, score) => sum + score, 0) / 4;
      const spread = Math.sqrt(scores.reduce((sum, score) => sum + (score - centre) ** 2, 0) / 4);
      const powers = scores.map((score) => Math.exp(score / (0.5 * (temperatureUnit === 'reward' ? 1 : spread))));
      const sum = powers.reduce((total, power) => total + power, 0);
      expect(out[0]).to.be.closeTo(
        actions.reduce((mean, action, i) => mean + (action * powers[i]!) / sum, 0),
        1e-6,
      );
    }
  });

  it('begins each decision with the rest of the plan before, until it is reset', async () => {
    const scorer = new Quadratic([[0.8, -0.6, 0.4]], 1);
    const planner = mppi(mppiConfig).make(scorer, unit);
    const out = new Float32Array(1);
    await planner.plan(new Rng(1), out);
    const first = () => [...scorer.plans.splice(0)[0]!.subarray(0, 3)];
    expect(first()).to.deep.equal([0, 0, 0]);
    const { sequence } = planner;
    const before = [...sequence];
    await planner.plan(new Rng(1), out);
    const warm = first();
    [before[1]!, before[2]!, before[2]!].forEach((value, i) => void expect(warm[i]).to.equal(value));
    planner.reset();
    await planner.plan(new Rng(1), out);
    expect(first()).to.deep.equal([0, 0, 0]);
  });

  it('stays where it is when all candidates score alike', async () => {
    const flat: RolloutScorer = { starts: 1, actionSize: 1, score: async (_plans, _candidates, _horizon, out) => void out.fill(3) };
    const out = new Float32Array(1);
    await mppi(once).make(flat, unit).plan(new Rng(1), out);
    expect(out[0]).to.equal(0);
  });

  it('refuses settings that cannot be', () => {
    expect(() => mppi({ ...mppiDefaults, temperature: 0 })).to.throw(/mppi: option temperature is 0/);
    expect(() => mppi({ ...mppiDefaults, iterations: 0 })).to.throw(/iterations/);
  });
});
