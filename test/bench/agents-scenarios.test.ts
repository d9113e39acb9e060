import { expect } from 'chai';
import { holeSizes, playHole } from '../../bench/verify/agents-hole.ts';
import { configOf, longRolloutSizes } from '../../bench/verify/agents-long-rollout.ts';

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

describe('the scenario of dreams that are too long', () => {
  it('differs in their length alone, with as many dreamed steps', () => {
    const { usual, long } = longRolloutSizes;
    const [a, b] = [configOf(longRolloutSizes, usual), configOf(longRolloutSizes, long)];
    expect({ ...a, rolloutLength: 0, rolloutsPerStep: 0 }).to.deep.equal({ ...b, rolloutLength: 0, rolloutsPerStep: 0 });
    expect(a.rolloutsPerStep * usual).to.equal(b.rolloutsPerStep * long);
  });
});
