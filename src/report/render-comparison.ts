import { comparisonChart } from './charts.ts';
import { figureOf } from './drawing.ts';
import { html, type Markup } from './html.ts';
import { page } from './page.ts';
import type { Figure, IntervalFigures, ReportInput, ReportVerdict } from './report-input.ts';

/** What a page of several subjects shows. `ReportComparison` (src/gap, the same layer, so not imported) has this shape. */
export interface ComparisonInput {
  readonly task: string;
  readonly subjects: readonly {
    readonly model: string;
    readonly verdict: ReportVerdict;
    readonly command: string;
    readonly improvements: readonly { readonly horizon: number; readonly probability: IntervalFigures }[];
  }[];
  readonly rows: readonly {
    readonly id: string;
    readonly title: string;
    readonly passes: string;
    readonly horizon?: number;
    readonly found: readonly ((Pick<IntervalFigures, 'measured' | 'low' | 'high'> & { readonly verdict: ReportVerdict }) | null)[];
  }[];
}

/** Error over steps of each subject, in their order. */
export type ComparedErrors = readonly Pick<ReportInput, 'normalised' | 'metadata'>[];

/**
 * Several subjects side by side as one HTML page that needs nothing else. Every text is escaped.
 * @returns a whole document, the same for the same input.
 */
export function renderComparison(comparison: ComparisonInput, errors: ComparedErrors): string {
  const sections = [errorSection(comparison, errors), rowsSection(comparison), commandSection(comparison)];
  return page({ title: `${comparison.task}: ${comparison.subjects.length} subjects`, kicker: comparison.task, sections, after: null });
}

function errorSection({ subjects }: ComparisonInput, errors: ComparedErrors): Markup {
  const curves = errors.map(({ normalised, metadata }, i) => ({
    name: `${letterOf(i)} ${metadata.model}`,
    x: normalised.steps.map((step) => step * metadata.controlDt_s),
    y: normalised.model.measured.map(drawn),
    low: normalised.model.low.map(drawn),
    high: normalised.model.high.map(drawn),
  }));
  const [first, ...others] = subjects;
  return html`<section aria-labelledby="errors"><h2 id="errors">How far each drifts</h2>
<p class="lead">From the same starts with the same actions, with 95 % bands over starts.</p>
<div class="grid">${figureOf('All entries together, in standard deviations', comparisonChart(curves))}</div>
<table><caption>Share of starts on which a subject errs less than A (${first?.model ?? ''}), with its 95 % interval; half is no better</caption>
<tbody>${others.map((subject, i) => html`<tr><th scope="row">${letterOf(i + 1)} ${subject.model}</th>${subject.improvements.map(({ horizon, probability }) => html`<td class="number">${intervalText(probability)}<small>${horizon} steps ahead</small></td>`)}</tr>`)}</tbody></table></section>`;
}

function rowsSection({ subjects, rows }: ComparisonInput): Markup {
  return html`<section aria-labelledby="tests"><h2 id="tests">Tests</h2>
<div class="panel scroll"><table class="rows">
<thead><tr><th scope="col">Test</th><th scope="col">Passes</th>${subjects.map(({ model, verdict }, i) => html`<th scope="col">${letterOf(i)} ${model}<small>${verdict}</small></th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr><th scope="row">${row.title}<small>${row.id}${row.horizon === undefined ? '' : ` at ${row.horizon} steps`}</small></th><td class="number bound">${row.passes}</td>${row.found.map((found) => html`<td class="number">${found === null ? '–' : intervalText(found)}<small>${found?.verdict ?? ''}</small></td>`)}</tr>`)}</tbody></table></div></section>`;
}

function commandSection({ subjects }: ComparisonInput): Markup {
  return html`<footer><dl>${subjects.map(({ model, command }, i) => html`<dt>${letterOf(i)} ${model}</dt><dd><code>${command}</code></dd>`)}</dl></footer>`;
}

/** A, B, …; beyond 26 as in a spreadsheet. */
export function letterOf(i: number): string {
  return (i < 26 ? '' : letterOf(Math.floor(i / 26) - 1)) + String.fromCharCode(65 + (i % 26));
}

function drawn(value: Figure): number {
  return value ?? Number.NaN;
}

function intervalText({ measured, low, high }: IntervalFigures): string {
  const text = (value: Figure) => (value === null ? '–' : String(Number(value.toPrecision(3))));
  return measured === null ? '–' : `${text(measured)} [${text(low)}, ${text(high)}]`;
}
