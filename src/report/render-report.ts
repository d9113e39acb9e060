import { axisSections, overview } from './axis-sections.ts';
import { html, type Markup } from './html.ts';
import { grouped, number } from './numbers.ts';
import { page } from './page.ts';
import { entriesSection } from './prediction-figures.ts';
import { replayPlayer, replaySection } from './replay-section.ts';
import type { Figure, IntervalFigures, ReportInput } from './report-input.ts';
import { stripLegend, VERDICTS } from './rows-table.ts';
import { worstSection } from './worst-section.ts';

/**
 * A gap report as one HTML page that needs nothing else: no network, no fonts, one small script for the replay. Every text is escaped.
 * @returns a whole document, the same for the same input.
 * @throws REPORT_INPUT_INVALID when the replay's arrays do not fit each other.
 */
export function renderReport(input: ReportInput): string {
  const { replay, metadata } = input;
  const sections = [
    banner(input),
    replay ? replaySection(replay) : null,
    testsSection(input),
    ...axisSections(input),
    worstSection(input),
    entriesSection(input),
    footer(input),
  ];
  const kicker = `${metadata.task} · ${metadata.model}`;
  const shown = sections.filter((section) => section !== null);
  return page({ title: input.title, kicker, sections: shown, after: replay ? replayPlayer(replay) : null });
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

/** All rows at a glance, and how to read the tables below. */
function testsSection(input: ReportInput): Markup {
  return html`<section aria-labelledby="tests"><h2 id="tests">Tests</h2>
<p class="lead">A test passes only if its whole 95 % interval (bootstrap over starts, ${grouped(input.resamples)} resamples) lies in the shaded region; a lucky value is not enough.</p>
${overview(input)}
${stripLegend()}</section>`;
}

function footer({ metadata, jsonFile }: ReportInput): Markup {
  const versions = Object.entries(metadata.versions).map(([name, version]) => `${name} ${version}`);
  const hashes = Object.entries(metadata.hashes ?? {}).map(([what, hash]) => html`<dt>sha256 of ${what}</dt><dd><code>${hash}</code></dd>`);
  const json =
    jsonFile === undefined ? null : html`<dt>All numbers</dt><dd><a href="./${encodeURIComponent(jsonFile)}">${jsonFile}</a></dd>`;
  return html`<footer aria-labelledby="again"><h2 id="again">Make this report again</h2><dl><dt>Command</dt><dd><code>${metadata.command}</code></dd><dt>Seeds</dt><dd>${metadata.seeds.join(', ')}</dd><dt>Versions</dt><dd>${versions.join(', ')}</dd><dt>Machine</dt><dd>${metadata.machine}</dd><dt>Made</dt><dd>${metadata.date}</dd>${metadata.truth === undefined ? null : html`<dt>Truth</dt><dd>${metadata.truth}</dd>`}<dt>Held-out data</dt><dd><code>${metadata.dataHash}</code></dd>${hashes}${json}</dl></footer>`;
}

function secondsOf({ measured, low, high }: IntervalFigures, controlDt_s: number): IntervalFigures {
  const seconds = (steps: Figure) => (steps === null ? null : steps * controlDt_s);
  return { measured: seconds(measured), low: seconds(low), high: seconds(high) };
}
