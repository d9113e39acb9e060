import { expect } from 'chai';
import type { Transitions } from '../../src/data/transitions.ts';
import { compareReports, type GapReport, type OpenEnv, runGap } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { asSubject, oracle, persistence, swings } from './pendulums.ts';
import { metadata } from './synthetic.ts';

const settings = { starts: 24, horizon: 12, samples: 1, counterfactualStarts: 4, alternatives: 2, counterfactualHorizon: 4 };

describe('gap reports side by side', () => {
  let data: Transitions;
  let reports: Record<'truth' | 'still', GapReport>;

  const measure = async (open: OpenEnv, model: string, seed = 7) => {
    const truth = await oracle(4);
    const about = { ...metadata, model };
    const given = { truth, subject: asSubject(open), heldOut: data, training: data, settings, metadata: about, rng: new Rng(seed) };
    return runGap(given).finally(() => truth.close());
  };

  before(async () => {
    data = await swings(5, 20, 16);
    reports = { truth: await measure(oracle, 'truth'), still: await measure(persistence, 'still') };
  });

  it('tell who errs less than the first, and on how many starts', () => {
    const { subjects } = compareReports([reports.still, reports.truth, reports.still], new Rng(1));
    expect(subjects.map(({ model }) => model)).to.deep.equal(['still', 'truth', 'still']);
    expect(subjects[0]!.improvements).to.deep.equal([]);
    const certain = { measured: 1, low: 1, high: 1 };
    expect(subjects[1]!.improvements).to.deep.equal([{ horizon: 10, probability: certain }]);
    expect(subjects[2]!.improvements[0]!.probability, 'ties').to.deep.equal({ measured: 0.5, low: 0.5, high: 0.5 });
    const turned = compareReports([reports.truth, reports.still], new Rng(1));
    expect(turned.subjects[1]!.improvements[0]!.probability.measured).to.equal(0);
  });

  it('have every test of any of them in one table', () => {
    const fewer = { ...reports.still, rows: reports.still.rows.filter(({ id }) => id !== 'C1') };
    const { rows } = compareReports([fewer, reports.truth], new Rng(1));
    expect(rows).to.have.length(reports.truth.rows.length);
    const effect = rows.find(({ id }) => id === 'C1')!;
    expect(effect.found[0]).to.equal(null);
    expect(effect.found[1]).to.deep.include({ verdict: 'PASS', measured: 1 });
    expect(rows.find(({ id, horizon }) => id === 'H1' && horizon === 10)!.found.map((one) => one!.measured)).to.deep.equal(
      [reports.still, reports.truth].map((report) => report.rows.find(({ id, horizon }) => id === 'H1' && horizon === 10)!.measured),
    );
  });

  it('count what is not a number as the largest error', () => {
    const [{ horizon, error }] = reports.still.perStart.horizons as [GapReport['perStart']['horizons'][number]];
    const broken = { ...reports.still, perStart: { ...reports.still.perStart, horizons: [{ horizon, error: error.map(() => null) }] } };
    const { subjects } = compareReports([reports.still, broken], new Rng(1));
    expect(subjects[1]!.improvements[0]!.probability.measured).to.equal(0);
  });

  it('are refused where they are not of the same starts, or one alone', async () => {
    const elsewhere = await measure(oracle, 'truth', 8);
    const foreign = { ...reports.truth, metadata: { ...reports.truth.metadata, task: 'Hopper-v0' } };
    for (const [list, why] of [
      [[reports.truth], /two or more/],
      [[], /two or more/],
      [[reports.truth, elsewhere], /same --data, --seed/],
      [[reports.truth, foreign], /as the first/],
    ] as const)
      expect(() => compareReports(list, new Rng(1)))
        .to.throw(why)
        .with.property('code', 'OPTION_INVALID');
  });
});
