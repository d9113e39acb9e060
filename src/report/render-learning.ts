import { heldOutChart, lossChart } from './charts.ts';
import { figureOf } from './drawing.ts';
import { html } from './html.ts';
import { page } from './page.ts';
import type { Curve } from './report-input.ts';

/** What a page of learning curves shows. */
export interface LearningInput {
  readonly title: string;
  readonly task: string;
  /** In words: what was learned from, how long, why it ended. */
  readonly summary: string;
  /** By update, in order. */
  readonly losses: readonly {
    readonly update: number;
    readonly loss: number;
    /** In standard deviations. */
    readonly heldOut?: number;
  }[];
  /** The update whose weights were kept. */
  readonly keptUpdate: number;
}

/** More points than this cannot be told apart on a page; the last of each few stays. */
const mostPoints = 500;

/**
 * The learning curves of a model as one HTML page that needs nothing else. Every text is escaped.
 * @returns a whole document, the same for the same input.
 */
export function renderLearning({ title, task, summary, losses, keptUpdate }: LearningInput): string {
  const few = Math.ceil(losses.length / mostPoints);
  const shown = losses.filter((_, i) => (losses.length - 1 - i) % few === 0);
  const judged = shown.flatMap(({ update, heldOut }) => (heldOut === undefined ? [] : [{ update, heldOut }]));
  const kept = losses.find(({ update }) => update === keptUpdate)?.heldOut;
  const loss: Curve = { name: 'training loss', x: shown.map(({ update }) => update), y: shown.map((line) => line.loss) };
  const heldOut: Curve = { name: 'held-out error', x: judged.map(({ update }) => update), y: judged.map((line) => line.heldOut) };
  const figures = [
    figureOf('Training loss: negative log likelihood, a member', lossChart([loss])),
    ...(kept === undefined
      ? []
      : [
          figureOf(
            'Error on held-out data, in standard deviations',
            heldOutChart(heldOut, kept),
            `1 is as wrong as guessing the mean. Kept: the weights of update ${keptUpdate}.`,
          ),
        ]),
  ];
  const section = html`<section aria-labelledby="curves"><h2 id="curves">Learning curves</h2><p class="lead">${summary}</p><div class="grid">${figures}</div></section>`;
  return page({ title, kicker: task, sections: [section], after: null });
}
