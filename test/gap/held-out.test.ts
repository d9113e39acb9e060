import { expect } from 'chai';
import fc from 'fast-check';
import { randomPolicy } from '../../agents/index.ts';
import type { Policy } from '../../src/core/policy.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { TransitionRecorder, type Transitions } from '../../src/data/transitions.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { drawHeldOut, predictedScale, transitionsOf } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { TypedArray } from '../../src/spaces/space.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { goalArm } from '../contracts/stub-tasks.ts';
import { pendulum } from './pendulums.ts';

/** Row r has state [r, −r], action r and command 2r, so that every number tells where it came from. */
function numbered(lengths: readonly number[]): Transitions {
  const count = lengths.reduce((sum, length) => sum + length, 0);
  const rows = Array.from({ length: count }, (_, row) => row);
  const state = Float64Array.from(rows.flatMap((row) => [row, -row]));
  const episode = Int32Array.from(lengths.flatMap((length, i) => new Array<number>(length).fill(i * 3)));
  return { count, state, action: Float64Array.from(rows), command: Float64Array.from(rows, (row) => 2 * row), next: state, episode };
}

describe('drawing held-out starts', () => {
  it('takes windows of one episode each, no moment twice, with the actions that followed', () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(),
        (lengths, horizon, seed) => {
          const data = numbered(lengths);
          const moments = lengths.reduce((sum, length) => sum + Math.max(0, length - horizon + 1), 0);
          fc.pre(moments > 0);
          const starts = 1 + (seed % moments);
          const drawn = drawHeldOut(pendulum, data, starts, horizon, new Rng(seed));
          const first = Array.from({ length: starts }, (_, i) => drawn.state[2 * i]!);
          expect(new Set(first).size).to.equal(starts);
          first.forEach((row, i) => {
            const steps = Array.from({ length: horizon }, (_, step) => row + step);
            expect(drawn.state[2 * i + 1]).to.equal(-row);
            expect([...drawn.action.subarray(i * horizon, (i + 1) * horizon)]).to.deep.equal(steps);
            expect([...drawn.command.subarray(i * horizon, (i + 1) * horizon)]).to.deep.equal(steps.map((step) => 2 * step));
            for (const step of steps) expect(data.episode[step]).to.equal(drawn.episode[i]);
          });
        },
      ),
    ));

  it('reaches every moment there is, the last of an episode too', () => {
    const drawn = drawHeldOut(pendulum, numbered([5, 2, 4]), 5, 3, new Rng(1));
    expect(Array.from({ length: 5 }, (_, i) => drawn.state[2 * i])).to.deep.equal([0, 1, 2, 7, 8]);
  });

  it('depends on the generator alone', () => {
    const draw = (seed: number) => [...drawHeldOut(pendulum, numbered([200]), 10, 5, new Rng(seed)).state];
    expect(draw(1)).to.deep.equal(draw(1));
    expect(draw(1)).to.not.deep.equal(draw(2));
  });

  it('says how many moments there are when they do not suffice', () => {
    try {
      drawHeldOut(pendulum, numbered([5, 2, 4]), 6, 3, new Rng(1));
      expect.fail('nothing was thrown');
    } catch (error) {
      expect(isGroundtwinError(error, 'DATA_INVALID'), String(error)).to.equal(true);
      expect((error as Error).message).to.include('5 moments are followed by 3 steps of the same episode, 6 are needed');
    }
  });
});

describe('transitions of an evaluation', () => {
  it('are those that physics went through, to the precision of the observations', async () => {
    const env = await registry.makeVector('Pendulum-v0', { lanes: 2 });
    const played = await evaluate(env, randomPolicy(pendulum.actionSpace, 2), { seed: 11, policySeed: 3, maxSteps: 40 });
    await env.close();
    const inferred = transitionsOf(pendulum, played);
    expect(inferred.count).to.equal(80);
    expect([...new Set(inferred.episode)]).to.deep.equal([0, 1]);

    // The same actions on recorded physics.
    const truth = await registry.truth('Pendulum-v0', 1);
    const recorder = new TransitionRecorder(pendulum);
    for (const lane of [0, 1]) {
      let step = 0;
      const again: Policy = { name: 'again', reset() {}, act: () => Float32Array.of((played.actions[step++] as TypedArray)[lane]!) };
      await recordEpisode(truth, again, recorder, { seed: 11 + lane, maxSteps: 40, episode: lane });
    }
    await truth.close();
    const recorded = recorder.transitions();
    for (const part of ['state', 'next'] as const)
      recorded[part].forEach((value, i) => {
        const off = inferred[part][i]! - value;
        expect(i % 2 === 0 ? Math.atan2(Math.sin(off), Math.cos(off)) : off).to.be.closeTo(0, 2e-6);
      });
    expect(inferred.action).to.deep.equal(recorded.action);
    expect(inferred.command).to.deep.equal(recorded.command);
  });

  it('end where each episode ended', async () => {
    const env = await registry.makeVector('CartPole-v0', { lanes: 3 });
    const task = registry.task('CartPole-v0');
    const played = await evaluate(env, randomPolicy(task.actionSpace, 3), { seed: 1, policySeed: 1, maxSteps: 100 });
    await env.close();
    const { episode, count } = transitionsOf(task, played);
    expect(new Set(played.lengths).size, 'lengths differ').to.be.above(1);
    for (const lane of [0, 1, 2]) expect(episode.filter((number) => number === lane).length).to.equal(played.lengths[lane]);
    expect(count).to.equal(played.returns.reduce((sum, value) => sum + value, 0));
  });

  it('are refused for a task that observations do not determine', () => {
    const nothing = { returns: new Float64Array(0), lengths: new Int32Array(0), observations: [], actions: [] };
    expect(() => transitionsOf(goalArm, nothing)).to.throw(/do not determine/);
  });
});

describe('the scale of predicted elements', () => {
  const scaleOf = (states: readonly (readonly [number, number])[]) =>
    predictedScale(pendulum, { ...numbered([states.length]), state: Float64Array.from(states.flat()) });

  it('is the standard deviation, of angles around the circle', () => {
    // A tenth of a radian to either side of ±π: as narrow as around 0.
    for (const centre of [0, Math.PI, 100]) {
      const wrap = (angle: number) => Math.atan2(Math.sin(angle), Math.cos(angle));
      const scale = scaleOf([
        [wrap(centre - 0.1), 1],
        [wrap(centre + 0.1), 5],
      ]);
      expect(scale[0], `around ${centre}`).to.be.closeTo(0.1, 2e-4);
      expect(scale[1]).to.equal(2);
    }
  });

  it('is 1 for what never changes, and finite for angles all round', () => {
    expect([
      ...scaleOf([
        [0.3, 4],
        [0.3, 4],
      ]),
    ]).to.deep.equal([1, 1]);
    const round = scaleOf([0, 1, 2, 3].map((quarter) => [(quarter * Math.PI) / 2, 0] as const));
    expect(round[0]).to.be.within(2, 10);
  });
});
