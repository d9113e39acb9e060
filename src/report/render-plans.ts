import { type Kind, wrapAngle } from '../core/state-spec.ts';
import { pathChart } from './charts.ts';
import { figureOf } from './drawing.ts';
import { html, type Markup } from './html.ts';
import { page } from './page.ts';

/** What a page of imagined and executed plans shows. */
export interface PlansInput {
  readonly title: string;
  readonly task: string;
  /** In words: who planned, from where. */
  readonly summary: string;
  readonly goal: readonly { readonly label: string; readonly kind: Kind; readonly target: number; readonly unit: string }[];
  readonly plans: readonly { readonly imagined: ShownOutcome; readonly executed: ShownOutcome }[];
}

interface ShownOutcome {
  readonly return: number;
  readonly distance: number;
  readonly path: Readonly<Record<string, readonly number[]>>;
}

/**
 * Plans to a goal as one HTML page that needs nothing else: of each, what was imagined beside what physics made of it. Every text is escaped.
 * @returns a whole document, the same for the same input.
 */
export function renderPlans({ title, task, summary, goal, plans }: PlansInput): string {
  const sections = plans.map((plan, i) => section(`Plan ${i + 1}`, `plan-${i + 1}`, plan, goal));
  return page({ title, kicker: task, sections: [html`<section><p class="lead">${summary}</p></section>`, ...sections], after: null });
}

function section(heading: string, id: string, { imagined, executed }: PlansInput['plans'][number], goal: PlansInput['goal']): Markup {
  const figures = goal.map(({ label, kind, target, unit }) => {
    const curves = [
      { name: 'imagined', ...curveOf(kind, imagined.path[label]!) },
      { name: 'executed', ...curveOf(kind, executed.path[label]!) },
    ];
    const quantity = unit === '1' ? label : `${label} (${unit})`;
    return figureOf(label, pathChart(`${heading}: ${label}, imagined and executed, by steps`, curves, quantity, target));
  });
  const facts = `Return ${short(imagined.return)} imagined, ${short(executed.return)} executed; distance from the goal at the end ${short(imagined.distance)} imagined, ${short(executed.distance)} executed.`;
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${heading}</h2><p class="lead">${facts}</p><div class="grid">${figures}</div></section>`;
}

/** Angles without jumps at ±π, back from where they end, so that the end stands right beside the goal. */
function curveOf(kind: Kind, path: readonly number[]) {
  const y = [...path];
  if (kind === 'angle') for (let step = y.length - 2; step >= 0; step--) y[step] = y[step + 1]! + wrapAngle(path[step]! - path[step + 1]!);
  return { x: path.map((_, step) => step), y };
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
