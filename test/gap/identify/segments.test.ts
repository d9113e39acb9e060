import { expect } from 'chai';
import type { Transitions } from '../../../src/data/transitions.ts';
import { drawSegments } from '../../../src/gap/index.ts';
import { registry } from '../../../src/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { codeOf } from '../../contracts/env-contract.ts';

const task = registry.task('Pendulum-v0');

/** Row r has state (r, r), action 100 + r and leads to (r + 1, r + 1). */
function episodes(...lengths: number[]): Transitions {
  const episode = Int32Array.from(lengths.flatMap((length, i) => new Array<number>(length).fill(i)));
  const count = episode.length;
  const rows = (of: (row: number) => number, width: number) =>
    Float64Array.from({ length: count * width }, (_, i) => of(Math.floor(i / width)));
  return {
    count,
    state: rows((r) => r, 2),
    next: rows((r) => r + 1, 2),
    action: rows((r) => 100 + r, 1),
    command: rows(() => 0, 1),
    episode,
  };
}

const options = { steps: 4, lead: 2, heldOut: 0.25, most: 100, rng: new Rng(1) };

describe('segments of recorded episodes', () => {
  it('begin at recorded states, with the actions before them and the states after', () => {
    const { fitted } = drawSegments(task, episodes(7, 7), { ...options, heldOut: 0.5 });
    const first = fitted.state[0]!;
    expect([2, 9]).to.include(first);
    expect([...fitted.action.subarray(0, 6)]).to.deep.equal([-2, -1, 0, 1, 2, 3].map((step) => 100 + first + step));
    expect([...fitted.following.subarray(0, 8)]).to.deep.equal([1, 1, 2, 2, 3, 3, 4, 4].map((step) => first + step));
  });

  it('share no measurement, and stay within an episode', () => {
    const { fitted, heldOut } = drawSegments(task, episodes(40, 33, 6, 5, 21), options);
    const measured = [fitted, heldOut].flatMap(({ count, steps, state, following }) =>
      Array.from({ length: count }, (_, k) => [
        state[2 * k]!,
        ...Array.from({ length: steps }, (__, s) => following[(k * steps + s) * 2]!),
      ]),
    );
    expect(new Set(measured.flat()).size).to.equal(measured.flat().length);
    for (const rows of measured) expect(rows.at(-1)! - rows[0]!).to.equal(4);
    // 40: 8, 33: 7 — (length − lead + 1) / (steps + 1), rounded down; 6: one; 5: none; 21: four.
    expect(measured.length).to.equal(7 + 6 + 1 + 4);
  });

  it('keep whole episodes apart', () => {
    const { fitted, heldOut } = drawSegments(task, episodes(...new Array<number>(8).fill(30)), options);
    const [inside, apart] = [new Set(fitted.episode), new Set(heldOut.episode)];
    expect(apart.size).to.equal(2);
    for (const episode of apart) expect(inside.has(episode)).to.equal(false);
  });

  it('keep the end of a single episode apart', () => {
    const { fitted, heldOut } = drawSegments(task, episodes(102), options);
    expect(heldOut.count).to.equal(5);
    expect(Math.min(...heldOut.state)).to.be.above(Math.max(...fitted.following));
  });

  it('are drawn evenly where there are more than wanted', () => {
    const { fitted } = drawSegments(task, episodes(2000, 2000), { ...options, most: 50 });
    expect(fitted.count).to.equal(50);
    const starts = Array.from({ length: 50 }, (_, k) => fitted.state[2 * k]! % 2000);
    expect(starts.filter((start) => start < 1000).length).to.be.within(15, 35);
    expect([...starts].sort((a, b) => a - b)).to.deep.equal(starts);
  });

  it('need episodes that are long enough', async () => {
    for (const data of [episodes(5, 5, 5), episodes(6)])
      expect(await codeOf(async () => drawSegments(task, data, options))).to.equal('DATA_INVALID');
  });
});
