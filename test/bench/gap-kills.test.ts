import { expect } from 'chai';
import { brokenSubjects, nameOf, type RecordedTrial, soundSubjects, trialEnvs, trialSeeds, trials } from '../../bench/gap/trial.ts';
import { controlRecord, failingRows, namedRow } from '../../bench/verify/gap-kills.ts';
import { negativeControls } from '../../src/gap/index.ts';

type Verdicts = Readonly<Record<string, RecordedTrial['rows'][number]['verdict']>>;

/** A trial with these verdicts by id. */
function trialOf(subject: string, seed: number, verdicts: Verdicts, env: RecordedTrial['env'] = 'Pendulum-v0'): RecordedTrial {
  const rows = Object.entries(verdicts).map(([id, verdict]) => ({ id, title: id, measured: 0, low: 0, high: 0, verdict }));
  return { env, seed, subject, rows, seconds: 1, code: '' };
}

describe('trials of what is broken on purpose', () => {
  it('hold every control and every sound subject on each task with each seed, once', () => {
    expect(trials).to.have.length(trialEnvs.length * trialSeeds.length * (soundSubjects.length + Object.keys(negativeControls).length));
    expect(new Set(trials.map(nameOf)).size).to.equal(trials.length);
    expect(brokenSubjects).to.include('broken:action-blind');
  });

  it('name the row that must fail, and the other one where it does not apply', () => {
    const named = (verdicts: Verdicts) => namedRow(trialOf('broken:gravity-half', 1, verdicts));
    expect(named({ P4: 'PASS', H1: 'FAIL' })).to.equal('P4');
    expect(named({ P4: 'NOT_APPLICABLE', H1: 'PASS' })).to.equal('H1');
    expect(named({ P4: 'NOT_APPLICABLE', H1: 'NOT_APPLICABLE' })).to.equal(null);
    expect(named({})).to.equal(null);
  });

  it('count a control as killed where its row fails, not where another does, and leave out where it does not apply', () => {
    const lag = 'broken:one-step-lag';
    const all = [
      trialOf(lag, 1, { H1: 'FAIL', H2: 'FAIL', C1: 'PASS' }),
      trialOf(lag, 2, { H1: 'PASS', H2: 'FAIL' }),
      trialOf(lag, 3, { H1: 'FAIL', H2: 'INCONCLUSIVE' }),
      trialOf(lag, 1, { H1: 'FAIL', H2: 'NOT_APPLICABLE' }, 'Hopper-v0'),
      trialOf('broken:persistence', 1, { H1: 'FAIL' }),
    ];
    const record = controlRecord('one-step-lag', all);
    expect(record).to.deep.equal({
      control: 'one-step-lag',
      tried: 3,
      killed: 2,
      caughtBy: { 'Pendulum-v0': [] },
      survives: ['Pendulum-v0-3-one-step-lag'],
    });
    expect(controlRecord('one-step-lag', all.slice(0, 2)).caughtBy).to.deep.equal({ 'Pendulum-v0': ['H2'] });
    expect(controlRecord('leaks-future', all)).to.include({ tried: 0, killed: 0 });
  });

  it('name a row once that fails at several horizons', () => {
    const trial = trialOf('truth', 1, { H4: 'FAIL', C1: 'PASS' });
    expect(failingRows({ rows: [...trial.rows, { ...trial.rows[0]!, horizon: 40 }] })).to.deep.equal(['H4']);
  });
});
