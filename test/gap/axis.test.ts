import { expect } from 'chai';
import { type Axis, inconclusive, measured, notApplicable, runGap, TruthModel } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { asSubject, oracle, pendulum, persistence, swings } from './pendulums.ts';
import { metadata } from './synthetic.ts';

const settings = { starts: 20, horizon: 10, samples: 1, counterfactualStarts: 4, alternatives: 2, counterfactualHorizon: 4 };
const exact = (value: number) => ({ measured: value, low: value, high: value });
const test = (id: string) => ({ id, title: `row ${id}`, bound: { kind: 'atMost', value: 0.1 } }) as const;

/** What it is given, and a draw. */
function looking(name: string, seen: number[][]): Axis {
  const tests = [test(`${name}1`), test(`${name}2`), test(`${name}3`)];
  return {
    name,
    tests,
    async measure({ rng, scale, subject, heldOut, samples }) {
      seen.push([rng.uint32()]);
      const findings = [measured(exact(0.05), 3), notApplicable('nothing falls here'), inconclusive('too few')];
      return {
        findings: tests.map((each, i) => ({ test: each, finding: findings[i]! })),
        figures: { scales: scale.length, subject: subject.name, steps: heldOut.count, samples },
      };
    },
  };
}

describe('axes of the gap suite', () => {
  const run = async (list: readonly Axis[]) => {
    const truth = await oracle(4);
    const data = await swings(5, 20, 16);
    const axes = { list, engine: await rapierEngine() };
    const given = { truth, subject: asSubject(persistence), heldOut: data, training: data, settings, metadata, rng: new Rng(7), axes };
    return runGap(given).finally(() => truth.close());
  };

  it('are judged as rows behind the others, with their figures beside them', async () => {
    const report = await run([looking('X', [])]);
    const rows = report.rows.filter(({ id }) => id.startsWith('X'));
    expect(rows.map(({ id, verdict, measured: value, passes }) => [id, verdict, value, passes])).to.deep.equal([
      ['X1', 'PASS', 0.05, '≤ 0.1'],
      ['X2', 'NOT_APPLICABLE', null, '≤ 0.1'],
      ['X3', 'INCONCLUSIVE', null, '≤ 0.1'],
    ]);
    expect(report.rows.slice(-3)).to.deep.equal(rows);
    expect(report.axes).to.deep.equal({ X: { scales: 2, subject: 'a pendulum', steps: 320, samples: 1 } });
    expect(JSON.parse(JSON.stringify(report))).to.deep.equal(report);
  });

  it('stand instead of paired rows that they measure at more length, horizon by horizon', async () => {
    const list = [
      { ...test('A1'), title: 'policies' },
      { ...test('H1'), horizon: 10, title: 'longer' },
    ];
    const given: Axis = {
      name: 'given',
      tests: list,
      measure: async () => ({ findings: list.map((each) => ({ test: each, finding: measured(exact(0), 3) })), figures: {} }),
    };
    const titles = (await run([given])).rows.filter(({ id }) => id === 'A1' || id === 'H1').map(({ title, horizon }) => [title, horizon]);
    expect(titles).to.deep.equal([
      ['Prediction skill', 40],
      ['policies', undefined],
      ['longer', 10],
    ]);
  });

  it('draw from streams of their own, by their place, and leave the other rows as they are', async () => {
    const [alone, both] = [[] as number[][], [] as number[][]];
    const one = await run([looking('X', alone)]);
    const two = await run([looking('X', both), looking('Y', both)]);
    expect(both[0]).to.deep.equal(alone[0]);
    expect(both[1]).to.not.deep.equal(both[0]);
    expect(two.normalised).to.deep.equal(one.normalised);
  });
});

describe('physics as a model', () => {
  it('says what one step of truth does, and owns up to the noise it adds', async () => {
    const [exactModel, noisy] = [undefined, Float64Array.of(0.1, 0.2)].map(
      async (noise) => new TruthModel(pendulum, await rapierEngine(), noise ? { noise } : {}),
    );
    const truth = await oracle(1);
    await truth.setState(0, [0.5, 1], 0);
    const input = {
      rows: 2,
      state: Float32Array.of(0.5, 1, 0.5, 1),
      action: Float32Array.of(2, 2),
      context: new Float32Array(0),
      noise: Float32Array.of(0, 0, 1, -1),
      memory: new Float32Array(0),
    };
    await truth.step(Float32Array.of(2), Uint8Array.of(1));
    const { sample } = await (await exactModel!).predict({ ...input, noise: new Float32Array(0) });
    for (const i of sample.keys()) expect(sample[i]).to.be.closeTo(truth.state[i % 2]!, 1e-6);
    const said = await (await noisy!).predict(input);
    expect([...said.scale!]).to.deep.equal([0.1, 0.2, 0.1, 0.2].map(Math.fround));
    expect(said.sample[2]! - said.mean![2]!).to.be.closeTo(0.1, 1e-6);
    expect(said.sample[3]! - said.mean![3]!).to.be.closeTo(-0.2, 1e-6);
    for (const model of [exactModel, noisy]) await (await model!).close();
    await truth.close();
  });
});
