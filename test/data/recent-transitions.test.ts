import { expect } from 'chai';
import { RecentTransitions } from '../../src/data/recent-transitions.ts';
import { walker } from '../contracts/stub-tasks.ts';

const step = (at: number) =>
  [Float64Array.of(at, 0, 0), Float32Array.of(at / 100), Float64Array.of(at / 10), Float64Array.of(at + 1, 0, 0)] as const;

describe('the recent transitions', () => {
  it('are the last of each lane, oldest first, each episode with a number of its own', () => {
    const recent = new RecentTransitions(walker, 2, 4);
    for (let at = 0; at < 6; at++) recent.add(0, ...step(at));
    recent.begin(0);
    recent.add(0, ...step(6));
    recent.add(1, ...step(50));
    const { count, state, action, command, next, episode } = recent.transitions();
    const column = (rows: Float64Array, width: number) => Array.from({ length: count }, (_, row) => rows[row * width]!);
    expect(column(state, 3)).to.deep.equal([3, 4, 5, 6, 50]);
    expect(column(next, 3)).to.deep.equal([4, 5, 6, 7, 51]);
    expect(column(command, 1)).to.deep.equal([0.3, 0.4, 0.5, 0.6, 5]);
    expect(column(action, 1).map((value) => Math.round(value * 100))).to.deep.equal([3, 4, 5, 6, 50]);
    expect([...episode]).to.deep.equal([0, 0, 0, 1, 2]);
  });

  it('are none at first, and no more than there were', () => {
    const recent = new RecentTransitions(walker, 1, 100);
    expect(recent.transitions().count).to.equal(0);
    recent.add(0, ...step(1));
    expect(recent.transitions().count).to.equal(1);
  });
});
