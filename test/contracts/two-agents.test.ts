import { expect } from 'chai';
import { describeSpace } from '../../src/spaces/space.ts';
import { recordEpisodeStatistics } from '../../src/wrappers/record-episode-statistics.ts';
import { keepsTheContract } from './env-contract.ts';
import { registryOf } from './stub-backends.ts';
import { twoCarts } from './stub-tasks.ts';

const registry = registryOf(twoCarts);

describe('two agents on one axis', () => {
  keepsTheContract((lanes, options) => registry.makeVector(twoCarts.id, { lanes, ...options }), 40, {
    takes: ['autoreset', 'maxEpisodeSteps'],
    horizon: twoCarts.horizon,
    params: twoCarts.params,
  });

  it('have an axis of their own in observation, action and reward', async () => {
    const env = await registry.makeVector(twoCarts.id, { lanes: 3 });
    expect([env.agents, describeSpace(env.observationSpace), describeSpace(env.actionSpace)]).to.deep.equal([
      2,
      'Box([2,3], float32)',
      'Box([2,1], float32)',
    ]);
    const { observation } = await env.reset({ seed: 1 });
    expect((observation as Float32Array).length).to.equal(18);
    const { reward, terminated, info } = await env.step(new Float32Array(6));
    expect([reward.length, terminated.length]).to.deep.equal([6, 3]);
    expect((info.rewardTerms as Record<string, Float64Array>).effort!.length).to.equal(6);
    await env.close();
  });

  it('act and are paid apart: each feels its own force, and sees the other', async () => {
    const env = await registry.makeVector(twoCarts.id, { lanes: 2 });
    const begun = (await env.reset({ seed: 1 })).observation as Float32Array;
    const { observation, reward } = await env.step(Float32Array.of(1, 0, 0, -1));
    const rows = observation as Float32Array;
    const speedGained = (lane: number, agent: number) => rows[lane * 6 + agent * 3 + 1]! - begun[lane * 6 + agent * 3 + 1]!;
    // 1 N on 1 kg for .05 s.
    expect(speedGained(0, 0)).to.be.closeTo(0.05, 1e-5);
    expect(speedGained(0, 1)).to.be.closeTo(0, 1e-6);
    expect(speedGained(1, 0)).to.be.closeTo(0, 1e-6);
    expect(speedGained(1, 1)).to.be.closeTo(-0.05, 1e-5);
    for (const lane of [0, 1]) {
      expect(rows[lane * 6 + 2], 'agent 0 sees agent 1').to.equal(rows[lane * 6 + 3]);
      expect(rows[lane * 6 + 5], 'agent 1 sees agent 0').to.equal(rows[lane * 6]);
    }
    // Own place less .1 for a full push.
    expect(reward[0]).to.be.closeTo(rows[0]! - 0.1, 1e-6);
    expect(reward[1]).to.be.closeTo(rows[3]!, 1e-6);
    expect(reward[3]).to.be.closeTo(rows[9]! - 0.1, 1e-6);
    await env.close();
  });

  it('are one env with a summed reward and one of each in info', async () => {
    const env = await registry.make(twoCarts.id);
    await env.reset({ seed: 1 });
    const { reward, info } = await env.step([0, 0]);
    const each = info.rewards as Float64Array;
    expect(each.length).to.equal(2);
    expect(each[0]).to.be.below(0);
    expect(each[1]).to.be.above(0);
    expect(reward).to.equal(each[0]! + each[1]!);
    await env.close();
  });

  it('have their own returns', async () => {
    const env = await registry.makeVector(twoCarts.id, { lanes: 2, wrappers: [recordEpisodeStatistics(() => 0)] });
    await env.reset({ seed: 1 });
    const first = await env.step(new Float32Array(4));
    const second = await env.step(new Float32Array(4));
    const returns = (second.info.episode as { return: Float64Array }).return;
    returns.forEach((sum, slot) => void expect(sum).to.equal(first.reward[slot]! + second.reward[slot]!));
    await env.close();
  });
});
