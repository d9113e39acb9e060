/** What is drawn of prediction: errors, their spread, and whether stated doubt is honest. */
import { reasonOf } from './absence.ts';
import type { PlannedFigure } from './axis-sections.ts';
import { coverageChart, coverageOverTimeChart, errorChart, errorLegend, reliabilityChart, skillChart } from './charts.ts';
import { figureOf } from './drawing.ts';
import { html, type Markup } from './html.ts';
import { number } from './numbers.ts';
import { fanChart, marginalChart, rankChart } from './prediction-charts.ts';
import type { AxisFigures, ErrorFigures, ReportInput } from './report-input.ts';

export function predictionFigures(input: ReportInput): PlannedFigure[] {
  return [...errorFigures(input), ...doubtFigures(input), longFigure(input)];
}

function errorFigures(input: ReportInput): PlannedFigure[] {
  const { spread, normalised, metadata } = input;
  return [
    {
      title: 'Error over the horizon, all entries together, in standard deviations',
      chart: spread ? fanChart(spread, metadata.controlDt_s) : null,
      note: 'Every start counts alike: a good dream’s whole fan hugs the floor and stays below the line at .4 σ; a fan that opens upwards hides failures behind a good median.',
      why: 'This report is of a version that did not keep the spread over starts: measure again.',
      isWide: true,
    },
    {
      title: 'Mean error, all entries together, in standard deviations',
      chart: errorChart(normalised, metadata.controlDt_s),
      note: 'Root mean square over starts with its 95 % band, the value that tests are read off: a good dream lies near the floor.',
      why: '',
    },
    {
      title: 'Skill: how much of the way from trivial to perfect',
      chart: skillChart(input),
      note: '1 is the floor, 0 no better than a trivial prediction: a good dream starts at 1 and falls slowly.',
      why: '',
    },
  ];
}

function doubtFigures(input: ReportInput): PlannedFigure[] {
  const { coverage, samples, trust, metadata } = input;
  const { controlDt_s } = metadata;
  const { ranks = [] } = (input.axes as AxisFigures | undefined)?.prediction ?? {};
  const why = reasonOf(input, 'H4', 'The model gives no samples, so it states no uncertainty.');
  const known = coverage !== null && coverage.overall.length > 0;
  return [
    {
      title: 'Reliability: does it know what it does not know?',
      chart: known ? reliabilityChart(coverage.overall, controlDt_s) : null,
      note: `Each start was dreamt ${samples} times; an interval that claims to hold 90 % of the truths should hold 90 %: a good dream lies on the diagonal.`,
      why,
    },
    {
      title: 'Place of truth among the draws (PIT)',
      chart: ranks.length === 0 ? null : rankChart(ranks, controlDt_s),
      note: 'A good dream’s histogram is flat at the dashed line: a valley says too sure, a hill too cautious, a slope an error to one side.',
      why,
    },
    {
      title: '90 % interval, step by step',
      chart: trust?.coverage ? coverageOverTimeChart(trust.coverage, trust.coverageFloor, controlDt_s) : null,
      note: 'A good dream stays near the solid line at 90 %; where it falls below the dotted one its doubt can no longer be believed.',
      why,
    },
    {
      title: '90 % interval, entry by entry',
      chart: known && coverage.elements.length > 0 ? coverageChart(coverage.elements.slice(0, MOST_COVERED), controlDt_s) : null,
      note: 'A good dream’s bars all cross the dotted line at 90 %.',
      why,
    },
  ];
}

/** Of entries and horizons together; more do not fit a picture. */
const MOST_COVERED = 90;

function longFigure(input: ReportInput): PlannedFigure {
  const { marginals = [] } = (input.axes as AxisFigures | undefined)?.prediction ?? {};
  return {
    title: 'Where long dreams are, against where physics is',
    chart: marginals.length === 0 ? null : marginalChart(marginals),
    note: 'Distance of the long-run distribution of each entry from that of physics: a good dream’s dots lie left of the dotted line.',
    why: reasonOf(input, 'H5', 'No long dreams were played.'),
  };
}

/** More single entries than this are told in the table alone. */
const MOST_ENTRIES = 24;

/** Errors of single entries in their units: pictures of the worst, numbers of all. */
export function entriesSection({ errors, metadata }: ReportInput): Markup {
  const { controlDt_s } = metadata;
  const shown = errors.length <= MOST_ENTRIES ? errors : [...errors].sort((a, b) => lossOf(b) - lossOf(a)).slice(0, MOST_ENTRIES);
  const single = shown.map((fan) => figureOf(fan.unit === '1' ? fan.name : `${fan.name} (${fan.unit})`, errorChart(fan, controlDt_s)));
  const some = shown.length < errors.length ? ` Of ${errors.length} entries those ${shown.length} are drawn that lose most.` : '';
  return html`<section aria-labelledby="errors"><h2 id="errors">Every quantity in its own unit</h2>
<p class="lead">Typical error after dreaming for a while from a real start, with the same actions as physics.${some}</p>
${errorLegend()}
<div class="grid">${single}</div>
<details class="chart" style="margin-top:16px"><summary>The numbers as a table</summary><div class="scroll">${errorTable(errors, controlDt_s)}</div></details></section>`;
}

/** Error at the horizon as a share of the better trivial prediction's. */
function lossOf({ model, persistence, linear }: ErrorFigures): number {
  const trivial = Math.min(persistence.at(-1) ?? Infinity, linear.at(-1) ?? Infinity);
  return (model.measured.at(-1) ?? Infinity) / (trivial || 1e-12);
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
