import { trainingChart } from './charts.ts';
import { figureOf } from './drawing.ts';
import { html } from './html.ts';
import { page } from './page.ts';
import type { Curve } from './report-input.ts';

/** What a page of an agent's learning curves shows. */
export interface TrainingInput {
  readonly title: string;
  readonly task: string;
  /** In words: what it learned by, how long, why it ended. */
  readonly summary: string;
  /** One an iteration, in order: numbers by name, where there are any. */
  readonly lines: readonly { readonly iteration: number; readonly steps: number }[];
  /** Names of the figures that say how well it does, drawn first and together. */
  readonly measures: { readonly figures: readonly string[]; readonly unit: string };
}

/** More points than this cannot be told apart on a page; the last of each few stays. */
const mostPoints = 500;

/**
 * The learning curves of an agent as one HTML page that needs nothing else: how well it does against steps, and below every other figure it gave. Every text is escaped.
 * @returns a whole document, the same for the same input.
 */
export function renderTraining({ title, task, summary, lines, measures }: TrainingInput): string {
  const rows = lines as readonly (TrainingInput['lines'][number] & Readonly<Record<string, unknown>>)[];
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== 'iteration' && name !== 'steps');
  const curves = new Map(
    names.map((name) => [name, curveOf(rows, name)]).filter((entry): entry is [string, Curve] => entry[1] !== undefined),
  );
  const main = measures.figures.flatMap((name) => curves.get(name) ?? []);
  const others = [...curves].filter(([name]) => !measures.figures.includes(name));
  const figures = [
    ...(main.length > 0 ? [figureOf(`${measures.unit} by steps`, trainingChart(`${measures.unit} by steps`, main, measures.unit))] : []),
    ...others.map(([name, curve]) => figureOf(inWords(name), trainingChart(`${inWords(name)} by steps`, [curve], inWords(name)))),
  ];
  const section = html`<section aria-labelledby="curves"><h2 id="curves">Learning curves</h2><p class="lead">${summary}</p><div class="grid">${figures}</div></section>`;
  return page({ title, kicker: task, sections: [section], after: null });
}

/** Undefined for a figure that was never a finite number. */
function curveOf(rows: readonly (Readonly<Record<string, unknown>> & { readonly steps: number })[], name: string): Curve | undefined {
  const known = rows.filter((row) => Number.isFinite(row[name]));
  const few = Math.ceil(known.length / mostPoints);
  const shown = known.filter((_, i) => (known.length - 1 - i) % few === 0);
  return shown.length === 0
    ? undefined
    : { name: inWords(name), x: shown.map(({ steps }) => steps), y: shown.map((row) => row[name] as number) };
}

/** `clipFraction` as "clip fraction", `policy.loss` as "policy loss". */
function inWords(name: string): string {
  return name.replaceAll('.', ' ').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
