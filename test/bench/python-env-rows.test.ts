import { expect } from 'chai';
import { pythonEnvRows, reached } from '../../bench/verify/python-env-rows.ts';

describe('rows of the Python client under the checks and agents of others', () => {
  it('have the goals of the issue', () => {
    const goals = Object.fromEntries(pythonEnvRows.map(({ id, operator, goal }) => [id, `${operator} ${goal}`]));
    expect(goals).to.include({ 'python.check_env': '= 0', 'python.learns': '= 0' });
  });

  it('a run has come far enough at the solved score, whatever the other reached', () => {
    expect(reached(475, 500, { solved: 475, random: 22 })).to.equal('solved');
  });

  it('else within a twentieth of the way that the same run makes in Gymnasium from random actions', () => {
    const score = { solved: null, random: -1000 };
    expect(reached(-190, -150, score)).to.equal('as far as in Gymnasium');
    expect(reached(-200, -150, score)).to.equal(null);
    expect(reached(-100, -150, score)).to.equal('as far as in Gymnasium');
    expect(reached(460, 500, { solved: 475, random: 22 })).to.equal(null);
  });

  it('one that learns nothing is short, unless the other learns nothing either', () => {
    expect(reached(-1000, -150, { solved: null, random: -1000 })).to.equal(null);
  });
});
