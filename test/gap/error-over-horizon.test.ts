import { expect } from 'chai';
import fc from 'fast-check';
import { layOut, type StateEntry } from '../../src/core/state-spec.ts';
import {
  allSquaredErrors,
  checkRollouts,
  elementsOf,
  errorOverHorizon,
  fitLinearReference,
  normalisedError,
  type PairedRollouts,
  persistencePrediction,
  resamplePlan,
  rolloutLinear,
  skillOverHorizon,
  squaredErrors,
  validPrediction,
} from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { syntheticRollouts } from './synthetic.ts';

/** Two starts, one step; only the rows at step 1 differ from 0. */
function tiny(entries: readonly StateEntry[], truth: number[][], imagined: number[][], scale: number[]): PairedRollouts {
  const size = scale.length;
  const zero = new Array<number>(size).fill(0);
  const rows = (at: number[][]) => Float64Array.from(at.flatMap((row) => [...zero, ...row]));
  const all = { truth: rows(truth), imaginedMean: rows(imagined), perturbed: rows(truth), linear: rows(truth) };
  return { entries, starts: 2, horizon: 1, samples: 0, imaginedSamples: new Float32Array(0), scale: Float64Array.from(scale), ...all };
}

const cart = layOut({ x: { role: 'dynamic', kind: 'length', unit: 'm' }, angle: { role: 'dynamic', kind: 'angle', unit: 'rad' } }).entries;
const turn = layOut({ q: { role: 'dynamic', kind: 'quaternion', unit: '1', size: 4 } }).entries;

describe('error over horizon', () => {
  const plan = resamplePlan(2, new Rng(1), 200);

  it('is the rms over starts in the entry’s unit; angles go the short way round', () => {
    const rollouts = tiny(
      cart,
      [
        [1, 3.1],
        [0, 0],
      ],
      [
        [4, -3.1],
        [4, 0],
      ],
      [2, 1],
    ); // prettier-ignore
    const squared = squaredErrors(rollouts, rollouts.imaginedMean);
    // x: errors 3 and 4, rms sqrt(12.5); angle: 3.1 and −3.1 are 2π − 6.2 = .08319 apart
    expect(errorOverHorizon(rollouts, squared, 0, plan).measured[1]).to.be.closeTo(Math.sqrt(12.5), 1e-12);
    expect(errorOverHorizon(rollouts, squared, 1, plan).measured[1]).to.be.closeTo(0.0831853 / Math.SQRT2, 1e-6);
    // E² = mean of (9/4, .00692, 4, 0)
    expect(normalisedError(rollouts, squared, plan).measured[1]! ** 2).to.be.closeTo((2.25 + 0.0069198 + 4) / 4, 1e-6);
    const fan = errorOverHorizon(rollouts, squared, 0, plan);
    expect([fan.measured[0], fan.low[1], fan.high[1]]).to.deep.equal([0, 3, 4]);
  });

  it('a quaternion and its negative are the same turn', () => {
    const rollouts = tiny(
      turn,
      [
        [0, 0, 0, 1],
        [0, 0, 0.6, 0.8],
      ],
      [
        [0, 0, 0, -1],
        [0, 0, -0.6, -0.8],
      ],
      [1, 1, 1, 1],
    ); // prettier-ignore
    expect([...squaredErrors(rollouts, rollouts.imaginedMean)].every((square) => square === 0)).to.equal(true);
  });

  it('adding whole turns to a predicted angle changes nothing', () =>
    fc.assert(
      fc.property(fc.double({ min: -3, max: 3, noNaN: true }), fc.integer({ min: -3, max: 3 }), (angle, turns) => {
        const rollouts = tiny(
          cart,
          [
            [0, 0.5],
            [0, 0],
          ],
          [
            [0, angle + turns * 2 * Math.PI],
            [0, 0],
          ],
          [1, 1],
        ); // prettier-ignore
        expect(squaredErrors(rollouts, rollouts.imaginedMean)[3]).to.be.closeTo(
          Math.min(...[-1, 0, 1].map((k) => (angle - 0.5 + k * 2 * Math.PI) ** 2)),
          1e-9,
        );
      }),
    ));

  it('a diverged prediction counts as far off, and stays finite', () => {
    for (const bad of [Number.NaN, Infinity, -Infinity, 1e30]) {
      const rollouts = tiny(
        cart,
        [
          [0, 0],
          [0, 0],
        ],
        [
          [bad, bad],
          [0, 0],
        ],
        [2, 1],
      ); // prettier-ignore
      const squared = squaredErrors(rollouts, rollouts.imaginedMean);
      expect(squared[2]).to.equal(2000 ** 2);
      if (bad !== 1e30) expect(squared[3]).to.equal(1000 ** 2);
    }
  });

  it('refuses arrays of the wrong length and truth that is not finite', () => {
    const good = syntheticRollouts({ starts: 4, horizon: 3, samples: 2 });
    expect(() => checkRollouts({ ...good, linear: new Float64Array(5) }))
      .to.throw()
      .with.property('code', 'GAP_SHAPE_MISMATCH');
    expect(() => checkRollouts({ ...good, truth: good.truth.map(() => Number.NaN) }))
      .to.throw()
      .with.property('code', 'GAP_INPUT_INVALID');
    expect(() => checkRollouts({ ...good, scale: Float64Array.of(1, 0, 1) }))
      .to.throw()
      .with.property('code', 'GAP_INPUT_INVALID');
    checkRollouts({ ...good, imaginedMean: good.imaginedMean.map(() => Number.NaN) });
  });
});

describe('skill', () => {
  const base = syntheticRollouts({ starts: 64, samples: 0 });
  const plan = resamplePlan(base.starts, new Rng(2), 400);
  const skillOf = (imaginedMean: PairedRollouts['truth']) => {
    const rollouts = { ...base, imaginedMean };
    return skillOverHorizon(rollouts, allSquaredErrors(rollouts), plan);
  };

  it('the ε-perturbed truth has skill exactly 1, its interval included', () => {
    const { measured, low, high, conclusive } = skillOf(base.perturbed)[9]!;
    expect([measured, low, high, conclusive]).to.deep.equal([1, 1, 1, true]);
  });

  it('truth itself has skill at least 1', () => expect(skillOf(base.truth)[39]!.low).to.be.at.least(1));

  it('persistence has no skill where it is the better reference, linear none where that is', () => {
    const persistence = skillOf(persistencePrediction(base.truth, base.horizon, 3));
    const linear = skillOf(base.linear);
    const worse = { ...base, linear: base.truth.map((value) => value + 50) };
    const alone = { ...worse, imaginedMean: persistencePrediction(base.truth, base.horizon, 3) };
    expect(persistence[9]!.measured).to.be.at.most(0);
    expect(linear[9]!.reference).to.equal('linear');
    expect(linear[9]!.measured).to.equal(0);
    expect(skillOverHorizon(alone, allSquaredErrors(alone), plan)[9]!.measured).to.equal(0);
  });

  it('is inconclusive when the trivial predictions are as good as the floor', () => {
    const rollouts = { ...base, linear: base.perturbed };
    expect(skillOverHorizon(rollouts, allSquaredErrors(rollouts), plan).some(({ conclusive }) => conclusive)).to.equal(false);
  });

  it('interval narrows as starts are added, and contains the skill of the distribution', () => {
    const many = syntheticRollouts({ starts: 1024, samples: 0, seed: 8 });
    const wide = skillOf(base.imaginedMean)[19]!;
    const narrow = skillOverHorizon(many, allSquaredErrors(many), resamplePlan(1024, new Rng(2), 400))[19]!;
    // at h = 20 of 41: E = .08·20/41, E_r = .9·20/41, E_f = .01 by construction
    const exact = ((0.9 - 0.08) * (20 / 41)) / (0.9 * (20 / 41) - 0.01);
    expect(narrow.high - narrow.low).to.be.below((wide.high - wide.low) / 2);
    expect(exact).to.be.within(narrow.low, narrow.high);
  });

  it('valid prediction time is the step at which the error first passes .4', () => {
    const rollouts = { ...base, imaginedMean: base.truth.map((value, i) => value + 0.021 * (Math.floor(i / 3) % 42)) };
    const valid = validPrediction(rollouts, squaredErrorsOf(rollouts), plan);
    // .021·19 = .399, .021·20 = .42
    expect([valid.measured, valid.low, valid.high, valid.share]).to.deep.equal([20, 20, 20, 0]);
    const truthful = { ...base, imaginedMean: base.truth };
    expect(validPrediction(truthful, squaredErrorsOf(truthful), plan)).to.include({ measured: 41, share: 1 });
  });
});

describe('linear reference', () => {
  it('recovers a linear system, command and angle included, and rolls it out', () => {
    const rng = new Rng(4);
    const count = 400;
    const step = (x: number, angle: number, command: number) => [
      0.9 * x + 0.2 * command + 0.05,
      angle + 0.3 * Math.sin(angle) - 0.1 * command,
    ];
    const states = Float64Array.from({ length: 2 * count }, () => rng.uniform(-1.5, 1.5));
    const commands = Float64Array.from({ length: count }, () => rng.uniform(-1, 1));
    const next = Float64Array.from({ length: count }, (_, i) => i).length ? new Float64Array(2 * count) : new Float64Array(0);
    for (let i = 0; i < count; i++) next.set(step(states[2 * i]!, states[2 * i + 1]!, commands[i]!), 2 * i);
    const reference = fitLinearReference({ entries: cart, commandSize: 1, states, commands, next });
    const plan = [0.5, -0.5, 1];
    const rolled = rolloutLinear(reference, Float64Array.of(0.3, 0.4), Float64Array.from(plan), 3);
    let [x, angle] = [0.3, 0.4];
    for (const command of plan) [x, angle] = step(x!, angle!, command) as [number, number];
    expect(rolled[6]).to.be.closeTo(x!, 1e-5);
    expect(rolled[7]).to.be.closeTo(angle!, 1e-5);
  });

  it('stays finite on an unstable fit and copes with a constant command', () => {
    const states = Float64Array.from({ length: 40 }, (_, i) => i / 10 - 2);
    const next = states.map((value) => 3 * value);
    const entries = layOut({ x: { role: 'dynamic', kind: 'length', unit: 'm' } }).entries;
    const reference = fitLinearReference({ entries, commandSize: 1, states, commands: new Float64Array(40), next });
    const rolled = rolloutLinear(reference, Float64Array.of(1), new Float64Array(2000), 2000);
    expect(rolled[1]).to.be.closeTo(3, 1e-5);
    expect(rolled.every(Number.isFinite)).to.equal(true);
  });

  it('refuses fewer transitions than features', () => {
    const few = { entries: cart, commandSize: 1, states: new Float64Array(4), commands: new Float64Array(2), next: new Float64Array(4) };
    expect(() => fitLinearReference(few))
      .to.throw()
      .with.property('code', 'GAP_INPUT_INVALID');
  });

  it('elements are named after their entries', () => {
    const labels = elementsOf([...cart, ...turn]).map(({ label, index, entryStart }) => `${label}:${index}:${entryStart}`);
    expect(labels).to.deep.equal(['x:0:0', 'angle:1:1', 'q.x:2:2', 'q.y:3:2', 'q.z:4:2', 'q.w:5:2']);
  });
});

function squaredErrorsOf(rollouts: PairedRollouts): Float64Array {
  return squaredErrors(rollouts, rollouts.imaginedMean);
}
