import { expect } from 'chai';
import { blockPlan, identifyCover, unidentifiable, wrongDelay } from '../../bench/verify/gap-identify.ts';
import { asLogged, endErrors_m, headingAt, mowerErrors, mowerParameters, mowerSegments } from '../../bench/verify/mower.ts';
import { type MowerLog, mowerLogOf } from '../../bench/verify/plaza-log.ts';
import { fitParameters } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';

const quiet = { log: () => {} };
const small = { draws: 1, episodes: 3, steps: 60, segments: 12 };

describe('rows of identification', () => {
  it('run small: truths are covered, what cannot be told is flagged, the delay is found', async () => {
    expect((await identifyCover(quiet, small)).measured).to.equal(1);
    expect((await unidentifiable(quiet, small)).measured).to.equal(1);
    expect((await wrongDelay(quiet, { ...small, draws: 2 })).measured).to.equal(1);
  }).timeout(120_000);

  it('draw runs of neighbours', () => {
    const { indices, multiplicities, count } = blockPlan(10, 4, new Rng(1));
    for (const from of [0, 4]) expect([1, 2, 3].map((k) => (indices[from + k]! - indices[from]! + 10) % 10)).to.deep.equal([1, 2, 3]);
    expect((indices[9]! - indices[8]! + 10) % 10).to.equal(1);
    expect(multiplicities.subarray(0, count).reduce((sum, times) => sum + times)).to.equal(10);
  });
});

/** A figure of eight, 5 rows a second; odometry says 2 % too little way, and turns .01 rad/s too little. */
function drivenLog(seconds: number): MowerLog {
  const count = 5 * seconds;
  const time_s = Float64Array.from({ length: count }, (_, row) => row / 5);
  const log: MowerLog = {
    name: 'drawn',
    count,
    time_s,
    x_m: new Float64Array(count),
    y_m: new Float64Array(count),
    forward_m: new Float64Array(count),
    turned_rad: new Float64Array(count),
  };
  let heading_rad = 1;
  for (let row = 1; row < count; row++) {
    const [forward_m, turned_rad] = [0.2, 0.1 * Math.sin(time_s[row]! / 5)];
    log.forward_m[row] = forward_m / 1.02;
    log.turned_rad[row] = turned_rad - 0.01 / 5;
    log.x_m[row] = log.x_m[row - 1]! + forward_m * Math.cos(heading_rad + turned_rad / 2);
    log.y_m[row] = log.y_m[row - 1]! + forward_m * Math.sin(heading_rad + turned_rad / 2);
    heading_rad += turned_rad;
  }
  return log;
}

describe('a mower replayed by its odometry', () => {
  const log = drivenLog(400);

  it('knows its heading from its course', () => {
    for (const row of [50, 333, 1500]) {
      const ahead = Math.atan2(log.y_m[row + 1]! - log.y_m[row]!, log.x_m[row + 1]! - log.x_m[row]!);
      const error = headingAt(log, row)! - ahead;
      expect(Math.abs(Math.atan2(Math.sin(error), Math.cos(error)))).to.be.below(0.06);
    }
    expect(headingAt(log, 2)).to.equal(undefined);
  });

  it('gives back what odometry gets wrong, and then ends where it ended', async () => {
    const segments = mowerSegments(log, 10, 11);
    const { values, posterior } = await fitParameters({
      parameters: mowerParameters,
      residuals: (at) => mowerErrors(segments, at),
      blocks: segments.starts.length,
      difference: 1e-3,
    });
    for (const [i, truth] of [1.02, 1, 0.01].entries()) expect(values[i]).to.be.closeTo(truth, 0.004);
    expect(posterior.conditionNumber).to.be.below(10);
    const worst = (at: ArrayLike<number>) => Math.max(...endErrors_m(segments, mowerErrors(segments, at)));
    expect(worst(asLogged)).to.be.above(0.5);
    expect(worst(values)).to.be.below(0.35);
  });

  it('refuses arrays that do not fit', () => {
    const array = (rows: number, columns: number) => Array.from({ length: columns }, () => new Array<number>(rows).fill(0));
    expect(() => mowerLogOf('x', { GT: array(3, 4), DR: array(3, 3) })).to.throw(/not as expected/);
    expect(() => mowerLogOf('x', { GT: array(3, 4), DR: array(2, 3) })).to.throw(/same moments/);
  });
});
