/** Pictures of the plausibility axis. */
import * as Plot from '@observablehq/plot';
import { draw, legendKey } from './drawing.ts';
import { html, type Markup } from './html.ts';
import type { AxisFigures } from './report-input.ts';

type Plausibility = NonNullable<AxisFigures['plausibility']>;

const DASHES = [undefined, '6,3', '2,3'];

/** Energy that nothing explains, along rollouts: truth's own and the subject's, of each drive. */
export function energyChart(energy: NonNullable<Plausibility['energy']>, controlDt_s: number): Markup {
  const lines = energy.flatMap(({ drive, truth, subject }, i) => {
    const dash = DASHES[i % DASHES.length];
    const dashed = dash === undefined ? {} : { strokeDasharray: dash };
    return [
      { name: `physics, ${drive}`, values: truth, style: { stroke: 'var(--truth)', strokeWidth: 1.8, ...dashed } },
      { name: `dream, ${drive}`, values: subject, style: { stroke: 'var(--dream)', strokeWidth: 2.4, ...dashed } },
    ];
  });
  const chart = draw('Energy from nowhere over seconds ahead, in physics and in the dream', {
    marginLeft: 56,
    x: { label: 'seconds ahead' },
    y: { label: 'energy from nowhere (share of scale)', ticks: 5, tickFormat: '~g' },
    marks: [
      Plot.ruleY([0], { stroke: 'var(--line)' }),
      ...lines.map(({ values, style }) =>
        Plot.lineY(
          values.map((y, step) => ({ x: step * controlDt_s, y: y ?? Number.NaN })),
          { x: 'x', y: 'y', ...style },
        ),
      ),
    ],
  });
  return html`<p class="legend" aria-hidden="true">${lines.map(({ name, style }) => legendKey(name, style))}</p>${chart}`;
}

const KIND_STYLES = [
  { stroke: 'var(--dream)', strokeWidth: 2.2 },
  { stroke: 'var(--truth)', strokeWidth: 2, strokeDasharray: '7,3' },
  { stroke: 'var(--linear)', strokeWidth: 2, strokeDasharray: '2,3' },
  { stroke: 'var(--still)', strokeWidth: 2 },
  { stroke: 'var(--unsure)', strokeWidth: 2, strokeDasharray: '9,2,2,2' },
  { stroke: 'var(--fail)', strokeWidth: 2, strokeDasharray: '4,2' },
];

/** How often each kind of violation surprises the subject more than the truth, by its size. */
export function surpriseChart(violations: NonNullable<Plausibility['violations']>): Markup {
  const lines = violations.map(({ kind, levels, accuracy }, i) => ({
    name: inWords(kind),
    style: KIND_STYLES[i % KIND_STYLES.length]!,
    rows: levels.map((x, level) => ({ x, y: accuracy[level] ?? Number.NaN })),
  }));
  const chart = draw('Share of violations told apart from the truth, by their size in sensor noises, of each kind', {
    insetTop: 6,
    x: { label: 'size of the violation (sensor noises)', type: 'log', tickFormat: '~g' },
    y: { label: 'told apart', domain: [0.4, 1], tickFormat: '.0%' },
    marks: [
      Plot.ruleY([0.5, 0.75], { stroke: 'var(--still)', strokeDasharray: '2,3' }),
      Plot.text(
        [
          { y: 0.75, label: 'told apart' },
          { y: 0.5, label: 'guessing' },
        ],
        {
          y: 'y',
          text: 'label',
          frameAnchor: 'right',
          textAnchor: 'end',
          dy: -7,
          fill: 'var(--soft)',
        },
      ), // prettier-ignore
      Plot.ruleX([5], { stroke: 'var(--truth)', strokeOpacity: 0.6 }),
      Plot.text(['must be by here'], { x: 5, frameAnchor: 'bottom', textAnchor: 'start', dx: 4, dy: -6, fill: 'var(--soft)' }),
      ...lines.map(({ rows, style }) => Plot.lineY(rows, { x: 'x', y: 'y', clip: true, ...style })),
    ],
  });
  return html`<p class="legend" aria-hidden="true">${lines.map(({ name, style }) => legendKey(name, style))}</p>${chart}`;
}

/** `wrongAction` as "wrong action". */
function inWords(kind: string): string {
  return kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
