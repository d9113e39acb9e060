import { expect } from 'chai';
import fc from 'fast-check';
import {
  boundText,
  type Counterfactuals,
  type GapInput,
  gapReport,
  meets,
  overallVerdict,
  type PairedReturns,
  type PairedRollouts,
  persistencePrediction,
  type Verdict,
} from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { entries, metadata, syntheticRollouts } from './synthetic.ts';

function reportOf(rollouts: PairedRollouts, rest: Partial<GapInput> = {}) {
  return gapReport({ rollouts, metadata, rng: new Rng(3), resamples: 300, ...rest });
}
function verdictsOf(report: ReturnType<typeof gapReport>): Record<string, Verdict> {
  return Object.fromEntries(report.rows.map(({ id, horizon, verdict }) => [horizon === undefined ? id : `${id}@${horizon}`, verdict]));
}

/** Effects of the alternatives on three elements; the model's share of them is `gain`. */
function counterfactuals(gain: number): Counterfactuals {
  const rng = new Rng(6);
  const [starts, alternatives, size] = [64, 8, 3];
  const truthBase = Float64Array.from({ length: starts * size }, () => rng.uniform(-1, 1));
  const effects = Float64Array.from({ length: starts * alternatives * size }, () => 0.4 * rng.normal());
  const branches = (share: number) =>
    effects.map((effect, i) => truthBase[Math.floor(i / (alternatives * size)) * size + (i % size)]! + share * effect);
  const scale = Float64Array.of(1, 1, 1);
  return {
    entries,
    starts,
    alternatives,
    horizon: 15,
    truthBase,
    imaginedBase: truthBase,
    truthBranches: branches(1),
    imaginedBranches: branches(gain),
    scale,
  };
}

function returns(bias: number): PairedReturns {
  const rng = new Rng(7);
  const truth = Float64Array.from({ length: 64 }, () => 100 + 20 * rng.normal());
  return { truth, imagined: truth.map((value) => value + bias + rng.normal()), expert: 200, random: 0 };
}

const good = { counterfactuals: counterfactuals(0.95), returns: returns(4) };

describe('gap report', () => {
  it('passes a good, calibrated model on every row', () => {
    const report = reportOf(syntheticRollouts({ starts: 256 }), good);
    expect(Object.values(verdictsOf(report)), JSON.stringify(report.rows)).to.deep.equal(new Array(8).fill('PASS'));
    expect(report.verdict).to.equal('PASS');
    expect(report.summary[0]).to.match(/can be trusted for .* s \(/);
    expect(report.trust).to.include({ steps: 41, honest: 41, accurate: 41, measured: 41 });
    expect(report.trust.coverage!.steps).to.have.length(41);
  });

  it('an overconfident and an underconfident model fail coverage and nothing else', () => {
    for (const confidence of [0.4, 3]) {
      const report = reportOf(syntheticRollouts({ starts: 256, confidence }), good);
      const failed = Object.entries(verdictsOf(report)).filter(([, verdict]) => verdict === 'FAIL');
      expect(failed.map(([id]) => id)).to.deep.equal(['H4@1', 'H4@10', 'H4@40']);
      expect(report.verdict).to.equal('FAIL');
    }
  });

  it('an action-blind model fails C1 and C2', () => {
    const verdicts = verdictsOf(reportOf(syntheticRollouts(), { ...good, counterfactuals: counterfactuals(0) }));
    expect([verdicts['C1@15'], verdicts['C2@15']]).to.deep.equal(['FAIL', 'FAIL']);
  });

  it('persistence, a model that freezes late and a diverged model fail skill', () => {
    const base = syntheticRollouts();
    const persistence = persistencePrediction(base.truth, base.horizon, 3);
    const frozen = base.imaginedMean.map((value, i) => (Math.floor(i / 3) % 42 <= 15 ? value : persistence[i]!));
    const at = (imaginedMean: PairedRollouts['truth']) => verdictsOf(reportOf({ ...base, imaginedMean }));
    expect(at(persistence)).to.include({ 'H1@10': 'FAIL', 'H1@40': 'FAIL' });
    expect(at(frozen)).to.include({ 'H1@10': 'PASS', 'H1@40': 'FAIL' });
    expect(at(base.imaginedMean.map(() => Number.NaN))).to.include({ 'H1@10': 'FAIL', 'H1@40': 'FAIL' });
  });

  it('a model that promises too much fails A1, one that returns no number too', () => {
    expect(verdictsOf(reportOf(syntheticRollouts(), { returns: returns(30) })).A1).to.equal('FAIL');
    expect(
      verdictsOf(reportOf(syntheticRollouts(), { returns: { ...returns(0), imagined: new Float64Array(64).fill(Number.NaN) } })).A1,
    ).to.equal('FAIL');
  });

  it('what was not or cannot be measured is never PASS', () => {
    const short = verdictsOf(reportOf(syntheticRollouts({ horizon: 12, samples: 0 })));
    expect(short).to.deep.equal({
      'H1@10': 'PASS',
      'H1@40': 'INCONCLUSIVE',
      'H4@1': 'NOT_APPLICABLE',
      'H4@10': 'NOT_APPLICABLE',
      'H4@40': 'NOT_APPLICABLE',
      C1: 'NOT_APPLICABLE',
      C2: 'NOT_APPLICABLE',
      A1: 'NOT_APPLICABLE',
    });
    const base = syntheticRollouts({ samples: 8 });
    expect(verdictsOf(reportOf({ ...base, linear: base.perturbed }))).to.include({ 'H1@10': 'INCONCLUSIVE', 'H4@10': 'INCONCLUSIVE' });
    const alike = { ...returns(0), policies: new Float64Array(64).map((_, i) => i % 2) };
    expect(verdictsOf(reportOf(base, { returns: alike })).A1).to.equal('INCONCLUSIVE');
  });

  it('a value that passes with an interval that does not is INCONCLUSIVE, never a pass, and says so', () => {
    const report = reportOf(syntheticRollouts({ starts: 12, confidence: 1 }));
    const row = report.rows.find(({ id, horizon }) => id === 'H4' && horizon === 10)!;
    expect(row.verdict).to.equal('INCONCLUSIVE');
    expect(row.reason).to.contain('more starts');
    expect(report.summary.join(' ')).to.contain('asks for 256');
    const inconclusive = report.rows.filter(({ verdict }) => verdict === 'INCONCLUSIVE');
    if (report.verdict === 'INCONCLUSIVE')
      expect(report.summary[0]).to.contain(`${inconclusive.length} of 8 tests`).and.to.contain('none fails');
  });

  it('is the same for the same seed, plain, and equal to itself after JSON', () => {
    const make = () => reportOf(syntheticRollouts({ starts: 20 }), good);
    const report = make();
    expect(make()).to.deep.equal(report);
    expect(JSON.parse(JSON.stringify(report))).to.deep.equal(report);
    const broken = reportOf({ ...syntheticRollouts({ starts: 20 }), imaginedMean: new Float64Array(20 * 42 * 3).fill(Number.NaN) });
    expect(JSON.parse(JSON.stringify(broken))).to.deep.equal(broken);
  });

  it('overall: FAIL beats INCONCLUSIVE beats PASS, and nothing applicable proves nothing', () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom<Verdict>('PASS', 'FAIL', 'INCONCLUSIVE', 'NOT_APPLICABLE')), (verdicts) => {
        const overall = overallVerdict(verdicts.map((verdict) => ({ verdict })));
        if (overall === 'PASS')
          expect(verdicts.includes('PASS') && !verdicts.includes('FAIL') && !verdicts.includes('INCONCLUSIVE')).to.equal(true);
        expect(overall === 'FAIL').to.equal(verdicts.includes('FAIL'));
      }),
    ));

  it('bounds hold for the whole interval', () => {
    const bound = { kind: 'within', low: 0.8, high: 0.97 } as const;
    expect(meets(bound, { measured: 0.9, low: 0.81, high: 0.96 })).to.equal(true);
    expect(meets(bound, { measured: 0.9, low: 0.81, high: 0.98 })).to.equal(false);
    expect(meets({ kind: 'magnitudeAtMost', value: 0.1 }, { measured: 0, low: -0.11, high: 0 })).to.equal(false);
    expect(meets({ kind: 'atLeast', value: 0.1 }, { measured: Number.NaN, low: Number.NaN, high: Number.NaN })).to.equal(false);
    expect(boundText({ kind: 'atLeast', value: 0.8 })).to.equal('≥ 0.8');
  });

  it('256 starts × 41 steps × 3 elements × 32 samples, 2000 resamples, in under 3 s of processor time', function () {
    this.timeout(20000);
    const rollouts = syntheticRollouts({ starts: 256 });
    // What else runs on the machine only adds: the least of a few counts.
    const costs = [1, 2, 3].map(() => {
      const before = process.cpuUsage();
      reportOf(rollouts, { ...good, resamples: 2000 });
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1e6;
    });
    expect(Math.min(...costs)).to.be.below(3);
  });
});
