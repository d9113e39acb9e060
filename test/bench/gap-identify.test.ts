import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import { blockPlan, identifyCover, unidentifiable, wrongDelay } from '../../bench/verify/gap-identify.ts';
import { readMatFile } from '../../bench/verify/mat-file.ts';
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
    const array = (rows: number, columns: number) => ({ rows, columns, values: new Float64Array(rows * columns) });
    expect(() => mowerLogOf('x', { GT: array(3, 4), DR: array(3, 3) })).to.throw(/not as expected/);
    expect(() => mowerLogOf('x', { GT: array(3, 4), DR: array(2, 3) })).to.throw(/same moments/);
  });
});

describe('a MATLAB file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-mat-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const element = (type: number, body: Buffer) => {
    const tag = Buffer.alloc(8);
    tag.writeUInt32LE(type, 0);
    tag.writeUInt32LE(body.length, 4);
    return Buffer.concat([tag, body, Buffer.alloc((8 - (body.length % 8)) % 8)]);
  };
  const int32 = (...values: number[]) => Buffer.from(Int32Array.from(values).buffer);
  const matrix = (name: Buffer, rows: number, values: number[]) =>
    element(
      14,
      Buffer.concat([
        element(6, int32(6, 0)),
        element(5, int32(rows, values.length / rows)),
        name,
        element(9, Buffer.from(Float64Array.from(values).buffer)),
      ]),
    );
  const header = Buffer.alloc(128, 32);
  header.write('MATLAB 5.0 MAT-file', 0);
  header.write('\x00\x01IM', 124, 'latin1');

  it('holds arrays, compressed or not, with names short or long', () => {
    const short = Buffer.from([1, 0, 2, 0, 71, 84, 0, 0]);
    const plain = matrix(short, 2, [1, 2, 3, 4, 5, 6]);
    const packed = deflateSync(matrix(element(1, Buffer.from('longName')), 1, [7]));
    const tag = int32(15, packed.length);
    writeFileSync(join(folder, 'a.mat'), Buffer.concat([header, tag, packed, plain]));
    const { GT, longName } = readMatFile(join(folder, 'a.mat'));
    expect({ ...GT, values: [...GT!.values] }).to.deep.equal({ rows: 2, columns: 3, values: [1, 2, 3, 4, 5, 6] });
    expect([...longName!.values]).to.deep.equal([7]);
  });

  it('is told from others', () => {
    writeFileSync(join(folder, 'b.mat'), Buffer.alloc(200));
    expect(() => readMatFile(join(folder, 'b.mat'))).to.throw(/no little-endian MATLAB 5 file/);
  });
});
