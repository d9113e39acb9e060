/** Pictures of the prediction axis beside the error of single entries. */
import * as Plot from '@observablehq/plot';
import { BASELINES, draw, HEIGHT_px, legendKey, MODEL, shortened, shortNumber } from './drawing.ts';
import { html, type Markup } from './html.ts';
import type { AxisFigures, Figure, SpreadFigures } from './report-input.ts';

type Prediction = NonNullable<AxisFigures['prediction']>;

/** From here on a prediction no longer tells where truth is (gap suite H2). */
const VALID_ERROR = 0.4;

/** The error of all entries together over time ahead, by quantiles over starts, on a scale of ratios. */
export function fanChart(spread: SpreadFigures, controlDt_s: number): Markup {
  const { steps, median, half, most } = spread;
  const [bottom, top] = spanOf(spread);
  const drawn = (value: Figure | undefined) =>
    value === null || value === undefined ? Number.NaN : Math.max(bottom, Math.min(top, value));
  // Step 0 is the common start: an error of none has no place on a scale of ratios.
  const rows = steps.map((step, i) => ({ x: step * controlDt_s, i })).slice(1);
  const band = ({ low, high }: SpreadFigures['half'], fillOpacity: number) =>
    Plot.areaY(rows, { x: 'x', y1: ({ i }) => drawn(low[i]), y2: ({ i }) => drawn(high[i]), fill: 'var(--dream)', fillOpacity });
  const line = (values: readonly Figure[], style: Plot.LineYOptions) =>
    Plot.lineY(rows, { x: 'x', y: ({ i }) => drawn(values[i]), ...style });
  const chart = draw('Error over seconds ahead: median, half and nine tenths of the starts, with floor and references', {
    width: 780,
    height: 320,
    x: { label: 'seconds ahead' },
    y: { label: 'error (σ)', type: 'log', domain: [bottom, top], ticks: 5, tickFormat: '~g' },
    marks: [
      Plot.ruleY([VALID_ERROR], { stroke: 'var(--still)', strokeOpacity: 0.6 }),
      band(most, 0.16),
      band(half, 0.28),
      ...BASELINES.map(({ key, label: _, ...style }) => line(spread[key], style)),
      line(median, MODEL),
      Plot.text(['no longer valid above .4 σ'], {
        frameAnchor: 'left',
        y: VALID_ERROR,
        dx: 4,
        dy: -8,
        textAnchor: 'start',
        fill: 'var(--soft)',
        stroke: 'var(--panel)',
        strokeWidth: 4,
      }),
    ],
  });
  return html`<p class="legend" aria-hidden="true">${fanLegend()}</p>${chart}`;
}

function fanLegend(): Markup[] {
  const [floor, still, linear] = BASELINES;
  return [
    legendKey('dream: median start', MODEL),
    legendKey('half of the starts', { stroke: 'color-mix(in srgb,var(--dream) 40%,transparent)', strokeWidth: 9 }),
    legendKey('nine in ten', { stroke: 'color-mix(in srgb,var(--dream) 16%,transparent)', strokeWidth: 9 }),
    legendKey('floor: physics, its start a sensor’s error off', floor),
    legendKey('still: nothing moves', still),
    legendKey('linear: best linear fit', linear),
  ];
}

/** All that is above 0, in whole powers of ten; what diverges leaves the chart. */
function spanOf({ median, half, most, floor, persistence, linear }: SpreadFigures): [bottom: number, top: number] {
  const known = [median, half.low, most.low, most.high, floor, persistence, linear]
    .flatMap((values) => values.slice(1))
    .filter((value): value is number => value !== null && value > 0);
  const [low, high] = known.reduce(([least, greatest], value) => [Math.min(least, value), Math.max(greatest, value)], [VALID_ERROR, 1]);
  return [10 ** Math.max(-7, Math.floor(Math.log10(low))), 10 ** Math.min(2, Math.ceil(Math.log10(high)))];
}

/** Where truth lies among the draws, of each horizon: even where the stated doubt is honest. */
export function rankChart(ranks: NonNullable<Prediction['ranks']>, controlDt_s: number): Markup {
  const bars = ranks.flatMap(({ horizon, histogram }) =>
    histogram.map((share, bin) => ({
      ahead: `${shortNumber(horizon * controlDt_s)} s ahead`,
      low: bin / histogram.length,
      high: (bin + 1) / histogram.length,
      share: share ?? 0,
    })),
  );
  const even = 1 / (ranks[0]?.histogram.length || 1);
  return draw('Histogram of the place of truth among the draws, for each horizon', {
    marginTop: 30,
    x: { label: 'place of truth among the draws', ticks: [0, 0.5], tickFormat: '.0%' },
    y: { label: null, tickFormat: '.0%', ticks: 5, domain: [0, Math.max(2 * even, ...bars.map(({ share }) => 1.05 * share))] },
    fx: { label: null, padding: 0.12 },
    marks: [
      Plot.rectY(bars, { fx: 'ahead', x1: 'low', x2: 'high', y: 'share', fill: 'var(--dream)', fillOpacity: 0.55, inset: 0.5 }),
      Plot.ruleY([even], { stroke: 'var(--truth)', strokeDasharray: '7,3' }),
      Plot.ruleY([0], { stroke: 'var(--line)' }),
    ],
  });
}

const MOST_MARGINALS = 24;
const MOST_DISTANCE = 0.1;

/** How far the long-run distribution of each entry is from truth's; the farthest first. */
export function marginalChart(marginals: NonNullable<Prediction['marginals']>): Markup {
  const known = marginals.map(({ label, distance }) => ({ name: shortened(label), distance: distance ?? Number.POSITIVE_INFINITY }));
  const sorted = known.sort((a, b) => b.distance - a.distance).slice(0, MOST_MARGINALS);
  const end = Math.max(1.5 * MOST_DISTANCE, ...sorted.map(({ distance }) => (Number.isFinite(distance) ? Math.min(1.1 * distance, 2) : 2)));
  const rows = sorted.map(({ name, distance }) => ({ name, distance: Math.min(end, distance) }));
  return draw('Distance of the long-run distribution of each entry from that of truth, in standard deviations', {
    height: Math.max(HEIGHT_px / 2, 60 + 18 * rows.length),
    marginLeft: 112,
    x: { label: 'distance from truth’s distribution (W1, σ)', domain: [0, end], ticks: 5 },
    y: { label: null, domain: rows.map(({ name }) => name) },
    marks: [
      Plot.ruleX([MOST_DISTANCE], { stroke: 'var(--still)', strokeDasharray: '2,3' }),
      Plot.ruleY(rows, { y: 'name', x1: 0, x2: 'distance', stroke: 'var(--dream)', strokeWidth: 2 }),
      Plot.dot(rows, { y: 'name', x: 'distance', r: 3.5, fill: 'var(--dream)' }),
    ],
  });
}
