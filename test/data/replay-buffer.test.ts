import { expect } from 'chai';
import fc from 'fast-check';
import type { EpisodeSpec } from '../../src/data/episode.ts';
import { ReplayBuffer } from '../../src/data/replay-buffer.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { Rng } from '../../src/math/rng.ts';
import { box, discrete } from '../../src/spaces/space.ts';

const spec: EpisodeSpec = {
  env: 'Counting-v0',
  observationSpace: box({ low: 0, high: 1e9, shape: [1], dtype: 'float64' }),
  actionSpace: discrete(1000),
  agents: 1,
};
const images: EpisodeSpec = { ...spec, observationSpace: box({ low: 0, high: 255, shape: [64, 64, 3], dtype: 'uint8' }) };

/** Lanes that play episodes of given lengths; every observation has a number of its own: lane · 1e6 + how many were seen. */
function play(buffer: ReplayBuffer, lengths: readonly (readonly number[])[]) {
  const windows: { lane: number; episode: number; numbers: number[] }[] = [];
  lengths.forEach((episodes, lane) => {
    let seen = lane * 1e6;
    episodes.forEach((steps, episode) => {
      const numbers = [seen];
      buffer.begin(lane, Float64Array.of(seen++));
      for (let step = 0; step < steps; step++) {
        buffer.add(lane, Int32Array.of(numbers.at(-1)! % 1000), [numbers.at(-1)! / 2], step === steps - 1, false, Float64Array.of(seen));
        numbers.push(seen++);
      }
      windows.push({ lane, episode, numbers });
    });
  });
  return windows;
}

/** Every window of `horizon` steps among the last `slots` observations of each lane, by brute force. */
function expectedWindows(played: ReturnType<typeof play>, slots: number, horizon: number): string[] {
  const last = (lane: number) => Math.max(...played.filter((one) => one.lane === lane).flatMap(({ numbers }) => numbers));
  return played.flatMap(({ lane, numbers }) =>
    numbers.flatMap((first, i) => {
      const window = numbers.slice(i, i + horizon + 1);
      return window.length === horizon + 1 && first > last(lane) - slots ? [String(window)] : [];
    }),
  );
}

const lengthsOfLanes = fc
  .integer({ min: 1, max: 3 })
  .chain((lanes) =>
    fc.array(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), { minLength: lanes, maxLength: lanes }),
  );

describe('the replay buffer', () => {
  it('draws exactly the windows that lie whole in an episode and were not written over', () => {
    fc.assert(
      fc.property(lengthsOfLanes, fc.integer({ min: 2, max: 30 }), fc.integer({ min: 1, max: 5 }), (lengths, slots, horizon) => {
        const buffer = new ReplayBuffer(spec, { capacity: slots * lengths.length, lanes: lengths.length });
        const played = play(buffer, lengths);
        const expected = new Set(expectedWindows(played, slots, horizon));
        expect(buffer.steps).to.equal(expectedWindows(played, slots, 1).length);
        if (expected.size === 0) {
          expect(() => buffer.sample(1, horizon, new Rng(1))).to.throw(/horizon/);
          return;
        }
        const batch = buffer.sample(400, horizon, new Rng(1));
        const drawn = new Set<string>();
        for (let i = 0; i < 400; i++) {
          const window = Array.from((batch.observation as Float64Array).subarray(i * (horizon + 1), (i + 1) * (horizon + 1)));
          drawn.add(String(window));
          for (let step = 0; step < horizon; step++) {
            expect((batch.action as Int32Array)[i * horizon + step]).to.equal(window[step]! % 1000);
            expect(batch.reward[i * horizon + step]).to.equal(window[step]! / 2);
            if (step < horizon - 1) expect(batch.terminated[i * horizon + step]).to.equal(0);
          }
        }
        for (const window of drawn) expect(expected).to.include(window);
        if (expected.size <= 20) expect(drawn.size).to.equal(expected.size);
      }),
      { numRuns: 25 },
    );
  });

  it('draws every step equally often, however the episodes are cut', () => {
    const buffer = new ReplayBuffer(spec, { capacity: 100 });
    play(buffer, [[1, 1, 1, 1, 1, 15]]);
    const count = 20_000;
    const { observation, next, terminated } = buffer.sampleTransitions(count, new Rng(4));
    const times = new Map<number, number>();
    (observation as Float64Array).forEach((first, i) => {
      times.set(first, (times.get(first) ?? 0) + 1);
      expect((next as Float64Array)[i]).to.equal(first + 1);
      expect(terminated[i]).to.equal(Number([0, 2, 4, 6, 8, 24].includes(first)));
    });
    expect(times.size).to.equal(20);
    // 1000 each, standard deviation 31.
    for (const drawn of times.values()) expect(drawn).to.be.within(850, 1150);
  });

  it('finds the one window among many short episodes', () => {
    const buffer = new ReplayBuffer(spec, { capacity: 5000 });
    play(buffer, [[...Array<number>(1000).fill(1), 12, ...Array<number>(1000).fill(1)]]);
    const { observation } = buffer.sample(5, 12, new Rng(1));
    expect(Array.from(observation as Float64Array).slice(0, 13)).to.deep.equal(Array.from({ length: 13 }, (_, i) => 2000 + i));
  });

  it('keeps an image once, as bytes', () => {
    const buffer = new ReplayBuffer(images, { capacity: 100 });
    expect(buffer.bytes / 100).to.be.within(64 * 64 * 3, 64 * 64 * 3 + 32);
    buffer.begin(0, new Uint8Array(64 * 64 * 3).fill(7));
    buffer.add(0, Int32Array.of(1), [0], false, false, new Uint8Array(64 * 64 * 3).fill(9));
    const { observation, next } = buffer.sampleTransitions(1, new Rng(1));
    expect([(observation as Uint8Array)[5], (next as Uint8Array)[5]]).to.deep.equal([7, 9]);
  });

  it('goes on from its columns as if nothing had happened', () => {
    const options = { capacity: 20, lanes: 2 };
    const [one, other] = [new ReplayBuffer(spec, options), new ReplayBuffer(spec, options)];
    play(one, [
      [4, 3, 7],
      [2, 5, 1],
    ]);
    one.begin(0, Float64Array.of(5));
    // An episode is under way, and the columns have been through a file of doubles.
    other.load(one.columns().map((values) => Float64Array.from(values)));
    expect(other.steps).to.equal(one.steps);
    for (const buffer of [one, other]) {
      buffer.add(0, Int32Array.of(1), [2], false, false, Float64Array.of(6));
      buffer.add(0, Int32Array.of(1), [3], true, false, Float64Array.of(7));
    }
    expect(other.steps).to.equal(one.steps);
    expect(other.sample(50, 2, new Rng(2))).to.deep.equal(one.sample(50, 2, new Rng(2)));
    const smaller = new ReplayBuffer(spec, { capacity: 10, lanes: 2 });
    expect(() => smaller.load(one.columns())).to.throw(/ReplayBuffer: option columns is of 20,20,20,20,20,2,2,20 elements/);
  });

  it('says how much it would take and refuses beyond its limit', () => {
    try {
      new ReplayBuffer(images, { capacity: 1_000_000 });
      expect.fail('nothing was thrown');
    } catch (error) {
      if (!isGroundtwinError(error, 'DATA_TOO_LARGE')) throw error;
      expect(error.details).to.deep.include({ bytes: 1_000_000 * (64 * 64 * 3 + 4 + 8 + 6), maxBytes: 2 ** 30 });
    }
    expect(() => new ReplayBuffer(spec, { capacity: 3, lanes: 2 })).to.throw(/at least 2 for each lane/);
  });

  it('refuses a step where no episode goes on, and a horizon that is none', () => {
    const buffer = new ReplayBuffer(spec, { capacity: 10 });
    expect(() => buffer.add(0, Int32Array.of(0), [0], false, false, Float64Array.of(1))).to.throw(/reset/);
    play(buffer, [[2]]);
    expect(() => buffer.add(0, Int32Array.of(0), [0], false, false, Float64Array.of(1))).to.throw(/reset/);
    expect(() => buffer.sample(1, 0, new Rng(1))).to.throw(/horizon/);
  });
});
