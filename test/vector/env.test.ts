import { expect } from 'chai';
import { Env } from '../../src/vector/env.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { infoRow } from '../../src/vector/info.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { registryOf, walkers } from '../contracts/stub-backends.ts';
import { goalArm } from '../contracts/stub-tasks.ts';

const single = (steps = 50) => new Env(walkers(1, { autoreset: 'disabled', wrappers: [timeLimit(steps)] }));

describe('one env', () => {
  it('has no lane axis', async () => {
    const env = single();
    const { observation } = await env.reset({ seed: 1 });
    expect((observation as Float32Array).length).to.equal(3);
    const result = await env.step([0.5]);
    // Twice the way of .5 m, less half the square of the push.
    expect(result.reward).to.be.closeTo(0.875, 1e-12);
    expect([result.terminated, result.truncated]).to.deep.equal([false, false]);
    expect((result.info.rewardTerms as Record<string, number>).progress).to.be.closeTo(1, 1e-12);
  });

  it('takes a plain number where the action is one', async () => {
    const [a, b] = [single(), single()];
    for (const env of [a, b]) await env.reset({ seed: 1 });
    expect(await a.step(0.5)).to.deep.equal(await b.step([0.5]));
  });

  it('gives every step its own result, awaited one by one or not', async () => {
    const [apart, together] = [single(), single()];
    for (const env of [apart, together]) await env.reset({ seed: 1 });
    const results = [await apart.step(0.5), await apart.step(-0.5)];
    expect(await Promise.all([together.step(0.5), together.step(-0.5)])).to.deep.equal(results);
  });

  it('ends, and must be reset', async () => {
    const env = single(2);
    await env.reset({ seed: 1 });
    await env.step(0);
    expect((await env.step(0)).truncated).to.equal(true);
    expect(await codeOf(() => env.step(0))).to.equal('ENV_NOT_RESET');
    await env.reset();
    await env.step(0);
  });

  it('branches from a moment and comes back to where it was', async () => {
    const env = single();
    await env.reset({ seed: 1 });
    await env.step(0.25);
    const moment = await env.snapshot();
    await env.step(0.5);
    const here = await env.snapshot();
    const branches = await env.branch(moment, [[0, 0], [0.5, 0.5], [], [1, 1, 1, 1, 1, 1]]);
    expect(branches.map(({ observations, rewards }) => [observations.length, rewards.length])).to.deep.equal([
      [2, 2],
      [2, 2],
      [0, 0],
      [branches[3]!.rewards.length, branches[3]!.rewards.length],
    ]);
    expect(branches.map(({ terminated }) => terminated)).to.deep.equal([false, false, false, true]);
    expect(branches[3]!.rewards.length, 'a branch stops at its end').to.be.below(6);
    expect(branches[0]!.rewards).to.deep.equal([0, 0]);
    branches[1]!.rewards.forEach((reward) => void expect(reward).to.be.closeTo(0.875, 1e-12));
    expect(await env.snapshot()).to.deep.equal(here);
  });

  it('comes back even if a branch fails', async () => {
    const env = single();
    await env.reset({ seed: 1 });
    const here = await env.snapshot();
    expect(await codeOf(() => env.branch(here, [[0.5, 7]]))).to.equal('ACTION_OUTSIDE_SPACE');
    expect(await env.snapshot()).to.deep.equal(here);
  });

  it('branches alike however often', async () => {
    const env = await registryOf(goalArm).make(goalArm.id);
    await env.reset({ seed: 1 });
    const moment = await env.snapshot();
    const [first] = await env.branch(moment, [
      [
        [1, 1],
        [1, -1],
      ],
    ]);
    const [, second] = await env.branch(moment, [
      [[-1, 0]],
      [
        [1, 1],
        [1, -1],
      ],
    ]);
    expect(second).to.deep.equal(first);
    await env.close();
  });
});

describe('evaluation', () => {
  const constant = (share: number, lanes: number) => ({
    name: 'constant',
    reset: () => {},
    act: () => new Float32Array(lanes).fill(share),
  });

  it('runs one episode a lane and counts until its first end only', async () => {
    const env = walkers(2, { wrappers: [timeLimit(6)] });
    const { returns, lengths, observations, actions } = await evaluate(env, constant(1, 2), { seed: [7, 11], policySeed: 0, maxSteps: 50 });
    const starts = [7, 11].map(async (seed) => {
      const alone = walkers(1);
      await alone.reset({ seed });
      return (alone.backend as unknown as { state: Float64Array }).state[0]!;
    });
    for (const [lane, start] of (await Promise.all(starts)).entries()) {
      // Whole metres up to the first place past 3 m; each pays 2 − .5.
      const steps = Math.floor(3 - start) + 1;
      expect(lengths[lane]).to.equal(steps);
      expect(returns[lane]).to.be.closeTo(1.5 * steps, 1e-9);
    }
    expect(observations.length).to.equal(actions.length + 1);
    expect(actions.length).to.equal(Math.max(...lengths));
  });

  it('stops at its limit', async () => {
    const { lengths } = await evaluate(walkers(2), constant(0, 2), { seed: 1, policySeed: 0, maxSteps: 5 });
    expect([...lengths]).to.deep.equal([5, 5]);
  });
});

describe('a row of info', () => {
  it('is a plain value where a lane has one element, and a copy where it has more', () => {
    const columns = { one: Float64Array.of(1, 2), two: Float64Array.of(1, 2, 3, 4), list: ['a', 'b'], deep: { one: Uint8Array.of(0, 1) } };
    const row = infoRow(columns, 1, 2);
    expect(row).to.deep.equal({ one: 2, two: Float64Array.of(3, 4), list: 'b', deep: { one: 1 } });
    columns.two[3] = 9;
    expect((row.two as Float64Array)[1]).to.equal(4);
  });
});
