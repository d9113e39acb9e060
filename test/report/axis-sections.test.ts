import { expect } from 'chai';
import { parseHTML } from 'linkedom';
import { type GapReport, gapReport } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { boundStrip } from '../../src/report/bound-strip.ts';
import { type ReportInput, renderReport } from '../../src/report/index.ts';
import type { AxisFigures } from '../../src/report/report-input.ts';
import { metadata, syntheticRollouts } from '../gap/synthetic.ts';

/** linkedom's own types need the DOM library, which this project leaves out. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Dom = any;

const HOSTILE = `<script>alert('x')</script>"'&]]>`;
const report: GapReport = gapReport({ rollouts: syntheticRollouts({ starts: 24 }), metadata, rng: new Rng(1), resamples: 60 });

/** Every figure that an axis may give, with names of the caller's choice. */
function figures(name = 'cart'): Required<AxisFigures> {
  const levels = [0.5, 5, 50];
  return {
    plausibility: {
      energy: [{ drive: name, truth: [0, 0.01], subject: [0, null] }],
      violations: [{ kind: name, levels, accuracy: [0.5, 0.9, null] }],
    },
    causality: {
      graph: {
        edges: [
          { from: name, to: 'pole', truth: 0.6, imagined: 0.5 },
          { from: 'pole', to: name, truth: 0, imagined: 0.4 },
        ],
      },
    },
    prediction: {
      ranks: [1, 10].map((horizon) => ({ horizon, histogram: [0.2, 0.3, 0.3, 0.2] })),
      marginals: [
        { label: name, distance: 0.02 },
        { label: 'pole', distance: null },
      ],
    },
    agent: {
      policies: {
        returns: [
          { name, truth: 1, imagined: 2 },
          { name: 'second', truth: 2, imagined: 1 },
          { name: 'broken', truth: 3, imagined: null },
        ],
      },
      exploitation: { truth: [[1, 2, 3]], imagined: [[1, 3, 9]] },
      transfer: { dream: 3, equal: 2, unlimited: 4, random: 0 },
      planning: { dream: 3, truth: 4, random: 0 },
    },
  };
}

const effects = {
  effectR2: { measured: 0.9, low: 0.8, high: 0.95 },
  direction: { measured: 1, low: 1, high: 1 },
  horizon: 10,
  pairs: 3,
  dots: [{ label: 'cart', name: 'cart', truth: [0.1, -0.2, 0.3], imagined: [0.1, -0.3, 9] }],
};

function page(rest: Partial<ReportInput> = {}): string {
  return renderReport({ ...report, effects, axes: figures() as NonNullable<ReportInput['axes']>, title: 'A gap report', ...rest });
}
function documentOf(text: string) {
  return (parseHTML(text) as unknown as { document: Dom }).document;
}
function sectionOf(text: string, name: string): Dom {
  return documentOf(text).querySelector(`section[aria-labelledby=${name}]`);
}
function drawn(text: string, name: string): string[] {
  return [...sectionOf(text, name).querySelectorAll('figure')].map((figure: Dom) => {
    expect(figure.querySelector('svg'), figure.textContent).to.not.equal(null);
    return figure.querySelector('figcaption').textContent.split(/[:,]/)[0];
  });
}

describe('the axes of a report page', () => {
  it('each have a section with their rows and every picture that there are figures for', () => {
    const text = page();
    expect(drawn(text, 'prediction')).to.include.members([
      'Error over the horizon',
      'Reliability',
      'Place of truth among the draws (PIT)',
      'Where long dreams are',
    ]);
    expect(drawn(text, 'causality')).to.deep.equal(['Effect of other actions', 'Who moves whom']);
    expect(drawn(text, 'plausibility')).to.deep.equal(['Energy from nowhere', 'Surprise at what cannot be']);
    expect(drawn(text, 'agent')).to.deep.equal(['Policies', 'Policies', 'Exploitation', 'Transfer']);
    const rows = report.rows.filter(({ id }) => id.startsWith('H'));
    expect(sectionOf(text, 'prediction').querySelectorAll('table.rows tbody tr').length).to.equal(rows.length);
    expect(text).to.include('R² 0.9 (0.8 to 0.95)');
    expect(text).to.not.match(/NaN|undefined|Infinity/);
  });

  it('every picture has a sentence that says what good looks like', () => {
    for (const figure of documentOf(page()).querySelectorAll('section figure.chart')) {
      if (!figure.closest('section[aria-labelledby=errors]')) expect(figure.querySelector('.note')?.textContent).to.match(/\w{3,}.*\./s);
    }
  });

  it('say where they were not asked for, and why a picture is missing where they were', () => {
    const without = page({ axes: {}, effects: null });
    for (const name of ['prediction', 'causality', 'plausibility', 'agent']) {
      expect(sectionOf(without, name).querySelector('.absent').textContent).to.match(
        new RegExp(`The ${name} axis was not asked for.*--axes ${name}`),
      );
    }
    const reason = 'No two bodies fall.';
    const rows = [{ ...report.rows[0]!, id: 'P2', measured: null, low: null, high: null, verdict: 'NOT_APPLICABLE', reason } as const];
    const empty = page({ axes: { plausibility: {}, agent: {} }, rows });
    expect(sectionOf(empty, 'plausibility').querySelector('.absent').textContent).to.include(`Energy from nowhere: ${reason}`);
    expect(sectionOf(empty, 'agent').querySelector('.absent').textContent).to.match(/Exploitation.*Asked for with --deep/);
    expect(documentOf(empty).querySelector('a[href="#prediction"]').textContent).to.include('not asked for');
  });

  it('draw the audits of a training where nothing was optimised for the report', () => {
    const { exploitation: _, ...agent } = figures().agent;
    const audits = [
      { steps: 100, imagined: 1, truth: 1 },
      { steps: 200, imagined: 3, truth: 1 },
    ];
    expect(sectionOf(page({ axes: { agent }, audits }), 'agent').textContent).to.match(/Exploitation.*Audits of the training/s);
  });

  it('show rows of no axis, too', () => {
    const rows = [...report.rows, { ...report.rows[0]!, id: 'X1', title: 'something else' }];
    expect(sectionOf(page({ rows }), 'others').textContent).to.include('something else');
  });

  it('escape hostile names in pictures and captions', () => {
    const text = page({
      axes: figures(HOSTILE) as NonNullable<ReportInput['axes']>,
      effects: { ...effects, dots: [{ ...effects.dots[0]!, name: HOSTILE }] },
      worst: {
        ...report.worst,
        starts: report.worst.starts.map((start) => ({
          ...start,
          entries: start.entries.map((entry) => ({ ...entry, name: HOSTILE, unit: HOSTILE })),
          kept: { files: [{ path: `worst/${HOSTILE}`, what: HOSTILE }], commands: [HOSTILE] },
        })),
      },
      metadata: { ...metadata, hashes: { [HOSTILE]: HOSTILE } },
    });
    expect(text).to.not.contain('<script');
    expect(documentOf(text).querySelectorAll('script').length).to.equal(0);
    expect(documentOf(text).querySelector('p.command code').textContent).to.equal(HOSTILE);
  });

  it('load nothing: links lead within the page and to files beside it', () => {
    const starts = report.worst.starts.map((start, i) => ({
      ...start,
      kept: { files: [{ path: `worst/${i + 1}/start.snapshot`, what: 'snapshot' }], commands: ['groundtwin replay verify a'] },
    }));
    const text = page({ worst: { ...report.worst, starts } });
    expect(text).to.not.match(/https?:|\/\/[a-z]|@import|url\(\s*['"]?(?!#)/i);
    const hrefs = [...documentOf(text).querySelectorAll('[href],[src]')].map((node: Dom) => node.getAttribute('href'));
    expect(hrefs).to.include('./worst/1/start.snapshot').and.to.include('#prediction');
    for (const href of hrefs) expect(href).to.match(/^(#|\.\/)/);
    for (const href of hrefs.filter((one: string) => one.startsWith('#')))
      expect(documentOf(text).querySelector(`[id=${href.slice(1)}]`)).to.not.equal(null);
  });

  it('stay below 2 MB with hundreds of entries, policies and edges', () => {
    const names = Array.from({ length: 300 }, (_, i) => `rangeReading[${i}] of a rather long name`);
    const many = figures();
    const text = page({
      errors: names.map((name) => ({ ...report.errors[0]!, name })),
      coverage: {
        overall: report.coverage!.overall,
        elements: names.flatMap((name) => report.coverage!.elements.slice(0, 3).map((element) => ({ ...element, name }))),
      },
      axes: {
        ...many,
        causality: { graph: { edges: names.flatMap((from) => names.slice(0, 40).map((to) => ({ from, to, truth: 0.5, imagined: 0.5 }))) } },
        prediction: { ...many.prediction, marginals: names.map((label) => ({ label, distance: 0.1 })) },
      } as NonNullable<ReportInput['axes']>,
    });
    expect(text.length).to.be.below(2e6);
    expect(text).to.match(/Of 300 entries those 24 are drawn/);
  });
});

describe('the worst episodes of a report page', () => {
  it('show error and entries of each, where it leaves .4 σ, and how to play it again', () => {
    const [first, ...others] = report.worst.starts;
    const kept = {
      files: [{ path: 'worst/1/watch.html', what: 'watch both' }],
      commands: ['groundtwin replay verify worst/1/truth.replay'],
    };
    const starts = [{ ...first!, exceedsAt: 12, from: { episode: 3, seed: 64 }, kept }, ...others];
    const section = sectionOf(page({ worst: { ...report.worst, starts } }), 'worst');
    expect(section.querySelectorAll('.panel').length).to.equal(5);
    expect(section.querySelectorAll('svg[role=img]').length).to.equal(5 * 4);
    const shown = section.querySelector('.panel').textContent;
    expect(shown)
      .to.match(/above \.4 σ from 0\.6 s on \(step 12\)/)
      .and.to.include('held-out episode 3');
    expect(shown).to.include(kept.commands[0]);
    expect(section.querySelectorAll('.panel')[1].textContent).to.include('never leaves .4 σ');
  });

  it('a path that is no number, or far away, leaves the picture alone', () => {
    const starts = report.worst.starts.map((start) => ({
      ...start,
      errors: start.errors.map((_, i) => (i === 0 ? 0 : null)),
      entries: start.entries.map((entry) => ({ ...entry, imagined: entry.imagined.map(() => null), draw: entry.draw.map(() => 1e9) })),
    }));
    expect(page({ worst: { ...report.worst, starts } })).to.not.match(/NaN|Infinity/);
  });
});

describe('the strip of a row', () => {
  const strip = (measured: number, bound: { low: number | null; high: number | null }, floor?: number) =>
    documentOf(boundStrip({ measured, low: measured, high: measured, bound, ...(floor !== undefined && { floor }) })!.markup);
  const place = (document: Dom, selector: string, attribute: string) => Number(document.querySelector(selector).getAttribute(attribute));

  it('puts the value inside the shaded region exactly where it passes', () => {
    const cases: [number, { low: number | null; high: number | null }, boolean][] = [
      [0.9, { low: 0.8, high: null }, true],
      [0.7, { low: 0.8, high: null }, false],
      [0.004, { low: null, high: 0.005 }, true],
      [0.01, { low: null, high: 0.005 }, false],
      [0.9, { low: 0.85, high: 0.95 }, true],
      [-0.2, { low: -0.1, high: 0.1 }, false],
      [0, { low: null, high: 0 }, true],
    ];
    for (const [value, bound, passes] of cases) {
      const document = strip(value, bound);
      const [left, width, at] = [place(document, '.region', 'x'), place(document, '.region', 'width'), place(document, 'circle', 'cx')];
      expect(at >= left && at <= left + width, `${value}`).to.equal(passes);
    }
  });

  it('marks the floor, and what lies beyond the strip by an arrow', () => {
    const document = strip(-3, { low: 0.8, high: null }, 1);
    expect(document.querySelector('circle')).to.equal(null);
    expect(document.querySelector('path.value')).to.not.equal(null);
    expect(place(document, '.floor', 'x1')).to.be.above(place(document, '.region', 'x'));
    // Far below what is asked for at most is a pass.
    const passing = strip(-3, { low: null, high: 0.15 });
    const tip = Number(/^M([-\d.]+),/.exec(passing.querySelector('path.value').getAttribute('d'))![1]);
    expect(tip).to.be.within(place(passing, '.region', 'x'), place(passing, '.region', 'width'));
    expect(boundStrip({ measured: null, low: null, high: null, bound: { low: 0, high: 1 } })).to.equal(null);
  });
});
