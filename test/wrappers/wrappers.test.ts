import { expect } from 'chai';
import fc from 'fast-check';
import type { StepBatch } from '../../src/core/backend.ts';
import type { WrappedSpec, WrapperFactory } from '../../src/core/wrapper.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { box, contains, discrete, type Space } from '../../src/spaces/space.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { clipAction } from '../../src/wrappers/clip-action.ts';
import { recordEpisodeStatistics } from '../../src/wrappers/record-episode-statistics.ts';
import { rescaleAction } from '../../src/wrappers/rescale-action.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { walkers } from '../contracts/stub-backends.ts';

function below(actionSpace: Space, lanes = 1, agents = 1): WrappedSpec {
  return { id: 'Below-v0', lanes, agents, observationSpace: box({ low: 0, high: 1 }), actionSpace };
}
function batchOf(lanes: number, agents = 1): StepBatch {
  return {
    observation: new Float32Array(lanes),
    reward: new Float64Array(lanes * agents),
    terminated: new Uint8Array(lanes),
    truncated: new Uint8Array(lanes),
    info: {},
    problems: [],
  };
}
const all = (lanes: number) => new Uint8Array(lanes).fill(1);
const finite = fc.float({ noNaN: true, noDefaultInfinity: true });
const bounds = fc
  .tuple(fc.double({ min: -100, max: 100, noNaN: true }), fc.double({ min: 0.01, max: 100, noNaN: true }))
  .map(([low, span]) => ({ low, high: low + span }));

describe('TimeLimit', () => {
  it('truncates after exactly that many steps, each lane for itself', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 30 }), (steps, plan) => {
        const wrapper = timeLimit(steps)(below(discrete(2), 2));
        const batch = batchOf(2);
        wrapper.reset!(all(2), batch, new Float64Array(2));
        const elapsed = [0, 0];
        for (const active of plan) {
          batch.truncated.fill(0);
          wrapper.step!(batch, Uint8Array.from(active, Number));
          for (const lane of [0, 1]) {
            if (!active[lane]) continue;
            elapsed[lane]!++;
            expect(batch.truncated[lane]).to.equal(elapsed[lane]! >= steps ? 1 : 0);
            if (elapsed[lane]! < steps) continue;
            elapsed[lane] = 0;
            wrapper.reset!(
              Uint8Array.from([0, 1], (one) => (one === lane ? 1 : 0)),
              batch,
              new Float64Array(2),
            );
          }
        }
      }),
    ));

  it('leaves an episode that ended by itself on its last step terminated only', () => {
    const wrapper = timeLimit(1)(below(discrete(2)));
    const batch = batchOf(1);
    batch.terminated[0] = 1;
    wrapper.step!(batch, all(1));
    expect(batch.truncated[0]).to.equal(0);
  });

  it('counts on from a snapshot', async () => {
    const env = walkers(1, { wrappers: [timeLimit(3)] });
    await env.reset({ seed: 1 });
    await env.step(Float32Array.of(0));
    const moment = await env.snapshot();
    const truncatedAfter = async () => [
      (await env.step(Float32Array.of(0))).truncated[0],
      (await env.step(Float32Array.of(0))).truncated[0],
    ];
    expect(await truncatedAfter()).to.deep.equal([0, 1]);
    await env.restore(moment);
    expect(await truncatedAfter()).to.deep.equal([0, 1]);
  });

  for (const steps of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    it(`refuses ${steps} steps`, () => expect(() => timeLimit(steps)).to.throw(GroundtwinError, /option steps/));
});

describe('ClipAction', () => {
  it('takes any finite action and hands on the nearest inside', () =>
    fc.assert(
      fc.property(bounds, fc.array(finite, { minLength: 2, maxLength: 2 }), ({ low, high }, given) => {
        const space = box({ low: [low], high: [high] });
        const wrapper = clipAction()(below(space, 2));
        const clipped = wrapper.action!(Float32Array.from(given), all(2)) as Float32Array;
        given.forEach((value, lane) => {
          expect(contains(space, clipped.subarray(lane, lane + 1))).to.equal(true);
          expect(clipped[lane]).to.equal(value < low ? Math.fround(low) : value > high ? Math.fround(high) : value);
        });
      }),
    ));

  it('lets what was refused through, but not NaN', async () => {
    const env = walkers(1, { wrappers: [clipAction()] });
    await env.reset({ seed: 1 });
    const before = (env.backend as TaskEnv).state[0]!;
    await env.step(Float32Array.of(0.5));
    await env.step(Float32Array.of(77));
    expect((env.backend as TaskEnv).state[0]! - before).to.be.closeTo(1.5, 1e-12);
    expect(await codeOf(() => env.step(Float32Array.of(Number.NaN)))).to.equal('ACTION_NOT_FINITE');
    expect(await codeOf(() => env.step([1e300] as unknown as Float32Array)), 'more than float32 holds').to.equal('nothing was thrown');
  });

  it('leaves the caller its array', () => {
    const given = Float32Array.of(9);
    clipAction()(below(box({ low: 0, high: 1 }))).action!(given, all(1));
    expect(given[0]).to.equal(9);
  });
});

describe('RescaleAction', () => {
  it('maps its ends onto the ends, its middle onto the middle, and stays inside', () =>
    fc.assert(
      fc.property(bounds, bounds, fc.double({ min: 0, max: 1, noNaN: true }), ({ low, high }, outer, share) => {
        const space = box({ low: [low], high: [high] });
        const wrapper = rescaleAction(outer.low, outer.high)(below(space, 4));
        const given = Float32Array.of(
          outer.low,
          outer.high,
          (outer.low + outer.high) / 2,
          Math.fround(outer.low + share * (outer.high - outer.low)),
        );
        const mapped = wrapper.action!(given, all(4)) as Float32Array;
        const precision =
          1e-4 * (high - low) + 1e-4 * ((Math.abs(outer.low) + Math.abs(outer.high)) / (outer.high - outer.low)) * (high - low) + 1e-5;
        expect(mapped[0]).to.be.closeTo(low, precision);
        expect(mapped[1]).to.be.closeTo(high, precision);
        expect(mapped[2]).to.be.closeTo((low + high) / 2, precision);
        for (let lane = 0; lane < 4; lane++) expect(contains(space, mapped.subarray(lane, lane + 1))).to.equal(true);
      }),
    ));

  it('is −1 … 1 from outside', () => {
    const { actionSpace } = rescaleAction()(below(box({ low: [-5, 0], high: [5, 1] })));
    expect(actionSpace).to.deep.include({ low: [-1, -1], high: [1, 1], shape: [2] });
  });

  it('refuses empty ranges, endless boxes and what is no box', () => {
    expect(() => rescaleAction(1, 1)).to.throw(GroundtwinError, /option low/);
    expect(() => rescaleAction()(below(box({ low: [0], high: [Number.POSITIVE_INFINITY] })))).to.throw(GroundtwinError, /RescaleAction/);
    for (const factory of [rescaleAction(), clipAction()])
      expect(() => factory(below(discrete(2)))).to.throw(GroundtwinError, /box of actions/);
  });
});

describe('RecordEpisodeStatistics', () => {
  type Episode = { return: Float64Array; length: Int32Array; elapsed_s: Float64Array; done: Uint8Array };
  const episodeOf = (info: object) => (info as { episode: Episode }).episode;

  it('sums rewards and counts steps of each episode', async () => {
    let now_s = 0;
    const env = walkers(2, { wrappers: [timeLimit(3), recordEpisodeStatistics(() => now_s)] });
    await env.reset({ seed: 1 });
    const told: Episode[] = [];
    for (const share of [0.5, -0.25, 0.5, 0, 0.5]) {
      now_s += 2;
      told.push(episodeOf((await env.step(Float32Array.of(share, 0))).info));
    }
    // Pushes of .5 and −.25 pay .875 and −.53125; the third step ends, the fourth begins anew, the fifth counts as its first.
    [0.875, 0.34375, 1.21875, 0, 0.875].forEach((sum, step) => void expect(told[step]!.return[0]).to.be.closeTo(sum, 1e-9));
    expect(told.map((episode) => episode.length[0])).to.deep.equal([1, 2, 3, 0, 1]);
    expect(told.map((episode) => episode.done[0])).to.deep.equal([0, 0, 1, 0, 0]);
    expect(told.map((episode) => episode.elapsed_s[0])[2]).to.equal(6);
    expect(told[2]!.return[1]).to.equal(0);
  });

  it('tells the figures of the last episode where lanes are reset at once', async () => {
    const env = walkers(1, { autoreset: 'sameStep', wrappers: [timeLimit(2), recordEpisodeStatistics(() => 0)] });
    await env.reset({ seed: 1 });
    await env.step(Float32Array.of(0));
    const { info } = await env.step(Float32Array.of(0));
    expect([episodeOf(info.finalInfo as object).length[0], episodeOf(info.finalInfo as object).done[0]]).to.deep.equal([2, 1]);
    expect([episodeOf(info).length[0], episodeOf(info).done[0]]).to.deep.equal([0, 0]);
  });

  it('goes on from a snapshot', async () => {
    const env = walkers(1, { wrappers: [recordEpisodeStatistics(() => 0)] });
    await env.reset({ seed: 1 });
    await env.step(Float32Array.of(0.5));
    const moment = await env.snapshot();
    const next = async () => episodeOf((await env.step(Float32Array.of(-0.25))).info);
    const first = await next();
    await next();
    await env.restore(moment);
    expect(await next()).to.deep.equal(first);
  });

  it('tells figures in an env that was only ever restored', async () => {
    const source = walkers(1, { wrappers: [recordEpisodeStatistics(() => 0)] });
    await source.reset({ seed: 1 });
    const env = walkers(1, { wrappers: [recordEpisodeStatistics(() => 0)] });
    await env.restore(await source.snapshot());
    expect(episodeOf((await env.step(Float32Array.of(0))).info).length[0]).to.equal(1);
  });
});

describe('a stack of wrappers', () => {
  const noting =
    (name: string, notes: string[]): WrapperFactory =>
    () => ({
      name,
      action: (actions) => {
        notes.push(`${name} action`);
        return actions;
      },
      step: () => void notes.push(`${name} step`),
      reset: () => void notes.push(`${name} reset`),
      observation: (values) => {
        notes.push(`${name} observation`);
        return values;
      },
    });

  it('is entered from outside and left from inside', async () => {
    const notes: string[] = [];
    const env = walkers(1, { wrappers: [noting('inner', notes), noting('outer', notes)] });
    await env.reset({ seed: 1 });
    expect(notes.splice(0)).to.deep.equal(['inner reset', 'outer reset', 'inner observation', 'outer observation']);
    await env.step(Float32Array.of(0));
    expect(notes).to.deep.equal(['outer action', 'inner action', 'inner step', 'outer step', 'inner observation', 'outer observation']);
  });

  it('shows the outermost spaces', () => {
    const env = walkers(1, { wrappers: [rescaleAction(-3, 3), clipAction()] });
    expect(env.actionSpace).to.deep.include({ low: [Number.NEGATIVE_INFINITY], high: [Number.POSITIVE_INFINITY] });
    expect(walkers(1, { wrappers: [clipAction(), timeLimit(3)] }).actionSpace).to.deep.include({ low: [Number.NEGATIVE_INFINITY] });
  });

  it('scales what was clipped', async () => {
    const env = walkers(1, { wrappers: [rescaleAction(-4, 4), clipAction()] });
    await env.reset({ seed: 1 });
    const before = (env.backend as TaskEnv).state[0]!;
    await env.step(Float32Array.of(2));
    expect((env.backend as TaskEnv).state[0]! - before).to.be.closeTo(0.5, 1e-12);
    await env.step(Float32Array.of(40));
    expect((env.backend as TaskEnv).state[0]! - before).to.be.closeTo(1.5, 1e-12);
  });
});
