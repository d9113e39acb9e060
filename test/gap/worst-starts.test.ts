import { expect } from 'chai';
import { effectDots, errorSpread, type PairedRollouts, squaredErrors, worstStarts } from '../../src/gap/index.ts';
import { entries, syntheticRollouts } from './synthetic.ts';

const [STARTS, STEPS, SIZE] = [8, 5, 3];

/** Nothing moves in truth; each start's guess is off by its own number in one entry from step 1 on, in scales of 1. */
function stillRollouts(off: readonly number[], entry = 0): PairedRollouts {
  const rollouts = syntheticRollouts({ starts: STARTS, horizon: STEPS - 1, samples: 2 });
  const rows = () => new Float64Array(STARTS * STEPS * SIZE);
  const imaginedMean = rows();
  off.forEach((by, start) => {
    for (let step = 1; step < STEPS; step++) imaginedMean[(start * STEPS + step) * SIZE + entry] = by;
  });
  return { ...rollouts, truth: rows(), imaginedMean, perturbed: rows(), linear: rows() };
}

const worstOf = (rollouts: PairedRollouts, validSteps: number) =>
  worstStarts(rollouts, squaredErrors(rollouts, rollouts.imaginedMean), validSteps);

describe('the worst starts', () => {
  it('are the five that err most at the valid time, the worst first, with the step at which each leaves .4 σ', () => {
    const { step, starts } = worstOf(stillRollouts([0.1, 3, 0.2, 1, 0.3, 2, 0, 0.5]), 2);
    expect(step).to.equal(2);
    expect(starts.map(({ start }) => start)).to.deep.equal([1, 5, 3, 7, 4]);
    // One entry of three is off by 3: √(9/3).
    expect(starts[0]!.error).to.equal(1.73205);
    expect(starts.map(({ exceedsAt }) => exceedsAt)).to.deep.equal([1, 1, 1, null, null]);
    expect(starts[0]!.errors).to.deep.equal([0, 1.73205, 1.73205, 1.73205, 1.73205]);
  });

  it('are looked for within the horizon, wherever the valid time lies', () => {
    expect(worstOf(stillRollouts([1]), 0).step).to.equal(1);
    expect(worstOf(stillRollouts([1]), 400).step).to.equal(4);
  });

  it('show the entries that went wrong most, the worst first, with truth, guess and first draw', () => {
    const [first] = worstOf(stillRollouts([3], 2), 2).starts;
    expect(first!.entries.map(({ name }) => name)).to.deep.equal(['cart velocity', 'cart position', 'pole angle']);
    expect(first!.entries[0]).to.include({ unit: 'm/s', kind: 'velocity', error: 3 });
    expect(first!.entries[0]!.truth).to.deep.equal([0, 0, 0, 0, 0]);
    expect(first!.entries[0]!.imagined).to.deep.equal([0, 3, 3, 3, 3]);
    expect(first!.entries[0]!.draw).to.have.length(5);
  });

  it('a guess that is no number is the worst of all, and null', () => {
    const rollouts = stillRollouts([0, 3]);
    rollouts.imaginedMean[(6 * STEPS + 2) * SIZE + 1] = Number.NaN;
    const [first] = worstOf(rollouts, 2).starts;
    expect(first!.start).to.equal(6);
    expect(first!.entries[0]).to.include({ name: 'pole angle', error: null });
    expect(first!.entries[0]!.imagined[2]).to.equal(null);
  });

  it('tell what they were played from, every bit of it', () => {
    const rollouts = stillRollouts([0, 3]);
    const numbers = (count: number) => Float64Array.from({ length: count }, (_, i) => i / 3);
    const heldOut = {
      starts: STARTS,
      horizon: STEPS - 1,
      state: numbers(STARTS * 4),
      action: numbers(STARTS * (STEPS - 1) * 2),
      command: new Float64Array(0),
      following: new Float64Array(0),
      episode: Int32Array.from({ length: STARTS }, (_, i) => 10 + i),
    };
    const worst = worstStarts(rollouts, squaredErrors(rollouts, rollouts.imaginedMean), 2, { heldOut, seed: 64 });
    expect(JSON.parse(JSON.stringify(worst.starts[0]!.from))).to.deep.equal({
      episode: 11,
      seed: 64,
      state: [4, 5, 6, 7].map((i) => i / 3),
      actions: [
        [8 / 3, 9 / 3],
        [10 / 3, 11 / 3],
        [12 / 3, 13 / 3],
        [14 / 3, 15 / 3],
      ],
    });
  });
});

describe('figures over starts', () => {
  it('the spread of errors is told by quantiles over starts, a few bad ones do not move the median', () => {
    const rollouts = stillRollouts([0, 0, 0, 0, 0, 0, 0, 1000]);
    const model = squaredErrors(rollouts, rollouts.imaginedMean);
    const spread = errorSpread(rollouts, { model, floor: model, persistence: model, linear: model }, [0, 4]);
    expect(spread.steps).to.deep.equal([0, 4]);
    expect(spread.median).to.deep.equal([0, 0]);
    expect(spread.half.high).to.deep.equal([0, 0]);
    // A deviation of 1000 in one entry of three, between the seventh and the eighth start.
    expect(spread.most.high[1]).to.be.closeTo(0.65 * Math.sqrt(1e6 / 3), 0.01);
    expect(spread.most.low).to.deep.equal([0, 0]);
  });

  it('effects are dots in standard deviations, of every entry as many, angles the short way round', () => {
    const row = (...values: number[]) => Float64Array.from(values);
    const data = {
      entries,
      starts: 1,
      alternatives: 2,
      horizon: 3,
      truthBase: row(0, 3, 0),
      imaginedBase: row(0, 3, 0),
      truthBranches: row(2, -3, 0, 4, 3, 0),
      imaginedBranches: row(1, -3, Number.NaN, 4, 3, 0),
      scale: row(2, 1, 1),
    };
    const dots = effectDots(data, 600);
    expect(dots.map(({ name }) => name)).to.deep.equal(['cart position', 'pole angle', 'cart velocity']);
    expect(dots[0]).to.deep.include({ truth: [1, 2], imagined: [0.5, 2] });
    expect(dots[1]!.truth[0]).to.be.closeTo(2 * Math.PI - 6, 1e-5);
    expect(dots[1]!.imagined[0]).to.equal(dots[1]!.truth[0]);
    expect(dots[2]!.imagined[0]).to.equal(1000);
    expect(effectDots(data, 3).map(({ truth }) => truth.length)).to.deep.equal([1, 1, 1]);
  });
});
