import { expect } from 'chai';
import type { Transitions } from '../../../src/data/transitions.ts';
import { type AxisContext, negativeControls, runGap, type Subject } from '../../../src/gap/index.ts';
import { measureCalibration } from '../../../src/gap/prediction/measure-calibration.ts';
import { measureEvents } from '../../../src/gap/prediction/measure-events.ts';
import { measureLong } from '../../../src/gap/prediction/measure-long.ts';
import { registry } from '../../../src/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { pendulum, swings } from '../pendulums.ts';
import { metadata } from '../synthetic.ts';
import { broken, exact, honest, measureOn, nearlyRight, noisy, oracleOf, wanderings } from './subjects.ts';

const killedBy = (name: string) => negativeControls[name]!.killedBy;
const verdicts = (rows: Readonly<Record<string, string>>) => Object.values(rows).map((line) => line.split(' ')[0]);

describe('prediction: models broken on purpose', function () {
  this.timeout(120_000);

  describe('H1 at 40', () => {
    // Its linear reference is surely off at 40 steps, which a pendulum's is only over many starts.
    const task = registry.task('CartPoleSwingUp-v0');
    let data: Transitions;
    before(async () => {
      data = await wanderings(task.id, 3, 40, 60);
    });
    const skill = async (subject: Subject) => {
      const truth = await registry.truth(task.id, 16);
      const settings = { starts: 96, horizon: 40, samples: 1, counterfactualStarts: 2, alternatives: 1, counterfactualHorizon: 2 };
      const given = { truth, subject, heldOut: data, training: data, settings, metadata, rng: new Rng(1) };
      const report = await runGap(given).finally(() => truth.close());
      await subject.close();
      return report.rows.find(({ id, horizon }) => id === 'H1' && horizon === 40)!;
    };

    it('persistence and one that freezes fail, a model that is nearly right does not', async () => {
      for (const name of ['persistence', 'freezes']) expect(killedBy(name)).to.equal('H1');
      expect((await skill(await broken('broken:persistence', await nearlyRight(task)))).verdict).to.equal('FAIL');
      expect((await skill(await broken('broken:freezes', await nearlyRight(task)))).verdict).to.equal('FAIL');
      const whole = await skill(await nearlyRight(task));
      expect(whole.verdict).to.not.equal('FAIL');
      const touched = await skill(await broken('broken:freezes@0.0001', await nearlyRight(task)));
      expect(touched.measured).to.be.closeTo(whole.measured!, 0.01);
    });
  });

  describe('H2', () => {
    const long = (context: AxisContext) => measureLong(context, { starts: 24, horizon: 12, valid_steps: 48, steps: 48, copies: 2 });
    const row = 'Valid prediction time';

    it('a lag of one step fails, truth and good models do not', async () => {
      expect(killedBy('one-step-lag')).to.equal('H2');
      const cart = registry.task('CartPole-v0');
      const data = await wanderings('CartPole-v0', 3, 60, 13);
      const lag = await measureOn(await broken('broken:one-step-lag', await nearlyRight(cart)), data, 1, long);
      expect(lag.rows[row]).to.match(/^FAIL/);
      const good = { oracle: oracleOf(cart), nearly: await nearlyRight(cart), noisy: await noisy(cart, data) };
      for (const [name, subject] of Object.entries(good)) {
        const { rows, result } = await measureOn(subject, data, 2, long);
        expect(rows[row], name).to.match(/^PASS/);
        expect(JSON.parse(JSON.stringify(result.figures))).to.deep.equal(result.figures);
      }
    });
  });

  describe('H3', () => {
    const events = (context: AxisContext) => measureEvents(context, 48);

    it('counts contacts of truth, physics as a model, and of one that lags', async () => {
      const hopper = registry.task('DmHopperHop-v0');
      const data = await wanderings('DmHopperHop-v0', 3, 16, 50);
      const [truth, model, lag, still] = [
        await measureOn(oracleOf(hopper), data, 1, events),
        await measureOn(await exact(hopper), data, 1, events),
        await measureOn(await broken('broken:one-step-lag', await exact(hopper)), data, 1, events),
        await measureOn(await broken('broken:persistence', await exact(hopper)), data, 1, events),
      ].map(({ rows }) => rows['Events (F1)']!);
      expect(truth).to.match(/^PASS/);
      expect(model).to.not.match(/^FAIL/);
      for (const line of [lag, still]) expect(line).to.match(/^FAIL/);
    });

    it('does not apply where a state tells of none', async () => {
      const data = await swings(2, 20, 12);
      const { rows } = await measureOn(oracleOf(pendulum), data, 1, events);
      expect(verdicts(rows)).to.deep.equal(['NOT_APPLICABLE']);
    });
  });

  describe('H4', () => {
    let data: Transitions;
    before(async () => {
      data = await swings(2, 20, 42);
    });
    const calibration = (context: AxisContext) => measureCalibration(context, 24);

    it('one that claims too little noise, or too much, fails every row of coverage and calibration', async () => {
      for (const name of ['overconfident', 'underconfident']) {
        expect(killedBy(name)).to.equal('H4');
        const { rows } = await measureOn(await broken(`broken:${name}`, await honest(pendulum, data)), data, 19, calibration);
        expect(verdicts(rows).slice(0, 5), name).to.deep.equal(new Array(5).fill('FAIL'));
      }
    });

    it('one that errs and knows by how much does not, and truth states no uncertainty', async () => {
      const { rows, result } = await measureOn(await honest(pendulum, data), data, 19, calibration);
      expect(verdicts(rows)).to.have.length(6);
      expect(verdicts(rows)).to.not.include('FAIL');
      expect(rows['CRPS skill over climatology']).to.match(/^PASS/);
      expect(JSON.parse(JSON.stringify(result.figures))).to.deep.equal(result.figures);
      for (const samples of [1, 19]) {
        const silent = await measureOn(oracleOf(pendulum), data, samples, (context) => measureCalibration(context, 8));
        expect(verdicts(silent.rows)).to.deep.equal(new Array(6).fill('NOT_APPLICABLE'));
      }
    });
  });

  describe('H5', () => {
    const long = (context: AxisContext) => measureLong(context, { starts: 16, horizon: 20, valid_steps: 80, steps: 160, copies: 1 });

    it('one that blows up after a while fails, truth and good models do not', async () => {
      expect(killedBy('blows-up')).to.equal('H5');
      const data = await swings(2, 12, 24);
      const blows = await measureOn(await broken('broken:blows-up', await exact(pendulum)), data, 1, long);
      expect(blows.rows['Long dreams lost']).to.match(/^FAIL 1 /);
      for (const subject of [oracleOf(pendulum), await nearlyRight(pendulum), await noisy(pendulum, data)]) {
        const { rows } = await measureOn(subject, data, 1, long);
        expect(rows['Long dreams lost'], subject.name).to.match(/^PASS/);
        expect(rows['Long-run marginals (W1/σ)'], subject.name).to.not.match(/^FAIL/);
      }
    });
  });
});
