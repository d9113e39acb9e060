import { expect } from 'chai';
import type { GapReport, ReportComparison } from '../../src/gap/index.ts';
import { letterOf, renderComparison } from '../../src/report/index.ts';
import { metadata } from '../gap/synthetic.ts';

const interval = { measured: 0.75, low: 0.7, high: 0.8 };

const comparison = (model: string): ReportComparison => ({
  kind: 'gapComparison',
  version: 1,
  task: 'Pendulum-v0',
  subjects: [
    { model, verdict: 'PASS', command: 'groundtwin gap --model a', improvements: [] },
    { model: 'other', verdict: 'FAIL', command: 'groundtwin gap --model b', improvements: [{ horizon: 10, probability: interval }] },
  ],
  rows: [{ id: 'H1', title: 'Skill', passes: '≥ 0.8', horizon: 10, found: [{ ...interval, verdict: 'FAIL' }, null] }],
});

/** Error that grows to the number given; nothing at the last step. */
const errors = (top: number) => ({
  metadata,
  normalised: {
    steps: [0, 1, 2],
    model: { measured: [0, top, null], low: [0, top, null], high: [0, top, null] },
  } as unknown as GapReport['normalised'],
});

describe('the page of several subjects', () => {
  const html = renderComparison(comparison('<script>alert(1)</script>'), [errors(1), errors(2)]);

  it('draws a line and writes a column for each, and who errs less', () => {
    expect(html).to.match(/^<!doctype html>/i);
    expect(html).to.include('0.75 [0.7, 0.8]');
    expect(html.match(/<figure/g)).to.have.length(1);
    expect(html).to.include('groundtwin gap --model b');
    expect(html.match(/<th scope="col">[AB] /g)).to.have.length(2);
  });

  it('escapes what subjects are called and asks for nothing from elsewhere', () => {
    expect(html).to.not.include('<script>alert');
    expect(html).to.include('&lt;script&gt;alert(1)');
    expect(html.replace(/http:\/\/www\.w3\.org[^"]*/g, '')).to.not.match(/https?:\/\/|<link|@import/);
  });

  it('is the same for the same input', () => {
    expect(renderComparison(comparison('m'), [errors(1), errors(2)])).to.equal(renderComparison(comparison('m'), [errors(1), errors(2)]));
  });

  it('calls subjects A, B, …, Z, AA', () => {
    expect([0, 1, 25, 26, 27, 52].map(letterOf)).to.deep.equal(['A', 'B', 'Z', 'AA', 'AB', 'BA']);
  });
});
