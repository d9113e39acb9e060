import vm from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import { type GapReport, gapReport } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { escapeHtml, html, scriptJson } from '../../src/report/html.ts';
import { type ReportInput, renderReport, type TrainingCurves } from '../../src/report/index.ts';
import { playerData } from '../../src/report/replay-data.ts';
import { replayScript } from '../../src/report/replay-script.ts';
import { metadata, syntheticRollouts } from '../gap/synthetic.ts';
import { syntheticReplay } from './synthetic-replay.ts';

/** linkedom's own types need the DOM library, which this project leaves out. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Dom = any;

const HOSTILE = `<script>alert('x')</script>"'&]]>`;
const report: GapReport = gapReport({
  rollouts: syntheticRollouts({ starts: 24 }),
  metadata,
  rng: new Rng(1),
  resamples: 60,
  returns: returns(),
});
const training: TrainingCurves = {
  returns: [
    { name: 'agent', x: [0, 100], y: [1, 2], low: [0, 1], high: [2, 3] },
    { name: HOSTILE, x: [0, 100], y: [1, 2] },
  ], // prettier-ignore
  references: [{ name: HOSTILE, value: 3 }],
  losses: [{ name: 'training', x: [0, 10], y: [1, 0.1] }],
};

function returns() {
  const truth = Float64Array.from({ length: 24 }, (_, i) => i);
  return { truth, imagined: truth.map((value) => value + 0.5), expert: 30, random: 0 };
}
function page(rest: Partial<ReportInput> = {}): string {
  return renderReport({ ...report, title: 'A gap report', replay: syntheticReplay(40), training, jsonFile: 'gap.json', ...rest });
}
function documentOf(text: string) {
  return (parseHTML(text) as unknown as { document: Dom }).document;
}

describe('report page', () => {
  it('loads nothing from anywhere', () => {
    const text = page();
    expect(text).to.not.match(/https?:|\/\/[a-z]|@import|url\(\s*['"]?(?!#)/i);
    expect(documentOf(text).querySelector('meta[http-equiv]').getAttribute('content')).to.contain("default-src 'none'");
    const hrefs = [...documentOf(text).querySelectorAll('[href],[src]')].map(
      (node: Dom) => node.getAttribute('href') ?? node.getAttribute('src'),
    );
    expect(hrefs.filter((href: string) => !href.startsWith('#'))).to.deep.equal(['./gap.json']);
  });

  it('shows verdict, sentences, every row with its threshold, command, seeds and versions', () => {
    const document = documentOf(page());
    const text = document.querySelector('main').textContent;
    for (const sentence of report.summary) expect(text).to.contain(sentence);
    expect(document.querySelectorAll('table.rows tbody tr').length).to.equal(report.rows.length);
    for (const { passes, title } of report.rows) expect(text).to.contain(passes).and.to.contain(title);
    for (const shown of [metadata.command, 'groundtwin 0.1.0', metadata.machine, metadata.date, metadata.dataHash])
      expect(text).to.contain(shown);
  });

  it('is accessible: language, headers with scope, every picture and control named, headings in order', () => {
    const document = documentOf(page());
    expect(document.documentElement.getAttribute('lang')).to.equal('en');
    for (const header of document.querySelectorAll('th')) expect(header.getAttribute('scope')).to.match(/^(row|col)$/);
    for (const picture of document.querySelectorAll('figure > svg, canvas, .timeline svg, input'))
      expect(picture.getAttribute('aria-label')).to.be.a('string').and.not.equal('');
    expect([...document.querySelectorAll('h1,h2,h3')].map((node: Dom) => node.tagName).join('')).to.match(/^H1(H2(H3)*)+$/);
  });

  it('escapes every text it is given', () => {
    const hostile = {
      ...metadata,
      task: HOSTILE,
      model: HOSTILE,
      command: HOSTILE,
      machine: HOSTILE,
      date: HOSTILE,
      dataHash: HOSTILE,
      versions: { [HOSTILE]: HOSTILE },
    };
    const text = page({
      title: HOSTILE,
      metadata: hostile,
      summary: [HOSTILE],
      rows: report.rows.map((row) => ({ ...row, title: HOSTILE, reason: HOSTILE, id: HOSTILE })),
      errors: report.errors.map((fan) => ({ ...fan, name: HOSTILE, unit: HOSTILE })),
      coverage: {
        overall: report.coverage!.overall,
        elements: report.coverage!.elements.map((element) => ({ ...element, name: HOSTILE })),
      },
      jsonFile: HOSTILE,
      replay: { ...syntheticReplay(4), errorUnit: HOSTILE },
    });
    const plain = documentOf(page({ replay: syntheticReplay(4) }));
    expect(text).to.not.contain('<script>alert');
    expect(documentOf(text).querySelectorAll('script').length).to.equal(plain.querySelectorAll('script').length);
    expect(documentOf(text).querySelector('h1').textContent).to.equal(HOSTILE);
  });

  it('escaping can be undone by a browser and leaves no way out', () =>
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { document } = parseHTML(`<p title="${escapeHtml(text)}">${escapeHtml(text)}</p>`) as unknown as { document: Dom };
        expect(document.querySelector('p').getAttribute('title')).to.equal(text);
        expect(escapeHtml(text)).to.not.match(/[<>"']/);
        expect(JSON.parse(scriptJson({ text }).markup)).to.deep.equal({ text });
        expect(html`${text}`.markup).to.equal(escapeHtml(text));
      }),
    ));

  it('says how long to trust a dream, what ends it, and draws the coverage by step', () => {
    const facts = (trust: Partial<NonNullable<ReportInput['trust']>>) =>
      documentOf(page({ trust: { ...report.trust, ...trust } })).querySelector('.facts').textContent;
    expect(facts({})).to.match(/Trust horizon≥ 2.05 s41 steps; the longest measured/);
    expect(facts({ steps: 10, honest: 10 })).to.match(/Trust horizon0.5 s10 steps; then the 90 % interval holds under 80 %/);
    expect(facts({ steps: 8, honest: 41, accurate: 8 })).to.match(/8 steps; then the mean error passes 0.4 σ/);
    const step = '90 % interval, step by step';
    const captions = (text: string) => [...documentOf(text).querySelectorAll('figcaption')].map((node: Dom) => node.textContent);
    expect(captions(page())).to.include(step);
    expect(captions(page({ trust: { ...report.trust, coverage: null } }))).to.not.include(step);
  });

  it('is the same for the same input and does without replay, training, returns and samples', () => {
    expect(page()).to.equal(page());
    const { replay: _, training: __, ...bare } = { ...report, title: 'bare', replay: undefined, training: undefined };
    const text = renderReport({ ...bare, coverage: null, returns: null });
    expect(documentOf(text).querySelectorAll('script,canvas').length).to.equal(0);
    expect(text).to.not.match(/NaN|undefined|Infinity/);
  });

  it('renders what JSON gives back, and a diverged model without NaN in sight', () => {
    expect(renderReport({ ...(JSON.parse(JSON.stringify(report)) as GapReport), title: 'x' })).to.equal(
      renderReport({ ...report, title: 'x' }),
    );
    const rollouts = { ...syntheticRollouts({ starts: 24 }), imaginedMean: new Float64Array(24 * 42 * 3).fill(Number.NaN) };
    const diverged = gapReport({
      rollouts,
      metadata,
      rng: new Rng(1),
      resamples: 60,
      returns: { ...returns(), imagined: new Float64Array(24).fill(Number.NaN) },
    });
    expect(renderReport({ ...diverged, title: 'x' })).to.not.match(/NaN|Infinity/);
  });
});

describe('replay', () => {
  it('refuses poses that do not fit the frames, a view without area and truth that is not finite', () => {
    const good = syntheticReplay(5);
    const code = (replay: ReportInput['replay']) =>
      expect(() => playerData(replay!))
        .to.throw()
        .with.property('code', 'REPORT_INPUT_INVALID');
    code({ ...good, errors: [0, 1] });
    code({ ...good, view: { plane: 'xz', bounds: { left_m: 1, right_m: 1, bottom_m: 0, top_m: 1 } } });
    code({ ...good, frames: { ...good.frames, truth: new Float64Array(5 * 28).fill(Number.NaN) } });
  });

  it('places shapes in their body frame', () => {
    const turn: [number, number, number, number] = [0, Math.SQRT1_2, 0, Math.SQRT1_2];
    const shape = {
      form: { kind: 'capsule', radius_m: 0.1, halfLength_m: 2 } as const,
      pose: { position_m: [1, 0, 0] as const, orientation_xyzw: turn },
    };
    const frames = { truth: [0, 0, 0, 0, 0, 0, 1], dream: [0, 0, 0, 0, 0, 0, 1] };
    const [outline] = playerData({ ...syntheticReplay(1), bodies: [{ name: 'rod', shapes: [shape] }], frames, resyncs: [] }).outlines;
    // a quarter turn about y takes +z to +x
    expect(outline!.points).to.deep.equal([
      [-1, 0, 0],
      [3, 0, 0],
    ]); // prettier-ignore
    expect(outline).to.include({ radius_m: 0.1, ghost: false, colour: null });
  });

  it('a dream that diverged is drawn far away, colours that are none are dropped', () => {
    const replay = syntheticReplay(2);
    const frames = { truth: replay.frames.truth, dream: new Float64Array(56).fill(Number.NaN) };
    const bodies = replay.bodies.map((body) => ({ ...body, shapes: body.shapes.map((shape) => ({ ...shape, colour: 'red;}' })) }));
    const data = playerData({ ...replay, frames, bodies });
    expect(data.dream.every(Number.isFinite)).to.equal(true);
    expect(data.outlines.every(({ colour, ghost }) => colour === null && ghost)).to.equal(true);
  });

  it('the player plays, pauses, steps and seeks by key, and reads out time and error', () => {
    const stage = playerStage(syntheticReplay(40));
    expect(stage.text('time')).to.equal('0.00 s');
    stage.press('ArrowRight');
    stage.press('ArrowRight', true);
    expect([stage.text('time'), stage.text('step')]).to.deep.equal(['0.55 s', '11 / 39']);
    stage.press('ArrowLeft');
    expect(stage.text('step')).to.equal('10 / 39');
    stage.press(' ');
    expect(stage.text('play')).to.contain('Pause');
    stage.frame(1000);
    stage.frame(1500);
    expect(stage.text('time')).to.equal('1.00 s');
    stage.press(' ');
    expect(stage.text('play')).to.contain('Play');
    stage.press('End');
    expect(stage.text('step')).to.equal('39 / 39');
    // .9·(39/80)^1.5
    expect(stage.text('error')).to.equal('0.31 σ');
    expect(stage.calls()).to.include.members(['arc', 'fill', 'stroke']);
  });
});

/** Runs the page's script in a document without a browser: canvas, frames and media queries are stand-ins. */
function playerStage(replay: NonNullable<ReportInput['replay']>) {
  const text = renderReport({ ...report, title: 'x', replay });
  const { document, Event } = parseHTML(text) as unknown as { document: Dom; Event: Dom };
  const calls: string[] = [];
  const context = new Proxy({}, { get: (_, name) => () => calls.push(String(name)), set: () => true });
  const canvas = document.querySelector('canvas');
  canvas.getContext = () => context;
  Object.defineProperties(canvas, { clientWidth: { value: 800 }, clientHeight: { value: 300 } });
  let next: (now: number) => void = () => {};
  const window = { matchMedia: () => ({ matches: true }), devicePixelRatio: 2, addEventListener: () => {} };
  const requestAnimationFrame = (callback: (now: number) => void) => {
    next = callback;
  };
  const speed = document.querySelector('[data-part=speed]');
  Object.defineProperty(speed, 'value', { value: '1' });
  vm.runInNewContext(replayScript, {
    document,
    window,
    requestAnimationFrame,
    getComputedStyle: () => ({ getPropertyValue: () => '#000' }),
  });
  return {
    text: (part: string): string => document.querySelector(`[data-part=${part}]`).textContent,
    press: (key: string, shiftKey = false) =>
      document.getElementById('replay').dispatchEvent(Object.assign(new Event('keydown', { bubbles: true }), { key, shiftKey })),
    frame: (now: number) => next(now),
    calls: () => calls,
  };
}
