import { expect } from 'chai';
import { type Bound, type Interval, judge, measured } from '../../src/gap/index.ts';

const bounds = {
  atLeast: { kind: 'atLeast', value: 0.8 },
  atMost: { kind: 'atMost', value: 0.8 },
  above: { kind: 'above', value: 0.8 },
  within: { kind: 'within', low: 0.7, high: 0.9 },
  magnitudeAtMost: { kind: 'magnitudeAtMost', value: 0.8 },
} as const satisfies Record<string, Bound>;

function verdictOf(bound: Bound, [low, value, high]: readonly [number, number, number]) {
  const interval: Interval = { measured: value, low, high };
  return judge({ id: 'X1', title: 'A row', bound }, measured(interval, 10)).verdict;
}

describe('a verdict', () => {
  for (const [kind, passes, fails, unsure] of [
    ['atLeast', [0.8, 0.9, 1], [0.5, 0.6, 0.79], [0.5, 0.6, 0.8]],
    ['atMost', [0, 0.5, 0.8], [0.81, 0.9, 1], [0.8, 0.9, 1]],
    ['above', [0.81, 0.9, 1], [0.5, 0.6, 0.8], [0.5, 0.6, 0.81]],
    ['within', [0.7, 0.8, 0.9], [0.91, 1, 2], [0.6, 0.65, 0.7]],
    ['magnitudeAtMost', [-0.8, 0, 0.8], [-2, -1, -0.81], [-2, -1, -0.8]],
  ] as const)
    it(`takes the whole interval to pass and to fail: ${kind}`, () => {
      expect(verdictOf(bounds[kind], passes)).to.equal('PASS');
      expect(verdictOf(bounds[kind], fails)).to.equal('FAIL');
      expect(verdictOf(bounds[kind], unsure), 'the value is beyond the bound, an end of the interval is not').to.equal('INCONCLUSIVE');
    });

  it('fails on either side of a range', () => {
    expect(verdictOf(bounds.within, [0.1, 0.2, 0.69])).to.equal('FAIL');
    expect(verdictOf(bounds.magnitudeAtMost, [0.81, 1, 2])).to.equal('FAIL');
    expect(verdictOf(bounds.within, [0.1, 0.8, 2]), 'on both at once is no failure').to.equal('INCONCLUSIVE');
  });

  it('goes by the value where the interval has no ends, and fails what is no number', () => {
    expect(verdictOf(bounds.atLeast, [Number.NaN, 0.5, Number.NaN])).to.equal('FAIL');
    expect(verdictOf(bounds.atLeast, [Number.NaN, 0.9, Number.NaN])).to.equal('INCONCLUSIVE');
    expect(verdictOf(bounds.atLeast, [Number.NaN, Number.NaN, Number.NaN])).to.equal('FAIL');
  });
});
