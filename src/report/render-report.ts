import {
  boundStrip,
  coverageChart,
  coverageOverTimeChart,
  errorChart,
  errorLegend,
  figureOf,
  learningChart,
  lossChart,
  reliabilityChart,
  returnChart,
  skillChart,
} from './charts.ts';
import { html, type Markup, scriptJson, trusted } from './html.ts';
import { page } from './page.ts';
import { type PlayerData, playerData } from './replay-data.ts';
import { replayScript } from './replay-script.ts';
import type { Figure, IntervalFigures, Replay, ReportInput, ReportVerdict, RowFigures } from './report-input.ts';

const VERDICTS: Readonly<Record<ReportVerdict, { readonly mark: string; readonly word: string }>> = {
  PASS: { mark: '✓', word: 'Pass' },
  FAIL: { mark: '✕', word: 'Fail' },
  INCONCLUSIVE: { mark: '?', word: 'Inconclusive' },
  NOT_APPLICABLE: { mark: '–', word: 'Not applicable' },
};

/**
 * A gap report as one HTML page that needs nothing else: no network, no fonts, one small script for the replay. Every text is escaped.
 * @returns a whole document, the same for the same input.
 * @throws REPORT_INPUT_INVALID when the replay's arrays do not fit each other.
 */
export function renderReport(input: ReportInput): string {
  const sections = [
    banner(input),
    replaySection(input.replay),
    rowsSection(input),
    errorSection(input),
    calibrationSection(input),
    agentSection(input),
    footer(input),
  ];
  const player = input.replay
    ? html`<script type="application/json" id="replay-data">${scriptJson(playerData(input.replay))}</script><script>${trusted(replayScript)}</script>`
    : null;
  const kicker = `${input.metadata.task} · ${input.metadata.model}`;
  return page({ title: input.title, kicker, sections: sections.filter((section) => section !== null), after: player });
}

function banner({ verdict, summary, validSteps, rows, metadata, starts, horizon, trust }: ReportInput): Markup {
  const [first, ...rest] = summary;
  const passed = rows.filter((row) => row.verdict === 'PASS').length;
  const judged = rows.filter((row) => row.verdict !== 'NOT_APPLICABLE').length;
  const valid = secondsOf(validSteps, metadata.controlDt_s);
  return html`<section class="banner ${verdict}" aria-label="Verdict" style="margin-top:0">
<span class="verdict"><span aria-hidden="true">${VERDICTS[verdict].mark}</span>${VERDICTS[verdict].word.toUpperCase()}</span>
<p class="first">${first ?? ''}</p>
${rest.map((sentence) => html`<p>${sentence}</p>`)}
<dl class="facts">
${fact('Valid dream time', `${(validSteps.measured ?? 0) >= horizon ? '≥ ' : ''}${number(valid.measured)} s`, `95 % interval ${number(valid.low)} to ${number(valid.high)} s, median`)}
${trust === undefined ? null : fact('Trust horizon', `${trust.steps >= trust.measured ? '≥ ' : ''}${number(trust.steps * metadata.controlDt_s)} s`, `${trust.steps} steps; ${limitOf(trust)}`)}
${fact('Tests passed', `${passed} of ${judged}`, judged < rows.length ? `${rows.length - judged} not applicable` : 'with the whole interval')}
${fact('Held-out starts', grouped(starts), `${horizon} steps each, ${number(horizon * metadata.controlDt_s)} s`)}
${metadata.trainingSteps === undefined ? null : fact('Learned from', grouped(metadata.trainingSteps), 'real steps')}
</dl>
</section>`;
}

/** What a dream breaks first. */
function limitOf({ steps, honest, measured, errorLimit, coverageFloor }: NonNullable<ReportInput['trust']>): string {
  if (steps >= measured) return 'the longest measured';
  return steps === honest
    ? `then the 90 % interval holds under ${number(100 * coverageFloor)} %`
    : `then the mean error passes ${errorLimit} σ`;
}

function fact(name: string, value: string, detail: string): Markup {
  return html`<div><dt>${name}</dt><dd>${value}<small>${detail}</small></dd></div>`;
}

function rowsSection({ rows, metadata, resamples }: ReportInput): Markup {
  return html`<section aria-labelledby="tests"><h2 id="tests">Tests</h2>
<p class="lead">A test passes only if its whole 95 % interval lies in the shaded region; a lucky value is not enough.</p>
<div class="panel scroll"><table class="rows">
<caption>Intervals: bootstrap over starts, ${grouped(resamples)} resamples.</caption>
<thead><tr><th scope="col">Test</th><th scope="col">Measured, 95 % interval</th><th scope="col"><span aria-hidden="true">Interval and bound</span></th><th scope="col">Passes</th><th scope="col">Starts</th><th scope="col">Verdict</th></tr></thead>
<tbody>${rows.map((row) => rowOf(row, metadata.controlDt_s))}</tbody></table></div></section>`;
}

function rowOf(row: RowFigures, controlDt_s: number): Markup {
  const ahead =
    row.horizon === undefined
      ? ''
      : `, ${number(row.horizon * controlDt_s)} s ahead (${row.horizon} ${row.horizon === 1 ? 'step' : 'steps'})`;
  const interval = row.low === null ? null : html` <small>${number(row.low)} to ${number(row.high)}</small>`;
  const { mark, word } = VERDICTS[row.verdict];
  return html`<tr><th scope="row">${row.title}<small>${row.id}${ahead}</small></th><td class="number">${number(row.measured)}${interval}</td><td class="drawn">${boundStrip(row, row.bound)}</td><td class="number bound">${row.passes}</td><td class="number count">${row.n === 0 ? '–' : row.n}</td><td class="judged"><span class="chip ${row.verdict}"><span aria-hidden="true">${mark}</span> ${word}</span>${row.reason === undefined ? null : html`<small>${row.reason}</small>`}</td></tr>`;
}

function errorSection({ errors, normalised, metadata, ...rest }: ReportInput): Markup {
  const { controlDt_s } = metadata;
  const single = errors.map((fan) => figureOf(fan.unit === '1' ? fan.name : `${fan.name} (${fan.unit})`, errorChart(fan, controlDt_s)));
  return html`<section aria-labelledby="errors"><h2 id="errors">How far the dream drifts</h2>
<p class="lead">Typical error after dreaming for a while from a real start, with the same actions as physics. A useful model stays far below the trivial predictions and near the floor, below which nothing can be measured.</p>
${errorLegend()}
<div class="grid pair">${figureOf('All entries together, in standard deviations', errorChart(normalised, controlDt_s))}${figureOf('Skill: how much of the way from trivial to perfect', skillChart({ metadata, errors, normalised, ...rest }))}</div>
<div class="grid">${single}</div>
<details class="chart" style="margin-top:16px"><summary>The numbers as a table</summary><div class="scroll">${errorTable(errors, controlDt_s)}</div></details></section>`;
}

function errorTable(errors: ReportInput['errors'], controlDt_s: number): Markup {
  const steps = errors[0]?.steps ?? [];
  const picked = [0.1, 0.25, 0.5, 1]
    .map((share) => Math.round(share * (steps.length - 1)))
    .filter((at, i, all) => at > 0 && all.indexOf(at) === i);
  const cells = (fan: ReportInput['errors'][number]) =>
    picked.map(
      (at) =>
        html`<td class="number">${number(fan.model.measured[at]!)}<small>still ${number(fan.persistence[at]!)}, linear ${number(fan.linear[at]!)}, floor ${number(fan.floor[at]!)}</small></td>`,
    );
  return html`<table><thead><tr><th scope="col">Entry</th>${picked.map((at) => html`<th scope="col">${number(steps[at]! * controlDt_s)} s ahead</th>`)}</tr></thead><tbody>${errors.map((fan) => html`<tr><th scope="row">${fan.name}<small>${fan.unit}</small></th>${cells(fan)}</tr>`)}</tbody></table>`;
}

function calibrationSection({ coverage, samples, metadata, trust }: ReportInput): Markup | null {
  if (coverage === null || coverage.overall.length === 0) return null;
  return html`<section aria-labelledby="calibration"><h2 id="calibration">Does it know what it does not know?</h2>
<p class="lead">Each start was dreamt ${samples} times. A 90 % interval of the dreams should hold the truth nine times out of ten: below, the model is surer than it should be; above, it is too cautious.</p>
<div class="grid">${figureOf('Reliability', reliabilityChart(coverage.overall, metadata.controlDt_s))}${coverage.elements.length === 0 ? null : figureOf('90 % interval, entry by entry', coverageChart(coverage.elements, metadata.controlDt_s))}${trust?.coverage ? figureOf('90 % interval, step by step', coverageOverTimeChart(trust.coverage, trust.coverageFloor, metadata.controlDt_s)) : null}</div></section>`;
}

function agentSection({ returns, training }: ReportInput): Markup | null {
  const figures = [
    returns && figureOf('Imagined and true return', returnChart(returns), returnNote(returns.comparison)),
    training?.returns?.length
      ? figureOf('Learning: return by real steps', learningChart(training.returns, training.references ?? []))
      : null,
    training?.losses?.length ? figureOf('Model training loss', lossChart(training.losses)) : null,
  ].filter((shown) => shown !== null);
  if (figures.length === 0) return null;
  return html`<section aria-labelledby="agent"><h2 id="agent">The agent</h2>
<p class="lead">An agent that trains in a dream is only as good as the dream’s promises. On the dotted line the model promises exactly what physics pays.</p>
<div class="grid">${figures}</div></section>`;
}

function returnNote({ bias, pearson, spearman }: Readonly<Record<'bias' | 'pearson' | 'spearman', IntervalFigures>>): string {
  return `Mean promise minus payment ${interval(bias)}. Correlation ${interval(pearson)}, by rank ${interval(spearman)}.`;
}

function replaySection(replay: Replay | undefined): Markup | null {
  if (replay === undefined) return null;
  const data = playerData(replay);
  const [left, right, bottom, top] = data.bounds;
  const ratio = Math.max(1.1, Math.min(3.2, (right - left) / (top - bottom)));
  const last = data.count - 1;
  return html`<section aria-labelledby="replay-title"><h2 id="replay-title">Watch truth and dream</h2>
<p class="legend"><span class="key"><span class="swatch"></span>truth: the physics engine</span><span class="key"><span class="swatch dream"></span>dream: the learned model, same actions</span></p>
<div class="panel replay" id="replay" role="group" tabindex="0" aria-label="Replay. Space plays and pauses, arrow keys step.">
<canvas data-part="canvas" role="img" aria-label="Truth drawn solid and the dream as a translucent ghost, side view" style="aspect-ratio:${ratio.toFixed(3)};max-height:62vh"></canvas>
${timeline(data)}
<input type="range" data-part="slider" min="0" max="${last}" step="any" value="0" aria-label="Time">
<div class="controls"><button type="button" data-part="play">▶ Play</button>
<label>Speed <select data-part="speed"><option value="0.25">¼</option><option value="0.5">½</option><option value="1" selected>1</option><option value="2">2</option></select></label>
<dl class="readout">${readout('time', 'time')}${readout('step', 'step')}${readout('error', 'error')}${data.rewards ? readout('reward', 'reward') : null}${readout('dreaming for', 'since')}</dl></div>
<p class="note"><kbd>space</kbd> play or pause · <kbd>←</kbd> <kbd>→</kbd> one step, with <kbd>shift</kbd> ten</p>
<noscript><p>The replay needs JavaScript; everything else on this page does not.</p></noscript>
</div></section>`;
}

function readout(name: string, part: string): Markup {
  return html`<div><dt>${name}</dt><dd data-part="${part}">–</dd></div>`;
}

/** Error over the replay, with the moments at which the dream was set back onto truth. */
function timeline({ errors, resyncs, count, errorUnit }: PlayerData): Markup {
  const last = Math.max(1, count - 1);
  const most = errors.reduce((high, error) => Math.max(high, error), 0) || 1;
  const line = errors
    .map((error, i) => `${((1000 * i) / last).toFixed(1)},${(100 - (92 * Math.min(error, most)) / most).toFixed(1)}`)
    .join(' ');
  const marks = resyncs.map(
    (at) => html`<line class="resync" x1="${((1000 * at) / last).toFixed(1)}" x2="${((1000 * at) / last).toFixed(1)}" y1="0" y2="100"/>`,
  );
  return html`<div class="timeline"><svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="Error of the dream over the replay, at most ${number(most)} ${errorUnit}; dashed lines where it was set back onto truth"><polygon class="off" points="0,100 ${line} 1000,100"/>${marks}</svg><span>error, up to ${number(most)} ${errorUnit}${resyncs.length > 0 ? '; dashed: set back onto truth' : ''}</span><i data-part="playhead"></i></div>`;
}

function footer({ metadata, jsonFile }: ReportInput): Markup {
  const versions = Object.entries(metadata.versions).map(([name, version]) => `${name} ${version}`);
  const json =
    jsonFile === undefined ? null : html`<dt>All numbers</dt><dd><a href="./${encodeURIComponent(jsonFile)}">${jsonFile}</a></dd>`;
  return html`<footer><dl><dt>Command</dt><dd><code>${metadata.command}</code></dd><dt>Seeds</dt><dd>${metadata.seeds.join(', ')}</dd><dt>Versions</dt><dd>${versions.join(', ')}</dd><dt>Machine</dt><dd>${metadata.machine}</dd><dt>Made</dt><dd>${metadata.date}</dd><dt>Held-out data</dt><dd><code>${metadata.dataHash}</code></dd>${json}</dl></footer>`;
}

function secondsOf({ measured, low, high }: IntervalFigures, controlDt_s: number): IntervalFigures {
  const seconds = (steps: Figure) => (steps === null ? null : steps * controlDt_s);
  return { measured: seconds(measured), low: seconds(low), high: seconds(high) };
}

function interval({ measured, low, high }: IntervalFigures): string {
  return `${number(measured)} (${number(low)} to ${number(high)})`;
}

/** Three significant digits with a true minus sign; a dash for what is unknown. */
function number(value: Figure): string {
  if (value === null) return '–';
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  return text.replace('-', '−');
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
