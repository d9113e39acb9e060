import { expect } from 'chai';
import type { MbpoConfig } from '../../agents/index.ts';
import { LONG, runsOf } from '../../bench/agents/table.ts';
import { holeSizes, playHole } from '../../bench/verify/agents-hole.ts';
import { longRolloutFigures } from '../../bench/verify/agents-long-rollout.ts';

describe('the scenario of a hole in the reward of dreams', function () {
  this.timeout(60_000);

  it('plays the same training twice, heeding its audits and not', async () => {
    const { watching, acting } = await playHole(1, { ...holeSizes, steps: 300, evaluationStarts: 2 });
    expect(watching.curve).to.have.length(1);
    expect(watching.curve[0]).to.include({ holds: true });
    expect(acting.curve[0]).to.deep.include({ ...watching.curve[0], holds: acting.curve[0]!.holds });
    expect([watching.stopped, acting.stopped]).to.deep.equal([null, null]);
    expect(watching.realSteps).to.equal(350);
  });
});

describe('trainings with dreams that are too long', () => {
  it('differ from the usual in their length alone, with as many dreamed steps', () => {
    const [usual, long] = [runsOf('mbpo', 'HalfCheetah-v0'), runsOf('mbpo', 'HalfCheetah-v0', { variant: LONG })].map((runs) =>
      runs.map(({ config, seed }) => ({ seed, config: config as MbpoConfig })),
    );
    const dreamed = ({ rolloutsPerStep, rolloutLength }: MbpoConfig) => rolloutsPerStep * rolloutLength.last;
    for (const [i, { seed, config }] of usual!.entries()) {
      const other = long![i]!;
      expect(other.seed).to.equal(seed);
      const { rolloutLength, rolloutsPerStep } = other.config;
      expect({ ...config, rolloutLength, rolloutsPerStep }).to.deep.equal(other.config);
      expect(dreamed(other.config)).to.equal(dreamed(config));
      expect(rolloutLength.last).to.be.above(10 * config.rolloutLength.last);
    }
  });

  it('hurt where the whole interval of the difference is below 0', () => {
    const ending = (returns: readonly number[]) =>
      returns.map((value) => ({ curve: [9, value, value, value].map((each, i) => ({ steps: i, return: each, seconds: 0, cpu_s: 0 })) }));
    const { difference, usual, long } = longRolloutFigures(ending([10, 11, 12]), ending([1, 2, 3]));
    expect([usual, long]).to.deep.equal([
      [10, 11, 12],
      [1, 2, 3],
    ]);
    expect(difference.measured).to.equal(-9);
    expect(difference.high).to.be.within(-9, -7);
    expect(longRolloutFigures(ending([1, 5]), ending([2, 4])).difference.high).to.be.above(0);
  });
});
