import { expect } from 'chai';
import fc from 'fast-check';
import { layOut } from '../../src/core/state-spec.ts';
import { type Counterfactuals, counterfactualEffects, resamplePlan } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';

const plane = layOut({ x: { role: 'dynamic', kind: 'length', unit: 'm' }, y: { role: 'dynamic', kind: 'length', unit: 'm' } }).entries;
const STARTS = 40;
const ALTERNATIVES = 8;

/** True effects are random; `imagine` turns a true effect into the predicted one. The model's base is off by a constant, which must not matter. */
function executed(imagine: (effect: [number, number], rng: Rng) => [number, number], seed = 1): Counterfactuals {
  const rng = new Rng(seed);
  const truthBase = Float64Array.from({ length: STARTS * 2 }, () => rng.normal());
  const imaginedBase = truthBase.map((value) => value + 5);
  const truthBranches = new Float64Array(STARTS * ALTERNATIVES * 2);
  const imaginedBranches = new Float64Array(STARTS * ALTERNATIVES * 2);
  for (let pair = 0; pair < STARTS * ALTERNATIVES; pair++) {
    const start = Math.floor(pair / ALTERNATIVES);
    const effect: [number, number] = [rng.normal(), rng.normal()];
    const guess = imagine(effect, rng);
    for (const d of [0, 1] as const) {
      truthBranches[pair * 2 + d] = truthBase[start * 2 + d]! + effect[d];
      imaginedBranches[pair * 2 + d] = imaginedBase[start * 2 + d]! + guess[d];
    }
  }
  const scale = Float64Array.of(1, 1);
  return {
    entries: plane,
    starts: STARTS,
    alternatives: ALTERNATIVES,
    horizon: 10,
    truthBase,
    imaginedBase,
    truthBranches,
    imaginedBranches,
    scale,
  };
}
const plan = resamplePlan(STARTS, new Rng(9), 300);

describe('counterfactual effects', () => {
  it('by hand: one start has the right effect, the other the opposite one', () => {
    const data: Counterfactuals = {
      entries: plane,
      starts: 2,
      alternatives: 1,
      horizon: 5,
      truthBase: Float64Array.of(0, 0, 1, 1),
      truthBranches: Float64Array.of(2, 0, 1, 2),
      imaginedBase: Float64Array.of(3, 3, 0, 0),
      imaginedBranches: Float64Array.of(5, 3, 0, -1),
      scale: Float64Array.of(2, 1),
    };
    // in scales: true (1,0), (0,1); imagined (1,0), (0,−1): missed 0 + 4 of 2
    const { effectR2, direction, effectivePairs } = counterfactualEffects(data, resamplePlan(2, new Rng(1), 200));
    expect(effectR2.measured).to.be.closeTo(-1, 1e-12);
    expect(direction.measured).to.be.closeTo(0, 1e-12);
    expect([effectR2.low, effectR2.high, direction.low, direction.high]).to.deep.equal([-3, 1, -1, 1]);
    expect(effectivePairs).to.equal(2);
  });

  it('an oracle scores 1, a constant offset of its base included', () => {
    const { effectR2, direction } = counterfactualEffects(
      executed((effect) => effect),
      plan,
    );
    for (const value of [effectR2.low, effectR2.high, direction.low, direction.high]) expect(value).to.be.closeTo(1, 1e-9);
  });

  it('an action-blind model scores 0 on both, a flipped one −3 and −1', () => {
    const blind = counterfactualEffects(
      executed(() => [0, 0]),
      plan,
    );
    expect(blind.effectR2.high).to.be.closeTo(0, 1e-9);
    expect(blind.direction.high).to.be.closeTo(0, 1e-6);
    const flipped = counterfactualEffects(
      executed(([x, y]) => [-x, -y]),
      plan,
    );
    expect(flipped.effectR2.measured).to.be.closeTo(-3, 1e-9);
    expect(flipped.direction.measured).to.be.closeTo(-1, 1e-9);
  });

  it('effects scaled by k score 1 − (k − 1)² and keep their direction', () =>
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 3, noNaN: true }), (k) => {
        const { effectR2, direction } = counterfactualEffects(
          executed(([x, y]) => [k * x, k * y]),
          plan,
        );
        expect(effectR2.measured).to.be.closeTo(1 - (k - 1) ** 2, 1e-9);
        expect(direction.measured).to.be.closeTo(1, 1e-9);
      }),
      { numRuns: 20 },
    ));

  it('angles go the short way round, on both sides of ±π', () => {
    const data: Counterfactuals = {
      entries: layOut({ angle: { role: 'dynamic', kind: 'angle', unit: 'rad' } }).entries,
      starts: 2,
      alternatives: 1,
      horizon: 1,
      truthBase: Float64Array.of(3.1, 0),
      truthBranches: Float64Array.of(-3.1, 3.1),
      imaginedBase: Float64Array.of(-3.1, 0),
      imaginedBranches: Float64Array.of(-3.1 + 0.0831853, -3.1),
      scale: Float64Array.of(1),
    };
    // true effects .0831853 and 3.1; imagined .0831853 and −3.1 ≡ 3.1831853
    const { effectR2, direction } = counterfactualEffects(data, resamplePlan(2, new Rng(1), 50));
    expect(effectR2.measured).to.be.closeTo(1 - 0.0831853 ** 2 / (0.0831853 ** 2 + 3.1 ** 2), 1e-6);
    expect(direction.measured).to.be.closeTo(1, 1e-6);
  });

  it('a diverged branch fails, and actions without effect give no number', () => {
    expect(
      counterfactualEffects(
        executed(() => [Number.NaN, 0]),
        plan,
      ).effectR2.high,
    ).to.be.below(-1000);
    const still = executed((effect) => effect);
    const none = {
      ...still,
      truthBranches: still.truthBranches.map((_, i) => still.truthBase[Math.floor(i / (2 * ALTERNATIVES)) * 2 + (i % 2)]!),
    };
    expect(counterfactualEffects(none, plan)).to.include({ effectivePairs: 0 });
  });
});
