/** Rows of a report as a table: what was measured, drawn against the bound, and the verdict. */
import { boundStrip } from './bound-strip.ts';
import { html, type Markup } from './html.ts';
import { number } from './numbers.ts';
import type { ReportVerdict, RowFigures } from './report-input.ts';

export const VERDICTS: Readonly<Record<ReportVerdict, { readonly mark: string; readonly word: string }>> = {
  PASS: { mark: '✓', word: 'Pass' },
  FAIL: { mark: '✕', word: 'Fail' },
  INCONCLUSIVE: { mark: '?', word: 'Inconclusive' },
  NOT_APPLICABLE: { mark: '–', word: 'Not applicable' },
};

export function rowsTable(rows: readonly RowFigures[], controlDt_s: number): Markup {
  return html`<div class="panel scroll"><table class="rows">
<thead><tr><th scope="col">Test</th><th scope="col">Measured, 95 % interval</th><th scope="col"><span aria-hidden="true">Interval, bound, floor</span></th><th scope="col">Passes</th><th scope="col">Starts</th><th scope="col">Verdict</th></tr></thead>
<tbody>${rows.map((row) => rowOf(row, controlDt_s))}</tbody></table></div>`;
}

/** What the strips are made of. */
export function stripLegend(): Markup {
  return html`<p class="legend" aria-hidden="true"><span class="key"><svg class="strip" width="28" height="12" viewBox="0 0 28 12"><rect class="region" x="1" y="1" width="26" height="10" rx="3"/></svg>passes</span><span class="key"><svg class="strip" width="28" height="12" viewBox="0 0 28 12"><line class="interval" x1="2" x2="26" y1="6" y2="6"/><circle class="value" cx="14" cy="6" r="4"/></svg>measured, with its 95 % interval</span><span class="key"><svg class="strip" width="10" height="12" viewBox="0 0 10 12"><line class="floor" x1="5" x2="5" y1="0" y2="12"/></svg>floor: physics itself, its start a sensor’s error off</span></p>`;
}

function rowOf(row: RowFigures, controlDt_s: number): Markup {
  const ahead =
    row.horizon === undefined
      ? ''
      : `, ${number(row.horizon * controlDt_s)} s ahead (${row.horizon} ${row.horizon === 1 ? 'step' : 'steps'})`;
  const interval = row.low === null ? null : html` <small>${number(row.low)} to ${number(row.high)}</small>`;
  return html`<tr><th scope="row">${row.title}<small>${row.id}${ahead}</small></th><td class="number">${number(row.measured)}${interval}</td><td class="drawn">${boundStrip(row)}</td><td class="number bound">${row.passes}</td><td class="number count">${row.n === 0 ? '–' : row.n}</td><td class="judged">${chip(row.verdict)}${row.reason === undefined ? null : html`<small>${row.reason}</small>`}</td></tr>`;
}

function chip(verdict: ReportVerdict): Markup {
  const { mark, word } = VERDICTS[verdict];
  return html`<span class="chip ${verdict}"><span aria-hidden="true">${mark}</span> ${word}</span>`;
}
