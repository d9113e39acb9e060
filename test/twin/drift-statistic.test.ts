import { expect } from 'chai';
import { Rng } from '../../src/math/rng.ts';
import { cumulate, evidenceOf, mostEvidence, poissonBound, tailRate, tailThreshold } from '../../src/twin/drift-statistic.ts';

describe('the evidence of a step', () => {
  it('speaks against a change where errors are small, for one where they are large, and never without bound', () => {
    expect(evidenceOf(0, 3), 'no error: 3 densities a tenth as high').to.be.closeTo(-3 * Math.log(10), 1e-12);
    expect(evidenceOf(1e12, 3)).to.be.closeTo(2 * Math.log(10), 1e-6);
    expect(evidenceOf(Number.POSITIVE_INFINITY, 3)).to.equal(mostEvidence);
    expect(evidenceOf(Number.NaN, 3), 'a prediction that is none').to.equal(mostEvidence);
    const rising = [0, 1, 10, 100, 1000].map((squares) => evidenceOf(squares, 4));
    expect([...rising].sort((a, b) => a - b)).to.deep.equal(rising);
  });

  it('is the ratio of two densities: weighted with it, errors of their usual size give 1', () => {
    // Student's t with 2 degrees of freedom is normal / √(exponential): one element.
    const rng = new Rng(1);
    const draws = 200_000;
    let sum = 0;
    for (let i = 0; i < draws; i++) sum += Math.exp(evidenceOf(rng.normal() ** 2 / -Math.log(1 - rng.uniform()), 1)) / draws;
    expect(sum).to.be.closeTo(1, 0.05);
  });

  it('adds up from 0', () => {
    expect([cumulate(0, -5), cumulate(3, 2), cumulate(3, -4)]).to.deep.equal([0, 5, 0]);
  });
});

describe('the threshold of an alarm', () => {
  const blocks = 400;
  const steps = blocks * 100;
  const exponentials = (rng: Rng) => Float64Array.from({ length: blocks }, () => -5 * Math.log(1 - rng.uniform()));

  it('is passed no more often than wanted, in 95 % of the samples it may be found on', () => {
    const rng = new Rng(3);
    const rate = 1e-7;
    const found = Array.from({ length: 200 }, () => tailThreshold(exponentials(rng), steps, rate));
    // A maximum of a block is above h with probability exp(−h / 5).
    const right = 5 * Math.log(1 / (100 * rate));
    expect(found.filter((threshold) => threshold < right).length).to.be.at.most(10);
    expect(found.sort((a, b) => a - b)[100], 'not far above what is needed').to.be.within(right, 1.8 * right);
  });

  it('and the rate at it is bounded likewise', () => {
    const rng = new Rng(4);
    const threshold = 50;
    const right = Math.exp(-threshold / 5) / 100;
    const bounds = Array.from({ length: 200 }, () => tailRate(exponentials(rng), steps, threshold));
    expect(bounds.filter((bound) => bound < right).length).to.be.at.most(10);
    expect(bounds.sort((a, b) => a - b)[100]! / right).to.be.within(1, 100);
  });

  it('counts alarms that came', () => {
    const maxima = new Float64Array(blocks).fill(1).fill(60, 0, 4);
    expect(tailRate(maxima, steps, 50)).to.be.at.least(4 / steps);
  });

  it('asks for three steps of evidence where nothing ever happened', () => {
    expect(tailThreshold(new Float64Array(blocks), steps, 1e-7)).to.equal(3 * mostEvidence);
  });

  it('knows the bound of a Poisson count', () => {
    // Garwood 1936: one-sided 95 %.
    expect(poissonBound(0)).to.be.closeTo(2.996, 1e-3);
    expect(poissonBound(1)).to.be.closeTo(4.744, 0.03);
    expect(poissonBound(10)).to.be.closeTo(16.962, 0.02);
  });
});
