import { expect } from 'chai';
import { withSettings } from '../../src/cli/settings.ts';

const defaults = {
  rate: 0.1,
  anneal: true,
  hidden: [64, 64],
  limit: null as number | null,
  weight: 'auto' as string | number,
  inner: { batch: 32 },
};
const read = (...pairs: string[]) => withSettings('agent', defaults, pairs);

describe('settings on a command line', () => {
  it('are read by the type of their defaults', () => {
    expect(read()).to.deep.equal(defaults);
    expect(read('rate=1e-3', 'anneal=false', 'hidden=8,16', 'limit=5', 'weight=0.2', 'inner.batch=64')).to.deep.equal({
      rate: 0.001,
      anneal: false,
      hidden: [8, 16],
      limit: 5,
      weight: 0.2,
      inner: { batch: 64 },
    });
    expect(read('hidden=', 'limit=null', 'weight=auto')).to.deep.equal({ ...defaults, hidden: [] });
  });

  it('are refused where they are not known or of another type, with what there is', () => {
    for (const [pair, why] of [
      ['speed=1', /rate, anneal, hidden, limit, weight, inner\.batch/],
      ['inner=1', /inner\.batch/],
      ['toString=1', /one of/],
      ['__proto__=1', /one of/],
      ['rate=', /a number/],
      ['rate=Infinity', /a number/],
      ['anneal=yes', /true or false/],
      ['hidden=8,x', /a number/],
      ['=1', /key=value/],
      ['rate', /key=value/],
    ] as const)
      expect(() => read(pair), pair).to.throw(why);
  });
});
