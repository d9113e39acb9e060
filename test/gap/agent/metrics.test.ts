import { expect } from 'chai';
import fc from 'fast-check';
import { evenlySpaced } from '../../../src/gap/agent/field.ts';
import {
  auroc,
  type Contest,
  exploitationGrowth,
  meanMaximumRankViolation,
  rankPolicies,
  regretAtOne,
  resamplePlan,
  returnRatio,
  selfKnowledge,
} from '../../../src/gap/index.ts';
import { Rng } from '../../../src/math/rng.ts';

const plan = (count: number) => resamplePlan(count, new Rng(1), 200);

describe('auroc', () => {
  it('is the share of pairs in order, ties counting half', () => {
    // Positives 3 and 1, negatives 2 and 0: of the pairs (3,2), (3,0), (1,2), (1,0) three are in order.
    expect(auroc([3, 1, 2, 0], [true, true, false, false])).to.equal(0.75);
    // (2,2) is a tie, (2,1) in order: 1.5 of 2.
    expect(auroc([2, 2, 1], [true, false, false])).to.equal(0.75);
    expect(auroc([5, 5, 5, 5], [true, false, true, false])).to.equal(0.5);
    expect(auroc([1, 2], [true, false])).to.equal(0);
    for (const all of [true, false]) expect(auroc([1, 2], [all, all])).to.satisfy(Number.isNaN);
  });

  it('counts pairs, whatever the scores', () => {
    const cases = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.boolean()), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(cases, (items) => {
        const [up, down] = [items.filter(([, positive]) => positive), items.filter(([, positive]) => !positive)];
        fc.pre(up.length > 0 && down.length > 0);
        const wins = up.flatMap(([a]) => down.map(([b]): number => (a > b ? 1 : a === b ? 0.5 : 0)));
        const counted = wins.reduce((sum, win) => sum + win, 0) / wins.length;
        const found = auroc(
          items.map(([score]) => score),
          items.map(([, positive]) => positive),
        );
        expect(found).to.be.closeTo(counted, 1e-12);
      }),
    );
  });
});

describe('mmrv', () => {
  it('averages the widest true gap that is ranked the wrong way round', () => {
    const truth = [0, 10, 30];
    expect(meanMaximumRankViolation([1, 2, 3], truth)).to.equal(0);
    // Inverted: the worst pairs are (0,30), (10,30), (30,0).
    expect(meanMaximumRankViolation([3, 2, 1], truth)).to.be.closeTo((30 + 20 + 30) / 3, 1e-12);
    // Only the lower two are swapped.
    expect(meanMaximumRankViolation([2, 1, 3], truth)).to.be.closeTo((10 + 10 + 0) / 3, 1e-12);
    // In the other order of arguments the gaps would be the model's.
    expect(meanMaximumRankViolation(truth, [2, 1, 3])).to.be.closeTo(2 / 3, 1e-12);
    expect(meanMaximumRankViolation([1, Number.NaN, 3], truth)).to.satisfy(Number.isNaN);
  });
});

describe('regret', () => {
  it('is what the choice of the model costs, over the range', () => {
    expect(regretAtOne([1, 5, 2], [0, 8, 10])).to.be.closeTo(0.2, 1e-12);
    expect(regretAtOne([1, 2, 5], [0, 8, 10])).to.equal(0);
    // It calls the worst and the best alike.
    expect(regretAtOne([5, 2, 5], [0, 8, 10])).to.equal(0.5);
  });
});

describe('a contest of policies', () => {
  const truth = Float64Array.of(0, 10, 30, 2, 12, 32, -2, 8, 28);
  const contest = (imagined: Float64Array, more: Partial<Contest> = {}): Contest => ({
    names: ['random', 'some', 'best'],
    starts: 3,
    truth,
    imagined,
    random: 0,
    ...more,
  });

  it('finds nothing wrong where the dream says what is', () => {
    const found = rankPolicies(contest(truth), plan(3));
    expect(found.yardstick).to.be.closeTo(30, 1e-12);
    expect(found.span).to.be.closeTo(1, 1e-12);
    [0, 10, 30].forEach((value, i) => void expect(found.truthMeans[i]).to.be.closeTo(value, 1e-12));
    for (const [name, value] of Object.entries({ bias: 0, spearman: 1, pearson: 1, violation: 0, regret: 0 })) {
      const { measured, low, high } = found[name as 'bias'];
      for (const one of [measured, low, high]) expect(one, name).to.be.closeTo(value, 1e-12);
    }
  });

  it('measures a bias in yardsticks, an expert beside the policies stretching them', () => {
    const promised = truth.map((value) => value + 6);
    expect(rankPolicies(contest(promised), plan(3)).bias.measured).to.be.closeTo(0.2, 1e-12);
    const found = rankPolicies(contest(promised, { expert: 300 }), plan(3));
    expect(found.bias.measured).to.be.closeTo(0.02, 1e-12);
    expect(found.span).to.be.closeTo(0.1, 1e-12);
    expect(rankPolicies(contest(promised, { expert: 5 }), plan(3)).yardstick, 'an expert worse than the best is none').to.be.closeTo(
      30,
      1e-12,
    );
  });

  it('sees ranks inverted, and fails what is not a number', () => {
    const inverted = rankPolicies(contest(truth.map((value) => -value)), plan(3));
    expect(inverted.spearman.high).to.equal(-1);
    expect(inverted.violation.measured).to.be.closeTo((30 + 20 + 30) / 3 / 30, 1e-12);
    expect(inverted.regret.measured).to.equal(1);
    const broken = rankPolicies(contest(truth.map((value, i) => (i === 4 ? Number.NaN : value))), plan(3));
    for (const name of ['bias', 'spearman', 'pearson', 'violation', 'regret'] as const)
      expect(broken[name].high, name).to.satisfy(Number.isNaN);
  });

  it('refuses what cannot be compared', () => {
    const code = (of: Contest) => expect(() => rankPolicies(of, plan(3))).to.throw();
    code(contest(truth.slice(1))).with.property('code', 'GAP_SHAPE_MISMATCH');
    code(contest(truth, { random: 3 })).with.property('code', 'GAP_INPUT_INVALID');
    code({ ...contest(truth), truth: truth.map(() => Number.NaN) }).with.property('code', 'GAP_INPUT_INVALID');
  });
});

describe('self-knowledge', () => {
  const dream = (error: number[], disagreement: number[]) => ({ error, disagreement });
  const errors = Array.from({ length: 10 }, (_, i) => i);

  it('is whole where disagreement grows with the error, and none where it is the same everywhere', () => {
    const knowing = selfKnowledge(
      [
        dream(
          errors,
          errors.map((error) => error ** 2),
        ),
        dream(errors, errors.map(Math.sqrt)),
      ],
      plan(2),
    );
    // The 90 % quantile of 0, 0, 1, 1, … 9, 9 at position 17.1.
    expect(knowing.threshold).to.be.closeTo(8.1, 1e-12);
    expect(knowing.steps).to.equal(20);
    // Positives score 81 and 3; below 3 are 9 negatives of each dream but the second's none of … each counted: 18 + 9 + 2.
    expect(knowing.auroc.measured).to.be.closeTo((18 + 11) / 36, 1e-12);
    const blind = selfKnowledge(
      [
        dream(
          errors,
          errors.map(() => 1),
        ),
        dream(
          errors,
          errors.map(() => 1),
        ),
      ],
      plan(2),
    );
    expect(blind.auroc).to.deep.equal({ measured: 0.5, low: 0.5, high: 0.5 });
    expect(blind.spearman).to.deep.equal({ measured: 0, low: 0, high: 0 });
  });

  it('says nothing where no error stands out', () => {
    expect(selfKnowledge([dream([1, 1], [1, 2]), dream([1, 1], [2, 1])], plan(2)).auroc.measured).to.satisfy(Number.isNaN);
    expect(() => selfKnowledge([dream([1], [1, 2])], plan(1)))
      .to.throw()
      .with.property('code', 'GAP_SHAPE_MISMATCH');
  });
});

describe('optimising in a dream', () => {
  it('is exploitation as far as promise and truth come apart', () => {
    const flat = { truth: [Float64Array.of(1, 1), Float64Array.of(5, 7)], imagined: [Float64Array.of(2, 2), Float64Array.of(6, 8)] };
    expect(exploitationGrowth([flat], 10, plan(2)).high).to.equal(0);
    const hole = { truth: flat.truth, imagined: [flat.imagined[0]!, Float64Array.of(26, 28)] };
    // 21 − 1 at both starts in one of two curves, over 10.
    expect(exploitationGrowth([flat, hole], 10, plan(2)).measured).to.equal(1);
    const wrong = { truth: [Float64Array.of(Number.NaN, 1), Float64Array.of(5, 7)], imagined: flat.imagined };
    expect(() => exploitationGrowth([wrong], 10, plan(2)))
      .to.throw()
      .with.property('code', 'GAP_INPUT_INVALID');
  });

  it('is compared above what random actions return, since returns may be costs', () => {
    expect(returnRatio(Float64Array.of(-100, -300), Float64Array.of(-50, -150), -1100, plan(2)).measured).to.be.closeTo(0.9, 1e-12);
  });
});

describe('a ladder of policies', () => {
  const tried = (scores: readonly number[]) => scores.map((score, i) => ({ parameters: Float64Array.of(i), score }));

  it('has its rungs evenly spaced from the lower quartile to the best, each once', () => {
    const chosen = evenlySpaced(tried([-100, 0, 1, 2, 48, 50, 53, 99, Number.NEGATIVE_INFINITY, 100]), 3);
    expect(chosen.map(({ score }) => score)).to.deep.equal([1, 50, 100]);
    expect(new Set(evenlySpaced(tried([7, 7, 7, 7]), 4).map(({ parameters }) => parameters[0])).size).to.equal(4);
  });

  it('needs enough that act', () => {
    expect(() => evenlySpaced(tried([1, Number.NEGATIVE_INFINITY]), 2))
      .to.throw()
      .with.property('code', 'GAP_INPUT_INVALID');
  });
});
