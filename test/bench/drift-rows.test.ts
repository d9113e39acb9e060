import { expect } from 'chai';
import { type DriftCase, delays, falseAlarms, watchfulModel } from '../../bench/verify/drift-measure.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';

const swing: DriftCase = { id: 'Pendulum-v0', params: { hingeDamping_Nmsprad: 0.05 }, changes: {} };

describe('the drift row, in small', () => {
  let model: WorldModel;
  before(async function () {
    this.timeout(60000);
    model = await watchfulModel(swing, { trainingEpisodes: 16, heldOutEpisodes: 32, updates: 400, hours: 0, trials: 0 }, 1);
  });
  after(() => model.close());

  it('counts false alarms over hours, and bounds their rate', async () => {
    const [found] = await falseAlarms(swing, [model], 0.1, 3);
    expect(found).to.include({ alarms: 0, threshold: model.manifest.trust!.drift!.threshold });
    expect(found!.hours).to.be.within(0.1, 0.3);
    expect(found!.highest).to.be.below(found!.threshold);
    // 3 / hours: no alarm in so short a time shows little by itself.
    expect(found!.byCount).to.be.above(0.99);
    expect(found!.byTail).to.be.below(found!.byCount);
  });

  it('measures delays from the change on, none without one', async () => {
    const heavy = await delays(swing, model, { mass_kg: 3 }, 8, 5);
    expect(
      heavy.every((delay) => delay >= 3 && delay <= 100),
      String(heavy),
    ).to.equal(true);
    expect(await delays(swing, model, {}, 8, 5)).to.deep.equal(new Array(8).fill(Number.POSITIVE_INFINITY));
  });
});
