import { expect } from 'chai';
import { comparisons, readAgreement } from '../../../bench/verify/gap-agreement.ts';
import { meanMaximumRankViolation, pearson } from '../../../src/gap/index.ts';

describe('the suite’s statistics', () => {
  const golden = readAgreement();

  it('are those of independent code', () => {
    const all = comparisons(golden);
    expect(all).to.have.length.above(30);
    for (const { what, ours, theirs } of all) expect(ours, what).to.be.closeTo(theirs, 1e-9);
  });

  it('are what SIMPLER’s paper prints for the rates it published', () => {
    const printed = golden.mmrv.filter(({ published }) => published !== null);
    expect(printed).to.have.length(2);
    for (const { task, model, truth, published } of printed) {
      expect(meanMaximumRankViolation(model, truth), task).to.be.closeTo(published!.mmrv, 6e-4);
      // .856 by the rates of their repository where the paper prints .855.
      expect(pearson(model, truth), task).to.be.closeTo(published!.pearson, 1.2e-3);
    }
  });
});
