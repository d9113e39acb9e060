import { expect } from 'chai';
import type { GapReport } from '../../src/gap/index.ts';
import { renderJunit } from '../../src/report/index.ts';
import { metadata } from '../gap/synthetic.ts';

const row = {
  title: 'Skill <of> "it" & more',
  measured: 0.9,
  low: 0.8,
  high: 0.95,
  passes: '≥ 0.8',
  bound: { low: 0.8, high: null },
  n: 3,
};

const report = (rows: readonly Partial<GapReport['rows'][number]>[], model = 'm') =>
  ({
    rows: rows.map((one, i) => ({ ...row, id: `H${i}`, verdict: 'PASS', ...one })),
    metadata: { ...metadata, model },
  }) as unknown as GapReport;

describe('a gap report for a build server', () => {
  it('has a case a row: passed, failed with what was found, skipped with why', () => {
    const xml = renderJunit(
      report([
        {},
        { verdict: 'FAIL', measured: 0.1, horizon: 40 },
        { verdict: 'INCONCLUSIVE', reason: 'too few' },
        { verdict: 'NOT_APPLICABLE', reason: 'nothing falls' },
      ]),
    );
    expect(xml).to.include('tests="4" failures="2" errors="0" skipped="1"');
    expect(xml.match(/<testcase /g)).to.have.length(4);
    expect(xml).to.match(/name="H0 Skill &#60;of&#62; &#34;it&#34; &#38; more"\/>/);
    expect(xml).to.match(/name="H1 [^"]* at 40 steps"><failure type="FAIL" message="FAIL: 0.1 \[0.8, 0.95\], passes ≥ 0.8."\/>/);
    expect(xml).to.match(/<failure type="INCONCLUSIVE" message="[^"]*too few"\/>/);
    expect(xml).to.include('<skipped message="nothing falls"/>');
  });

  it('is well formed whatever a model is called', () => {
    const xml = renderJunit(report([{}], 'a"><x>&\u0000\u001b\ud800\u202e\n'));
    expect(xml).to.include('gap of a&#34;&#62;&#60;x&#62;&#38;');
    for (const bad of ['\u0000', '\u001b', '\ud800']) expect(xml).to.not.include(bad);
    expect(xml.match(/</g)).to.have.length(4);
  });
});
