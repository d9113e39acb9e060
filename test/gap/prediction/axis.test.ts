import { expect } from 'chai';
import { predictionAxis, predictionAxisOf } from '../../../src/gap/index.ts';
import { registry } from '../../../src/index.ts';
import { measureOn, oracleOf, wanderings } from './subjects.ts';

describe('the prediction axis', () => {
  it('gives all its rows in their order, with plain figures', async () => {
    expect(predictionAxis.tests.map(({ id }) => id).join()).to.equal('H2,H3,H4,H4,H4,H4,H4,H4,H5,H5');
    const cart = registry.task('CartPole-v0');
    const axis = predictionAxisOf({ starts: 8, longStarts: 8, validHorizons: 1, longHorizons: 3, longCopies: 1 });
    const { result, rows } = await measureOn(oracleOf(cart), await wanderings(cart.id, 3, 10, 50), 1, (context) => axis.measure(context));
    expect(result.findings.map(({ test }) => test)).to.deep.equal(axis.tests);
    expect(JSON.parse(JSON.stringify(result.figures))).to.deep.equal(result.figures);
    for (const line of Object.values(rows)) expect(line).to.not.match(/^FAIL/);
  });
});
