import { expect } from 'chai';
import { cemDefaults } from '../../agents/index.ts';
import { hiddenSize, hiddenTask, playHidden } from '../../bench/verify/hidden-velocities.ts';
import { ratioOf, recurrentRows } from '../../bench/verify/recurrent-rows.ts';

const tiny = {
  ...hiddenSize,
  randomEpisodes: 2,
  plannedEpisodes: 1,
  logUpdates: 2,
  rounds: 1,
  episodeSteps: 12,
  updates: { recurrent: 2, ensemble: 2 },
  finalUpdates: { recurrent: 2, ensemble: 2 },
  starts: 2,
  maxSteps: 3,
  planner: { ...cemDefaults, population: 8, elites: 2, iterations: 1, horizon: 3 },
};

describe('the row of hidden velocities', () => {
  it('has both models learn from one log and from what both planners add, and judges them on physics', async () => {
    const lines: string[] = [];
    const result = await playHidden(1, (line) => lines.push(line), tiny);
    // Two random and one planned episode, then one of each planner.
    expect(result.realSteps).to.equal(5 * 12);
    expect(result.logged).to.have.length(1);
    for (const learner of ['recurrent', 'ensemble'] as const) {
      expect(result.collected[learner]).to.have.length(1);
      expect(result.returns[learner]).to.have.length(2);
      for (const value of result.returns[learner]) expect(value).to.be.within(0, 3);
    }
    expect(lines.at(-1)).to.match(/^hidden velocities, seed 1: ensemble/);
  });

  it('plays the task of the main job with nothing but velocities hidden', () => {
    expect(hiddenTask.observationSpace).to.have.property('names').that.deep.equals(['cartPosition_m', 'cosPoleAngle', 'sinPoleAngle']);
    expect(hiddenTask.infer).to.equal(undefined);
  });

  it('is the mean return of one over that of the other', () => {
    expect(ratioOf({ returns: { recurrent: [200, 210], ensemble: [40, 42] } })).to.equal(5);
    expect(recurrentRows.map(({ id, goal, operator }) => `${id} ${operator} ${goal}`)).to.deep.equal(['model.hidden_velocity >= 2']);
  });
});
