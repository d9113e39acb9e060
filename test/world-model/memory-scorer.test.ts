import { expect } from 'chai';
import { cem, inMemory, planningPolicy } from '../../agents/index.ts';
import { seenLimitCostOf } from '../../src/task/limits.ts';
import { MemoryScorer } from '../../src/world-model/memory-scorer.ts';
import type { OnnxObservationModel } from '../../src/world-model/observation-model.ts';
import { walker } from '../contracts/stub-tasks.ts';
import { stubModel } from './observation-stub.ts';

describe('scoring plans in the memory of a model', () => {
  let model: OnnxObservationModel;
  /** Memories of one start: position, steps, last push; member 0 stands at 1, member 1 at 2. */
  const memories = Float32Array.of(1, 0, 0, 2, 0, 0);
  const scored = async (plans: readonly number[], candidates: number, horizon: number, scorer = new MemoryScorer(model, 1)) => {
    const out = new Float64Array(candidates);
    scorer.seed(1);
    scorer.begin(memories);
    await scorer.score(Float32Array.from(plans), candidates, horizon, out);
    return [...out];
  };
  before(async () => {
    model = await stubModel(walker);
  });
  after(() => model.close());

  it('sums the rewards of the model, averaged over members', async () => {
    // Positions after a push of −1: 0 and 0; the reward is −position². Noise of deviation .1 blurs it.
    const [pushed, still] = await scored([-1, 0], 2, 1);
    expect(pushed).to.be.closeTo(0, 0.2);
    expect(still).to.be.closeTo(-(1 + 4) / 2, 0.7);
  });

  it('gives equal candidates equal scores, in any place', async () => {
    const [first, other, again] = await scored([0.1, 0.2, -0.1, 0.3, 0.1, 0.2], 3, 2);
    expect(again).to.equal(first);
    expect(other).to.not.equal(first);
  });

  it('weighs what comes after a likely end by how likely the task goes on', async () => {
    // Past a position of 10 the task is over: the second step, at −position² below −100, hardly counts.
    const far = new MemoryScorer(model, 1);
    far.seed(1);
    far.begin(Float32Array.of(20, 0, 0, 20, 0, 0));
    const out = new Float64Array(1);
    await far.score(Float32Array.of(0, 0), 1, 2, out);
    expect(out[0]).to.be.closeTo(-400, 10);
  });

  it('averages over samples too', async () => {
    const [one, many] = [await scored([0], 1, 1), await scored([0], 1, 1, new MemoryScorer(model, 1, 64))];
    expect(many[0]).to.be.closeTo(-(1 + 4 + 0.02) / 2, 0.1);
    expect(many[0]).to.not.equal(one[0]);
  });

  it('charges the stops of what is seen, by name', async () => {
    const task = {
      observationSpace: { kind: 'box', dtype: 'float32', shape: [2], low: [-9, -9], high: [9, 9], names: ['speed', 'there_m'] },
      state: { there_m: { role: 'dynamic', kind: 'length', unit: 'm', limits: [-1, 1] } },
    } as const;
    const cost = seenLimitCostOf(task, { margin: 0.1, perStep: 3 });
    expect(cost(Float32Array.of(5, 0, 0, 0.9), 0)).to.equal(0);
    expect(cost(Float32Array.of(5, 0, 0, 0.9), 1)).to.equal(3);
  });

  it('is what a planner acts by, from what it saw and did', async () => {
    const config = {
      population: 24,
      elites: 4,
      iterations: 3,
      horizon: 2,
      initialDeviation: 0.5,
      finest: 0.1,
      smoothing: 0.1,
      noiseCorrelation: 0,
    };
    const policy = planningPolicy(inMemory(walker, model, 2, { limits: { margin: 0, perStep: 0 } }), cem(config));
    policy.reset(3);
    // Memory is twice what is seen: positions of 1 and −1, from which each goes to 0.
    const actions = (await policy.act(Float32Array.of(0.5, 0, 0, -0.5, 0, 0))) as Float32Array;
    expect(actions[0]).to.be.within(-1, -0.1);
    expect(actions[1]).to.be.within(0.1, 1);
  });
});
