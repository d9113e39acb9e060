import { expect } from 'chai';
import type { Transitions } from '../../src/data/transitions.ts';
import { gapDefaults, type OpenEnv, runGap } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { asSubject, oracle, pendulum, persistence, swings } from './pendulums.ts';
import { metadata } from './synthetic.ts';

const settings = { starts: 40, horizon: 10, samples: 1, counterfactualStarts: 12, alternatives: 3, counterfactualHorizon: 6 };

describe('the everyday gap suite', () => {
  let data: Transitions;
  let training: Transitions;
  before(async () => {
    data = await swings(5, 20, 16);
    training = await swings(6, 20, 16);
  });

  const run = async (subject: OpenEnv, parts: Partial<Parameters<typeof runGap>[0]> = {}) => {
    const truth = await oracle(4);
    try {
      return await runGap({ truth, subject: asSubject(subject), heldOut: data, training, settings, metadata, rng: new Rng(7), ...parts });
    } finally {
      await truth.close();
    }
  };

  it('passes truth, as far as it was asked', async () => {
    const report = await run(oracle);
    expect(report).to.include({ starts: 40, horizon: 10, samples: 1 });
    const verdicts = Object.fromEntries(report.rows.map(({ id, horizon, verdict }) => [`${id} ${horizon ?? ''}`, verdict]));
    expect(verdicts).to.include({
      'C1 6': 'PASS',
      'C2 6': 'PASS',
      'H4 1': 'NOT_APPLICABLE',
      'H1 40': 'INCONCLUSIVE',
      'A1 ': 'NOT_APPLICABLE',
    });
    expect(report.rows.map(({ verdict }) => verdict)).to.not.include('FAIL');
    // A shuffle may give a start its own actions back.
    expect(report.effects!.pairs).to.be.within(30, 36);
  });

  it('fails a model that never moves', async () => {
    const report = await run(persistence);
    expect(report.verdict).to.equal('FAIL');
    for (const id of ['C1', 'C2']) expect(report.rows.find((row) => row.id === id)!.verdict).to.equal('FAIL');
  });

  it('comes out the same from the same generator, other starts from another', async () => {
    const first = await run(oracle);
    expect(await run(oracle)).to.deep.equal(first);
    expect((await run(oracle, { rng: new Rng(8) })).normalised).to.not.deep.equal(first.normalised);
  });

  it('tells how far it is', async () => {
    const told: [string, number, number][] = [];
    await run(oracle, { onProgress: (...progress) => told.push(progress) });
    expect(told.filter(([stage]) => stage === 'rollouts').at(-1)).to.deep.equal(['rollouts', 40, 40]);
    expect(told.some(([stage]) => stage === 'counterfactuals')).to.equal(true);
  });

  it('asks for more when the held-out episodes are too short or too few', async () => {
    expect(await codeOf(() => run(oracle, { settings: { ...settings, horizon: 17 } }))).to.equal('DATA_INVALID');
    expect(await codeOf(() => run(oracle, { settings: gapDefaults }))).to.equal('DATA_INVALID');
  });

  it('leaves truth open for its owner', async () => {
    const truth = await oracle(4);
    await runGap({ truth, subject: asSubject(persistence), heldOut: data, training, settings, metadata, rng: new Rng(7) });
    await truth.reset({ mask: new Uint8Array(4).fill(1), seeds: Float64Array.of(1, 2, 3, 4) });
    await truth.step(new Float32Array(4), new Uint8Array(4).fill(1));
    expect(truth.task).to.equal(pendulum);
    await truth.close();
  });
});
