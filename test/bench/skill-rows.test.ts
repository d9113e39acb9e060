import { expect } from 'chai';
import { learner, recordAgentLike } from '../../bench/verify/agent-like.ts';
import { keptSearch } from '../../bench/verify/learnable-search.ts';
import { uncounted } from '../../bench/verify/learnable-tasks.ts';
import { limitsOf, measureSkill } from '../../bench/verify/skill.ts';
import { worstOf } from '../../bench/verify/skill-rows.ts';
import { registry } from '../../src/index.ts';

const id = 'Pendulum-v0';
const { policy } = keptSearch(id);

describe('agent-like actions', function () {
  this.timeout(60_000);

  it('are recorded alike from the same seed, differently from another, episodes cut off', async () => {
    const record = (seed: number) => recordAgentLike(id, policy, { seed, episodeSteps: 30, steps: 100 });
    const data = await record(1);
    expect(data.count).to.equal(100);
    expect([...new Set(data.episode)]).to.deep.equal([0, 1, 2, 3]);
    expect(await record(1)).to.deep.equal(data);
    expect([...(await record(2)).action]).to.not.deep.equal([...data.action]);
    expect((await recordAgentLike(id, policy, { seed: 1, episodeSteps: 10, episodes: 3 })).count).to.equal(30);
  });

  it('explore the less, and play the better, the more of the policy they follow', async () => {
    const player = learner(registry.task(id), policy);
    const env = await registry.make(id);
    const { observation } = await env.reset({ seed: 1 });
    const batch = (observation as Float32Array).slice();
    const spread = async (seed: number) => {
      player.reset(seed);
      const actions: number[] = [];
      for (let i = 0; i < 60; i++) actions.push(((await player.act(batch)) as Float32Array)[0]!);
      const mean = actions.reduce((sum, value) => sum + value, 0) / 60;
      return Math.sqrt(actions.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 60);
    };
    const spreads: number[] = [];
    for (let seed = 0; seed < 40; seed++) spreads.push(await spread(seed));
    expect(Math.min(...spreads)).to.be.below(0.5);
    expect(Math.max(...spreads)).to.be.within(1, 2);
    await env.close();
  });

  it('of the swing-up follow a policy kept with the search that found it', () => {
    for (const [env, config] of Object.entries(uncounted)) expect(keptSearch(env).config, env).to.deep.equal(config);
  });
});

describe('the rows of skill and coverage', function () {
  this.timeout(60_000);

  it('are the worst of what they are measured on', () => {
    const at = (horizon: number, skill: number) => ({ horizon, skill, coverage: 0.9 }) as Parameters<Parameters<typeof worstOf>[2]>[0];
    const figures = [[at(1, 0.1), at(10, 0.9)], [at(10, 0.7)]].map((list) => ({ at: list }) as unknown as Parameters<typeof worstOf>[0][0]);
    expect(worstOf(figures, [10], ({ skill }) => skill, Math.min)).to.equal(0.7);
    expect(worstOf(figures, [1, 10], ({ skill }) => skill, Math.max)).to.equal(0.9);
  });

  it('measure a small model, and what physics itself limits', async () => {
    const sizes = { steps: 2000, updates: 100, episodeSteps: 100, testEpisodes: 6, starts: 40, samples: 20 };
    const measurement = await measureSkill(id, 1, sizes, { starts: 40, samples: 20, horizons: [10, 40] });
    const { at, correlation } = measurement.figures;
    expect(at.map(({ horizon }) => horizon)).to.deep.equal([1, 10, 40]);
    for (const { skill, coverage, error, reference, floor } of at) {
      expect(skill).to.be.closeTo((reference - error) / (reference - floor), 1e-6);
      expect(coverage).to.be.within(0.5, 1);
    }
    expect(correlation).to.be.within(0, 0.98);
    const { moved, restarted, worstTwentieth } = await limitsOf(measurement);
    const far = moved.map(({ drift }) => drift.at(-1)!.error);
    far.slice(1).forEach((error, i) => void expect(error, 'a larger push drifts further').to.be.above(far[i]!));
    expect(restarted[0]!.error).to.be.below(0.01);
    expect(worstTwentieth).to.be.within(0.05, 1);
    await measurement.truth.close();
  });
});
