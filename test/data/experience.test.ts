import { expect } from 'chai';
import { episodesOf } from '../../src/data/episode-transitions.ts';
import { experienceOf } from '../../src/data/experience.ts';
import { TransitionRecorder } from '../../src/data/transitions.ts';
import { Rng } from '../../src/math/rng.ts';
import { walker } from '../contracts/stub-tasks.ts';

/** Of position, goal, last push. */
describe('experience from episodes', () => {
  const recorder = new TransitionRecorder(walker);
  const step = (state: number[], push: number, next: number[], episode: number) =>
    recorder.add(Float64Array.from(state), Float32Array.of(push), Float64Array.of(push), Float64Array.from(next), episode);
  step([0, 1, 0], 0.5, [0.5, 1, 0.5], 0);
  step([0.5, 1, 0.5], 1, [1.5, 1, 1], 0);
  step([2.5, 2, 0], 1, [3.5, 2, 1], 3);
  const { count, observation, previousAction, reward, continues, first } = experienceOf(episodesOf(walker, recorder.transitions()));

  it('has a row for every observation, with what led to it and what came with it', () => {
    expect(count).to.equal(5);
    expect([...observation]).to.deep.equal([0, 1, 0, 0.5, 1, 0.5, 1.5, 1, 1, 2.5, 2, 0, 3.5, 2, 1]);
    expect([...previousAction]).to.deep.equal([0, 0.5, 1, 0, 1]);
    // A push p that moves by d pays 2·d − p²/2.
    expect([...reward]).to.deep.equal([0, 0.875, 1.5, 0, 1.5]);
  });

  it('tells where episodes start, and where the task ended', () => {
    expect([...first]).to.deep.equal([1, 0, 0, 1, 0]);
    // Past 3 m.
    expect([...continues]).to.deep.equal([1, 1, 1, 1, 0]);
  });

  it('is seen through noisy sensors, alike by seed', () => {
    const seen = (seed: number) => [...experienceOf(episodesOf(walker, recorder.transitions(), { noise: new Rng(seed) })).observation];
    expect(seen(1)).to.deep.equal(seen(1));
    expect(seen(1)).to.not.deep.equal(seen(2));
    expect(seen(1)[3]).to.be.closeTo(0.5, 0.06);
  });
});
