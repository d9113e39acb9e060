/** Pictures of the causality axis. */
import * as Plot from '@observablehq/plot';
import { draw, identityLine, shortened } from './drawing.ts';
import { html, type Markup } from './html.ts';
import type { EdgeFigures, EffectFigures, Figure, GraphFigures } from './report-input.ts';

/** What dreamed effects are drawn of beside the true ones: what is farther off lies on the edge. */
const ROOM = 1.6;

/** One dot an element, start and alternative: what the other actions changed in truth, and what the subject says they would. */
export function effectChart(dots: NonNullable<EffectFigures['dots']>): Markup {
  const rows = dots.flatMap(({ truth, imagined }) =>
    truth.flatMap((x, i) => (x === null || imagined[i] === null || imagined[i] === undefined ? [] : [{ x, y: imagined[i] }])),
  );
  if (rows.length === 0) return html`<p class="empty">No effect is a number.</p>`;
  const reach = Math.max(1e-9, ...rows.map(({ x }) => Math.abs(x)));
  const most = Math.min(ROOM * reach, Math.max(reach, ...rows.map(({ y }) => Math.abs(y))));
  const within = rows.map(({ x, y }) => ({ x, y: Math.max(-most, Math.min(most, y)), isOff: Math.abs(y) > most }));
  const axis = { domain: [-1.05 * most, 1.05 * most], ticks: 5 };
  return draw('Dreamed against true effect of other actions, in standard deviations; on the line they agree', {
    height: 300,
    x: { label: 'true effect (σ)', ...axis },
    y: { label: 'dreamed effect (σ)', ...axis },
    marks: [
      Plot.ruleX([0], { stroke: 'var(--line)' }),
      Plot.ruleY([0], { stroke: 'var(--line)' }),
      identityLine([-most, most]),
      Plot.dot(within, {
        x: 'x',
        y: 'y',
        r: 1.9,
        fill: 'var(--dream)',
        fillOpacity: 0.45,
        symbol: (row: { isOff: boolean }) => (row.isOff ? 'times' : 'circle'),
      }),
      Plot.text(['agree'], { x: most, y: most, textAnchor: 'end', dx: -8, dy: -2, fill: 'var(--soft)' }),
    ],
  });
}

/** More variables than this are not legible; the table of `gap.json` has them all. */
const MOST_VARIABLES = 24;
/** Squares are full at this effect, and an edge is one from here on (gap suite C5). */
const FULL = 1;
const EDGE = 0.05;

/** Who moves whom: of every pair one square, its left half truth and its right half the dream, the fuller the stronger; framed where they disagree. */
export function edgesChart({ edges = [], spurious = [], missed = [] }: GraphFigures): Markup {
  const [sources, targets] = [named(edges, 'from'), named(edges, 'to')];
  const shown = edges.filter(({ from, to }) => sources.includes(from) && targets.includes(to));
  const half = (side: 'truth' | 'imagined') =>
    shown.map((edge) => ({ from: shortened(edge.from), to: shortened(edge.to), strength: strengthOf(edge[side]) }));
  const wrong = shown
    .filter(({ from, to }) => [...spurious, ...missed].includes(`${from} → ${to}`))
    .map(({ from, to }) => ({ from: shortened(from), to: shortened(to) }));
  const side = 22;
  const style = { x: 'to', y: 'from', fillOpacity: 'strength', inset: 1.5 } as const;
  return draw('Who moves whom: strength of every effect in truth and in the dream', {
    height: Math.max(140, 70 + side * sources.length),
    marginLeft: 112,
    marginBottom: targets.length > 3 ? 84 : 40,
    x: { label: null, domain: targets.map(shortened), tickRotate: targets.length > 3 ? -40 : 0, padding: 0.05 },
    y: { label: null, domain: sources.map(shortened), grid: false, padding: 0.05 },
    marks: [
      Plot.cell(
        shown.map(({ from, to }) => ({ from: shortened(from), to: shortened(to) })),
        { x: 'to', y: 'from', fill: 'var(--line)', fillOpacity: 0.5 },
      ),
      Plot.cell(half('truth'), { ...style, fill: 'var(--truth)', insetRight: halfWidth(targets.length) }),
      Plot.cell(half('imagined'), { ...style, fill: 'var(--dream)', insetLeft: halfWidth(targets.length) }),
      Plot.cell(wrong, { x: 'to', y: 'from', fill: 'none', stroke: 'var(--fail)', strokeWidth: 2 }),
    ],
  });
}

/** Half of a square, px: the rest of the picture is margin. */
function halfWidth(columns: number): number {
  return (380 - 112 - 20) / columns / 2;
}

function named(edges: readonly EdgeFigures[], end: 'from' | 'to'): string[] {
  return [...new Set(edges.map((edge) => edge[end]))].slice(0, MOST_VARIABLES);
}

/** On a scale of ratios: an edge that just is one can be seen. */
function strengthOf(effect: Figure): number {
  if (effect === null) return 1;
  return Math.max(0, Math.min(1, Math.log(Math.max(effect, 1e-9) / (EDGE / 5)) / Math.log(FULL / (EDGE / 5))));
}
