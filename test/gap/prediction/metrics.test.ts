import { expect } from 'chai';
import { layOut } from '../../../src/core/state-spec.ts';
import {
  boundsOf,
  compareEvents,
  errorsOfStarts,
  eventChannels,
  eventF1,
  firstPassages,
  longPlan,
  lostShares,
  lyapunovExponent,
  meanMaximumRankViolation,
  resamplePlan,
  stabilityOf,
  validTime,
  wasserstein,
} from '../../../src/gap/index.ts';
import { registry } from '../../../src/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { oracle } from '../pendulums.ts';

const { entries } = layOut({
  x_m: { role: 'dynamic', kind: 'length', unit: 'm' },
  angle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
});

describe('valid prediction time', () => {
  it('is the first step past the limit, of the error over all elements, angles the short way round', () => {
    const truth = Float64Array.of(0, 3.1, 0, 3.1, 0, 3.1);
    const predicted = Float64Array.of(0, 3.1, 0.5, 3.1, 1.2, -3.1);
    const errors = errorsOfStarts({ entries, truth, scale: Float64Array.of(2, 1) }, predicted);
    const turned = 2 * Math.PI - 6.2;
    expect(errors[0]).to.equal(0);
    expect(errors[1]).to.be.closeTo(0.25 / Math.SQRT2, 1e-12);
    expect(errors[2]).to.be.closeTo(Math.sqrt((0.6 ** 2 + turned ** 2) / 2), 1e-12);
    expect([...firstPassages(errors, 2)]).to.deep.equal([2]);
    expect([...firstPassages(errors, 2, 0.1)]).to.deep.equal([1]);
    expect([...firstPassages(Float64Array.of(0, 0.4, Number.NaN, 9), 1)]).to.deep.equal([1, 1]);
  });

  it('is a fraction of that of truth started a little off, which may outlast what was played', () => {
    const plan = resamplePlan(4, new Rng(1), 100);
    const found = validTime(Float64Array.of(10, 10, 10, 10), Float64Array.of(20, 20, 20, 20), 40, plan);
    expect(found.fraction).to.deep.equal({ measured: 0.5, low: 0.5, high: 0.5 });
    expect(found.isCensored).to.equal(false);
    expect(validTime(Float64Array.of(30, 30, 30, 30), Float64Array.of(40, 40, 40, 1), 40, plan).isCensored).to.equal(true);
  });
});

describe('the Lyapunov exponent', () => {
  const exponentAt = async (angle_rad: number) => {
    const truth = await oracle(8);
    const [starts, horizon] = [8, 80];
    const zeros = (size: number) => new Float64Array(starts * size);
    const plan = {
      starts,
      horizon,
      state: Float64Array.from({ length: 2 * starts }, (_, i) => (i % 2 === 0 ? angle_rad : 0)),
      action: zeros(horizon),
      command: zeros(horizon),
      following: zeros(2 * horizon),
      episode: new Int32Array(starts),
    };
    const context = { truth, scale: Float64Array.of(1, 1), rng: new Rng(1), resamples: 100 };
    return lyapunovExponent(context, plan).finally(() => truth.close());
  };

  it('of a pendulum that stands is what its equation says, of one that hangs none', async () => {
    // θ″ = 3 g/(2 L) θ with g = 10 and L = 1.
    expect((await exponentAt(0)).measured).to.be.closeTo(Math.sqrt(15), 0.1);
    expect((await exponentAt(Math.PI)).measured).to.be.closeTo(0, 0.25);
  });
});

describe('long plans', () => {
  it('begin with the actions that followed, and go on with those of other starts', () => {
    const action = Float64Array.from({ length: 12 }, (_, i) => i);
    const base = {
      starts: 4,
      horizon: 3,
      state: new Float64Array(4),
      action,
      command: action,
      following: action,
      episode: new Int32Array(4),
    };
    const plan = longPlan(base, 7, new Rng(1));
    expect(plan.horizon).to.equal(7);
    for (let start = 0; start < 4; start++) {
      const own = [...plan.action.subarray(7 * start, 7 * start + 7)];
      expect(own.slice(0, 3)).to.deep.equal([3 * start, 3 * start + 1, 3 * start + 2]);
      expect(own[3]! % 3).to.equal(0);
      expect(own.slice(3, 6)).to.deep.equal([own[3], own[3]! + 1, own[3]! + 2]);
      expect(own[6]! % 3).to.equal(0);
    }
  });
});

describe('events', () => {
  it('are compared moment by moment and in time', () => {
    const truth = Uint8Array.of(0, 1, 1, 0, 0, 1);
    const same = compareEvents(truth, truth, 1);
    expect(same).to.deep.equal({ found: 3, missed: 0, invented: 0, events: 3, pairs: 3, apart_steps: 0 });
    const late = compareEvents(truth, Uint8Array.of(0, 0, 1, 1, 0, 0), 1);
    expect(late).to.deep.equal({ found: 1, missed: 2, invented: 1, events: 3, pairs: 2, apart_steps: 2 });
    expect(compareEvents(truth, new Uint8Array(6), 1)).to.include({ found: 0, missed: 3, pairs: 0 });
    // Two channels of three steps are not one of six.
    expect(compareEvents(truth, truth, 2)).to.include({ found: 3, events: 2 });
    expect(eventF1(3, 1, 1)).to.equal(0.75);
    expect(eventF1(0, 0, 0)).to.equal(1);
  });

  it('are what a task’s state tells: contacts, stops, ends', () => {
    const channelsOf = (id: string, rows: Float64Array) => eventChannels(registry.task(id), rows);
    const names = (id: string, size: number) =>
      channelsOf(id, new Float64Array(2 * size).fill(1)).map(({ kind, name }) => `${kind} ${name}`);
    expect(names('HalfCheetah-v0', 18)).to.deep.equal([]);
    expect(names('Hopper-v0', 12)).to.deep.equal(['end end']);
    expect(names('InvertedDoublePendulum-v0', 7)).to.deep.equal(['stop cartPosition_m', 'contact stopForce_N', 'end end']);
    expect(names('DmHopperHop-v0', 16)).to.deep.equal(['contact touch_N[0]', 'contact touch_N[1]']);
    const [stop] = channelsOf('InvertedDoublePendulum-v0', new Float64Array(7).fill(1));
    const none = new Float64Array(8);
    expect([-1.01, -0.99, 0, 0.97, 0.99].map((x) => stop!.isOn([x], none))).to.deep.equal([true, true, false, false, true]);
    expect(channelsOf('DmHopperHop-v0', new Float64Array(16)), 'contacts that never occur').to.deep.equal([]);
  });
});

describe('long dreams', () => {
  const truth = Float64Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? ((i / 2) % 10) / 10 : 0));
  const bounds = boundsOf(entries, truth);

  it('are lost where they leave what truth reaches and as much again, or are no numbers', () => {
    expect([...bounds.low]).to.deep.equal([-0.9, -Math.PI]);
    expect([...bounds.high]).to.deep.equal([1.8, Math.PI]);
    const rows = (value: number) => Float64Array.of(0, 0, value, 3, 0, 0, 0, 0);
    for (const [value, share] of [
      [1.7, 0],
      [1.9, 0.5],
      [-1, 0.5],
      [Number.NaN, 0.5],
      [Infinity, 0.5],
    ] as const)
      expect([...lostShares(rows(value), 1, 2, bounds)], `${value}`).to.deep.equal([share]);
  });

  it('differ from truth by Wasserstein’s distance of where they are, on a circle for angles', () => {
    const plan = resamplePlan(10, new Rng(1), 20);
    const long = { entries, starts: 10, copies: 1, horizon: 9, truth, scale: Float64Array.of(0.5, 1) };
    const moved = truth.map((value, i) => (i % 2 === 0 ? value + 0.2 : value));
    const { distances, distance, lost } = stabilityOf({ ...long, rows: moved }, 0, bounds, plan);
    expect(distances[0]).to.be.closeTo(0.2 / 0.5, 0.03);
    expect(distances[1]).to.be.closeTo(0, 1e-12);
    expect(distance.measured).to.be.closeTo(0.2, 0.02);
    expect(lost.measured).to.equal(0);
    expect(stabilityOf({ ...long, rows: truth }, 5, bounds, plan).distance.high).to.be.closeTo(0, 1e-12);
    // All mass moved by one of four cells; on a circle of four a step back over the seam is as near.
    expect(wasserstein([0, 1, 0, 0], 2, false)).to.equal(2);
    expect(wasserstein([1, 1, 1, 0], 2, true)).to.equal(2);
  });
});

describe('the mean maximum rank violation', () => {
  it('is the largest true difference ranked the wrong way, mean over policies', () => {
    expect(meanMaximumRankViolation([1, 2, 3], [10, 20, 30])).to.equal(0);
    expect(meanMaximumRankViolation([3, 2, 1], [10, 20, 30])).to.equal((20 + 10 + 20) / 3);
    expect(meanMaximumRankViolation([10, 20, 30], [3, 2, 1]), 'in the unit of truth').to.be.closeTo(5 / 3, 1e-12);
  });

  it('blames the worse one of a tie, and refuses lists that do not match', () => {
    expect(meanMaximumRankViolation([1, 1], [0, 4])).to.equal(2);
    expect(() => meanMaximumRankViolation([1], [1, 2]))
      .to.throw()
      .with.property('code', 'GAP_SHAPE_MISMATCH');
  });
});
