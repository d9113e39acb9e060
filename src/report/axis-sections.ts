/** The four axes of the suite, each with its rows, its pictures, and what could not be drawn with the reason why. */
import { agentFigures } from './agent-figures.ts';
import { figureOf } from './drawing.ts';
import { html, type Markup } from './html.ts';
import { causalityFigures, plausibilityFigures } from './law-figures.ts';
import { predictionFigures } from './prediction-figures.ts';
import type { ReportInput, ReportVerdict, RowFigures } from './report-input.ts';
import { rowsTable, VERDICTS } from './rows-table.ts';

/** A picture that belongs into a section. */
export interface PlannedFigure {
  readonly title: string;
  /** Null where there is nothing to draw. */
  readonly chart: Markup | null;
  /** One sentence: what good looks like. */
  readonly note: string;
  /** Why there is none, where there is none. */
  readonly why: string;
  /** Takes the whole width. */
  readonly isWide?: boolean;
}

interface AxisSection {
  readonly name: 'plausibility' | 'causality' | 'prediction' | 'agent';
  /** First letter of its rows. */
  readonly letter: string;
  readonly title: string;
  readonly lead: string;
  readonly figures: (input: ReportInput) => readonly PlannedFigure[];
}

const AXES: readonly AxisSection[] = [
  {
    name: 'prediction',
    letter: 'H',
    title: 'Prediction: how far ahead does the dream hold?',
    lead: 'From real starts the dream and physics take the same actions. A useful model stays far below the trivial predictions and near the floor, below which nothing can be told apart, and knows how sure it may be.',
    figures: predictionFigures,
  },
  {
    name: 'causality',
    letter: 'C',
    title: 'Causality: does it know what actions change?',
    lead: 'From the same moments other actions are executed in physics and in the dream. A model that only knows what usually follows predicts well and fails here.',
    figures: causalityFigures,
  },
  {
    name: 'plausibility',
    letter: 'P',
    title: 'Plausibility: does it obey physics?',
    lead: 'Dreamed states are put into the physics engine itself, which is asked for overlaps, energy, momentum and free fall; no true path is needed.',
    figures: plausibilityFigures,
  },
  {
    name: 'agent',
    letter: 'A',
    title: 'Agent: are its promises kept?',
    lead: 'An agent that trains or plans in a dream is only as good as the dream’s promises: policies are played from the same starts in both.',
    figures: agentFigures,
  },
];

/** Each axis by its verdicts, with a way to its section. */
export function overview({ rows }: ReportInput): Markup {
  const cards = AXES.map(({ name, letter, title }) => {
    const own = rowsOf(rows, letter);
    const [word, question] = title.split(': ');
    return html`<a class="card" href="#${name}"><strong>${word ?? ''}</strong><span>${question ?? ''}</span><span class="marks">${own.length === 0 ? html`<em>not asked for</em>` : own.map(mark)}</span><small>${countsOf(own)}</small></a>`;
  });
  return html`<nav class="cards" aria-label="Axes">${cards}</nav>`;
}

function mark({ id, title, verdict }: RowFigures): Markup {
  return html`<span class="chip ${verdict}" title="${`${id} ${title}: ${VERDICTS[verdict].word}`}">${VERDICTS[verdict].mark} ${id}</span>`;
}

function countsOf(rows: readonly RowFigures[]): string {
  const count = (verdict: ReportVerdict) => rows.filter((row) => row.verdict === verdict).length;
  const parts = (Object.keys(VERDICTS) as ReportVerdict[]).filter((verdict) => count(verdict) > 0);
  return parts.map((verdict) => `${count(verdict)} ${VERDICTS[verdict].word.toLowerCase()}`).join(', ');
}

/** In the order of the page; rows that belong to no axis come last. */
export function axisSections(input: ReportInput): Markup[] {
  const letters = AXES.map(({ letter }) => letter);
  const others = input.rows.filter(({ id }) => !letters.includes(id.charAt(0)));
  const own = AXES.map((axis) => axisSection(axis, input));
  if (others.length === 0) return own;
  return [
    ...own,
    html`<section aria-labelledby="others"><h2 id="others">Other rows</h2>${rowsTable(others, input.metadata.controlDt_s)}</section>`,
  ];
}

function axisSection({ name, letter, title, lead, figures }: AxisSection, input: ReportInput): Markup {
  const rows = rowsOf(input.rows, letter);
  const planned = figures(input);
  const drawn = planned.filter(({ chart }) => chart !== null);
  const figure = ({ title: caption, chart, note }: PlannedFigure) => figureOf(caption, chart!, note);
  const [wide, narrow] = [drawn.filter(({ isWide }) => isWide), drawn.filter(({ isWide }) => !isWide)];
  return html`<section aria-labelledby="${name}"><h2 id="${name}">${title}</h2>
<p class="lead">${lead}</p>
${rows.length === 0 ? null : rowsTable(rows, input.metadata.controlDt_s)}
${wide.map((one) => html`<div class="wide">${figure(one)}</div>`)}
${narrow.length === 0 ? null : html`<div class="grid figures">${narrow.map(figure)}</div>`}
${absences(name, planned, input)}</section>`;
}

/** What is not shown, in the place where it would stand. */
function absences(name: AxisSection['name'], planned: readonly PlannedFigure[], { axes }: ReportInput): Markup | null {
  const missing = planned.filter(({ chart }) => chart === null);
  if (missing.length === 0) return null;
  if (axes?.[name] === undefined) {
    const titles = missing.map(({ title }) => `“${title.split(':')[0]}”`).join(', ');
    return html`<p class="absent">The ${name} axis was not asked for in this report. Here would stand ${titles}: <code>groundtwin gap --axes ${name}</code> measures them.</p>`;
  }
  return html`<ul class="absent">${missing.map(({ title, why }) => html`<li><strong>${title}:</strong> ${why}</li>`)}</ul>`;
}

function rowsOf(rows: readonly RowFigures[], letter: string): RowFigures[] {
  return rows.filter(({ id }) => id.startsWith(letter));
}
