import { expect } from 'chai';
import { leaderboard } from '../../bench/gap/leaderboard.ts';
import { boardEnvs, boardSubjects, everyTrial, nameOf, type RecordedTrial } from '../../bench/gap/trial.ts';
import { negativeControls } from '../../src/gap/index.ts';

type Row = RecordedTrial['rows'][number];

const passing: Row = { id: 'H1', title: 'Prediction skill', horizon: 40, measured: 0.9, low: 0.875, high: 0.925, verdict: 'PASS' };
const lacking: Row = { id: 'P4', title: 'Gravity', measured: null, low: null, high: null, verdict: 'NOT_APPLICABLE' };

/** Sound subjects pass all, what is broken fails its named row, MuJoCo on the pendulum fails C1. */
const recorded = everyTrial.map((trial): RecordedTrial => {
  const control = negativeControls[trial.subject.replace(/^broken:/, '')];
  const failing = control ? [control.killedBy] : trial.subject === 'engine:mujoco' && trial.env === 'Pendulum-v0' ? ['C1'] : [];
  const rows = failing.map((id): Row => ({ id, title: id, measured: 0, low: 0, high: 0, verdict: 'FAIL' }));
  return { ...trial, rows: [passing, lacking, ...rows], seconds: 1, code: '' };
});
const page = leaderboard(recorded);
const lineOf = (start: string) => page.split('\n').find((line) => line.startsWith(start));

describe('the leaderboard', () => {
  it('plays nothing twice', () => {
    expect(new Set(everyTrial.map(nameOf)).size).to.equal(everyTrial.length);
    for (const env of boardEnvs)
      for (const subject of boardSubjects)
        expect(
          everyTrial.some((trial) => trial.env === env && trial.subject === subject && trial.seed === 1),
          `${subject} on ${env}`,
        ).to.equal(true);
  });

  it('counts rows passed of those that apply, and names those that fail', () => {
    const sound = 'P 0/0 · C 0/0 · H 1/1 · A 0/0';
    expect(lineOf('| Pendulum-v0 | P')).to.equal(
      `| Pendulum-v0 | ${sound} | P 0/0 · C 0/1 · H 1/1 · A 0/0<br>fails C1 | ${sound} | ${sound} |`,
    );
  });

  it('shows figures with their intervals', () => {
    expect(lineOf('| Ant-v0 | 0.90')).to.include('0.90 [0.88, 0.93]').and.include('–');
  });

  it('says of every control how often its row fails', () => {
    for (const [control, { killedBy }] of Object.entries(negativeControls)) {
      const own = everyTrial.filter(({ subject }) => subject === `broken:${control}`).length;
      // Without its own row, H1 and P4 apply.
      expect(lineOf(`| \`${control}\``), control)
        .to.include(`${killedBy}`)
        .and.include(`| ${own} of ${own} |`);
    }
    expect(page).to.match(/\| Pendulum-v0 \| none \| none \| none \| none \|/);
  });

  it('is not written from less than all trials', () => {
    expect(() => leaderboard(recorded.slice(0, -1))).to.throw('no trial of recurrent on Ant-v0');
  });
});
